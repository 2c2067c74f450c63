package disk

import (
	"os"

	"golang.org/x/sys/unix"
)

// Datasync syncs a file's content by fdatasync(2), which leaves out the times.
func Datasync(f *os.File) error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if err == nil {
			return nil
		}
		if err != unix.EINTR {
			return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
	}
}
