package local

import (
	"fmt"
	"os"
	"path/filepath"
)

// shorten returns a path to dir/name that fits a socket address: through the
// open directory when the real one is too long. That needs no second place
// such as /tmp, which a service with PrivateTmp does not share with commands.
// The path holds until done is called.
func shorten(dir, name string) (path string, done func(), err error) {
	path = filepath.Join(dir, name)
	if len(path) <= maxSocketPath {
		return path, func() {}, nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), name), func() { d.Close() }, nil
}
