package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
)

// Names beside a database that is being sealed.
const (
	sealingSuffix = ".sealing" // the sealed copy, whole once plainSuffix is there
	plainSuffix   = ".plain"   // what it replaces
)

// registryText is what Badger's key registry says, after 16 bytes of its own,
// where there is no key.
const registryText = "Hello Badger"

// PlainTables reports whether a Badger database lies in dir that was made
// without a key.
func PlainTables(dir string) (bool, error) {
	b, err := os.ReadFile(filepath.Join(dir, badger.KeyRegistryFileName))
	if errors.Is(err, fs.ErrNotExist) {
		// One that has lost its registry is damaged, and Badger's to report.
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return len(b) >= 16+len(registryText) && bytes.Equal(b[16:16+len(registryText)], []byte(registryText)), nil
}

// SealTables makes a database that was made without a key into one with a key:
// a copy of it takes its place. Cut short at any instant it is done again, or
// finished, by the next call; the old database is there until the new one is
// whole. open opens a database without or with the key. After any error the
// database is as it was.
func SealTables(dir string, open func(dir string, sealed bool) (*badger.DB, error)) error {
	sealing, plain := dir+sealingSuffix, dir+plainSuffix
	if err := finishSealing(dir, sealing, plain); err != nil {
		return err
	}
	if old, err := PlainTables(dir); err != nil || !old {
		return err
	}
	if err := errors.Join(OS.Remove(sealing), copyTables(dir, sealing, open)); err != nil {
		return errors.Join(fmt.Errorf("seal database: %w", err), OS.Remove(sealing))
	}
	parent := filepath.Dir(dir)
	if err := errors.Join(OS.Rename(dir, plain), OS.SyncDir(parent)); err != nil {
		return fmt.Errorf("seal database: %w", err)
	}
	return finishSealing(dir, sealing, plain)
}

// finishSealing ends what a call that was cut short had begun.
func finishSealing(dir, sealing, plain string) error {
	if _, err := os.Stat(plain); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := OS.Rename(sealing, dir); err != nil {
			return fmt.Errorf("seal database: %w", err)
		}
	}
	if err := errors.Join(OS.SyncDir(filepath.Dir(dir)), OS.Remove(plain)); err != nil {
		return fmt.Errorf("seal database: %w", err)
	}
	return nil
}

func copyTables(from, to string, open func(dir string, sealed bool) (*badger.DB, error)) (err error) {
	old, err := open(from, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, old.Close()) }()
	fresh, err := open(to, true)
	if err != nil {
		return err
	}
	err = CopyTables(old, fresh)
	if err = errors.Join(err, fresh.Close()); err != nil {
		return err
	}
	return SyncTree(to)
}

// CopyTables writes all that one database holds into another, empty one, and
// syncs it.
func CopyTables(from, to *badger.DB) error {
	wb := to.NewWriteBatch()
	defer wb.Cancel()
	err := from.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{PrefetchValues: true, PrefetchSize: 64})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			v, err := it.Item().ValueCopy(nil)
			if err == nil {
				err = wb.Set(it.Item().KeyCopy(nil), v)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = wb.Flush()
	}
	if err == nil {
		err = to.Sync()
	}
	return err
}

// SyncTree flushes every file below a directory, and the directories.
func SyncTree(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if f.IsDir() {
			if err := SyncTree(filepath.Join(dir, f.Name())); err != nil {
				return err
			}
			continue
		}
		h, err := os.OpenFile(filepath.Join(dir, f.Name()), os.O_RDWR, 0)
		if err != nil {
			return err
		}
		if err := errors.Join(h.Sync(), h.Close()); err != nil {
			return err
		}
	}
	return OS.SyncDir(dir)
}
