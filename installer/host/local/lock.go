package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"shangu/schema/text"
)

// ErrHeld means that another process has the store open.
var ErrHeld = errors.New("another process has this store open")

// How often Reach looks again while somebody holds the lock but does not serve.
const lookAgain = 50 * time.Millisecond

// Held is the lock of a data directory. The operating system lets go of it
// when the process ends, however it ends.
type Held struct {
	once sync.Once
	file *os.File
}

// Permitted fails, in words, where this user may not look into a data directory:
// what lies there then seems not to exist. That there is none is no failure.
func Permitted(dir string) error {
	if _, err := os.Lstat(filepath.Join(dir, LockFile)); errors.Is(err, fs.ErrPermission) {
		return text.Wrap(err, "host.denied", "dir", dir)
	}
	return nil
}

// Lock takes the lock of a data directory, which must exist. It does not wait:
// if another process holds it the error is ErrHeld.
func Lock(dir string) (*Held, error) {
	path := filepath.Join(dir, LockFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, text.Wrap(err, "host.denied", "dir", dir)
	case errors.Is(err, fs.ErrNotExist):
		return nil, text.Wrap(err, "host.no_such_dir", "dir", dir)
	case err != nil:
		return nil, fmt.Errorf("open lock: %w", err)
	}
	switch held, err := lockFile(f); {
	case err != nil:
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	case !held:
		f.Close()
		return nil, text.Wrap(ErrHeld, "host.held", "dir", dir, "pid", holder(path))
	}
	// The number is for the message of whoever comes second; the lock itself
	// does not depend on it.
	if err := f.Truncate(0); err == nil {
		f.WriteAt([]byte(strconv.Itoa(os.Getpid())), 0)
	}
	return &Held{file: f}, nil
}

// Release gives the lock back. The file stays: removing it would let two
// processes hold locks on two files of one name.
func (h *Held) Release() {
	h.once.Do(func() { h.file.Close() })
}

// holder reads the process number that the lock's holder wrote, "?" if it
// cannot be read.
func holder(path string) string {
	b, err := os.ReadFile(path)
	if s := strings.TrimSpace(string(b)); err == nil && s != "" {
		return s
	}
	return "?"
}

// Reach returns a client of the service that runs on dir or, if none does, the
// lock with which the caller may open the store itself; exactly one of the two
// if err is nil. A service that is starting up, and another command that has
// the store for a moment, are waited for until ctx is done.
func Reach(ctx context.Context, dir string) (*http.Client, *Held, error) {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		if c, ok := Client(dir); ok {
			return c, nil, nil
		}
		held, err := Lock(dir)
		if !errors.Is(err, ErrHeld) {
			return nil, held, err
		}
		select {
		case <-ctx.Done():
			return nil, nil, err
		case <-tick.C:
		}
	}
}
