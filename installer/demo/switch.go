package demo

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Directions that the link carries bytes in.
const (
	ToHub = iota
	ToSchool
)

var endless = [2]int64{-1, -1}

// Switch is a school's link to the hub as a relay on loopback: it carries TCP
// to one address until it is cut, and again once it is mended.
type Switch struct {
	listener net.Listener
	target   string
	work     sync.WaitGroup

	mu    sync.Mutex
	cut   bool
	left  [2]int64    // bytes until it cuts itself, by direction; -1 for no limit
	over  func() bool // whether it cuts itself now, before it carries more to the school; nil: it does not
	conns map[*net.TCPConn]bool
	done  bool
}

// NewSwitch opens a relay to target on a loopback port of its own. It begins
// cut.
func NewSwitch(target string) (*Switch, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open link switch: %w", err)
	}
	s := &Switch{listener: l, target: target, cut: true, left: endless, conns: map[*net.TCPConn]bool{}}
	s.work.Go(s.accept)
	return s, nil
}

// Addr is where the school finds the hub.
func (s *Switch) Addr() string { return s.listener.Addr().String() }

// Cut breaks the link: what is under way is reset, what comes is turned away.
func (s *Switch) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sever()
}

// Mend joins the link again.
func (s *Switch) Mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut, s.left, s.over = false, endless, nil
}

// MendUntil joins the link until over is true when something is on its way to the
// school: that is lost.
func (s *Switch) MendUntil(over func() bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut, s.left, s.over = false, endless, over
}

// MendFor joins the link for n more bytes in a direction, after which it cuts
// itself in the middle of whatever is being said.
func (s *Switch) MendFor(n int64, direction int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut, s.left, s.over = false, endless, nil
	s.left[direction] = n
}

// IsCut reports whether the link is cut.
func (s *Switch) IsCut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cut
}

// Close ends the relay.
func (s *Switch) Close() error {
	s.mu.Lock()
	s.done = true
	s.sever()
	s.mu.Unlock()
	err := s.listener.Close()
	s.work.Wait()
	return err
}

// sever cuts, with s.mu held.
func (s *Switch) sever() {
	s.cut = true
	for c := range s.conns {
		reset(c)
	}
	clear(s.conns)
}

// reset closes a connection so that the other side is told at once.
func reset(c *net.TCPConn) {
	c.SetLinger(0)
	c.Close()
}

func (s *Switch) accept() {
	for {
		c, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		s.work.Go(func() { s.carry(c.(*net.TCPConn)) })
	}
}

// enter counts a connection in, unless the link is cut.
func (s *Switch) enter(c *net.TCPConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cut || s.done {
		reset(c)
		return false
	}
	s.conns[c] = true
	return true
}

func (s *Switch) leave(c *net.TCPConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	c.Close()
}

// carry relays one connection both ways until a side ends it or the link is cut.
func (s *Switch) carry(school *net.TCPConn) {
	if !s.enter(school) {
		return
	}
	defer s.leave(school)
	c, err := net.DialTimeout("tcp", s.target, 5*time.Second)
	if err != nil {
		reset(school)
		return
	}
	hub := c.(*net.TCPConn)
	if !s.enter(hub) {
		return
	}
	defer s.leave(hub)
	var both sync.WaitGroup
	// Only an end in peace is passed on as one: a cut must not look like it.
	pass := func(to *net.TCPConn, from io.Reader) {
		if _, err := io.Copy(to, from); err != nil {
			reset(school)
			reset(hub)
			return
		}
		to.CloseWrite()
	}
	both.Go(func() { pass(hub, &meter{school, s, ToHub}) })
	both.Go(func() { pass(school, &meter{hub, s, ToSchool}) })
	both.Wait()
}

// meter counts what comes from a side and cuts the link when its time has
// come.
type meter struct {
	net.Conn
	s         *Switch
	direction int
}

// Read implements io.Reader.
func (m *meter) Read(b []byte) (int, error) {
	n, err := m.Conn.Read(b)
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	left := &m.s.left[m.direction]
	switch {
	case m.direction == ToSchool && n > 0 && m.s.over != nil && m.s.over():
		m.s.sever()
		return 0, net.ErrClosed
	case *left < 0:
		return n, err
	case int64(n) < *left:
		*left -= int64(n)
		return n, err
	}
	n = int(*left)
	*left = 0
	m.s.sever()
	return n, net.ErrClosed
}
