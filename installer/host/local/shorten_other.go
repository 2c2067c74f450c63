//go:build unix && !linux

package local

import (
	"path/filepath"

	"shangu/schema/text"
)

// shorten refuses a path that does not fit a socket address: only Linux lets
// one be reached through an open directory.
func shorten(dir, name string) (path string, done func(), err error) {
	path = filepath.Join(dir, name)
	if len(path) > maxSocketPath {
		return "", nil, text.New("host.path_long", "dir", dir, "limit", maxSocketPath)
	}
	return path, func() {}, nil
}
