package store

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"shangu/sync/disk"
	"shangu/sync/seal"
)

// memTableSize of Badger; the log of a memtable is twice as long.
const memTableSize = 4 << 20

// Limits of one transaction: 384 kB and some 2,000 keys. Badger's own, with a
// memtable of 4 MiB, are 600 kB and some 6,000 keys.
func (o Options) txnBytes() int { return int(o.memTable * 3 / 32) }
func (o Options) txnKeys() int  { return int(o.memTable >> 11) }

// dbOptions are small: the whole agent is to live in 35 MB. Nothing is synced,
// for all of it can be rebuilt. All blocks are checked before it is opened
// (disk.CheckTables), and each as it is read: the mode in which Badger itself
// checks whole tables takes the process down when a block is bad.
func dbOptions(dir string, opts Options) badger.Options {
	o := badger.DefaultOptions(dir).
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
	if !opts.Key.IsZero() {
		// Badger opens nothing sealed without a cache of blocks.
		key := opts.Key.Derive("documents")
		o = o.WithEncryptionKey(key[:]).WithBlockCacheSize(blockCache)
	}
	return o
}

// blockCache is what sealed documents may take in memory once opened, in bytes.
const blockCache = 1 << 20

// sealDocs seals documents of before there was a key, once there is room for a
// copy. The journal and the hub have them all, but the hub may be out of reach
// for weeks: so they are copied, not rebuilt.
func sealDocs(o Options, dir string) (sealed bool, err error) {
	if o.Key.IsZero() || o.InMemory {
		return false, nil
	}
	if plain, err := disk.PlainTables(dir); err != nil || plain && !roomFor(o, dir) {
		return false, err
	}
	return true, disk.SealTables(dir, func(dir string, sealed bool) (*badger.DB, error) {
		with := o
		if !sealed {
			with.Key = seal.Key{}
		}
		return badger.Open(dbOptions(dir, with))
	})
}

// roomFor reports whether a copy of the documents fits.
func roomFor(o Options, dir string) bool {
	free, err := o.Free()
	if err != nil {
		return false
	}
	files, err := os.ReadDir(dir)
	for _, f := range files {
		if info, err := f.Info(); err == nil {
			free -= min(free, uint64(info.Size()))
		}
	}
	return err == nil && free > o.MinFree
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
	as := o // how the documents lie there
	if deaths >= maxDeaths {
		damage = fmt.Errorf("the program died %d times in opening the documents", deaths)
	} else {
		damage = disk.CheckTables(dir, dbOptions(dir, o).EncryptionKey, true)
	}
	if damage == nil {
		var sealed bool
		if sealed, damage = sealDocs(o, dir); !sealed {
			as.Key = seal.Key{}
		}
	}
	if damage == nil {
		if db, damage = badger.Open(dbOptions(dir, as)); damage == nil {
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
