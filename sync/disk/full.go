package disk

import "errors"

// ErrFull is a disk without room, as Sim reports it. Test with IsFull, which
// also knows the operating system's own errors.
var ErrFull = errors.New("disk: no room left")

// IsFull reports whether err says that the disk, or this user's part of it, has
// no room left.
func IsFull(err error) bool {
	if errors.Is(err, ErrFull) {
		return true
	}
	for _, e := range fullErrors {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
