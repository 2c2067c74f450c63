package gate

import (
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"shangu/schema/text"
	"shangu/sync/frame"
	"shangu/sync/link"
	"shangu/sync/link/linktest"
	"shangu/sync/seal"
	"shangu/sync/session"
)

// gprs is the line of the goals: 40 kbit/s and 600 ms round trips.
var gprs = linktest.Faults{Rate: 5000, RTT: 600 * time.Millisecond}

// drillSeed is the seed of all chance, from the drill or at random.
func drillSeed(t *testing.T) uint64 {
	t.Helper()
	seed := mathrand.Uint64()
	if s := os.Getenv("SHANGU_DRILL_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("seed: SHANGU_DRILL_SEED=%d", seed)
	return seed
}

func drillLong() bool { return os.Getenv("SHANGU_DRILL_LONG") == "1" }

// onLine runs a test in fake time with a school that is enrolled at a hub
// behind a line, whole while it enrols.
func onLine(t *testing.T, seed uint64, f func(t *testing.T, s *school, l *linktest.Line, open func(func(*link.Config)) *link.Link)) {
	t.Helper()
	warm(t)
	synctest.Test(t, func(t *testing.T) {
		d := newDistrict(t)
		line := linktest.New(seed, linktest.Faults{})
		s, open := d.meet(d.openOn(line), line, "")
		line.Carried.Store(0)
		f(t, s, line, open)
	})
}

// meet is a school's first contact over a line, of which state keeps what was
// learned, and what opens its links.
func (d *district) meet(n *node, line *linktest.Line, state string) (*school, func(func(*link.Config)) *link.Link) {
	d.t.Helper()
	v := newDevice(d.t)
	way := func(c *link.Config) {
		c.Dial, c.Narrow, c.DialTimeout, c.Now = line.Dial, line.DialNarrow, 0, d.clock
	}
	c := link.Config{Hubs: []string{n.url}, Key: v.key, State: state, Files: seal.Files{}}
	way(&c)
	var err error
	if v.cr, err = link.Enrol(d.t.Context(), c, d.token(schoolA)); err != nil {
		d.t.Fatal(err)
	}
	s := newSchool(v)
	if s.hub = d; state != "" {
		s.state = state
	}
	return s, func(change func(*link.Config)) *link.Link {
		return v.link(func(c *link.Config) {
			if way(c); change != nil {
				change(c)
			}
		}, n.url)
	}
}

// warm makes the compressors that all tests share: they hold channels, which
// must not belong to a bubble.
func warm(t *testing.T) {
	t.Helper()
	s := newSchool(newDevice(t))
	s.day(t)
	pack, _, err := s.Pack(0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := frame.Unpack(pack, frame.NewTable(), s.chain); err != nil {
		t.Fatal(err)
	}
	if _, err := frame.ExpandDocs(frame.CompressDocs([][]byte{make([]byte, 4096)}), 1<<20); err != nil {
		t.Fatal(err)
	}
}

// A line that loses small packets too: the clerk is told what to do, and no less
// is tried once the line is whole.
func TestLinesThatSwallowAll(t *testing.T) {
	onLine(t, 1, func(t *testing.T, s *school, line *linktest.Line, open func(func(*link.Config)) *link.Link) {
		s.day(t)
		l := open(nil)
		line.Set(linktest.Faults{RTT: 600 * time.Millisecond, Hole: 200})
		for range 3 {
			_, err := s.sync(t.Context(), l)
			if !errors.Is(err, link.ErrNoAnswer) || text.Of(err).ID() != "link.swallowed" {
				t.Fatalf("over a line that swallows all: %v", err)
			}
		}
		line.Set(gprs)
		if _, err := s.sync(t.Context(), l); err != nil || !s.drained() {
			t.Errorf("once it is whole: %v", err)
		}
	})
}

// knownWithin is how long a session may take over a line that is known to lose
// large packets.
const knownWithin = 10 * time.Second

// A machine's first contact through a hole finds it out, whatever its size and
// however small its own certificates are: what the first session then brings and
// gets is not stopped by it.
func TestFirstContactThroughAHole(t *testing.T) {
	warm(t)
	for _, f := range []linktest.Faults{{Hole: 600}, {Hole: 900}, {Hole: 1000}, {Hole: 1200}, {Hole: 1399}, {Hole: 1000, Half: true}, {Hole: 1399, Half: true}} {
		t.Run(fmt.Sprintf("above %d bytes, half %v", f.Hole, f.Half), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDistrict(t)
				line := linktest.New(1, linktest.Faults{})
				n := d.openOn(line)
				colleague, open := d.meet(n, line, "")
				for range 20 {
					colleague.day(t)
				}
				if _, err := colleague.sync(t.Context(), open(nil)); err != nil {
					t.Fatal(err)
				}
				f.RTT = 600 * time.Millisecond
				line.Set(f)
				start := time.Now()
				s, open := d.meet(n, line, t.TempDir()+"/link.json")
				t.Logf("drill: trials=1 lost=0 saw=enrolled after %v", time.Since(start).Round(time.Second))
				// Much to get, then much to send.
				for _, days := range []int{0, 20} {
					for range days {
						s.day(t)
					}
					start = time.Now()
					r, err := s.sync(t.Context(), open(nil))
					if took := time.Since(start); err != nil || took > knownWithin || !s.drained() || days == 0 && r.Pulled == 0 {
						t.Errorf("a session after took %v, at most %v: %+v, %v", took, knownWithin, r, err)
					}
				}
			})
		})
	}
}

