//go:build unix

package disk

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// IsReadOnly reports whether err says that a disk cannot be written: a stick's
// switch is on, it was mounted so, or this user may not.
func IsReadOnly(err error) bool {
	return errors.Is(err, unix.EROFS) || errors.Is(err, fs.ErrPermission)
}
