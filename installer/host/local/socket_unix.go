//go:build unix

package local

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
)

// A unix socket's path has room for 107 bytes, or 103 on BSDs. A data directory
// may be longer than that.
const maxSocketPath = 100

// listen binds under a name of its own, narrows the permissions and only then
// renames to the name that clients look for: there is no instant at which the
// socket is wider than 0600, nor one at which a stale one is gone and the new
// one is not there yet.
func listen(dir string) (net.Listener, error) {
	path := filepath.Join(dir, socketName)
	fresh := "." + rand.Text()[:8]
	short, done, err := shorten(dir, fresh)
	if err != nil {
		return nil, err
	}
	defer done()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	l.SetUnlinkOnClose(false)
	made := filepath.Join(dir, fresh)
	if err := os.Chmod(made, 0o600); err == nil {
		err = os.Rename(made, path)
		if err == nil {
			return &socket{Listener: l, path: path}, nil
		}
	}
	l.Close()
	os.Remove(made)
	return nil, fmt.Errorf("listen on %s: %w", path, err)
}

// socket removes its file when it is closed.
type socket struct {
	net.Listener
	path string
	once sync.Once
}

func (s *socket) Close() error {
	s.once.Do(func() { os.Remove(s.path) })
	return s.Listener.Close()
}

func dial(ctx context.Context, dir string) (net.Conn, error) {
	short, done, err := shorten(dir, socketName)
	if err != nil {
		return nil, err
	}
	defer done()
	return (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "unix", short)
}
