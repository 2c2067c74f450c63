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
	ask    func()                                               // has the followers called soon
	proven func(acked map[raft.ServerID]ack, since uint64) bool // a majority acknowledged a call sent since
	acks   *acks

	mu      sync.Mutex
	running bool
	next    *round // those who wait for the next question
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

// lookAgain is how soon a question is looked at again that nobody answers: the
// membership may have shrunk to those who did.
const lookAgain = 200 * time.Millisecond

func (v *verifier) prove() error {
	since := v.acks.next()
	v.ask()
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
		case <-v.ctx.Done():
			return session.ErrNoLeader
		}
	}
}

// verifierOf is the verifier of a leadership. Raft's own VerifyLeader only has
// the followers called: it takes the answer to a call that was sent before the
// question for an answer to it, counts nodes without a vote, and leaves the
// question open when the membership shrinks or raft is shut down.
func (n *Node) verifierOf(l *leadership) *verifier {
	return &verifier{ctx: l.ctx, acks: n.guard.acks, ask: func() { n.raft.VerifyLeader() }, proven: func(acked map[raft.ServerID]ack, since uint64) bool {
		voters, agree := 0, 0
		for _, s := range n.servers() {
			if s.Suffrage != raft.Voter {
				continue
			}
			voters++
			if k := acked[s.ID]; string(s.ID) == n.life.Server || k.term == l.term && k.at >= since {
				agree++
			}
		}
		return 2*agree > voters && n.raft.State() == raft.Leader && n.raft.CurrentTerm() == l.term
	}}
}
