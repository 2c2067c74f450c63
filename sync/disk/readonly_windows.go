package disk

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/windows"
)

// IsReadOnly reports whether err says that a disk cannot be written: a stick's
// switch is on, or this user may not.
func IsReadOnly(err error) bool {
	return errors.Is(err, windows.ERROR_WRITE_PROTECT) || errors.Is(err, fs.ErrPermission)
}
