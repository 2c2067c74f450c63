package gate

import (
	"net"
	"sync/atomic"
)

// hush has nothing said to those who have hung up. TLS parts with an alert; an
// agent cuts its line once it has its answer, and pays for the alert and for the
// packet by which its system refuses it.
type hush struct{ net.Listener }

// Accept implements net.Listener.
func (h hush) Accept() (net.Conn, error) {
	c, err := h.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &hushed{Conn: c}, nil
}

// hushed is a connection of a hush.
type hushed struct {
	net.Conn
	over atomic.Bool // nothing comes from the other end any more
}

// alertRecord is the size of an alert under TLS 1.3, in bytes: header 5, level and
// description, type 1, tag 16. An answer is larger, and still goes to one who has
// closed its own direction alone.
const alertRecord = 5 + 2 + 1 + 16

// Read implements net.Conn.
func (c *hushed) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n == 0 && err != nil {
		c.over.Store(true)
	}
	return n, err
}

// Write implements net.Conn.
func (c *hushed) Write(b []byte) (int, error) {
	if len(b) == alertRecord && c.over.Load() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}
