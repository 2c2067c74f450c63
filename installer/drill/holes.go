package drill

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"shangu/installer/stage"
)

// holes loses large packets on the way between agents and their hub, and the
// word that would say so with them.
var holes = Drill{Name: "holes", Holds: []int{3, 8}, Run: runHoles}

const (
	// holePacket is the size in bytes above which packets vanish. The first
	// message of TLS with a post-quantum key is larger, first contact fills a
	// packet, and so does what a colleague has sent of the same school.
	holePacket = 1000
	// foundLeast is how long a session takes at least that finds out: a line that
	// is silent for less says nothing.
	foundLeast = 10 * time.Second
	// holePatience is how long a session may take that finds out.
	holePatience = 3 * time.Minute
	// knownWithin is how long one may take that knows of the hole.
	knownWithin = 10 * time.Second
)

// travellers are the agents that have to get through.
var travellers = []struct {
	name string
	met  bool     // enrolled while the way was whole
	more []string // arguments of agent run
}{
	{"in touch before", true, nil},
	{"first contact", false, nil},
	{"post-quantum", false, []string{"--post-quantum"}},
}

// way is what lies between agents and hub.
type way interface {
	found(ctx context.Context, l *ledger) (*stage.Hub, error)
	hole(ctx context.Context, packet int) error      // from now on larger packets vanish
	vanished(ctx context.Context) (n int, err error) // how many have
}

// throughHole sends records through the hole, from all travellers at once.
func throughHole(ctx context.Context, s *stage.Stage, w way) (o Outcome, err error) {
	l, err := newLedger(s.Work)
	if err != nil {
		return o, err
	}
	h, err := w.found(ctx, l)
	if err != nil {
		return o, err
	}
	var schools []*stage.School
	for i, t := range travellers {
		c := s.School(fmt.Sprintf("school%d", i), sampleSchool)
		schools = append(schools, c)
		if !t.met {
			continue
		}
		if err := c.Enrol(ctx, h, 0); err != nil {
			return o, err
		}
		if err := c.Sync(ctx); err != nil {
			return o, err
		}
	}
	// What comes down to each in its first session must not hang on which of the
	// others was there before it: one who has no hole in the way was.
	colleague := s.School("colleague", sampleSchool)
	if err := colleague.Enrol(ctx, h, 0); err != nil {
		return o, err
	}
	if err := fill(ctx, l, colleague); err != nil {
		return o, err
	}
	if err := colleague.Sync(ctx); err != nil {
		return o, err
	}
	if err := w.hole(ctx, holePacket); err != nil {
		return o, err
	}
	since := make([]time.Time, len(travellers))
	for i, t := range travellers {
		c := schools[i]
		if !t.met {
			if err := c.Enrol(ctx, h, 0); err != nil { // needs no network yet
				return o, err
			}
		}
		if err := fill(ctx, l, c); err != nil {
			return o, err
		}
		since[i] = time.Now()
		if err := c.Serve(ctx, t.more...); err != nil {
			return o, err
		}
	}
	took := o.getThrough(ctx, s, schools, since)
	var saw []string
	for i, t := range travellers {
		if took[i] < foundLeast {
			return o, fmt.Errorf("%s: through after %v: it met no hole", t.name, took[i])
		}
		again, err := throughAgain(ctx, l, h, schools[i])
		if err != nil {
			o.Lose("%s: %v", t.name, err)
		}
		saw = append(saw, fmt.Sprintf("%s: through after %v, the next session in %v", t.name, took[i].Round(time.Second), again.Round(10*time.Millisecond)))
	}
	for _, c := range schools {
		if err := errors.Join(c.Drained(ctx, h, 0), l.check(ctx, s, c, &o)); err != nil {
			return o, err
		}
	}
	n, err := w.vanished(ctx)
	if err == nil && n == 0 {
		err = errors.New("no packet vanished: there was no hole")
	}
	o.Saw = fmt.Sprintf("%s; %d packets above %d bytes vanished", strings.Join(saw, "; "), n, holePacket)
	return o, err
}

// fill gives an agent pupils, and sheets of theirs to send.
func fill(ctx context.Context, l *ledger, c *stage.School) error {
	if err := c.Import(ctx, "roster", l.file("roster.xlsx")); err != nil {
		return err
	}
	return l.record(ctx, c, 40)
}

// getThrough waits until each agent has nothing waiting, and returns how long
// that took since its service was started.
func (o *Outcome) getThrough(ctx context.Context, s *stage.Stage, schools []*stage.School, since []time.Time) []time.Duration {
	type arrival struct {
		at   int
		took time.Duration
		err  error
	}
	arrived := make(chan arrival)
	for i, c := range schools {
		go func() {
			err := stage.Until(ctx, holePatience, func() error {
				_, err := s.Run(ctx, "agent", "sync", "--timeout", holePatience.String(), "--dir", c.Dir)
				return err
			})
			arrived <- arrival{i, time.Since(since[i]), err}
		}()
	}
	took := make([]time.Duration, len(schools))
	for range schools {
		a := <-arrived
		took[a.at] = a.took
		if o.Trials++; a.err != nil {
			o.Lose("%s: not through a hole for packets above %d bytes: %v", travellers[a.at].name, holePacket, a.err)
		}
	}
	return took
}

// throughAgain records one sheet more and sends it: what the line is like is
// known by now.
func throughAgain(ctx context.Context, l *ledger, h *stage.Hub, c *stage.School) (took time.Duration, err error) {
	if err := l.record(ctx, c, 1); err != nil {
		return 0, err
	}
	start := time.Now()
	if err := c.Sync(ctx); err != nil {
		return 0, err
	}
	if took = time.Since(start); took > knownWithin {
		err = fmt.Errorf("the session after took %v, at most %v", took, knownWithin)
	}
	return took, err
}
