//go:build unix

package service

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// volume is where the disk that holds dir is mounted; here reports whether a
// folder is on it.
func volume(dir string) (root string, here func(fs.DirEntry) bool) {
	dev, ok := device(os.Stat(dir))
	if !ok {
		return dir, func(fs.DirEntry) bool { return true }
	}
	for root = dir; ; root = filepath.Dir(root) {
		if up, ok := device(os.Stat(filepath.Dir(root))); !ok || up != dev || root == filepath.Dir(root) {
			break
		}
	}
	return root, func(d fs.DirEntry) bool {
		its, ok := device(d.Info())
		return ok && its == dev
	}
}

func device(info fs.FileInfo, err error) (uint64, bool) {
	if err != nil {
		return 0, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return uint64(st.Dev), true
}