// What a line is like is kept: by a session that had no time to find it out, and
// while the line is away.
func TestAHoleIsRemembered(t *testing.T) {
	hole := linktest.Faults{RTT: 600 * time.Millisecond, Hole: 900}
	gone := linktest.Faults{RTT: 600 * time.Millisecond, Mute: 100}
	for name, before := range map[string]func(t *testing.T, s *school, line *linktest.Line, l *link.Link){
		"a session is cut short": func(t *testing.T, s *school, line *linktest.Line, l *link.Link) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if _, err := s.sync(ctx, l); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("a session of 20 s: %v", err)
			}
		},
		"the line goes away for a while": func(t *testing.T, s *school, line *linktest.Line, l *link.Link) {
			if _, err := s.sync(t.Context(), l); err != nil {
				t.Fatal(err)
			}
			s.day(t)
			line.Set(gone)
			if _, err := s.sync(t.Context(), l); !errors.Is(err, link.ErrNoAnswer) {
				t.Fatalf("while it is away: %v", err)
			}
			line.Set(hole)
		},
	} {
		t.Run(name, func(t *testing.T) {
			onLine(t, 1, func(t *testing.T, s *school, line *linktest.Line, open func(func(*link.Config)) *link.Link) {
				for range 20 {
					s.day(t)
				}
				line.Set(hole)
				before(t, s, line, open(nil))
				for range 20 {
					s.day(t)
				}
				start := time.Now()
				_, err := s.sync(t.Context(), open(nil)) // by another process
				if took := time.Since(start); err != nil || took > knownWithin || !s.drained() {
					t.Errorf("the session after took %v, at most %v: %v", took, knownWithin, err)
				}
			})
		})
	}
}

// An answer that was long in coming says nothing of the line, nor does a
// session that is cut short before a line has stood still.
func TestASlowHubIsNoHole(t *testing.T) {
	onLine(t, 1, func(t *testing.T, s *school, line *linktest.Line, open func(func(*link.Config)) *link.Link) {
		var narrow int
		watch := func(c *link.Config) {
			c.Narrow = func(ctx context.Context, network, addr string) (net.Conn, error) {
				narrow++
				return line.DialNarrow(ctx, network, addr)
			}
		}
		line.Set(linktest.Faults{RTT: 14 * time.Second})
		if _, err := s.sync(t.Context(), open(watch)); err != nil {
			t.Fatal(err)
		}
		line.Set(linktest.Faults{RTT: 600 * time.Millisecond, Mute: 900})
		ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
		defer cancel()
		s.day(t)
		if _, err := s.sync(ctx, open(watch)); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("a session of 8 s: %v", err)
		}
		line.Set(gprs)
		if _, err := s.sync(t.Context(), open(watch)); err != nil || narrow != 0 {
			t.Errorf("%v, %d connections with small packets", err, narrow)
		}
	})
}

// drained reports whether all is safe at the district.
func (s *school) drained() bool { return s.confirmed.Seq == uint64(len(s.entries)) }

