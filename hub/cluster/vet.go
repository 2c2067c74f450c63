package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"github.com/vmihailenco/msgpack/v5"

	"shangu/sync/frame"
	"shangu/sync/session"
)

// Errors that end a node for good: starting it again as it is changes nothing.
var (
	// ErrOld: the cluster has seen a later start of this node than its disk
	// knows. What it acknowledged since is not on it, so it may neither vote nor
	// count; it can come back as a new member with an empty log.
	ErrOld = errors.New("cluster: this node's disk is older than the node")
	// ErrClone: a node started from a copy of this one's disk is in the cluster.
	ErrClone = errors.New("cluster: a copy of this node is running")
	// ErrSuperseded: the cluster was recovered or restored without this node.
	ErrSuperseded = errors.New("cluster: the cluster went on without this node")
)

// Final reports whether an error ends a node for good.
func Final(err error) bool {
	return errors.Is(err, ErrOld) || errors.Is(err, ErrClone) || errors.Is(err, ErrSuperseded) || errors.Is(err, ErrRemoved) || errors.Is(err, ErrTaken)
}

// Times of vetting.
const (
	vetTimeout = 2 * time.Second // for one member to answer
	watchEvery = 3 * time.Second // between two looks of a node that is vouched for
)

// vet is what a node says that asks to be vouched for: [generation, life,
// tokens, id, raft, api, server]. tokens are joined by commas, the last of this
// start.
type vet struct {
	Peer
	generation uint64
	tokens     []string
}

// EncodeMsgpack implements msgpack.CustomEncoder.
func (v *vet) EncodeMsgpack(enc *msgpack.Encoder) error {
	return errors.Join(enc.EncodeArrayLen(7), enc.EncodeUint(v.generation), enc.EncodeUint(v.Life),
		enc.EncodeString(strings.Join(v.tokens, ",")), enc.EncodeString(v.ID), enc.EncodeString(v.Raft), enc.EncodeString(v.API), enc.EncodeString(v.Server))
}

// DecodeMsgpack implements msgpack.CustomDecoder.
func (v *vet) DecodeMsgpack(dec *msgpack.Decoder) error {
	r := frame.NewReader(dec)
	n := r.Array()
	if n < 7 {
		r.Fail("vet of %d items", n)
	}
	v.generation, v.Life = r.Uint64(), r.Uint64()
	v.tokens = strings.Split(r.Str(), ",")
	v.Token = v.tokens[len(v.tokens)-1]
	v.ID, v.Raft, v.API, v.Server = r.Str(), r.Str(), r.Str(), r.Str()
	r.Skip(n - 7)
	return r.Err()
}

// knows reports whether the node remembers a start.
func (v *vet) knows(token string) bool { return token == "" || slices.Contains(v.tokens, token) }

// voucher is a leader's word for a node: [sure, life, term, committed]. A member
// that is not the leader and reaches none says that it is not sure.
type voucher struct {
	sure            bool
	life            uint64
	term, committed uint64 // of the leader
}

// EncodeMsgpack implements msgpack.CustomEncoder.
func (v *voucher) EncodeMsgpack(enc *msgpack.Encoder) error {
	sure := uint64(0)
	if v.sure {
		sure = 1
	}
	return errors.Join(enc.EncodeArrayLen(4), enc.EncodeUint(sure), enc.EncodeUint(v.life), enc.EncodeUint(v.term), enc.EncodeUint(v.committed))
}

// DecodeMsgpack implements msgpack.CustomDecoder.
func (v *voucher) DecodeMsgpack(dec *msgpack.Decoder) error {
	r := frame.NewReader(dec)
	n := r.Array()
	if n < 4 {
		r.Fail("voucher of %d items", n)
	}
	v.sure, v.life, v.term, v.committed = r.Uint64() != 0, r.Uint64(), r.Uint64(), r.Uint64()
	r.Skip(n - 4)
	return r.Err()
}

// vouch answers another node that asks to be vouched for.
func (n *Node) vouch(ctx context.Context, c *call) (*answer, error) {
	var q vet
	if err := frame.Unmarshal(c.body, &q); err != nil {
		return nil, fmt.Errorf("read vet: %w", err)
	}
	mine, err := n.deps.State.Generation()
	if err != nil {
		return nil, err
	}
	// A member's state may lag behind, so a generation counts only where the
	// membership, which is the log's, agrees with it.
	switch _, in := n.member(q.Server); {
	case q.generation < mine && !in:
		return nil, ErrSuperseded
	case q.generation > mine && n.Leads():
		n.fail(ErrSuperseded)
		return nil, session.ErrNoLeader
	}
	rec, known := n.peer(q.ID)
	known = known && rec.Server == q.Server
	if known && rec.Life > q.Life && !q.knows(rec.Token) {
		return nil, n.copied(ctx, rec)
	}
	var v voucher
	switch {
	case n.Leads():
		v, err = n.take(ctx, &q)
	case c.hops == 0:
		a, err := n.passOn(ctx, c)
		if err == nil || Final(err) {
			return a, err
		}
	}
	if err != nil && !Final(err) {
		v, err = voucher{}, nil
	}
	if err != nil {
		return nil, err
	}
	b, err := frame.Marshal(&v)
	return &answer{body: b}, err
}

