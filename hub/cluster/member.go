package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/raft"
	"github.com/vmihailenco/msgpack/v5"

	"shangu/hub/state"
	"shangu/sync/frame"
	"shangu/sync/session"
)

// Peer is a node's name and addresses.
type Peer = state.Node

// Times of membership changes.
const (
	memberTimeout = 10 * time.Second       // for a change to be accepted by raft
	joinEvery     = 300 * time.Millisecond // between two asks of a joining node
)

// catchUp is how many log entries a node may lack and still be given a vote. A
// voter that lags far behind would make every commit wait for it. One that has
// none at all may not vote: as long as nobody leads nobody vouches for it, and
// when it is started anew it is another member, so that two such would leave the
// cluster without a leader for ever. Nor may one that lacks a change of the
// membership: raft gives its vote to no candidate whose own vote it does not know
// of, and that may be the only one that is left.
const catchUp = 256

// join is what a node says that wants to be in the cluster, or whose addresses
// changed: [id, raft, api, last, server, token].
type join struct {
	Peer
	last uint64 // its last log index
}

// EncodeMsgpack implements msgpack.CustomEncoder.
func (j *join) EncodeMsgpack(enc *msgpack.Encoder) error {
	return errors.Join(enc.EncodeArrayLen(6), enc.EncodeString(j.ID), enc.EncodeString(j.Raft),
		enc.EncodeString(j.API), enc.EncodeUint(j.last), enc.EncodeString(j.Server), enc.EncodeString(j.Token))
}

// DecodeMsgpack implements msgpack.CustomDecoder.
func (j *join) DecodeMsgpack(dec *msgpack.Decoder) error {
	r := frame.NewReader(dec)
	n := r.Array()
	if n < 6 {
		r.Fail("join of %d items", n)
	}
	j.ID, j.Raft, j.API, j.last, j.Server, j.Token = r.Str(), r.Str(), r.Str(), r.Uint64(), r.Str(), r.Str()
	r.Skip(n - 6)
	return r.Err()
}

// Bootstrap makes this node a cluster of one. On a node that is or was a member
// of a cluster it does nothing.
func (n *Node) Bootstrap() error {
	has, err := raft.HasExistingState(n.deps.Logs, n.deps.Logs, n.deps.Snapshots)
	if err == nil && !has {
		err = n.raft.BootstrapCluster(raft.Configuration{Servers: []raft.Server{n.self()}}).Error()
	}
	if err != nil {
		return fmt.Errorf("bootstrap node %s: %w", n.cfg.ID, err)
	}
	return nil
}

func (n *Node) self() raft.Server {
	return raft.Server{Suffrage: raft.Voter, ID: raft.ServerID(n.life.Server), Address: raft.ServerAddress(n.cfg.Addr)}
}

// servers is the membership as this node knows it.
func (n *Node) servers() []raft.Server {
	f := n.raft.GetConfiguration()
	if f.Error() != nil {
		return nil
	}
	return f.Configuration().Servers
}

// voters are the ids of the nodes that vote.
func (n *Node) voters() (ids []string) {
	for _, s := range n.servers() {
		if s.Suffrage == raft.Voter {
			ids = append(ids, nameOf(s.ID))
		}
	}
	return ids
}

// server is the member that a node is.
func (n *Node) server(id string) (raft.Server, bool) {
	return n.find(func(s raft.Server) bool { return nameOf(s.ID) == id })
}

// member is the member of a name in raft's membership.
func (n *Node) member(server string) (raft.Server, bool) {
	return n.find(func(s raft.Server) bool { return string(s.ID) == server })
}

func (n *Node) find(f func(raft.Server) bool) (raft.Server, bool) {
	for _, s := range n.servers() {
		if f(s) {
			return s, true
		}
	}
	return raft.Server{}, false
}

// Member reports whether this node is in the cluster, with or without a vote,
// as far as it knows.
func (n *Node) Member() bool {
	_, ok := n.member(n.life.Server)
	return ok
}

// Join asks the leader to take this node in, or to note its changed addresses,
// until it has; seeds are API addresses to ask besides those of the nodes that
// this one knows. It returns when the node has a vote, or has caught up and is
// one too many to get one. It fails with ErrRemoved or ErrTaken when asking
// again is useless.
func (n *Node) Join(ctx context.Context, seeds []string) error {
	t := time.NewTicker(joinEvery)
	defer t.Stop()
	var last error
	for {
		if n.settled() {
			return nil
		}
		done, err := n.askToJoin(ctx, seeds)
		switch {
		case done:
			return nil
		case Final(err):
			return fmt.Errorf("join: %w", err)
		}
		if err != nil && (last == nil || err.Error() != last.Error()) {
			n.log.Info("not in the cluster yet", "err", err)
		}
		last = err
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("join: %w", ctx.Err()), last)
		case <-n.ctx.Done():
			return errors.Join(fmt.Errorf("join: %w", session.ErrNoLeader), last)
		case <-t.C:
		}
	}
}

