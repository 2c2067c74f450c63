package drill

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// smallDisk is a file system of its own, and somebody's film on it that takes
// all the room there is.
type smallDisk struct {
	dir  string
	film *os.File
	size int64
}

// mountSmall mounts a disk of some MiB on a folder. why says why it could not.
func mountSmall(dir string, mib int) (d *smallDisk, why error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("needs root to mount a small disk")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := unix.Mount("small", dir, "tmpfs", 0, fmt.Sprintf("size=%dm,mode=0700", mib)); err != nil {
		return nil, fmt.Errorf("mount a small disk: %w", err)
	}
	film, err := os.Create(filepath.Join(dir, "film.mp4"))
	if err != nil {
		return nil, errors.Join(err, unix.Unmount(dir, unix.MNT_DETACH))
	}
	return &smallDisk{dir: dir, film: film}, nil
}

// fill takes the disk's room to the last byte.
func (d *smallDisk) fill() (err error) {
	d.size, err = fillUp(d.film, d.size)
	return err
}

// clear deletes what fill wrote.
func (d *smallDisk) clear() error {
	d.size = 0
	return d.film.Truncate(0)
}

func (d *smallDisk) unmount() error {
	return errors.Join(d.film.Close(), unix.Unmount(d.dir, unix.MNT_DETACH))
}
