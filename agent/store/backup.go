package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Backup hands over every file that the store cannot do without, by its path
// below the store's directory with slashes, all as of one moment: journals and
// small files. Documents are left out; they are rebuilt. Saves wait meanwhile.
func (s *Store) Backup(put func(name string, size int64, r io.Reader) error) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	err := filepath.WalkDir(s.files.dir, func(path string, d fs.DirEntry, err error) error {
		// A small file that is being written has another name for a moment.
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel(s.files.dir, path)
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(name, dirDocs):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !d.Type().IsRegular() || name == fileOpen || name == fileClosed || name == fileLock || name == fileBallast:
			return nil
		}
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		defer f.Close()
		st, err := f.Stat()
		if err != nil {
			return err
		}
		return put(filepath.ToSlash(name), st.Size(), io.NewSectionReader(f, 0, st.Size()))
	})
	if err != nil {
		return fmt.Errorf("back up store: %w", err)
	}
	return nil
}

// NewEpoch makes a store that came out of a backup go on in an epoch of its own,
// with what the hub had given no receipt for at the time: the store that it is a
// copy of may have gone on too.
func (s *Store) NewEpoch() error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	return s.rechain(s.held())
}
