package disk

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/windows"
)

var fullErrors = []error{windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL, windows.ERROR_DISK_QUOTA_EXCEEDED}

func rename(from, to string) error {
	return patiently(func() error { return os.Rename(from, to) })
}

// removeAll is os.RemoveAll by calls that every Windows has: Go's own needs one
// for a directory with files in it that Wine lacks.
func removeAll(path string) error {
	st, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	// A link to a directory is none here: what it leads to stays.
	if st.IsDir() {
		entries, err := os.ReadDir(path)
		if err != nil {
			return err
		}
		for _, e := range entries {
			err = errors.Join(err, removeAll(filepath.Join(path, e.Name())))
		}
		if err != nil {
			return err
		}
	}
	err = patiently(func() error { return os.Remove(path) })
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// patiently waits out a virus scanner or indexer that holds a file open for a
// moment, as they do after each write. What was removed while they hold it is
// in its directory until they let go.
func patiently(do func() error) (err error) {
	for wait := 5 * time.Millisecond; wait < time.Second; wait *= 2 {
		err = do()
		if !slices.ContainsFunc(passing, func(e error) bool { return errors.Is(err, e) }) {
			return err
		}
		time.Sleep(wait)
	}
	return err
}

var passing = []error{windows.ERROR_SHARING_VIOLATION, windows.ERROR_ACCESS_DENIED, windows.ERROR_DIR_NOT_EMPTY}

// syncDir does nothing: Windows has no such call, and NTFS journals names.
func syncDir(string) error { return nil }

// settleFile syncs a file that is closed, which takes the right to write to it.
func settleFile(path string) error {
	var f *os.File
	err := patiently(func() (err error) {
		f, err = os.OpenFile(path, os.O_RDWR, 0)
		return err
	})
	if err != nil {
		return err
	}
	return errors.Join(Datasync(f), f.Close())
}

// Free returns the bytes that this user may still write on the volume that
// holds path.
func Free(path string) (uint64, error) {
	p, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, &os.PathError{Op: "free space", Path: path, Err: err}
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(p, &free, nil, nil); err != nil {
		return 0, &os.PathError{Op: "free space", Path: path, Err: err}
	}
	return free, nil
}
