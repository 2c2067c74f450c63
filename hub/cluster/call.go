package cluster

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
	"github.com/vmihailenco/msgpack/v5"

	"shangu/sync/frame"
	"shangu/sync/session"
)

// Forwarder carries a call to the gate of another node and brings its answer.
// The carrier makes sure that both ends are nodes of this cluster.
type Forwarder interface {
	Forward(ctx context.Context, api string, request []byte) (response []byte, err error)
}

// MaxCall bounds a call's and an answer's bytes.
const MaxCall = 16 << 20

// op numbers what one node asks of another.
type op uint16

const (
	opPropose op = 1  // body: a command; answer: its result
	opJoin    op = 2  // body: join; answer: empty, or 1 byte once the node votes
	opRemove  op = 3  // body: a node's id
	opPromote op = 4  // body: a node's id
	opStatus  op = 5  // answer: vitals; any node answers
	opReady   op = 6  // answers without error when the leader can commit
	opSum     op = 7  // answer: sum; any node answers
	opDiffers op = 8  // tells a node that its state is not the others'
	opVet     op = 9  // body: vet; answer: voucher; any node answers
	opAlive   op = 10 // answer: the token of this start; any node answers
)

// call is [op, hops, body]. hops counts the nodes that passed it on: one may.
type call struct {
	op   op
	hops uint16
	body []byte
}

// EncodeMsgpack implements msgpack.CustomEncoder.
func (c *call) EncodeMsgpack(enc *msgpack.Encoder) error {
	return errors.Join(enc.EncodeArrayLen(3), enc.EncodeUint(uint64(c.op)), enc.EncodeUint(uint64(c.hops)), enc.EncodeBytes(c.body))
}

// DecodeMsgpack implements msgpack.CustomDecoder.
func (c *call) DecodeMsgpack(dec *msgpack.Decoder) error {
	r := frame.NewReader(dec)
	n := r.Array()
	if n < 3 {
		r.Fail("call of %d items", n)
	}
	c.op, c.hops, c.body = op(r.Uint16()), r.Uint16(), r.Bytes()
	r.Skip(n - 3)
	return r.Err()
}

// answer is [code, detail, index, body].
type answer struct {
	code   uint16
	detail string // words for codes that have none of their own
	index  uint64 // log index that the caller should have applied to see the result
	body   []byte
}

// EncodeMsgpack implements msgpack.CustomEncoder.
func (a *answer) EncodeMsgpack(enc *msgpack.Encoder) error {
	return errors.Join(enc.EncodeArrayLen(4), enc.EncodeUint(uint64(a.code)), enc.EncodeString(a.detail),
		enc.EncodeUint(a.index), enc.EncodeBytes(a.body))
}

// DecodeMsgpack implements msgpack.CustomDecoder.
func (a *answer) DecodeMsgpack(dec *msgpack.Decoder) error {
	r := frame.NewReader(dec)
	n := r.Array()
	if n < 4 {
		r.Fail("answer of %d items", n)
	}
	a.code, a.detail, a.index, a.body = r.Uint16(), r.Str(), r.Uint64(), r.Bytes()
	r.Skip(n - 4)
	return r.Err()
}

// Codes of answers, in wire numbers.
const (
	codeOK       = 0
	codeFailed   = 1 // see detail
	codeNoLeader = 2
	codeBusy     = 3
	codeDiskFull = 4
	codeUnknown  = 5
	codeRemoved  = 6
	codeTaken    = 7
	codeOld      = 8
	codeClone    = 9
	codeSuper    = 10
)

var codeErrors = map[uint16]error{
	codeNoLeader: session.ErrNoLeader, codeBusy: session.ErrBusy,
	codeDiskFull: session.ErrDiskFull, codeUnknown: ErrUnknownNode,
	codeRemoved: ErrRemoved, codeTaken: ErrTaken,
	codeOld: ErrOld, codeClone: ErrClone, codeSuper: ErrSuperseded,
}

// Errors about members.
var (
	// ErrUnknownNode: no node of that name is in the cluster.
	ErrUnknownNode = errors.New("cluster: no such node")
	// ErrRemoved: the node has a log but is no member: it was taken out, or is of
	// another cluster. It may come back with an empty directory.
	ErrRemoved = errors.New("cluster: this node was taken out of the cluster")
	// ErrTaken: a node with an empty log asks for the name of a member. Giving it
	// that member's vote could undo what the member has acknowledged.
	ErrTaken = errors.New("cluster: another node of this name is in the cluster")
)

// errRemote is an error of another node in its own words.
type errRemote string

func (e errRemote) Error() string { return string(e) }

func answerFor(err error) *answer {
	for code, known := range codeErrors {
		if errors.Is(err, known) {
			return &answer{code: code, detail: err.Error()}
		}
	}
	return &answer{code: codeFailed, detail: err.Error()}
}

func (a *answer) err() error {
	if a.code == codeOK {
		return nil
	}
	if known, ok := codeErrors[a.code]; ok {
		return known
	}
	return errRemote(a.detail)
}

