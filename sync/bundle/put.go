package bundle

import (
	"bufio"
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

// Put writes a file on a stick: beside its place, synced, then renamed, then it
// and the directory synced. Whenever the stick is pulled out, the file is whole or not
// there. The name should be new: FAT has no journal, and a rename over an older
// file can lose both. The error has words.
func Put(d disk.FS, path string, fill func(io.Writer) error) error {
	part := path + partEnding
	err := d.Remove(part)
	if err == nil {
		err = write(d, part, fill)
		if err == nil {
			err = d.Rename(part, path)
		}
		if err == nil {
			err = settle(d, path)
		}
		if err != nil && !errors.Is(err, disk.ErrCut) {
			err = errors.Join(err, d.Remove(part))
		}
	}
	if err == nil {
		err = d.SyncDir(filepath.Dir(path))
	}
	return explain(err, path)
}

// settle syncs a file under its new name. FAT keeps size and place of a file
// beside its name: after a rename Linux writes the new name without them, and
// adds them when it likes, unless the file itself is synced once more. Syncing
// the directory does not do it.
func settle(d disk.FS, path string) error {
	f, err := d.Open(path, false)
	if err != nil {
		return err
	}
	return errors.Join(f.Datasync(), f.Close())
}

func write(d disk.FS, part string, fill func(io.Writer) error) (err error) {
	f, err := d.Open(part, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(&appender{f: f}, 64<<10)
	if err := fill(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Datasync()
}

// appender writes one piece after the other.
type appender struct {
	f  disk.File
	at int64
}

func (a *appender) Write(b []byte) (int, error) {
	n, err := a.f.WriteAt(b, a.at)
	a.at += int64(n)
	return n, err
}

// explain gives a stick's errors words.
func explain(err error, path string) error {
	switch {
	case err == nil, text.Of(err) != nil:
		return err
	case disk.IsFull(err):
		return text.Wrap(err, "bundle.stick_full", "file", path)
	case readOnly(err):
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
		n, ok := ParseName(strings.TrimSuffix(strings.ToLower(f), partEnding))
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
