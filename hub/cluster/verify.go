package cluster

import (
	"context"
	"sync"

	"github.com/hashicorp/raft"
)

// verifier asks the followers whether this node still leads, once for all that
// ask at the same time. An answer only serves those who asked before the
// question was sent.
type verifier struct {
	raft    *raft.Raft
	mu      sync.Mutex
	running bool
	next    *round // those who wait for the next question
}

type round struct {
	done chan struct{}
	err  error
}

func newVerifier(r *raft.Raft) *verifier { return &verifier{raft: r} }

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
		r.err = v.raft.VerifyLeader().Error()
		close(r.done)
	}
}