// A school day over the line of the goals: one request, three round trips, cold
// or resumed.
func TestSchoolDayOnASlowLine(t *testing.T) {
	onLine(t, 1, func(t *testing.T, s *school, line *linktest.Line, open func(func(*link.Config)) *link.Link) {
		line.Set(gprs)
		l := open(nil)
		for _, c := range []struct {
			name  string
			bytes int64
			took  time.Duration
		}{
			{"the first day, cold", 5000, 4 * time.Second},
			{"a day, resumed", 1350, 2200 * time.Millisecond},
			{"nothing new, resumed", 900, 2200 * time.Millisecond},
		} {
			if c.bytes != 900 {
				s.day(t)
			}
			before, start := line.Carried.Load(), time.Now()
			r, err := s.sync(t.Context(), l)
			took, carried := time.Since(start), line.Carried.Load()-before
			if err != nil || r.Requests != 1 || !s.drained() {
				t.Fatalf("%s: %+v, %v", c.name, r, err)
			}
			t.Logf("drill: trials=1 lost=0 saw=%s: %v, %d bytes, %d request", c.name, took.Round(10*time.Millisecond), carried, r.Requests)
			if took > c.took || carried > c.bytes {
				t.Errorf("%s took %v and %d bytes, goal %v and %d", c.name, took, carried, c.took, c.bytes)
			}
		}
	})
}

// persist holds sessions with the loop's own backoff until all is safe.
func persist(t *testing.T, s *school, l *link.Link, limit int) (sessions int) {
	t.Helper()
	random := mathrand.New(mathrand.NewPCG(uint64(limit), 2))
	b := link.Backoff{Base: 4 * time.Second, Max: 10 * time.Minute, Random: random.Float64}
	for !s.drained() {
		if sessions++; sessions > limit {
			t.Fatalf("%d of %d entries after %d sessions", s.confirmed.Seq, len(s.entries), limit)
		}
		_, err := s.sync(t.Context(), l)
		if err == nil {
			b.Reset()
			continue
		}
		if !errors.Is(err, link.ErrNoAnswer) && !errors.Is(err, session.ErrBusy) {
			t.Fatal(err)
		}
		<-time.After(b.Next(err))
	}
	return sessions
}

// toll is a school's way over a line that is reset. It keeps what the line has
// carried apart by what became of the request that it was carried for, and what
// each reset entitles the school to send once more.
type toll struct {
	session.Transport
	s      *school
	line   *linktest.Line
	paid   int64 // of what the line has carried
	warm   bool  // the connection has brought an answer
	answer int   // requests that were answered

	lost     int64 // carried for requests that a reset left without an answer
	failures int
	anew     int   // of those on a connection that had brought answers: the next needs a handshake more
	known    int64 // bytes of requests that the hub had taken in by then: it tells when they come again
}

// Exchange implements session.Transport. A request that fails has carried one
// handshake, that request and its answer at most, however often it is asked.
func (p *toll) Exchange(ctx context.Context, request []byte) ([]byte, error) {
	response, err := p.Transport.Exchange(ctx, request)
	synctest.Wait()
	cost := p.line.Carried.Load() - p.paid
	p.paid += cost
	if err == nil {
		p.answer++
		p.warm = true
		return response, nil
	}
	if most := handshakeBytes + 2*turnBytes + int64(len(request)); cost > most {
		p.s.t.Errorf("a reset cost %d bytes, when at most %d were in flight", cost, most)
	}
	if p.lost += cost; p.warm {
		p.anew++
	}
	p.failures++
	p.warm = false
	_, tip, _, stateErr := p.s.hub.state.Tip(session.Caller{Device: p.s.key.Device(), School: schoolA}, p.s.chain[:], p.s.confirmed.Seq)
	if stateErr == nil && tip.Seq > p.s.confirmed.Seq {
		p.known += int64(len(request))
	}
	return response, err
}

// What TLS and a request cost at most beside the records themselves; see
// DESIGN.md for where the bytes go.
const (
	handshakeBytes = 1600 // cold, with both certificates and the ticket
	turnBytes      = 480  // HTTP and TLS around a request, heartbeat, receipt, a pack's own head
	elsewhereBytes = 100  // an answer that says where the hub's chain ends and where it parted
)

// most is what the line may have carried, if one without resets carries whole
// bytes in so many requests: what was in flight at each reset, a handshake for
// each connection that was in use, once more what the hub turned out to have, and
// for smaller packs the cost of more requests. Nothing is sent again beyond that.
func (p *toll) most(whole int64, requests int) int64 {
	return whole + p.lost + int64(p.anew)*handshakeBytes + p.known +
		int64(p.failures)*elsewhereBytes + int64(max(0, p.answer-requests))*turnBytes
}

