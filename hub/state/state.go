package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"shangu/sync/change"
	"shangu/sync/disk"
	"shangu/sync/frame"
	"shangu/sync/seal"
)

// Options of Open. The zero value is good.
type Options struct {
	MemTable int64 // bytes of one Badger memtable; 0: 16 MiB, which is also the least
	Cache    int   // schools and devices kept in memory, each, and an eighth as many chains; 0: 4096
	Blocks   int64 // bytes of a sealed database that are kept in memory once opened; 0: 16 MiB

	// Rebuild says that raft's log and snapshots hold what the state held, so
	// that a damaged one may be moved aside and an empty one take its place.
	// Without it Open fails with ErrDamaged: a state from a backup is the only
	// copy there is.
	Rebuild bool
	// Key seals the database; the zero key leaves it plain. One of before there
	// was a key is sealed as it is opened.
	Key seal.Key
	Log *slog.Logger // told of a damaged state; nil: silent
}

// ErrDamaged: the database cannot be opened, whatever is tried.
var ErrDamaged = errors.New("state: the database is damaged")

// ErrClosed: the state was closed; a node that ends may still be asked.
var ErrClosed = errors.New("state: closed")

// minMemTable leaves room in one transaction for a part and the largest write
// that can follow it.
const minMemTable = 16 << 20

func (o *Options) defaults() {
	o.MemTable = max(o.MemTable, minMemTable)
	if o.Cache == 0 {
		o.Cache = 4096
	}
	if o.Blocks == 0 {
		o.Blocks = 16 << 20
	}
}

// State is the replicated state on one node. One goroutine applies; any number
// read.
type State struct {
	dir string
	o   Options

	applying sync.Mutex // held by ApplyBatch and Restore
	broken   error      // after a failed write: nothing more is applied
	chains   *lru[change.ChainID, *chain]
	schools  *lru[string, *viewer]
	devices  *lru[[16]byte, *device]
	unpacker frame.Unpacker
	merged   change.Doc // what the entry at hand makes of its document
	slab     slab

	known     known
	commonEnd atomic.Uint64 // position of the common feed's last item, or past it

	// beforeCommit, set by tests alone, fails a transaction before it is
	// committed.
	beforeCommit func() error

	scrubbing sync.Mutex // held while every block is read, and by who takes db away; before mu

	damage error // what was wrong with the database in whose place this one is

	mu sync.RWMutex // guards db; held for writing only by a swap
	db *badger.DB
	// plain keeps every sheet under a key of its own: the database is of a
	// release that knows no leaves.
	plain bool

	atMu sync.Mutex // guards at
	at   progress
}

// current is the file that names the directory of the database in use.
const current = "CURRENT"

// Open opens the state in dir, or makes an empty one.
func Open(dir string, o Options) (*State, error) {
	o.defaults()
	s := &State{dir: dir, o: o}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	name, err := os.ReadFile(filepath.Join(dir, current))
	switch {
	case os.IsNotExist(err):
		name = []byte("db-1")
		if err := disk.WriteFile(filepath.Join(dir, current), name, 0o600); err != nil {
			return nil, fmt.Errorf("open state: %w", err)
		}
	case err != nil:
		return nil, fmt.Errorf("open state: %w", err)
	}
	if s.db, s.at, s.damage, err = openSound(filepath.Join(dir, string(name)), o); err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	s.plain = s.db.Opts().ExternalMagicVersion < magicLeaves
	if err := s.forget(); err != nil {
		s.db.Close()
		return nil, fmt.Errorf("open state: %w", err)
	}
	// What a restore left behind when it was cut short.
	others, err := filepath.Glob(filepath.Join(dir, "db-*"))
	if err == nil {
		for _, d := range others {
			if filepath.Base(d) != string(name) {
				err = disk.OS.Remove(d)
			}
		}
	}
	if err != nil {
		s.db.Close()
		return nil, fmt.Errorf("open state: %w", err)
	}
	return s, nil
}

// forget empties the caches and looks where the common feed ends.
func (s *State) forget() error {
	s.known.forget()
	s.chains = newLRU[change.ChainID, *chain](max(1, s.o.Cache/8)) // with a table of 500 pupils one takes some 60 kB
	s.schools = newLRU[string, *viewer](s.o.Cache)
	s.devices = newLRU[[16]byte, *device](s.o.Cache)
	return s.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Reverse: true, Prefix: nameKey(keyFeed, common)})
		defer it.Close()
		s.commonEnd.Store(0)
		if it.Seek(feedKey(common, math.MaxUint64)); it.Valid() {
			key := it.Item().Key()
			s.commonEnd.Store(binary.BigEndian.Uint64(key[len(key)-8:]))
		}
		return nil
	})
}

