package disk

import (
	"os"
	"path/filepath"
)

// SyncTree makes all files below dir durable, and their names.
func SyncTree(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		name := filepath.Join(dir, f.Name())
		if f.IsDir() {
			if err := SyncTree(name); err != nil {
				return err
			}
			continue
		}
		h, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		err = h.Sync()
		if e := h.Close(); err == nil {
			err = e
		}
		if err != nil {
			return err
		}
	}
	return OS.SyncDir(dir)
}
