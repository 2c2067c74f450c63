//go:build !windows

package intake

import (
	"errors"
	"syscall"
)

// inUse reports whether another program holds the file.
func inUse(err error) bool { return errors.Is(err, syscall.EBUSY) || errors.Is(err, syscall.ETXTBSY) }
