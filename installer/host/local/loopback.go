package local

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// A loopback port can be reached by every user of the machine and by any page
// in a browser, and after a crash another program may come to listen on it. So
// both sides prove that they know the key in the address file before a byte of
// HTTP is read, and the key itself is never sent:
//
//	client -> server   32 bytes  nonce c
//	server -> client   32 bytes  nonce s, 32 bytes HMAC-SHA256(key, "server" c s)
//	client -> server   32 bytes  HMAC-SHA256(key, "client" c s)
//
// The key is fresh for each Listen.
const nonceSize = 32

// How long a peer may take over the handshake.
const handshakeTimeout = 3 * time.Second

var errKey = errors.New("the other side does not know the key")

func proof(key []byte, side string, c, s []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(side))
	m.Write(c)
	m.Write(s)
	return m.Sum(nil)
}

// listenLoopback opens a loopback port and writes its address and key into
// dir by way of write, which makes a file that others cannot read.
func listenLoopback(dir string, write func(path string, data []byte) error) (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen on loopback: %w", err)
	}
	key := make([]byte, nonceSize)
	rand.Read(key)
	path := filepath.Join(dir, addressName)
	if err := write(path, fmt.Appendf(nil, "%s %x\n", l.Addr(), key)); err != nil {
		l.Close()
		return nil, fmt.Errorf("write local address: %w", err)
	}
	return &loopback{Listener: l, key: key, path: path}, nil
}

type loopback struct {
	net.Listener
	key  []byte
	path string
	once sync.Once
}

func (l *loopback) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &keyed{Conn: c, key: l.key}, nil
}

func (l *loopback) Close() error {
	l.once.Do(func() { os.Remove(l.path) })
	return l.Listener.Close()
}

// keyed is the server's end. The handshake is done by the first Read, so that
// a silent peer holds up its own connection alone.
type keyed struct {
	net.Conn
	key  []byte
	once sync.Once
	err  error
}

func (k *keyed) Read(b []byte) (int, error) {
	k.once.Do(func() {
		k.Conn.SetDeadline(time.Now().Add(handshakeTimeout))
		if k.err = answer(k.Conn, k.key); k.err != nil {
			k.Conn.Close()
			return
		}
		k.err = k.Conn.SetDeadline(time.Time{})
	})
	if k.err != nil {
		return 0, k.err
	}
	return k.Conn.Read(b)
}

func answer(c io.ReadWriter, key []byte) error {
	nonces := make([]byte, 2*nonceSize)
	if _, err := io.ReadFull(c, nonces[:nonceSize]); err != nil {
		return err
	}
	rand.Read(nonces[nonceSize:])
	cn, sn := nonces[:nonceSize], nonces[nonceSize:]
	if _, err := c.Write(append(append([]byte{}, sn...), proof(key, "server", cn, sn)...)); err != nil {
		return err
	}
	got := make([]byte, sha256.Size)
	if _, err := io.ReadFull(c, got); err != nil {
		return err
	}
	if !hmac.Equal(got, proof(key, "client", cn, sn)) {
		return errKey
	}
	return nil
}

func ask(c io.ReadWriter, key []byte) error {
	cn := make([]byte, nonceSize)
	rand.Read(cn)
	if _, err := c.Write(cn); err != nil {
		return err
	}
	got := make([]byte, nonceSize+sha256.Size)
	if _, err := io.ReadFull(c, got); err != nil {
		return err
	}
	sn := got[:nonceSize]
	if !hmac.Equal(got[nonceSize:], proof(key, "server", cn, sn)) {
		return errKey
	}
	_, err := c.Write(proof(key, "client", cn, sn))
	return err
}

func dialLoopback(ctx context.Context, dir string) (net.Conn, error) {
	data, err := os.ReadFile(filepath.Join(dir, addressName))
	if err != nil {
		return nil, err
	}
	addr, key, err := parseAddress(string(data))
	if err != nil {
		return nil, err
	}
	c, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	c.SetDeadline(time.Now().Add(handshakeTimeout))
	if err := ask(c, key); err != nil {
		c.Close()
		return nil, fmt.Errorf("dial local service: %w", err)
	}
	c.SetDeadline(time.Time{})
	return c, nil
}

// parseAddress reads "127.0.0.1:port hexkey".
func parseAddress(s string) (addr string, key []byte, err error) {
	addr, hexkey, _ := strings.Cut(strings.TrimSpace(s), " ")
	host, _, err := net.SplitHostPort(addr)
	if err == nil && host != "127.0.0.1" {
		err = errors.New("not a loopback address")
	}
	if err == nil {
		var n int
		n, err = fmt.Sscanf(hexkey, "%x", &key)
		if err == nil && (n != 1 || len(key) != nonceSize) {
			err = errors.New("key of wrong length")
		}
	}
	if err != nil {
		return "", nil, fmt.Errorf("read local address: %w", err)
	}
	return addr, key, nil
}
