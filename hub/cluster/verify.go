package cluster

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"shangu/sync/session"
)

// acks knows how recent what other nodes acknowledge to this one is. Moments
// are counted, not timed: a call that was sent at a moment and acknowledged
// proves something of that moment and nothing of a later one, however long its
// answer, or this process, was held up.
type acks struct {
	mu    sync.Mutex
	now   uint64
	last  map[raft.ServerID]ack
	moved chan struct{} // closed when last changes
}

// ack is the newest call that a node acknowledged: the leader's term in it, and
// the moment it was sent.
type ack struct{ term, at uint64 }

func newAcks() *acks { return &acks{last: map[raft.ServerID]ack{}, moved: make(chan struct{})} }

// moment is what a call that is sent now proves.
func (a *acks) moment() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.now
}

// next begins a moment: no call that was sent before counts for it.
func (a *acks) next() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now++
	return a.now
}

// note takes down that a node acknowledged a call.
func (a *acks) note(id raft.ServerID, k ack) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if was := a.last[id]; k.term < was.term || k.term == was.term && k.at <= was.at {
		return
	}
	a.last[id] = k
	close(a.moved)
	a.moved = make(chan struct{})
}

// read copies what was acknowledged; moved is closed when that is out of date.
func (a *acks) read() (last map[raft.ServerID]ack, moved <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.last), a.moved
}

// verifier makes sure that a leadership still holds, once for all that ask at
// the same time. An answer only serves those who asked before the question was
// sent.
type verifier struct {
	ctx    context.Context                                      // ends with the leadership
	voters func() []raft.Server                                 // the others'
	call   func(raft.Server) error                              // has one say whether it takes this node for the leader
	proven func(acked map[raft.ServerID]ack, since uint64) bool // a majority said so of a call sent since
	acks   *acks

	mu      sync.Mutex
	running bool
	next    *round                 // those who wait for the next question
	calling map[raft.ServerID]bool // one call to each at a time
}

type round struct {
	done chan struct{}
	err  error
}

func (v *verifier) check(ctx context.Context) error {
	v.mu.Lock()
	if v.next == nil {
		v.next = &round{done: make(chan struct{})}
	}
	r := v.next
	if !v.running {
		v.running = true
		go v.run()
	}
	v.mu.Unlock()
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (v *verifier) run() {
	for {
		v.mu.Lock()
		r := v.next
		v.next = nil
		v.running = r != nil
		v.mu.Unlock()
		if r == nil {
			return
		}
		r.err = v.prove()
		close(r.done)
	}
}

// lookAgain is how soon a question is asked again of those who did not answer;
// the membership may also have shrunk to those who did.
const lookAgain = 200 * time.Millisecond

func (v *verifier) prove() error {
	since := v.acks.next()
	v.ask(since)
	t := time.NewTicker(lookAgain)
	defer t.Stop()
	for {
		acked, moved := v.acks.read()
		if v.proven(acked, since) {
			return nil
		}
		select {
		case <-moved:
		case <-t.C:
			v.ask(since)
		case <-v.ctx.Done():
			return session.ErrNoLeader
		}
	}
}

// ask calls the voters that acknowledged nothing since. A call that is under way
// proves nothing of this question; it is followed by another.
func (v *verifier) ask(since uint64) {
	acked, _ := v.acks.read()
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, s := range v.voters() {
		if v.calling[s.ID] || acked[s.ID].at >= since {
			continue
		}
		v.calling[s.ID] = true
		go v.calls(s)
	}
}

func (v *verifier) calls(s raft.Server) {
	for {
		at := v.acks.moment()
		err := v.call(s)
		v.mu.Lock()
		if err != nil || v.ctx.Err() != nil || v.acks.moment() == at {
			v.calling[s.ID] = false
			v.mu.Unlock()
			return
		}
		v.mu.Unlock()
	}
}

// verifierOf is the verifier of a leadership. Raft's own VerifyLeader is none:
// it takes the answer to a call that was sent before the question for an answer
// to it, counts nodes without a vote, waits behind the leader's disk, and leaves
// the question open when the membership shrinks or raft is shut down.
func (n *Node) verifierOf(l *leadership) *verifier {
	here := n.guard.EncodePeer(raft.ServerID(n.life.Server), raft.ServerAddress(n.cfg.Addr))
	// What raft itself sends followers now and then, so that they go on following.
	heartbeat := raft.AppendEntriesRequest{
		RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(n.life.Server), Addr: here},
		Term:      l.term,
	}
	voting := func(self bool) (out []raft.Server) {
		for _, s := range n.servers() {
			if s.Suffrage == raft.Voter && (self || string(s.ID) != n.life.Server) {
				out = append(out, s)
			}
		}
		return out
	}
	return &verifier{
		ctx: l.ctx, acks: n.guard.acks, calling: map[raft.ServerID]bool{},
		voters: func() []raft.Server { return voting(false) },
		call: func(s raft.Server) error {
			q := heartbeat
			return n.guard.AppendEntries(s.ID, s.Address, &q, new(raft.AppendEntriesResponse))
		},
		proven: func(acked map[raft.ServerID]ack, since uint64) bool {
			agree, all := 0, voting(true)
			for _, s := range all {
				if k := acked[s.ID]; string(s.ID) == n.life.Server || k.term == l.term && k.at >= since {
					agree++
				}
			}
			return 2*agree > len(all) && n.raft.State() == raft.Leader && n.raft.CurrentTerm() == l.term
		},
	}
}
