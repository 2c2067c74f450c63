//go:build unix

package disk

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

var fullErrors = []error{unix.ENOSPC, unix.EDQUOT}

func rename(from, to string) error { return os.Rename(from, to) }

func removeAll(path string) error { return os.RemoveAll(path) }

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// settleFile syncs a file that is closed. It is opened for reading: a program
// that somebody has open for writing cannot be started.
func settleFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(Datasync(f), f.Close())
}

// Free returns the bytes that an ordinary user may still write on the file
// system that holds path.
func Free(path string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: path, Err: err}
	}
	return uint64(st.Bavail) * uint64(st.Bsize), nil
}
