//go:build unix

package bundle

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// readOnly reports whether a stick cannot be written: its switch is on, or it
// was mounted so.
func readOnly(err error) bool {
	return errors.Is(err, unix.EROFS) || errors.Is(err, fs.ErrPermission)
}
