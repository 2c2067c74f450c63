package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Ballast is a file without content that holds room on a disk, to be given back
// when there is no other. It need not survive a power cut: what is lost of it is
// taken again.
type Ballast struct{ path string }

// NewBallast names the file of a Ballast, which may be there already.
func NewBallast(path string) *Ballast { return &Ballast{path} }

// Size is the room that is held, in bytes.
func (b *Ballast) Size() int64 {
	st, err := os.Stat(b.path)
	if err != nil {
		return 0
	}
	return st.Size()
}

// Hold makes the ballast size bytes large if it is smaller. Where there is not
// that much room it stays as it was.
func (b *Ballast) Hold(size int64) error {
	had := b.Size()
	if had >= size {
		return nil
	}
	f, err := os.OpenFile(b.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("hold room: %w", err)
	}
	err = extend(f, size)
	if err != nil {
		err = errors.Join(fmt.Errorf("hold room: %w", err), f.Truncate(had))
	}
	return errors.Join(err, f.Close())
}

// Release gives up to n bytes back and returns how many.
func (b *Ballast) Release(n int64) (int64, error) {
	had := b.Size()
	if n = min(n, had); n <= 0 {
		return 0, nil
	}
	var err error
	if n == had {
		err = os.Remove(b.path)
	} else {
		err = os.Truncate(b.path, had-n)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("release room: %w", err)
	}
	return n, nil
}
