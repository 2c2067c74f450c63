// Package crowd bounds the connections that a server has open. At the bound a
// newcomer is let in and the connection goes that has waited longest without a
// request, from the most crowded address first: whoever opens connections and
// says nothing, or drips a header, only pushes out his own kind. Connections
// whose request is being answered stay, where the server tells.
//
// The package imports nothing of ours.
package crowd

import (
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"
)

type crowd struct {
	net.Listener
	most, each int

	mu     sync.Mutex
	guests map[*guest]struct{}
	from   map[string]int
}

// Listen bounds the connections of l that are open at once: most in all, each
// from one address. A server that has not Watch as its ConnState is not asked
// what its connections are at: the oldest goes.
func Listen(l net.Listener, most, each int) net.Listener {
	return &crowd{Listener: l, most: most, each: each, guests: map[*guest]struct{}{}, from: map[string]int{}}
}

// guest is a connection in the crowd.
type guest struct {
	net.Conn
	crowd  *crowd
	source string
	since  time.Time // when it came or its last request ended
	busy   bool      // a request of its is being answered
	once   sync.Once
}

// Accept implements net.Listener.
func (c *crowd) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		source := conn.RemoteAddr().String()
		if host, _, err := net.SplitHostPort(source); err == nil {
			source = host
		}
		g := &guest{Conn: conn, crowd: c, source: source, since: time.Now()}
		out, ok := c.admit(g)
		if out != nil {
			out.Close()
		}
		if ok {
			return g, nil
		}
		conn.Close()
	}
}

// admit takes a guest in; out is who has to go for it.
func (c *crowd) admit(g *guest) (out *guest, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if full, crowded := len(c.guests) >= c.most, c.from[g.source] >= c.each; full || crowded {
		for o := range c.guests {
			switch {
			case o.busy, crowded && o.source != g.source:
			case out == nil, c.from[o.source] > c.from[out.source],
				c.from[o.source] == c.from[out.source] && o.since.Before(out.since):
				out = o
			}
		}
		if out == nil {
			return nil, false
		}
		c.leave(out)
	}
	c.guests[g] = struct{}{}
	c.from[g.source]++
	return out, true
}

// leave takes a guest off the list. c.mu is held.
func (c *crowd) leave(g *guest) {
	if _, there := c.guests[g]; !there {
		return
	}
	delete(c.guests, g)
	if c.from[g.source]--; c.from[g.source] <= 0 {
		delete(c.from, g.source)
	}
}

// Close implements net.Conn.
func (g *guest) Close() error {
	g.once.Do(func() {
		g.crowd.mu.Lock()
		defer g.crowd.mu.Unlock()
		g.crowd.leave(g)
	})
	return g.Conn.Close()
}

// Watch is an http.Server's ConnState: a connection is busy once the header of
// a request has come whole.
func Watch(c net.Conn, s http.ConnState) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	g, ok := c.(*guest)
	if !ok {
		return
	}
	g.crowd.mu.Lock()
	defer g.crowd.mu.Unlock()
	if g.busy = s == http.StateActive; !g.busy {
		g.since = time.Now()
	}
}