// blank reports whether the node has no log yet.
func (n *Node) blank() bool { return n.raft.LastIndex() == 0 }

// take is the leader's side: it records a start of a member.
func (n *Node) take(ctx context.Context, q *vet) (v voucher, err error) {
	if err := n.fresh(ctx); err != nil {
		return v, err
	}
	if _, ok := n.member(q.Server); !ok {
		return v, fmt.Errorf("vouch for node %s: %w", q.ID, ErrRemoved)
	}
	rec, _ := n.peer(q.ID)
	if rec.Server == q.Server && rec.Token != q.Token {
		if !q.knows(rec.Token) || n.lives(ctx, rec) {
			return v, n.copied(ctx, rec)
		}
	}
	life := rec.Life
	if rec.Server != q.Server || rec.Token != q.Token {
		life++
		p := q.Peer
		p.Life = life
		if err := n.record(ctx, p); err != nil {
			return v, err
		}
	}
	return voucher{sure: true, life: life, term: n.raft.CurrentTerm(), committed: n.raft.CommitIndex()}, nil
}

// copied says what a disk is that does not know its node's last start: the
// copy of one that runs, or an old image.
func (n *Node) copied(ctx context.Context, rec Peer) error {
	if n.lives(ctx, rec) {
		return fmt.Errorf("vouch for node %s: %w", rec.ID, ErrClone)
	}
	return fmt.Errorf("vouch for node %s: %w", rec.ID, ErrOld)
}

// lives asks whether the start that is recorded of a node still runs.
func (n *Node) lives(ctx context.Context, rec Peer) bool {
	if rec.ID == n.cfg.ID {
		return rec.Token == n.token()
	}
	if rec.API == "" || rec.Token == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, vetTimeout/2)
	defer cancel()
	a, err := n.exchange(ctx, rec.API, &call{op: opAlive})
	return err == nil && string(a.body) == rec.Token
}

// vetting asks to be vouched for until it was, and goes on looking whether that
// still holds: a node learns so that it was taken out, replaced or left behind.
func (n *Node) vetting() {
	t := time.NewTimer(0)
	defer t.Stop()
	var alone time.Time // since when a majority answers and none of it knows a leader
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-t.C:
		}
		if err := n.beVetted(&alone); err != nil {
			n.fail(err)
			return
		}
		every := joinEvery
		if n.guard.at() == open && n.mapped() {
			every = watchEvery
		}
		t.Reset(every)
	}
}

// beVetted asks all members once.
func (n *Node) beVetted(alone *time.Time) error {
	if n.blank() {
		return nil // Join has it let in
	}
	generation, err := n.deps.State.Generation()
	if err != nil {
		n.log.Error("read generation", "err", err)
		return nil
	}
	q := &vet{Peer: n.here(), generation: generation, tokens: n.tokens()}
	body, err := frame.Marshal(q)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var word *voucher
	var final error
	answered, voters := 0, 0
	var asks sync.WaitGroup
	for _, s := range n.servers() {
		vote := 0
		if s.Suffrage == raft.Voter {
			vote = 1
		}
		voters += vote
		if string(s.ID) == q.Server {
			answered += vote
			continue
		}
		api := n.door(nameOf(s.ID))
		if api == "" || api == n.cfg.API {
			continue
		}
		asks.Go(func() {
			ctx, cancel := context.WithTimeout(n.ctx, vetTimeout)
			defer cancel()
			a, err := n.exchange(ctx, api, &call{op: opVet, body: body})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				if Final(err) {
					final = err
				}
				return
			}
			var v voucher
			if frame.Unmarshal(a.body, &v) != nil {
				return
			}
			answered += vote
			if v.sure && (word == nil || v.term > word.term) {
				word = &v
			}
		})
	}
	asks.Wait()
	switch {
	case n.ctx.Err() != nil:
		return nil
	case final != nil:
		return final
	case word != nil:
		*alone = time.Time{}
		if err := n.taken(word.life); err != nil {
			return err
		}
		n.guard.let(follow, word.term)
		if n.raft.CommitIndex() >= word.committed {
			n.guard.let(open, 0)
		}
	case 2*answered <= voters || n.guard.at() == open:
		*alone = time.Time{}
	case alone.IsZero() && voters > 1:
		*alone = time.Now()
	case voters == 1 || time.Since(*alone) >= n.cfg.Election:
		// Nobody leads, so nobody can vouch: those who are there know of no later
		// start, and are enough to elect.
		n.guard.let(open, 0)
	}
	return nil
}
