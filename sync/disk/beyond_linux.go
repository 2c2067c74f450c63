package disk

import (
	"errors"
	"os"
)

// MakeEmpty makes a file of no length that has the room for size bytes: whoever
// gives it that length later needs no more. ok is false where the operating
// system cannot do that, and then there is no file.
func MakeEmpty(path string, size int64) (ok bool, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return false, err
	}
	err = fillHoles(int(f.Fd()), size)
	if err = errors.Join(err, f.Close()); err != nil {
		return false, errors.Join(err, os.Remove(path))
	}
	return true, nil
}
