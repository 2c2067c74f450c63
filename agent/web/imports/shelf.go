package imports

import (
	"crypto/rand"
	"sync"
	"time"

	"shangu/agent/intake"
	"shangu/schema/table"
)

// held is a file that waits for its reader's yes.
type held struct {
	kind    intake.Kind
	name    string
	data    []byte
	who     string // the account that chose it
	options intake.Options

	mu       sync.Mutex      // held while it is planned anew or stored
	plan     *intake.Plan    // nil while something is wrong with it, and once it is stored
	problems *table.Problems // nil if nothing is
	done     *done           // what was stored; nil until then

	at   time.Time // when it was last asked for
	turn uint64    // and which asking that was: a clock may stand still between two
}

// done is what came of a file.
type done struct{ New, Changed, Same, Out int }

// Bounds of what waits: an agent is to be small, and a roster is not to lie about.
const (
	maxHeld = 2
	maxWait = 30 * time.Minute
)

// shelf is where files wait, in memory.
type shelf struct {
	mu   sync.Mutex
	by   map[string]*held
	turn uint64 // of the last asking
}

// put keeps a file and returns its name in addresses. The one that has waited longest
// makes room.
func (s *shelf) put(h *held, now time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tidy(now)
	for len(s.by) >= maxHeld {
		oldest := ""
		for id, o := range s.by {
			if oldest == "" || o.turn < s.by[oldest].turn {
				oldest = id
			}
		}
		delete(s.by, oldest)
	}
	if s.by == nil {
		s.by = map[string]*held{}
	}
	id := rand.Text()
	s.asked(h, now)
	s.by[id] = h
	return id
}

// get finds a file, nil if it is gone.
func (s *shelf) get(id string, now time.Time) *held {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tidy(now)
	h := s.by[id]
	if h != nil {
		s.asked(h, now)
	}
	return h
}

// asked notes that a file was asked for; the caller holds mu.
func (s *shelf) asked(h *held, now time.Time) {
	s.turn++
	h.at, h.turn = now, s.turn
}

func (s *shelf) drop(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.by, id)
}

// tidy drops what has waited too long, and what is said to have been put there in days
// to come: the clock was set back.
func (s *shelf) tidy(now time.Time) {
	for id, h := range s.by {
		if d := now.Sub(h.at); d > maxWait || d < -maxWait {
			delete(s.by, id)
		}
	}
}
