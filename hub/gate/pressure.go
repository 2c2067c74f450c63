package gate

import (
	"context"
	"sync/atomic"
	"time"
)

// pressure is how late this process's goroutines run. When thousands of schools
// connect at once, their handshakes stand in the scheduler's queue before raft's
// own messages, and a leader that cannot tell its followers in time that it
// lives is deposed: then nobody is served. So while goroutines run late,
// handshakes wait for their turn.
//
// Only those wait that begin anew: two signatures and a certificate to check.
// Who brings a ticket of ours was here within the week, costs a tenth of that,
// and is mostly a school that has nothing to send, or another node that passes
// something on. Behind strangers in the system's own queue of connections its
// heartbeat would wait for as long as all of them take.
type pressure struct {
	late atomic.Int64  // nanoseconds
	turn chan struct{} // who holds it is let through next; the others wait in order
	let  int           // since the last breather; of who holds turn
}

func newPressure() *pressure { return &pressure{turn: make(chan struct{}, 1)} }

const (
	pressureTick = 10 * time.Millisecond
	// tooLate is a tenth of the time after which followers want a new leader.
	tooLate = 60 * time.Millisecond
	// breather is how long a handshake waits at most once its turn has come, and
	// burst how many are let through after it: under whatever load two hundred a
	// second.
	breather = 20 * time.Millisecond
	burst    = 4
)

// run measures until ctx ends.
func (p *pressure) run(ctx context.Context) {
	t := time.NewTimer(pressureTick)
	defer t.Stop()
	for {
		began := time.Now()
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		late := time.Since(began) - pressureTick
		// It is felt at once and forgotten over some ticks.
		p.late.Store(int64(max(late, time.Duration(p.late.Load())*3/4)))
		t.Reset(pressureTick)
	}
}

// wait returns when a handshake may go on, or with an error once ctx has ended.
func (p *pressure) wait(ctx context.Context) error {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if time.Duration(p.late.Load()) <= tooLate {
		p.let = 0
		return nil
	}
	if p.let++; p.let < burst {
		return nil
	}
	p.let = 0
	t := time.NewTimer(breather)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
