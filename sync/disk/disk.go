// Package disk writes what must survive a power cut, and says how much room is
// left. It holds the few operations that journal and store need, as interfaces
// small enough that Sim, a disk in memory that loses, tears and reorders what
// was not synced, can stand in for the real one in any test.
//
// It imports nothing of this module. It never decides what to do about an
// error: it returns it.
package disk

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// ErrCut is returned by every operation on a Sim whose power has failed.
var ErrCut = errors.New("disk: the power is cut")

// ErrLocked is returned by Lock while another process holds the lock.
var ErrLocked = errors.New("disk: another process is using it")

// File is an open file. Offsets are explicit: whoever writes knows where.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Size is the file's length in bytes.
	Size() (int64, error)
	// Datasync returns when the content, and the length needed to read it
	// back, are on stable storage. After an error nothing is known of what
	// was written since the last success.
	Datasync() error
}

// FS is a disk. Names are paths as package os takes them.
type FS interface {
	// Open opens a file for reading and writing; with create, a new and empty
	// one, and it fails when the name is taken.
	Open(name string, create bool) (File, error)
	// List returns the names in a directory, sorted. A directory that does
	// not exist is empty.
	List(dir string) ([]string, error)
	// Rename gives a file or directory another name, replacing a file of that
	// name. Durable after SyncDir of the parent.
	Rename(from, to string) error
	// Remove takes a file, or a directory with all in it, away. A name that
	// does not exist is no error.
	Remove(name string) error
	// SyncDir makes the directory exist and its names durable.
	SyncDir(dir string) error
}

// OS is the real disk.
var OS FS = osFS{}

type osFS struct{}

type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

func (f osFile) Datasync() error { return Datasync(f.File) }

func (osFS) Open(name string, create bool) (File, error) {
	flag := os.O_RDWR
	if create {
		flag |= os.O_CREATE | os.O_EXCL
	}
	f, err := os.OpenFile(name, flag, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func (osFS) Rename(from, to string) error { return rename(from, to) }

func (osFS) Remove(name string) error { return removeAll(name) }

func (fs osFS) SyncDir(dir string) error {
	dir = filepath.Clean(dir) // "" is the present directory, whose parent is itself
	err := os.Mkdir(dir, 0o700)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if err := fs.SyncDir(filepath.Dir(dir)); err != nil {
			return err
		}
		return fs.SyncDir(dir)
	case err == nil:
		if err := syncDir(filepath.Dir(dir)); err != nil {
			return err
		}
	}
	return syncDir(dir)
}

// WriteFile replaces the file at path by data so that after a power cut at any
// instant either the old content is there or all of the new: a temporary file
// beside it, synced, and published over it. perm applies to the new file.
func WriteFile(path string, data []byte, perm os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".tmp*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(perm)
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = Publish(OS, f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), OS.Remove(f.Name()))
	}
	return nil
}

// WriteTo is WriteFile on any disk, readable by the owner alone.
func WriteTo(fs FS, path string, data []byte) error {
	if fs == OS {
		return WriteFile(path, data, 0o600)
	}
	temp := path + ".tmp"
	err := fs.Remove(temp)
	if err == nil {
		err = writeNew(fs, temp, data)
	}
	if err == nil {
		err = Publish(fs, temp, path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func writeNew(fs FS, name string, data []byte) error {
	f, err := fs.Open(name, true)
	if err != nil {
		return err
	}
	if _, err = f.WriteAt(data, 0); err == nil {
		err = f.Datasync()
	}
	return errors.Join(err, f.Close())
}

// ReadFile returns all of a file, at most max bytes of it.
func ReadFile(fs FS, path string, max int64) ([]byte, error) {
	f, err := fs.Open(path, false)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > max {
		return nil, fmt.Errorf("read %s: %d bytes, expected at most %d", path, size, max)
	}
	b := make([]byte, size)
	if n, err := f.ReadAt(b, 0); int64(n) < size {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return b, nil
}

// zeros is written to take room. 64 KiB a write is where more gains nothing.
var zeros [64 << 10]byte

// Preallocate fills f with zeros from its end to size, so that later writes
// below size need neither room nor a change of the file's extents: their
// Datasync is then one write to the disk. (fallocate alone leaves unwritten
// extents, each of whose first writes costs a journal commit of the file
// system.) The caller syncs.
func Preallocate(f File, size int64) error {
	pos, err := f.Size()
	for err == nil && pos < size {
		var n int
		n, err = f.WriteAt(zeros[:min(size-pos, int64(len(zeros)))], pos)
		pos += int64(n)
	}
	return err
}
