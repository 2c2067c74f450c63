package authority

import (
	"net"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Guessing a secret of 128 bits is hopeless at any rate; the limits keep a
// confused or hostile machine from costing the hub signatures and log entries.
const (
	sourceRate  = 1   // enrolments a second from one address, sustained
	sourceBurst = 300 // many schools can stand behind one address
	globalRate  = 50
	globalBurst = 500
	blameCost   = 20 // a refused token weighs as much as this many more
	maxSources  = 4096
	sweepEvery  = 10 * time.Second
)

// limiter bounds enrolments by source and in all.
type limiter struct {
	mu      sync.Mutex
	all     *rate.Limiter
	sources map[string]*rate.Limiter
	swept   time.Time // when sources that rest were last forgotten
}

func newLimiter() *limiter {
	return &limiter{all: rate.NewLimiter(globalRate, globalBurst), sources: map[string]*rate.Limiter{}}
}

func (l *limiter) source(addr string, now time.Time) *rate.Limiter {
	if host, _, err := net.SplitHostPort(addr); err == nil {
		addr = host
	}
	if s, ok := l.sources[addr]; ok {
		return s
	}
	if len(l.sources) >= maxSources && now.Sub(l.swept) > sweepEvery {
		l.swept = now
		for k, s := range l.sources {
			if s.TokensAt(now) >= sourceBurst {
				delete(l.sources, k)
			}
		}
	}
	if len(l.sources) >= maxSources {
		return l.all
	}
	s := rate.NewLimiter(sourceRate, sourceBurst)
	l.sources[addr] = s
	return s
}

// allow takes one attempt of a source, unless it has none left.
func (l *limiter) allow(addr string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.source(addr, now).AllowN(now, 1) && l.all.AllowN(now, 1)
}

// blame makes a refused attempt cost more.
func (l *limiter) blame(addr string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.source(addr, now); s != l.all {
		s.AllowN(now, min(blameCost, int(s.TokensAt(now))))
	}
}

// empty reports whether a source has no attempt left.
func (l *limiter) empty(addr string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.source(addr, now).TokensAt(now) < 1
}
