package seal

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
)

// CopyEnding ends the name of a file's second copy.
const CopyEnding = ".copy"

// Twice keeps a file that nobody could make anew in two copies: a disk that
// loses one, or gives back something else, costs nothing. Sound says whether
// content is what was written; nil takes any.
type Twice struct {
	Files interface {
		Read(path string) ([]byte, error)
		Write(path string, data []byte, perm os.FileMode) error
	}
	Sound func([]byte) error
}

// Read returns a file's content, of its copy if it is not sound or not there,
// and makes good what was wrong. Where neither is sound it fails as Files does,
// or with Sound's error.
func (t Twice) Read(path string) ([]byte, error) {
	b, err := t.sound(path)
	c, e := t.sound(path + CopyEnding)
	switch {
	case err == nil && (e != nil || !bytes.Equal(b, c)):
		// The copy is for another day: where this fails, the next start tries again.
		_ = t.Files.Write(path+CopyEnding, b, mode(path))
	case err != nil && e == nil:
		return c, t.Files.Write(path, c, mode(path+CopyEnding))
	case err != nil && errors.Is(err, fs.ErrNotExist) && !errors.Is(e, fs.ErrNotExist):
		return nil, e // it is not as if there had never been one
	}
	return b, err
}

func (t Twice) sound(path string) ([]byte, error) {
	b, err := t.Files.Read(path)
	if err == nil && t.Sound != nil {
		err = t.Sound(b)
	}
	return b, err
}

func mode(path string) os.FileMode {
	if st, err := os.Stat(path); err == nil {
		return st.Mode().Perm()
	}
	return 0o600
}

// Write stores both copies.
func (t Twice) Write(path string, data []byte, perm os.FileMode) error {
	if err := t.Files.Write(path, data, perm); err != nil {
		return err
	}
	return t.Files.Write(path+CopyEnding, data, perm)
}