// settled reports whether the cluster knows this node as it is.
func (n *Node) settled() bool {
	s, ok := n.member(n.life.Server)
	p, known := n.peer(n.cfg.ID)
	return ok && known && s.Suffrage == raft.Voter && s.Address == raft.ServerAddress(n.cfg.Addr) && sameStart(p, n.here())
}

// here is what this start of the node is recorded as.
func (n *Node) here() Peer {
	n.lifeMu.Lock()
	defer n.lifeMu.Unlock()
	return Peer{ID: n.cfg.ID, Raft: n.cfg.Addr, API: n.cfg.API, Server: n.life.Server, Life: n.life.Life, Token: n.life.token()}
}

func (n *Node) token() string { return n.here().Token }

func (n *Node) tokens() []string {
	n.lifeMu.Lock()
	defer n.lifeMu.Unlock()
	return slices.Clone(n.life.Tokens)
}

// taken notes on disk that the cluster took this start.
func (n *Node) taken(number uint64) error {
	doors := map[string]string{}
	for _, s := range n.servers() {
		if name := nameOf(s.ID); name != n.cfg.ID {
			doors[name] = n.door(name)
		}
	}
	n.lifeMu.Lock()
	defer n.lifeMu.Unlock()
	return n.life.taken(number, doors)
}

// door is the API address of another node, as the state says or, where the
// state was lost, as it was last known; "" if it never was.
func (n *Node) door(id string) string {
	if p, ok := n.peer(id); ok && p.API != "" {
		return p.API
	}
	n.lifeMu.Lock()
	defer n.lifeMu.Unlock()
	return n.life.Doors[id]
}

// mapped reports whether this node has noted where all others are: it finds them
// even if it loses its state before they are asked again.
func (n *Node) mapped() bool {
	servers := n.servers()
	n.lifeMu.Lock()
	defer n.lifeMu.Unlock()
	return !slices.ContainsFunc(servers, func(s raft.Server) bool {
		name := nameOf(s.ID)
		return name != n.cfg.ID && n.life.Doors[name] == ""
	})
}

// sameStart reports whether two records are of one start at the same addresses.
func sameStart(a, b Peer) bool {
	a.Life = b.Life
	return a == b
}

func (n *Node) askToJoin(ctx context.Context, seeds []string) (done bool, err error) {
	body, err := frame.Marshal(&join{Peer: n.here(), last: n.raft.LastIndex()})
	if err != nil {
		return false, err
	}
	if n.Leads() {
		return n.admitNode(ctx, body)
	}
	// Only members that this node's own log names are asked by themselves: the
	// state of a restored node also names the cluster that it was taken from.
	for _, s := range n.servers() {
		seeds = append(seeds, n.door(nameOf(s.ID)))
	}
	err = session.ErrNoLeader
	for _, api := range seeds {
		if api == "" || api == n.cfg.API {
			continue
		}
		try, cancel := context.WithTimeout(ctx, memberTimeout)
		a, e := n.exchange(try, api, &call{op: opJoin, body: body})
		cancel()
		switch {
		case e == nil:
			// The member is this directory now and no longer one before it, so
			// what comes in its name may be heard, from this leader's term on.
			if n.blank() {
				n.guard.let(follow, a.index)
			}
			return len(a.body) > 0, nil
		case Final(e):
			return false, e
		}
		err = e
	}
	return false, err
}

