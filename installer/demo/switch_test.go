package demo

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// echo answers each line with itself and counts the bytes that reach it.
func echo(t *testing.T) (addr string, received *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	received = new(atomic.Int64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				b := make([]byte, 4096)
				for {
					n, err := c.Read(b)
					received.Add(int64(n))
					if err != nil {
						return
					}
					c.Write(b[:n])
				}
			}()
		}
	}()
	return l.Addr().String(), received
}

// exchange sends a line through the switch and reports whether it came back.
func exchange(t *testing.T, c net.Conn) error {
	t.Helper()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, "roll\n"); err != nil {
		return err
	}
	_, err := bufio.NewReader(c).ReadString('\n')
	return err
}

func TestSwitchCutsAndMends(t *testing.T) {
	target, _ := echo(t)
	s, err := NewSwitch(target)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	try := func() (net.Conn, error) {
		c, err := net.Dial("tcp", s.Addr())
		if err != nil {
			return nil, err
		}
		t.Cleanup(func() { c.Close() })
		return c, exchange(t, c)
	}
	if _, err := try(); err == nil {
		t.Fatal("a new switch carries")
	}
	s.Mend()
	open, err := try()
	if err != nil {
		t.Fatalf("mended: %v", err)
	}
	s.Cut()
	if err := exchange(t, open); err == nil {
		t.Fatal("a connection outlived the cut")
	}
	if _, err := try(); err == nil {
		t.Fatal("a connection was made while cut")
	}
	s.Mend()
	if _, err := try(); err != nil {
		t.Fatalf("mended again: %v", err)
	}
}

func TestSwitchCutsItselfAfterSomeBytes(t *testing.T) {
	target, received := echo(t)
	s, err := NewSwitch(target)
	if err != nil {
		t.Fatal(err)
	}
	s.MendFor(1000, ToHub)
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	go c.Write(bytes.Repeat([]byte("x"), 100_000))
	if n, err := io.Copy(io.Discard, c); err == nil {
		t.Fatalf("the stream ended in peace after %d bytes", n)
	}
	if !s.IsCut() {
		t.Error("the switch is not cut")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := received.Load(); n > 1000 {
		t.Errorf("%d bytes got through", n)
	}
}
