package journal

import (
	"errors"
	"fmt"
	"path/filepath"

	"shangu/sync/disk"
)

// spareName is a file of zeros as large as a segment: the next segment is made
// of it, so that a disk which has no room left still takes a year of a school's
// entries.
const spareName = "spare.tmp"

// HoldSpare makes the spare segment if there is none. It fails with ErrDiskFull
// when there is no room for it.
func (j *Journal) HoldSpare() error {
	path, fs := filepath.Join(j.dir, spareName), j.opts.FS
	if f, err := fs.Open(path, false); err == nil {
		size, err := f.Size()
		if err = errors.Join(err, f.Close()); err != nil || size >= j.opts.SegmentSize {
			return err
		}
	}
	err := fs.Remove(path)
	if err == nil {
		var f disk.File
		if f, err = fs.Open(path, true); err == nil {
			if err = disk.Preallocate(f, j.opts.SegmentSize); err == nil {
				err = f.Datasync()
			}
			err = errors.Join(err, f.Close())
		}
	}
	if err != nil {
		return fmt.Errorf("hold spare segment: %w", full(errors.Join(err, fs.Remove(path))))
	}
	return nil
}

// blank opens an empty file, or the spare one, under a name.
func (j *Journal) blank(name string) (disk.File, error) {
	fs := j.opts.FS
	spare := filepath.Join(j.dir, spareName)
	if f, err := fs.Open(spare, false); err == nil {
		if err := f.Close(); err != nil {
			return nil, err
		}
		if err := fs.Rename(spare, name); err != nil {
			return nil, err
		}
		return fs.Open(name, false)
	}
	return fs.Open(name, true)
}
