package link

import (
	"context"
	"errors"
	"time"

	"shangu/sync/session"
)

// Backoff says how long to wait after failures in a row: full jitter between
// nothing and a bound that doubles from Base to Max, so that schools which
// lost their hub together do not come back together.
type Backoff struct {
	Base, Max time.Duration
	Random    func() float64 // in [0,1)
	failures  int
}

// Next is the wait after one more failure. If the hub asked for more, as in
// session.RetryError, it is that and up to half of it more.
func (b *Backoff) Next(err error) time.Duration {
	bound := b.Max
	if b.failures < 32 {
		bound = min(b.Max, b.Base<<b.failures)
	}
	if bound <= 0 {
		bound = b.Max
	}
	b.failures++
	wait := time.Duration(b.Random() * float64(bound))
	if retry, ok := errors.AsType[*session.RetryError](err); ok {
		wait = max(wait, retry.After+time.Duration(b.Random()*float64(retry.After)/2))
	}
	return max(wait, time.Second)
}

// Reset takes a success.
func (b *Backoff) Reset() { b.failures = 0 }

// Loop holds one session after another until its context ends: at once when
// kicked, else every so often, and after failures with backoff.
type Loop struct {
	Session func(context.Context) error // one session; nil error: all is settled
	Every   time.Duration               // between sessions with nothing new; jittered by a quarter
	Gather  time.Duration               // after a kick, so that saves in a row share a session
	Hold    time.Duration               // after a failure no kick starts a session sooner than this
	Backoff Backoff

	kick chan struct{}
}

// NewLoop makes a loop with the pauses that suit a school: a session within
// 5 seconds of a save, otherwise one in about 10 minutes, and up to 10 minutes
// of backoff.
func NewLoop(run func(context.Context) error, random func() float64) *Loop {
	return &Loop{
		Session: run, Every: 10 * time.Minute, Gather: 5 * time.Second, Hold: 20 * time.Second,
		Backoff: Backoff{Base: 4 * time.Second, Max: 10 * time.Minute, Random: random},
		kick:    make(chan struct{}, 1),
	}
}

// Kick says that something waits to be sent. It never blocks.
func (l *Loop) Kick() {
	select {
	case l.kick <- struct{}{}:
	default:
	}
}

// Run holds sessions until ctx ends. The first starts within a few seconds.
func (l *Loop) Run(ctx context.Context) {
	wait, failed := time.Duration(l.Backoff.Random()*float64(l.Gather)), false
	for l.pause(ctx, wait, failed) {
		err := l.Session(ctx)
		if failed = err != nil; failed {
			wait = l.Backoff.Next(err)
			continue
		}
		l.Backoff.Reset()
		wait = l.Every - time.Duration(l.Backoff.Random()*float64(l.Every)/4)
	}
}

// pause waits for its time or a kick; false means that ctx has ended.
func (l *Loop) pause(ctx context.Context, wait time.Duration, failed bool) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	start := time.Now()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	case <-l.kick:
	}
	gone := time.Since(start)
	end := gone + l.Gather
	if failed {
		end = max(gone, l.Hold)
	}
	timer.Reset(min(wait, end) - gone)
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	}
	return ctx.Err() == nil
}
