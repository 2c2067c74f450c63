// Package linktest is a bad line in memory: slow, far, cut at random bytes,
// half open, or with a hole for large packets. It carries real TLS and HTTP
// between a real client and a real server; only TCP beneath them is a model, so
// that a night on such a line passes in seconds of testing/synctest. It is for
// tests.
package linktest

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Faults are what is wrong with a line. They may be changed while it is used,
// by way of Set.
type Faults struct {
	Rate   int           // bytes a second each way; 0: no bound
	RTT    time.Duration // round trip
	Resets float64       // share of connections that are reset
	Within int           // at a random one of their first so many bytes, both ways
	Hole   int           // segments larger than this vanish; 0: none do
	Half   bool          // only those that come down do
	Mute   int           // after so many bytes up, nothing moves and nothing says so; 0: never
	Deaf   int           // after so many bytes up, nothing comes down any more; 0: never
	Down   bool          // nobody is reached, and nothing says so
}

// Segment sizes of TCP on a whole and on a narrow line.
const (
	wide   = 1400
	narrow = 536
)

// Line leads to one server. It is a net.Listener for that.
type Line struct {
	// Carried is how many bytes of TCP payload were put on the line, both ways.
	Carried atomic.Int64
	// Dials counts connections asked for, Cut those that were reset.
	Dials, Cut atomic.Int64

	mu     sync.Mutex
	f      Faults
	random *rand.Rand
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// New makes a line whose chances follow from a seed.
func New(seed uint64, f Faults) *Line {
	return &Line{f: f, random: rand.New(rand.NewPCG(seed, 1)), accept: make(chan net.Conn), closed: make(chan struct{})}
}

// Set changes what is wrong, for connections that are made from now on.
func (l *Line) Set(f Faults) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.f = f
}

// Accept implements net.Listener.
func (l *Line) Accept() (net.Conn, error) {
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *Line) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr implements net.Listener.
func (l *Line) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443} }

// Dial opens a connection, whatever the address.
func (l *Line) Dial(ctx context.Context, _, _ string) (net.Conn, error) { return l.dial(ctx, wide) }

// DialNarrow opens one with small segments.
func (l *Line) DialNarrow(ctx context.Context, _, _ string) (net.Conn, error) {
	return l.dial(ctx, narrow)
}

var errRefused = errors.New("linktest: nobody listens")

func (l *Line) dial(ctx context.Context, segment int) (net.Conn, error) {
	l.Dials.Add(1)
	l.mu.Lock()
	c := &call{line: l, f: l.f, segment: segment, cut: -1, ended: make(chan struct{})}
	if l.random.Float64() < l.f.Resets {
		c.cut = l.random.Int64N(int64(max(l.f.Within, 1)))
	}
	l.mu.Unlock()
	trip := time.NewTimer(c.f.RTT)
	defer trip.Stop()
	if c.f.Down {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	select {
	case <-trip.C:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	near, agent := net.Pipe()
	far, hub := net.Pipe()
	c.ends = []net.Conn{agent, hub}
	select {
	case l.accept <- far:
	case <-l.closed:
		return nil, errRefused
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	go c.carry(agent, hub, true)
	go c.carry(hub, agent, false)
	return near, nil
}

// call is one connection.
type call struct {
	line    *Line
	f       Faults
	segment int
	cut     int64 // the byte at which it is reset; -1: it is not
	ends    []net.Conn

	moved, up atomic.Int64
	once      sync.Once
	ended     chan struct{}
}

// end closes both ends at once, as a reset does.
func (c *call) end() {
	c.once.Do(func() {
		close(c.ended)
		for _, e := range c.ends {
			e.Close()
		}
	})
}

// flight is a segment under way.
type flight struct {
	at   time.Time
	data []byte
}

// buffered is how many segments wait at most before the line or on it.
const buffered = 1 << 14

// carry takes segments from one end into a buffer, as a socket does, puts them
// on the line at its rate, and lands them half a round trip later at the other
// end. Whichever end closes ends the connection, once what was under way has
// landed.
func (c *call) carry(from, to net.Conn, up bool) {
	buffer, sky := make(chan []byte, buffered), make(chan flight, buffered)
	gone := make(chan struct{}) // closed when from is
	go func() {
		defer close(buffer)
		defer close(gone)
		for {
			data := make([]byte, c.segment)
			n, err := from.Read(data)
			if err != nil {
				return
			}
			select {
			case buffer <- data[:n]:
			case <-c.ended:
				return
			}
		}
	}()
	go func() {
		defer c.end()
		for f := range sky {
			if !c.wait(time.Until(f.at)) {
				return
			}
			if _, err := to.Write(f.data); err != nil {
				return
			}
		}
	}()
	defer close(sky)
	for data := range buffer {
		if !c.pass(data, up, gone) {
			return
		}
		select {
		case sky <- flight{time.Now().Add(c.f.RTT / 2), data}:
		case <-c.ended:
			return
		}
	}
}

// pass puts a segment on the line; false means that it does not come out at the
// other end, nor does anything behind it.
func (c *call) pass(data []byte, up bool, gone <-chan struct{}) bool {
	n := len(data)
	if c.f.Rate > 0 && !c.wait(time.Duration(n)*time.Second/time.Duration(c.f.Rate)) {
		return false
	}
	c.line.Carried.Add(int64(n))
	moved := c.moved.Add(int64(n))
	if up {
		c.up.Add(int64(n))
	}
	if c.cut >= 0 && moved > c.cut {
		c.line.Cut.Add(1)
		c.end()
		return false
	}
	if c.f.Hole > 0 && n > c.f.Hole && !(up && c.f.Half) || c.f.Mute > 0 && c.up.Load() > int64(c.f.Mute) || !up && c.f.Deaf > 0 && c.up.Load() > int64(c.f.Deaf) {
		select {
		case <-c.ended:
		case <-gone:
		}
		return false
	}
	return true
}

// wait passes time; false means that the connection has ended.
func (c *call) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.ended:
		return false
	}
}