// badgerOptions are sized for a hub node beside raft on a small machine. All
// values stay in the tree, so that there is no value log to collect.
func badgerOptions(dir string, o Options) badger.Options {
	b := badger.DefaultOptions(dir).
		WithLogger(nil).
		WithSyncWrites(false).
		WithDetectConflicts(false).
		WithMetricsEnabled(false).
		WithNumVersionsToKeep(1).
		WithCompression(options.None).
		WithBlockCacheSize(0).
		WithChecksumVerificationMode(options.OnBlockRead).
		WithIndexCacheSize(8 << 20).
		WithMemTableSize(o.MemTable).
		WithNumMemtables(1).
		WithNumLevelZeroTables(4).
		WithNumLevelZeroTablesStall(12).
		WithNumCompactors(2).
		WithBaseTableSize(4 << 20).
		WithBaseLevelSize(32 << 20).
		WithValueThreshold(1 << 20).
		WithExternalMagic(magicFor(dir)).
		WithValueLogFileSize(4 << 20) // it is empty, and takes twice that on the disk
	if !o.Key.IsZero() {
		// Badger opens nothing sealed without a cache of blocks.
		key := o.Key.Derive("state")
		b = b.WithEncryptionKey(key[:]).WithBlockCacheSize(o.Blocks)
	}
	return b
}

// magicLeaves is what Badger's manifest says of a database that may hold leaves.
// A release that knows none opens no such database: to it, that is one that is
// damaged, and it makes its state anew from raft's log and snapshots.
const magicLeaves = 1

// magicFor is what the manifest in dir is to say: a database of a release that
// knows no leaves stays one that it can open.
func magicFor(dir string) uint16 {
	if magic, ok := disk.MagicOf(dir); ok {
		return min(magic, magicLeaves) // a later one Badger refuses
	}
	return magicLeaves
}

// damaged is where a database that cannot be opened is kept, beside the one in
// use.
const damaged = "damaged"

// openSound opens the database in dir, or an empty one in its place when it is
// damaged and may be rebuilt.
func openSound(dir string, o Options) (_ *badger.DB, _ progress, damage, _ error) {
	// Opened, it is asked for all blocks.
	damage = disk.CheckTables(dir, badgerOptions(dir, o).EncryptionKey, false)
	if damage == nil && !o.Key.IsZero() {
		damage = disk.SealTables(dir, func(dir string, sealed bool) (*badger.DB, error) {
			with := o
			if !sealed {
				with.Key = seal.Key{}
			}
			return badger.Open(badgerOptions(dir, with))
		})
	}
	if damage == nil {
		db, at, err := openDB(dir, o)
		if err == nil {
			return db, at, nil, nil
		}
		damage = err
	}
	if disk.NotDamage(damage) {
		return nil, progress{}, nil, damage
	}
	if !o.Rebuild {
		return nil, progress{}, nil, fmt.Errorf("%w: %w", ErrDamaged, damage)
	}
	aside := filepath.Join(filepath.Dir(dir), damaged)
	if o.Log != nil {
		o.Log.Error("the state is damaged; it is rebuilt from the log and its snapshots", "err", damage.Error(), "kept", aside)
	}
	if err := disk.MoveAside(dir, aside); err != nil {
		return nil, progress{}, nil, errors.Join(damage, err)
	}
	db, at, err := openDB(dir, o)
	return db, at, damage, err
}

// Damage is why the database that was there was moved aside when the state was
// opened, nil if it was not.
func (s *State) Damage() error { return s.damage }

func openDB(dir string, o Options) (*badger.DB, progress, error) {
	var at progress
	db, err := badger.Open(badgerOptions(dir, o))
	if err != nil {
		return nil, at, err
	}
	err = verifyTables(db)
	if err != nil {
		db.Close()
		return nil, at, err
	}
	err = db.View(func(txn *badger.Txn) error {
		v, err := lookup(txn, metaApplied)
		if v == nil || err != nil {
			return err
		}
		return decode(v, &at)
	})
	if err != nil {
		db.Close()
		return nil, at, err
	}
	return db, at, nil
}

// verifyTables reads every block of every table. An iterator that comes upon a
// bad block ends there as if nothing followed, so that a node would serve, and
// build upon, a state with holes. Badger itself trips over some bad blocks.
func verifyTables(db *badger.DB) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("verify tables: %v", p)
		}
	}()
	return db.VerifyChecksum()
}

// Close closes the store. Nothing may be running.
func (s *State) Close() error {
	s.scrubbing.Lock()
	defer s.scrubbing.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db == nil {
		return nil
	}
	err := s.db.Close()
	s.db = nil
	if err != nil {
		return fmt.Errorf("close state: %w", err)
	}
	return nil
}

// Sync makes all that was applied durable.
func (s *State) Sync() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.db.Sync(); err != nil {
		return fmt.Errorf("sync state: %w", err)
	}
	return nil
}

// Applied returns the index and term of the last log entry that was applied
// whole.
func (s *State) Applied() (index, term uint64) {
	at := s.progress()
	return at.index, at.term
}

func (s *State) progress() progress {
	s.atMu.Lock()
	defer s.atMu.Unlock()
	return s.at
}

func (s *State) setProgress(at progress) {
	s.atMu.Lock()
	s.at = at
	s.atMu.Unlock()
}

// view runs f in one read transaction.
func (s *State) view(op string, f func(txn *badger.Txn) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.db == nil {
		return fmt.Errorf("%s: %w", op, ErrClosed)
	}
	if err := s.db.View(f); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}
