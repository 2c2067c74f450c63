package cli

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"

	"shangu/schema/text"
	"shangu/sync/disk"
)

// Save writes the file that a command was told to write, which may be on a
// stick, as disk.Put does, for its owner's eyes alone: names of children may be
// in it. The error has words.
func Save(path string, fill func(io.Writer) error, check func(part string) error) error {
	err := disk.Put(disk.OS, path, fill, check)
	switch {
	case err == nil, text.Of(err) != nil:
		return err
	case disk.IsFull(err):
		return text.Wrap(err, "host.file_full", "file", path)
	case disk.IsReadOnly(err):
		return text.Wrap(err, "host.file_locked", "file", path)
	case errors.Is(err, fs.ErrNotExist):
		return text.Wrap(err, "host.file_no_dir", "file", path, "dir", filepath.Dir(path))
	}
	return text.Wrap(err, "host.file_failed", "file", path)
}

// SaveBytes is Save of what is in memory.
func SaveBytes(path string, b []byte) error {
	return Save(path, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}, nil)
}
