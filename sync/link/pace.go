package link

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"shangu/sync/frame"
	"shangu/sync/session"
)

// A push should cross the line in about paceWindow: long enough that the round
// trip hardly counts, short enough that a line which drops every minute still
// lets pushes through.
const (
	paceWindow = 4 * time.Second
	minBudget  = 4 << 10
	minSample  = 4 << 10 // bytes below which a transfer tells latency, not speed
)

// pace measures what the line carries.
type pace struct {
	moved atomic.Int64 // bytes both ways since the program started
	mu    sync.Mutex
	speed float64 // bytes a second; 0: unknown
	rtt   time.Duration
}

// observe takes one exchange that moved n bytes.
func (p *pace) observe(n int64, took time.Duration) {
	if n < minSample {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	took = max(took-p.rtt, took/4, time.Millisecond)
	sample := float64(n) / took.Seconds()
	if p.speed == 0 {
		p.speed = sample
		return
	}
	p.speed += 0.3 * (sample - p.speed)
}

// slow takes an exchange that failed on the way: the next push is smaller.
func (p *pace) slow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.speed == 0 {
		p.speed = session.DefaultBudget / paceWindow.Seconds()
	}
	p.speed = max(p.speed/2, minBudget/paceWindow.Seconds())
}

func (p *pace) dialed(took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rtt = took
}

// Speed is the line's speed in bytes a second, 0 while unknown.
func (p *pace) Speed() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.speed
}

// Budget is a push's size in bytes.
func (p *pace) Budget() int {
	s := p.Speed()
	if s == 0 {
		return session.DefaultBudget
	}
	return int(min(max(s*paceWindow.Seconds(), minBudget), frame.MaxPack))
}

// counted counts a connection's bytes and cuts it when nothing moves. It was
// dialled as addr and reached at another name for it.
func (l *Link) counted(n net.Conn, addr, at string, narrow bool, took time.Duration) net.Conn {
	l.pace.dialed(took)
	segment := packetBytes
	if narrow {
		segment = narrowPacked
	}
	l.spent(headerBytes, synBytes)
	c := &conn{Conn: n, addr: addr, at: at, narrow: narrow, stall: l.c.Stall, last: time.Now(), count: func(sent, received int) {
		l.pace.moved.Add(int64(sent + received))
		l.spent(onLine(sent, segment), onLine(received, segment))
	}}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn, l.dialing = c, false
	return c
}

// conn is a connection whose deadline moves on with every byte, so that a
// slow transfer may take its time and a dead one is noticed. What was written
// may still wait in the system's buffers, so an answer gets as much longer as
// those bytes take at drain.
type conn struct {
	net.Conn
	addr, at string // host:port as dialled, and the address behind it
	narrow   bool   // its packets are kept small
	stall    time.Duration
	count    func(sent, received int)

	mu      sync.Mutex
	unheard int // bytes written since anything was read
	since   time.Time
	lately  int       // bytes since then
	last    time.Time // when a byte moved or a request began
	stood   bool
}

// stillness is how long a peer that heard us does not keep silent for.
const stillness = 10 * time.Second

// begin begins a request: silence before it says nothing, and what was answered
// after a silence had a slow hub.
func (c *conn) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last, c.stood = time.Now(), false
}

// look notes whether the connection stands still. It is asked before each
// attempt to move something and after it: those who give a connection up send
// an alert first.
func (c *conn) look(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stood = c.stood || time.Since(c.last) > stillness || errors.Is(err, errUnheard)
}

// swallowed reports whether the connection stands still, or did so before it
// ended, whoever lost patience first: the other side may have parted with an
// alert, or the system have given up on what was never acknowledged.
func (c *conn) swallowed() bool {
	c.look(nil)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stood
}

const (
	crawlWindow = 2 * time.Minute // in which at least crawlLeast bytes must move
	crawlLeast  = 1 << 10

	drain = 2 << 10  // bytes a second that any line in use carries
	chunk = 16 << 10 // how much is written under one deadline
)

// moved takes progress and moves the deadlines on.
func (c *conn) moved(sent, received int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unheard += sent; received > 0 {
		c.unheard = 0
	}
	now := time.Now()
	if sent+received > 0 {
		c.last = now
	}
	// Somebody who answers with a byte now and then never stands still.
	if c.lately += sent + received; c.since.IsZero() {
		c.since = now
	} else if now.Sub(c.since) > crawlWindow {
		if c.lately < crawlLeast {
			return errCrawl
		}
		c.since, c.lately = now, 0
	}
	if err := c.SetReadDeadline(now.Add(c.stall + time.Duration(c.unheard)*time.Second/drain)); err != nil {
		return err
	}
	return c.SetWriteDeadline(now.Add(c.stall))
}

func (c *conn) Read(b []byte) (int, error) {
	if err := c.moved(0, 0); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(b)
	c.look(err)
	if n > 0 {
		c.count(0, n)
		err = errors.Join(err, c.moved(0, n))
	}
	return n, err
}

func (c *conn) Write(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		end := min(n+chunk, len(b))
		c.look(nil)
		if err := c.moved(end-n, 0); err != nil {
			return n, err
		}
		var k int
		k, err = c.Conn.Write(b[n:end])
		n += k
		c.count(k, 0)
		c.look(err)
	}
	return n, err
}
