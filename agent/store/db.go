package store

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

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

// memTableSize of Badger; the log of a memtable is twice as long.
const memTableSize = 4 << 20

// dbOptions are small: the whole agent is to live in 35 MB. Nothing is synced,
// for all of it can be rebuilt. suspect makes Badger check every table as it
// opens: after a power cut on Windows a table may hold anything.
func dbOptions(dir string, suspect bool, log *slog.Logger) badger.Options {
	o := badger.DefaultOptions(dir).
		WithSyncWrites(false).
		WithMemTableSize(memTableSize).
		WithNumMemtables(1).
		WithNumLevelZeroTables(2).
		WithNumLevelZeroTablesStall(4).
		WithNumCompactors(2).
		WithCompression(options.None).
		WithBlockCacheSize(0).
		WithIndexCacheSize(1 << 20).
		WithValueLogFileSize(1 << 20).
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
		damage = disk.CheckTables(dir)
	}
	if damage == nil {
		if db, damage = badger.Open(dbOptions(dir, deaths != clean, o.Log)); damage == nil {
			return db, nil, nil
		}
		if disk.NotDamage(damage) {
			return nil, nil, damage
		}
		// Badger's errors have no cause that could be asked.
		if free, err := o.Free(); err == nil && free < openRoom {
			return nil, nil, said(ErrDiskFull, damage, "store.disk_full", "free", free>>20)
		}
	}
	if err := disk.MoveAside(dir, dir+".damaged"); err != nil {
		return nil, damage, errors.Join(damage, err)
	}
	db, err = badger.Open(dbOptions(dir, false, o.Log))
	return db, damage, err
}
