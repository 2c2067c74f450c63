package intake

import (
	"errors"

	"golang.org/x/sys/windows"
)

// inUse reports whether another program holds the file: Excel and WPS lock what
// they have open.
func inUse(err error) bool {
	return errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_LOCK_VIOLATION)
}
