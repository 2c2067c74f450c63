package link

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"shangu/sync/frame"
	"shangu/sync/session"
)

func TestBackoff(t *testing.T) {
	var random float64
	b := Backoff{Base: 4 * time.Second, Max: 10 * time.Minute, Random: func() float64 { return random }}
	random = 0.999999
	fail := errors.New("x")
	for i, want := range []time.Duration{4, 8, 16, 32, 64, 128, 256, 512, 600, 600} {
		if got := b.Next(fail); got > want*time.Second || got < want*time.Second-time.Second {
			t.Errorf("failure %d: %v, want nearly %v", i+1, got, want*time.Second)
		}
	}
	for range 100 {
		b.Next(fail)
	}
	if got := b.Next(fail); got > b.Max || got < b.Max-time.Second {
		t.Errorf("after a hundred failures: %v", got)
	}
	random = 0
	if got := b.Next(fail); got != time.Second {
		t.Errorf("the shortest wait is %v", got)
	}
	b.Reset()
	busy := &session.RetryError{Err: session.ErrBusy, After: 40 * time.Second}
	if got := b.Next(busy); got != 40*time.Second {
		t.Errorf("asked for 40 s: %v", got)
	}
	random = 0.999999
	if got := b.Next(busy); got < 55*time.Second || got > 60*time.Second {
		t.Errorf("asked for 40 s, with jitter: %v", got)
	}
}

// sessions runs a loop in virtual time and notes when sessions start.
func sessions(t *testing.T, result func(n int) error, play func(l *Loop)) (at []time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		start := time.Now()
		l := NewLoop(func(context.Context) error {
			at = append(at, time.Since(start))
			return result(len(at))
		}, func() float64 { return 0.5 })
		done := make(chan struct{})
		go func() { defer close(done); l.Run(ctx) }()
		play(l)
		cancel()
		<-done
	})
	return at
}

func TestLoop(t *testing.T) {
	ok := func(int) error { return nil }
	quiet := sessions(t, ok, func(*Loop) { <-time.After(time.Hour) })
	if len(quiet) < 6 || len(quiet) > 8 || quiet[0] > 5*time.Second {
		t.Errorf("in a quiet hour: %v", quiet)
	}
	kicked := sessions(t, ok, func(l *Loop) {
		<-time.After(time.Minute)
		for range 10 { // saves in a row share a session
			l.Kick()
			<-time.After(400 * time.Millisecond)
		}
		<-time.After(30 * time.Second)
	})
	if len(kicked) < 2 || kicked[1] != time.Minute+5*time.Second {
		t.Errorf("kicked at 1 m: %v", kicked)
	}
	if len(kicked) > 3 {
		t.Errorf("ten saves in a row made %d sessions", len(kicked)-1)
	}
	broken := errors.New("no line")
	down := sessions(t, func(int) error { return broken }, func(l *Loop) {
		for range 600 { // a clerk who goes on saving while the line is down
			l.Kick()
			<-time.After(time.Second)
		}
	})
	for i := 4; i < len(down); i++ { // the first waits are shorter than Hold
		if gap := down[i] - down[i-1]; gap < 16*time.Second {
			t.Errorf("sessions %v apart while the line is down", gap)
		}
	}
	if len(down) < 10 {
		t.Errorf("%d sessions in ten minutes of saving", len(down))
	}
}

func TestLoopEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		l := NewLoop(func(context.Context) error { t.Error("a session after the end"); return nil }, func() float64 { return 0 })
		l.Run(ctx)
	})
}

func TestPace(t *testing.T) {
	var p pace
	if p.Budget() != session.DefaultBudget {
		t.Errorf("unknown line: %d", p.Budget())
	}
	p.observe(200, time.Second)
	if p.Speed() != 0 {
		t.Error("a heartbeat told the line's speed")
	}
	p.dialed(600 * time.Millisecond)
	for range 20 { // 40 kbit/s and 600 ms
		p.observe(20_000, 4600*time.Millisecond)
	}
	if got := p.Budget(); got < 19_000 || got > 21_000 {
		t.Errorf("40 kbit/s: %d bytes in 4 s", got)
	}
	for range 20 {
		p.observe(1<<20, 10*time.Millisecond)
	}
	if p.Budget() != frame.MaxPack {
		t.Errorf("fast line: %d", p.Budget())
	}
	for range 40 {
		p.slow()
	}
	if p.Budget() != minBudget {
		t.Errorf("after failures: %d", p.Budget())
	}
}

func TestClock(t *testing.T) {
	local := time.Unix(0, 0)
	built := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	c := newClock(func() time.Time { return local }, built, time.Unix(0, 0), 0)
	if !c.Now().Equal(built) {
		t.Errorf("dead battery: %v", c.Now())
	}
	told := built.AddDate(0, 3, 0)
	c.Trust(told)
	c.Trust(built) // never back
	if !c.Now().Equal(told) {
		t.Errorf("after the hub told: %v", c.Now())
	}
	local = told.AddDate(1, 0, 0)
	if !c.Now().Equal(local) {
		t.Errorf("clock ahead: %v", c.Now())
	}
	if c = newClock(func() time.Time { return time.Unix(0, 0) }, time.Time{}, time.Time{}, 0); !c.Now().Equal(floor) {
		t.Errorf("nothing known: %v", c.Now())
	}
}
