package service

import (
	"io/fs"
	"path/filepath"
)

// volume is the drive that holds dir; here reports whether a folder is on it.
func volume(dir string) (root string, here func(fs.DirEntry) bool) {
	return filepath.VolumeName(dir) + `\`, func(d fs.DirEntry) bool { return d.Type()&fs.ModeIrregular == 0 }
}
