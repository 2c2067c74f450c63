package bundle

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"shangu/schema/text"
	"shangu/sync/disk"
)

// Place is where a file goes that a command was told to write to a folder or to
// a file of another name.
func Place(arg, name string) (path string, folder bool) {
	if st, err := os.Stat(arg); err == nil && st.IsDir() || arg != "" && os.IsPathSeparator(arg[len(arg)-1]) {
		return filepath.Join(arg, name), true
	}
	return arg, false
}

// Put writes a file on a stick as disk.Put does. The name should be new: FAT has
// no journal, and a rename over an older file can lose both. The error has words.
func Put(d disk.FS, path string, fill func(io.Writer) error) error {
	return explain(disk.Put(d, path, fill, nil), path)
}

// explain gives a stick's errors words.
func explain(err error, path string) error {
	switch {
	case err == nil, text.Of(err) != nil:
		return err
	case disk.IsFull(err):
		return text.Wrap(err, "bundle.stick_full", "file", path)
	case disk.IsReadOnly(err):
		return text.Wrap(err, "bundle.stick_locked", "file", path)
	case errors.Is(err, fs.ErrNotExist):
		return text.Wrap(err, "bundle.no_dir", "dir", filepath.Dir(path))
	}
	return text.Wrap(err, "bundle.stick_failed", "file", path, "cause", err)
}

// Sweep removes what a new bundle made superfluous, once that is safely there:
// others of the same machine and direction, and what a stick that was pulled out
// left half written of them.
func Sweep(d disk.FS, dir, made string) error {
	keep, ok := ParseName(made)
	if !ok {
		return nil
	}
	files, err := d.List(dir)
	if err != nil {
		return fmt.Errorf("look for older bundles: %w", err)
	}
	for _, f := range files {
		n, ok := ParseName(strings.TrimSuffix(strings.ToLower(f), disk.PartEnding))
		if !ok || n.Kind != keep.Kind || n.School != keep.School || n.Chain != keep.Chain || strings.EqualFold(f, made) {
			continue
		}
		if err := d.Remove(filepath.Join(dir, f)); err != nil {
			return fmt.Errorf("remove older bundle: %w", err)
		}
	}
	if err := d.SyncDir(dir); err != nil {
		return fmt.Errorf("remove older bundles: %w", err)
	}
	return nil
}
