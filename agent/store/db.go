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

// memTableSize of Badger; the log of a memtable is twice as long.
const memTableSize = 4 << 20

// Limits of one transaction: 384 kB and some 2,000 keys. Badger's own, with a
// memtable of 4 MiB, are 600 kB and some 6,000 keys.
func (o Options) txnBytes() int { return int(o.memTable * 3 / 32) }
func (o Options) txnKeys() int  { return int(o.memTable >> 11) }

// dbOptions are small: the whole agent is to live in 35 MB. Nothing is synced,
// for all of it can be rebuilt. Blocks are checked as they are read, and load
// reads all: the mode in which Badger itself checks whole tables takes the
// process down when a block is bad.
func dbOptions(dir string, opts Options) badger.Options {
	return badger.DefaultOptions(dir).
		WithSyncWrites(false).
		WithMemTableSize(opts.memTable).
		WithNumMemtables(1).
		WithNumLevelZeroTables(2).
		WithNumLevelZeroTablesStall(4).
		WithNumCompactors(2).
		WithCompression(options.None).
		WithBlockCacheSize(0).
		WithIndexCacheSize(1 << 20).
		WithValueLogFileSize(1 << 20).
		WithValueThreshold(opts.memTable >> 5).
		WithBaseTableSize(1 << 20).
		WithDetectConflicts(false).
		WithMetricsEnabled(false).
		WithChecksumVerificationMode(options.OnBlockRead).
		WithLogger(dbLog{opts.Log})
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
		db, err = badger.Open(dbOptions("", o).WithInMemory(true))
		return db, nil, err
	}
	if deaths >= maxDeaths {
		damage = fmt.Errorf("the program died %d times in opening the documents", deaths)
	} else {
		damage = disk.CheckTables(dir)
	}
	if damage == nil {
		if db, damage = badger.Open(dbOptions(dir, o)); damage == nil {
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
	db, err = badger.Open(dbOptions(dir, o))
	return db, damage, err
}