// Serve answers a call of another node. The carrier has made sure that it is
// one.
func (n *Node) Serve(ctx context.Context, request []byte) []byte {
	a, err := n.serve(ctx, request)
	if err != nil {
		a = answerFor(err)
	}
	b, err := frame.Marshal(a)
	if err != nil { // numbers, a string and bytes: cannot happen; nothing is an answer that no caller accepts
		return nil
	}
	return b
}

func (n *Node) serve(ctx context.Context, request []byte) (*answer, error) {
	var c call
	if len(request) > MaxCall {
		return nil, fmt.Errorf("call of %d bytes: %w", len(request), frame.ErrLimit)
	}
	if err := frame.Unmarshal(request, &c); err != nil {
		return nil, fmt.Errorf("read call: %w", err)
	}
	return n.handle(ctx, &c)
}

// handle does a call here, or has the leader do it.
func (n *Node) handle(ctx context.Context, c *call) (*answer, error) {
	switch c.op {
	case opStatus:
		v := n.vitals()
		b, err := frame.Marshal(&v)
		return &answer{body: b}, err
	case opSum:
		s, err := n.sum()
		if err != nil {
			return nil, err
		}
		b, err := frame.Marshal(s)
		return &answer{body: b}, err
	case opDiffers:
		n.differ()
		return &answer{}, nil
	case opVet:
		return n.vouch(ctx, c)
	case opAlive:
		return &answer{body: []byte(n.token())}, nil
	}
	if !n.Leads() {
		return n.passOn(ctx, c)
	}
	switch c.op {
	case opPropose:
		index, res, err := n.commit(ctx, c.body)
		return &answer{index: index, body: res}, err
	case opJoin:
		votes, err := n.admitNode(ctx, c.body)
		a := &answer{index: n.raft.CurrentTerm()}
		if votes {
			a.body = []byte{1}
		}
		return a, err
	case opRemove:
		index, err := n.dropNode(ctx, string(c.body))
		return &answer{index: index}, err
	case opPromote:
		return &answer{}, n.giveVote(ctx, string(c.body))
	case opReady:
		if err := n.fresh(ctx); err != nil {
			return nil, err
		}
		index, _ := n.deps.State.Applied()
		return &answer{index: index}, nil
	}
	return nil, fmt.Errorf("call %d is not known to this version", c.op)
}

// passOn sends a call to the leader. A call that was passed on already goes no
// further: two nodes that take each other for the leader would play ball.
func (n *Node) passOn(ctx context.Context, c *call) (*answer, error) {
	leader, ok := n.Leader()
	if !ok || c.hops > 0 || leader.API == "" || leader.ID == n.cfg.ID || n.deps.Forward == nil {
		return nil, session.ErrNoLeader
	}
	return n.exchange(ctx, leader.API, &call{op: c.op, hops: c.hops + 1, body: c.body})
}

// exchange sends a call to the node at api.
func (n *Node) exchange(ctx context.Context, api string, c *call) (*answer, error) {
	if n.deps.Forward == nil {
		return nil, session.ErrNoLeader
	}
	request, err := frame.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("write call: %w", err)
	}
	response, err := n.deps.Forward.Forward(ctx, api, request)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", session.ErrNoLeader, err)
	}
	var a answer
	if err := frame.Unmarshal(response, &a); err != nil {
		return nil, fmt.Errorf("read answer of %s: %w", api, err)
	}
	return &a, a.err()
}

// do has a call done by the leader, here or elsewhere, and waits until this
// node's state shows it.
func (n *Node) do(ctx context.Context, c *call) ([]byte, error) {
	a, err := n.handle(ctx, c)
	if err != nil {
		return nil, err
	}
	if a.index > 0 {
		if err := n.fsm.wait(ctx, a.index); err != nil {
			return nil, err
		}
	}
	return a.body, nil
}

// Propose commits a command and returns the state's answer, whether or not this
// node leads. When it returns without error the local state shows the command.
// With session.ErrNoLeader it may have been committed all the same.
func (n *Node) Propose(ctx context.Context, cmd []byte) ([]byte, error) {
	res, err := n.do(ctx, &call{op: opPropose, body: cmd})
	if err != nil {
		return nil, fmt.Errorf("propose: %w", err)
	}
	return res, nil
}

// Barrier returns when the local state shows all that was acknowledged anywhere
// before the call.
func (n *Node) Barrier(ctx context.Context) error {
	_, err := n.do(ctx, &call{op: opReady})
	return err
}

// commit is Propose on the leader.
func (n *Node) commit(ctx context.Context, cmd []byte) (index uint64, res []byte, err error) {
	f, err := await(ctx, n, func() raft.ApplyFuture { return n.raft.Apply(cmd, enqueueTimeout) })
	if err != nil {
		return 0, nil, raftError(err)
	}
	res, err = result(f)
	return f.Index(), res, err
}
