package bundle

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/windows"
)

// readOnly reports whether a stick cannot be written: its switch is on.
func readOnly(err error) bool {
	return errors.Is(err, windows.ERROR_WRITE_PROTECT) || errors.Is(err, fs.ErrPermission)
}
