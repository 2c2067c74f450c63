package gate

import (
	"context"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"shangu/sync/link"
)

// wire counts the bytes that TCP carries on the connections that it dials.
type wire struct {
	sent, received atomic.Int64
	open           sync.WaitGroup
}

func (w *wire) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	// A proxy between both ends sees each byte that either really sent, the
	// alerts of a closing connection among them.
	near, far := net.Pipe()
	w.open.Go(func() { copyCounting(c, far, &w.sent) })
	w.open.Go(func() { copyCounting(far, c, &w.received) })
	return near, nil
}

// copyCounting copies until either end is gone. What comes from the hub after
// the agent has closed is still counted.
func copyCounting(to, from net.Conn, n *atomic.Int64) {
	defer closeWrite(to)
	b := make([]byte, 32<<10)
	broken := false
	for {
		k, err := from.Read(b)
		n.Add(int64(k))
		if k > 0 && !broken {
			_, werr := to.Write(b[:k])
			broken = werr != nil
		}
		if err != nil {
			return
		}
	}
}

func closeWrite(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		t.CloseWrite()
		return
	}
	c.Close()
}

// exchange holds one session of one request and returns the bytes on the wire.
func exchange(t testing.TB, d *device, n *node, up int, change func(*link.Config)) (sent, received int64) {
	t.Helper()
	w := &wire{}
	l := d.link(func(c *link.Config) {
		c.Dial = w.dial
		if change != nil {
			change(c)
		}
	}, n.url)
	before := l.Usage().Sent
	request := d.hello()
	if up > len(request) {
		request = d.request(make([]byte, up-len(request)-3))
	}
	if len(request) != up {
		t.Fatalf("request of %d bytes", len(request))
	}
	if _, err := l.Exchange(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	if err := l.Rest(); err != nil {
		t.Fatal(err)
	}
	w.open.Wait()
	// What is counted has headers of IP and TCP in it: some ten packets here.
	if got := l.Usage().Sent - before; got < w.sent.Load()+100 || got > w.sent.Load()+500 {
		t.Errorf("the link counted %d bytes sent, the wire %d", got, w.sent.Load())
	}
	return w.sent.Load(), w.received.Load()
}

// The goals are NUMBERS.md's. What is measured is a whole connection: TCP
// payload both ways from the first byte of TLS to the last alert.
const (
	bodyUp, bodyDown = 250, 150
	goalCold         = 2300
	goalResumed      = 1350
	goalIdle         = 900
)

// measure returns the bytes of a cold and of a resumed session.
func measure(t testing.TB, up, down int, hybrid bool) (cold, resumed [2]int64) {
	t.Helper()
	d := newDistrict(t)
	n := d.open(func(c *Config) { c.Hybrid = hybrid })
	v := d.enrolled(n, schoolA)
	d.canned.Store(int64(down))
	use := func(c *link.Config) { c.Hybrid = hybrid }
	cold[0], cold[1] = exchange(t, v, n, up, use)
	resumed[0], resumed[1] = exchange(t, v, n, up, use)
	if yes, no := n.resumed(); yes != 1 || no != 1 {
		t.Fatalf("%d requests over resumed connections and %d over new ones", yes, no)
	}
	return cold, resumed
}

func TestWireBytes(t *testing.T) {
	cold, resumed := measure(t, bodyUp, bodyDown, false)
	t.Logf("school day: cold %d up + %d down = %d; resumed %d up + %d down = %d",
		cold[0], cold[1], cold[0]+cold[1], resumed[0], resumed[1], resumed[0]+resumed[1])
	if sum := cold[0] + cold[1]; sum > goalCold {
		t.Errorf("a cold session takes %d bytes, goal %d", sum, goalCold)
	}
	if sum := resumed[0] + resumed[1]; sum > goalResumed {
		t.Errorf("a resumed session takes %d bytes, goal %d", sum, goalResumed)
	}
}

// Nothing is said to an agent that has its answer and has hung up.
func TestNothingComesAfterTheAnswer(t *testing.T) {
	d := newDistrict(t)
	n := d.open()
	v := d.enrolled(n, schoolA)
	w := &wire{}
	l := v.link(func(c *link.Config) { c.Dial = w.dial }, n.url)
	for range 2 { // cold, resumed
		if _, err := l.Exchange(t.Context(), v.hello()); err != nil {
			t.Fatal(err)
		}
		answered := w.received.Load()
		if err := l.Rest(); err != nil {
			t.Fatal(err)
		}
		w.open.Wait()
		if late := w.received.Load() - answered; late != 0 {
			t.Errorf("%d bytes after the answer", late)
		}
	}
}

// session holds one real session and returns the bytes on the wire.
func (s *school) session(t testing.TB, n *node) (sent, received int64) {
	t.Helper()
	w := &wire{}
	if _, err := s.sync(t.Context(), s.link(func(c *link.Config) { c.Dial = w.dial }, n.url)); err != nil {
		t.Fatal(err)
	}
	w.open.Wait()
	return w.sent.Load(), w.received.Load()
}

// TestWireBytesOfRealSessions has nothing canned: a heartbeat, and a school
// day as it is packed today.
func TestWireBytesOfRealSessions(t *testing.T) {
	idle, day := realSessions(t)
	t.Logf("resumed: nothing new %d up + %d down = %d; a school day %d up + %d down = %d",
		idle[0], idle[1], idle[0]+idle[1], day[0], day[1], day[0]+day[1])
	if sum := idle[0] + idle[1]; sum > goalIdle {
		t.Errorf("a session with nothing new takes %d bytes, goal %d", sum, goalIdle)
	}
}

// A school day over a new connection without a ticket, with nothing canned.
func TestWireBytesOfAColdDay(t *testing.T) {
	d := newDistrict(t)
	n := d.open()
	s := newSchool(d.enrolled(n, schoolA))
	s.day(t)
	s.session(t, n)
	if err := os.Remove(s.state); err != nil {
		t.Fatal(err)
	}
	s.day(t)
	up, down := s.session(t, n)
	if yes, _ := n.resumed(); yes != 0 {
		t.Fatal("the session was resumed")
	}
	t.Logf("cold: a school day %d up + %d down = %d", up, down, up+down)
	if up+down > goalCold {
		t.Errorf("a cold session with a school day takes %d bytes, goal %d", up+down, goalCold)
	}
}

func realSessions(t testing.TB) (idle, day [2]int64) {
	d := newDistrict(t)
	n := d.open()
	s := newSchool(d.enrolled(n, schoolA))
	s.day(t)
	s.session(t, n)
	idle[0], idle[1] = s.session(t, n)
	s.day(t)
	day[0], day[1] = s.session(t, n)
	if yes, no := n.resumed(); no != 1 || yes < 2 || s.confirmed.Seq != 50 {
		t.Fatalf("%d requests over resumed connections, %d not; %d entries confirmed", yes, no, s.confirmed.Seq)
	}
	return idle, day
}

// BenchmarkWire reports bytes on the wire, not time.
func BenchmarkWire(b *testing.B) {
	for _, c := range []struct {
		name     string
		up, down int
		hybrid   bool
	}{{"schoolday", bodyUp, bodyDown, false}, {"schoolday-hybrid", bodyUp, bodyDown, true}} {
		b.Run(c.name, func(b *testing.B) {
			var cold, resumed [2]int64
			for range b.N {
				cold, resumed = measure(b, c.up, c.down, c.hybrid)
			}
			b.ReportMetric(float64(cold[0]+cold[1]), "cold-bytes")
			b.ReportMetric(float64(resumed[0]+resumed[1]), "resumed-bytes")
			b.ReportMetric(float64(resumed[0]), "resumed-up-bytes")
			b.ReportMetric(float64(resumed[1]), "resumed-down-bytes")
		})
	}
	b.Run("real", func(b *testing.B) {
		var idle, day [2]int64
		for range b.N {
			idle, day = realSessions(b)
		}
		b.ReportMetric(float64(idle[0]+idle[1]), "idle-resumed-bytes")
		b.ReportMetric(float64(day[0]+day[1]), "day-resumed-bytes")
	})
}