// admitNode is the leader's side of Join: first a follower without a vote, and
// once it has caught up a voter. It reports whether nothing is left to do.
func (n *Node) admitNode(ctx context.Context, body []byte) (bool, error) {
	var j join
	if err := frame.Unmarshal(body, &j); err != nil {
		return false, fmt.Errorf("read join: %w", err)
	}
	id, addr := raft.ServerID(j.Server), raft.ServerAddress(j.Raft)
	s, ok := n.member(j.Server)
	was, named := n.server(j.ID)
	known, recorded := n.peer(j.ID)
	switch {
	case !ok && j.last > 0 && (named || !recorded):
		return false, fmt.Errorf("admit node %s: %w", j.ID, ErrRemoved)
	case !ok && named:
		// Another directory of this name is a member.
		if n.lives(ctx, known) {
			return false, fmt.Errorf("admit node %s: %w", j.ID, ErrTaken)
		}
		n.log.Info("node is replaced by one that is empty", "node", j.ID, "was", was.ID, "is", j.Server)
		return false, errors.Join(errReplacing, n.change(ctx, func() raft.IndexFuture { return n.raft.RemoveServer(was.ID, 0, memberTimeout) }))
	case ok && recorded && known.Server == j.Server && known.Token != "" && known.Token != j.Token:
		return false, nil // its start is vouched for first
	}
	j.Life = known.Life
	if known.Token != j.Token {
		j.Life++
	}
	if known != j.Peer {
		if err := n.record(ctx, j.Peer); err != nil {
			return false, err
		}
	}
	switch votes := ok && s.Suffrage == raft.Voter; {
	case votes && s.Address == addr:
		return true, nil
	case votes:
		return true, n.change(ctx, func() raft.IndexFuture { return n.raft.AddVoter(id, addr, 0, memberTimeout) })
	case !ok || s.Address != addr:
		n.log.Info("node joins", "node", j.ID, "addr", j.Raft)
		return false, n.change(ctx, func() raft.IndexFuture { return n.raft.AddNonvoter(id, addr, 0, memberTimeout) })
	case len(n.voters()) >= MaxVoters:
		return true, nil
	case j.last == 0 || j.last < n.changed() || j.last+catchUp < n.raft.LastIndex():
		return false, nil
	}
	return true, n.giveVote(ctx, j.ID)
}

// nodeAccount begins the name that the audit trail knows a node's own doing by.
const nodeAccount = "node:"

// errReplacing has a joining node ask again: the member before it goes first.
var errReplacing = errors.New("cluster: the node's place is being made free")

// record commits a node's addresses.
func (n *Node) record(ctx context.Context, p Peer) error {
	_, res, err := n.commit(ctx, state.EncodeSetNode(p, n.now(), nodeAccount+n.cfg.ID))
	if err != nil {
		return fmt.Errorf("record node %s: %w", p.ID, err)
	}
	return state.DecodeDone(res)
}

// register has the cluster know where this node, its leader, is reached.
func (n *Node) register(ctx context.Context) error {
	p, ok := n.peer(n.cfg.ID)
	here := n.here()
	if !ok || !sameStart(p, here) {
		here.Life = p.Life + 1
		if err := n.record(ctx, here); err != nil {
			return err
		}
		p = here
	}
	return n.taken(p.Life)
}

// giveVote makes a node a voter.
func (n *Node) giveVote(ctx context.Context, id string) error {
	s, ok := n.server(id)
	if !ok {
		return fmt.Errorf("promote node %s: %w", id, ErrUnknownNode)
	}
	if s.Suffrage == raft.Voter {
		return nil
	}
	if len(n.voters()) >= MaxVoters {
		return fmt.Errorf("promote node %s: %d nodes vote already", id, MaxVoters)
	}
	if err := n.change(ctx, func() raft.IndexFuture { return n.raft.AddVoter(s.ID, s.Address, 0, memberTimeout) }); err != nil {
		return fmt.Errorf("promote node %s: %w", id, err)
	}
	n.log.Info("node votes", "node", id)
	return nil
}

// dropNode takes a node out. Its addresses go first: a leader that takes itself
// out leads no more afterwards.
func (n *Node) dropNode(ctx context.Context, id string) (uint64, error) {
	s, ok := n.server(id)
	if !ok {
		return 0, fmt.Errorf("remove node %s: %w", id, ErrUnknownNode)
	}
	if v := n.voters(); len(v) == 1 && v[0] == id {
		return 0, fmt.Errorf("remove node %s: it is the last that votes", id)
	}
	index, res, err := n.commit(ctx, state.EncodeDropNode(id, n.now(), nodeAccount+n.cfg.ID))
	if err == nil {
		err = state.DecodeDone(res)
	}
	if err == nil {
		err = n.change(ctx, func() raft.IndexFuture { return n.raft.RemoveServer(s.ID, 0, memberTimeout) })
	}
	if err != nil {
		return 0, fmt.Errorf("remove node %s: %w", id, err)
	}
	n.log.Info("node removed", "node", id)
	return index, nil
}

// RemoveNode takes a node out of the cluster, through the leader.
func (n *Node) RemoveNode(ctx context.Context, id string) error {
	_, err := n.do(ctx, &call{op: opRemove, body: []byte(id)})
	return err
}

// Promote gives a node a vote, through the leader.
func (n *Node) Promote(ctx context.Context, id string) error {
	_, err := n.do(ctx, &call{op: opPromote, body: []byte(id)})
	return err
}
