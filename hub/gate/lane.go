package gate

import (
	"sync"
	"time"
)

// lane bounds how many requests of one sort are under way at once. Who finds it
// full is given a place in line: a time to come again, so that those who were
// sent away come back at the rate at which requests are done, the first ones
// first.
type lane struct {
	now    func() time.Time
	places int

	mu      sync.Mutex
	inside  map[*pass]struct{}
	let     uint64    // in all
	refused uint64    // in all
	next    time.Time // of the last one in line
	rate    float64   // done a second
	since   time.Time // when counting done began
	done    int
}

// pass is one request inside.
type pass struct{ since time.Time }

const (
	firstRate  = 50.0 // a second, while nothing was measured
	leastRate  = 2.0
	rateWindow = time.Second
	// retryLeast and retryMost bound the time after which those in line may come
	// again.
	retryLeast = 5 * time.Second
	retryMost  = 3 * time.Minute
)

func newLane(places int, now func() time.Time) *lane {
	return &lane{now: now, places: places, inside: map[*pass]struct{}{}, rate: firstRate}
}

// enter takes a place; nil when there is none.
func (l *lane) enter() *pass {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.inside) >= l.places {
		return nil
	}
	p := &pass{l.now()}
	l.inside[p] = struct{}{}
	l.let++
	return p
}

// leave gives a place back.
func (l *lane) leave(p *pass) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.inside, p)
	now := l.now()
	// An idle lane says nothing of how fast it could be.
	if d := now.Sub(l.since); d > 10*rateWindow {
		l.since, l.done = now, 0
	} else if l.done++; d >= rateWindow {
		l.rate = max(leastRate, (l.rate+float64(l.done)/d.Seconds())/2)
		l.since, l.done = now, 0
	}
}

// retry is when one who found no place may come again.
func (l *lane) retry() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused++
	now := l.now()
	if soonest := now.Add(retryLeast); l.next.Before(soonest) {
		l.next = soonest
	}
	l.next = l.next.Add(time.Duration(float64(time.Second) / l.rate))
	if most := now.Add(retryMost); l.next.After(most) {
		l.next = now.Add(retryMost / 2) // the line wraps round rather than grow at its end
	}
	return l.next.Sub(now)
}

// lanes as an operator sees them.
type standing struct {
	inside       int
	oldest       time.Duration // how long the longest has been inside
	let, refused uint64
	line         time.Duration // until the last in line may come
}

func (l *lane) standing() standing {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	s := standing{inside: len(l.inside), let: l.let, refused: l.refused, line: max(0, l.next.Sub(now))}
	for p := range l.inside {
		s.oldest = max(s.oldest, now.Sub(p.since))
	}
	return s
}
