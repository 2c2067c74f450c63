//go:build !linux

package disk

import "os"

// extend gives a file size bytes and the room for them: a file that is not
// sparse has its room with its length on NTFS.
func extend(f *os.File, size int64) error {
	if st, err := f.Stat(); err != nil || st.Size() >= size {
		return err
	}
	return f.Truncate(size)
}