// Years of backlog over the same line, and a term of days each sent as it ends,
// while connections are reset at random bytes: what is safe stays safe, and a
// reset costs what was in flight and no more.
func TestRecordsOverResets(t *testing.T) {
	seed, years, term := drillSeed(t), 200, 40
	if drillLong() {
		years, term = 1000, 200
	}
	for name, c := range map[string]struct {
		days, each int // in all, and saved between sessions
		resets     float64
		within     int
	}{
		"a fifth of connections, a session each day":  {term, 1, 0.2, 2200},
		"a fifth of connections, a backlog":           {years, years, 0.2, 16 << 10},
		"nine of ten connections, a backlog":          {years, years, 0.9, 16 << 10},
		"nine of ten connections, a session each day": {term, 1, 0.9, 2200},
	} {
		var whole int64
		var requests int
		for _, resets := range []float64{0, c.resets} {
			onLine(t, seed, func(t *testing.T, s *school, line *linktest.Line, open func(func(*link.Config)) *link.Link) {
				bad := gprs
				bad.Resets, bad.Within = resets, c.within
				line.Set(bad)
				l := open(nil)
				p := &toll{Transport: l, s: s, line: line}
				s.by = p
				start, sessions := time.Now(), 0
				for _, day := range s.term(c.days) {
					s.save(&day)
					if s.days++; s.days%c.each == 0 {
						sessions += persist(t, s, l, 3000)
						p.warm = false
					}
				}
				for i := 1; i < len(s.confirms); i++ {
					if s.confirms[i] <= s.confirms[i-1] {
						t.Errorf("receipt %d is for entry %d after entry %d", i, s.confirms[i], s.confirms[i-1])
					}
				}
				synctest.Wait()
				carried := line.Carried.Load()
				if resets == 0 {
					if p.failures > 0 {
						t.Errorf("%s: %d failures on a whole line", name, p.failures)
					}
					whole, requests = carried, p.answer
					return
				}
				t.Logf("drill: trials=%d lost=%d saw=%s of %d days: %d resets in %d sessions, %d bytes (x%.2f), %d allowed by what was in flight at the resets, %v on the line",
					line.Cut.Load(), len(s.entries)-int(s.confirmed.Seq), name, c.days, line.Cut.Load(), sessions, carried,
					float64(carried)/float64(whole), p.most(whole, requests), time.Since(start).Round(time.Second))
				if most := p.most(whole, requests); carried > most {
					t.Errorf("%s: %d bytes, at most %d: whole %d in %d requests, %+v", name, carried, most, whole, requests, p)
				}
				if cut := int(line.Cut.Load()); p.failures != cut {
					t.Errorf("%s: %d requests failed of %d resets", name, p.failures, cut)
				}
			})
		}
	}
}

// Lines that take a connection and swallow what goes over it.
func TestLinesThatSwallow(t *testing.T) {
	for name, c := range map[string]struct {
		f    linktest.Faults
		then *linktest.Faults // after the first failure; nil: the fault stays
		most time.Duration
	}{
		"a hole for packets above 900 bytes":            {linktest.Faults{RTT: 600 * time.Millisecond, Rate: 5000, Hole: 900}, nil, 3 * time.Minute},
		"a hole for packets above 560 bytes":            {linktest.Faults{RTT: 600 * time.Millisecond, Rate: 5000, Hole: 560}, nil, 3 * time.Minute},
		"half open: the hub is gone without a word":     {linktest.Faults{RTT: 600 * time.Millisecond, Mute: 900}, &gprs, 4 * time.Minute},
		"an answer that is lost after the hub took all": {linktest.Faults{RTT: 600 * time.Millisecond, Deaf: 1000}, &gprs, 4 * time.Minute},
		"nobody there": {linktest.Faults{Down: true}, &gprs, 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			onLine(t, 1, func(t *testing.T, s *school, line *linktest.Line, open func(func(*link.Config)) *link.Link) {
				for range 20 {
					s.day(t)
				}
				line.Set(c.f)
				l := open(nil)
				start := time.Now()
				if c.then != nil {
					if _, err := s.sync(t.Context(), l); !errors.Is(err, link.ErrNoAnswer) {
						t.Fatalf("while the line is bad: %v", err)
					}
					line.Set(*c.then)
				}
				persist(t, s, l, 8)
				took := time.Since(start)
				t.Logf("drill: trials=1 lost=%d saw=%s: through after %v", len(s.entries)-int(s.confirmed.Seq), name, took.Round(time.Second))
				if took > c.most {
					t.Errorf("through after %v, at most %v", took, c.most)
				}
				// The next session knows the line.
				s.day(t)
				start = time.Now()
				if _, err := s.sync(t.Context(), l); err != nil || time.Since(start) > 10*time.Second {
					t.Errorf("the day after: %v after %v", err, time.Since(start))
				}
			})
		})
	}
}

var _ net.Listener = (*linktest.Line)(nil)
