package disk

import "os"

// extend gives a file size bytes and the room for them.
func extend(f *os.File, size int64) error {
	if err := allocate(int(f.Fd()), 0, size); err != nil {
		return err
	}
	// Where the file system cannot allocate, zeros take the room.
	return Preallocate(osFile{f}, size)
}
