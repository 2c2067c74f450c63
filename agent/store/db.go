package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"shangu/sync/disk"
)

// Limits of one transaction. Badger's own, with a memtable of 4 MiB, are 600 kB
// and some 6,000 keys.
const (
	maxTxnBytes = 384 << 10
	maxTxnKeys  = 2000
)

// dbOptions are small: the whole agent is to live in 35 MB. Nothing is synced,
// for all of it can be rebuilt. suspect makes Badger check every table as it
// opens: after a power cut on Windows a table may hold anything.
func dbOptions(dir string, suspect bool, log *slog.Logger) badger.Options {
	o := badger.DefaultOptions(dir).
		WithSyncWrites(false).
		WithMemTableSize(4 << 20).
		WithNumMemtables(1).
		WithNumLevelZeroTables(2).
		WithNumLevelZeroTablesStall(4).
		WithNumCompactors(2).
		WithCompression(options.None).
		WithBlockCacheSize(0).
		WithIndexCacheSize(1 << 20).
		WithValueLogFileSize(16 << 20).
		WithValueThreshold(128 << 10).
		WithBaseTableSize(1 << 20).
		WithDetectConflicts(false).
		WithMetricsEnabled(false).
		WithChecksumVerificationMode(options.OnBlockRead).
		WithLogger(dbLog{log})
	if suspect {
		o = o.WithChecksumVerificationMode(options.OnTableAndBlockRead)
	}
	return o
}

// dbLog passes Badger's warnings on and drops its chatter.
type dbLog struct{ *slog.Logger }

func (l dbLog) Errorf(f string, a ...any) {
	l.Error("badger", "message", strings.TrimSpace(fmt.Sprintf(f, a...)))
}
func (l dbLog) Warningf(f string, a ...any) {
	l.Warn("badger", "message", strings.TrimSpace(fmt.Sprintf(f, a...)))
}
func (dbLog) Infof(string, ...any)  {}
func (dbLog) Debugf(string, ...any) {}

// maxDeaths is how often the process may die in opening the documents before it
// does without them. Once may have been a power cut.
const maxDeaths = 2

// openDB opens the documents. When they cannot be opened they are moved aside,
// and an empty store takes their place; why is returned beside it.
func openDB(o Options, dir string, deaths int) (db *badger.DB, damage, err error) {
	if o.InMemory {
		db, err = badger.Open(dbOptions("", false, o.Log).WithInMemory(true))
		return db, nil, err
	}
	switch {
	case deaths >= maxDeaths:
		damage = fmt.Errorf("the program died %d times in opening the documents", deaths)
	case deaths != clean:
		damage = checkTables(dir)
	}
	if damage == nil {
		if db, damage = badger.Open(dbOptions(dir, deaths != clean, o.Log)); damage == nil {
			return db, nil, nil
		}
		if notDamage(damage) {
			return nil, nil, damage
		}
	}
	if err := moveAside(dir); err != nil {
		return nil, damage, errors.Join(damage, err)
	}
	db, err = badger.Open(dbOptions(dir, false, o.Log))
	return db, damage, err
}

// notDamage reports whether an error says more of the machine, at this moment,
// than of the documents.
func notDamage(err error) bool {
	for _, e := range []error{fs.ErrPermission, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EIO} {
		if errors.Is(err, e) {
			return true
		}
	}
	return disk.IsFull(err)
}

// checkTables looks at the end of each of Badger's tables: index, its length,
// checksum, its length. Badger takes the process down when a power cut left
// zeros there, for they pass its checksum.
func checkTables(dir string) error {
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil {
		return err
	}
	for _, name := range tables {
		if err := checkTable(name); err != nil {
			return fmt.Errorf("check %s: %w", filepath.Base(name), err)
		}
	}
	return nil
}

func checkTable(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	at := st.Size()
	// back reads a length before at and moves before what it measures.
	back := func(limit int64) error {
		var b [4]byte
		if at < 4 {
			return errTable
		}
		if _, err := f.ReadAt(b[:], at-4); err != nil {
			return err
		}
		n := int64(binary.BigEndian.Uint32(b[:]))
		if at -= 4 + n; n == 0 || n > limit || at < 0 {
			return errTable
		}
		return nil
	}
	if err := back(64); err != nil { // checksum
		return err
	}
	return back(st.Size()) // index
}

var errTable = errors.New("the table has no index")

// moveAside keeps a directory that is damaged under another name, in place of
// one kept so before.
func moveAside(dir string) error {
	aside := dir + ".damaged"
	if err := os.RemoveAll(aside); err != nil {
		return err
	}
	if err := disk.OS.Rename(dir, aside); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return disk.OS.SyncDir(filepath.Dir(dir))
}
