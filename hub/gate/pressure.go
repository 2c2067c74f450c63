package gate

import (
	"context"
	"net"
	"sync/atomic"
	"time"
)

// pressure is how late this process's goroutines run. When thousands of schools
// connect at once, their handshakes stand in the scheduler's queue before raft's
// own messages, and a leader that cannot tell its followers in time that it
// lives is deposed: then nobody is served. So while goroutines run late,
// connections wait in the system's queue instead.
type pressure struct{ late atomic.Int64 } // nanoseconds

const (
	pressureTick = 10 * time.Millisecond
	// tooLate is a tenth of the time after which followers want a new leader.
	tooLate = 60 * time.Millisecond
	// breather is how long connections wait at most, and burst how many are let
	// in after it: under whatever load two hundred a second.
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

// pacedListener lets connections in as fast as the process keeps up.
type pacedListener struct {
	net.Listener
	pressure *pressure
	let      atomic.Uint64
}

// Accept implements net.Listener.
func (l *pacedListener) Accept() (net.Conn, error) {
	if l.let.Add(1)%burst == 0 && time.Duration(l.pressure.late.Load()) > tooLate {
		time.Sleep(breather)
	}
	return l.Listener.Accept()
}
