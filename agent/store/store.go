package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"

	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/disk"
	"shangu/sync/frame"
	"shangu/sync/journal"
	"shangu/sync/seal"
	"shangu/sync/session"
	"shangu/sync/uptime"
)

// DefaultMinFree is the room in bytes that is left to other programs, the
// held-back room not counted: under it the clerk is told to delete something.
const DefaultMinFree = 64 << 20

// Options are what a store needs from outside. The zero value works, but for
// the device.
type Options struct {
	// Device is the machine's id. When it is not the one that the store was
	// written by, the store is a copy and gets a new epoch.
	Device [16]byte
	// Version of the program, for the heartbeat.
	Version string
	// Now is the computer's clock; nil is time.Now.
	Now func() time.Time
	// Told is what time it is as far as hub and clerk have said: what entries
	// claim. Nil is Now.
	Told func() time.Time
	// Up is as uptime.Read; nil: the monotonic readings of Now are gone by.
	Up func() (uptime.Reading, bool)
	// Rand gives the bits of new epochs; nil is the system's.
	Rand io.Reader
	// Disk holds journal and small files; nil is the real one.
	Disk disk.FS
	// Key seals journal, documents and small files; the zero key leaves them
	// plain. A directory of before there was a key is sealed as it is opened.
	Key seal.Key
	// InMemory keeps the documents in memory: with a disk.Sim nothing touches
	// the machine, and every Open rebuilds.
	InMemory bool
	// Free says how much room is left, in bytes; nil asks the disk.
	Free func() (uint64, error)
	// MinFree is the room in bytes below which nothing is saved but the day's
	// attendance; DefaultMinFree if 0.
	MinFree uint64
	// SegmentSize of the journal in bytes, its default if 0.
	SegmentSize int64
	// Salvage opens a damaged journal too: it is moved aside, and what can be
	// read of it and is not confirmed goes into a new epoch.
	Salvage bool
	// Log takes what an operator should know; nil drops it.
	Log *slog.Logger

	memTable int64 // tests make it small, so that little makes many tables
}

func (o Options) withDefaults(dir string) Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Told == nil {
		o.Told = o.Now
	}
	if o.Up == nil {
		o.Up = func() (uptime.Reading, bool) { return uptime.Reading{}, false }
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Disk == nil {
		o.Disk = disk.OS
	}
	if o.Free == nil {
		if o.Disk == disk.OS {
			o.Free = func() (uint64, error) { return disk.Free(dir) }
		} else {
			o.Free = func() (uint64, error) { return 1 << 40, nil }
		}
	}
	if o.MinFree == 0 {
		o.MinFree = DefaultMinFree
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.memTable == 0 {
		o.memTable = memTableSize
	}
	return o
}

// Store is a school's documents. It is safe for concurrent use: one writer at a
// time, and readers that wait for no sync.
type Store struct {
	files files
	room  *room // nil but on the real disk
	o     Options
	start time.Time
	upped uptime.Reading // at start
	lock  io.Closer      // keeps other processes out

	w  sync.Mutex   // held by whoever changes anything
	mu sync.RWMutex // guards what is below; no sync happens under it

	ident   identity
	boot    uint32
	home    string
	journal *journal.Journal
	db      *badger.DB

	st       state
	table    *frame.Table // pack table as of st.Confirmed
	names    int          // its names that Badger has
	aux      []byte       // the rest of it that Badger has
	pending  pending
	conf     digest.Set // of the confirmed documents
	view     digest.Set // of what readers see
	seen     tally      // of what readers see
	changes  map[schema.Kind]uint64
	daily    map[schema.Date]uint64 // changes of the records about each day
	opened   uint64                 // how often the documents were opened, or rebuilt
	receipt  session.Receipt
	proven   frame.Tip        // of the last receipt that the journal bears out. What is confirmed may be behind it, after a power cut
	receipts *journal.Journal // of the present chain; nil while it has none. Guarded by w

	closed   *closed  // by the start before, and untouched since; nil: who knows
	trusted  bool     // the documents were not read yet, for that reason
	stateSum uint32   // CRC32C of the state in Badger
	views    []docKey // that Badger had at the opening, as far as it was read

	loops sync.WaitGroup // over documents; none begins while broken is set

	failure string // last failure of a session, for the heartbeat
	rebuilt string // why the documents were rebuilt at this start
	salvage string // what was wrong with the journal that this start put aside
	broken  error  // set once: the store takes no more
	counter uint64 // of NewID at this start
}

var (
	_ session.Store       = (*Store)(nil)
	_ session.Receiptless = (*Store)(nil)
)

// Open opens the store in dir, or makes one. It mends by itself what a power cut
// can leave: a torn save is cut off, documents that lag behind the journal are
// brought up to it, documents that cannot be read are rebuilt.
func Open(dir string, o Options) (*Store, error) {
	o = o.withDefaults(dir)
	s := &Store{files: files{fs: o.Disk, dir: dir, key: o.Key.Derive("store")}, o: o, start: o.Now(), changes: map[schema.Kind]uint64{}, daily: map[schema.Date]uint64{}}
	s.upped, _ = o.Up()
	if err := s.open(); err != nil {
		if s.db != nil {
			err = errors.Join(err, s.closeBadger())
		}
		if s.journal != nil {
			err = errors.Join(err, s.journal.Close())
		}
		err = errors.Join(err, s.closeReceipts())
		if s.lock != nil {
			err = errors.Join(err, s.lock.Close())
		}
		return nil, fmt.Errorf("open store: %w", err)
	}
	return s, nil
}

func (s *Store) open() error {
	for _, d := range []string{"", dirJournal, dirMeta} {
		if err := s.files.fs.SyncDir(filepath.Join(s.files.dir, d)); err != nil {
			return err
		}
	}
	if !s.o.InMemory {
		lock, err := disk.Lock(filepath.Join(s.files.dir, fileLock))
		if errors.Is(err, disk.ErrLocked) {
			return said(ErrInUse, err, "store.in_use", "dir", s.files.dir)
		}
		if err != nil {
			return err
		}
		s.lock = lock
	}
	s.openRoom()
	if err := s.openFiles(); err != nil {
		return err
	}
	if err := s.openJournal(); err != nil {
		return err
	}
	if err := s.openDocs(); err != nil {
		return err
	}
	if s.o.Device != ([16]byte{}) && s.ident.Device != hexBytes(s.o.Device) {
		s.o.Log.Warn("store was written by another device; it gets a new epoch")
		return s.rechain(s.held())
	}
	return nil
}

// openFiles reads the small files and counts the start.
func (s *Store) openFiles() error {
	known, err := s.files.readKept(fileEpoch, &s.ident)
	if err != nil {
		return err
	}
	if !known {
		s.ident.Device = s.o.Device
		if s.ident.Epoch, err = s.firstEpoch(); err != nil {
			return err
		}
	}
	var b boot
	var h home
	for name, v := range map[string]any{fileBoot: &b, fileHome: &h} {
		if _, err := s.files.readKept(name, v); err != nil {
			return err
		}
	}
	s.boot, s.home = b.Boot+1, h.School
	if known, err := s.files.read(fileClosed, &s.closed); err != nil || !known {
		s.closed = nil // damage costs no more than the time to read the documents
	}
	if err := s.openReceipts(); err != nil {
		return err
	}
	return s.files.writeKept(fileBoot, boot{s.boot})
}

// firstEpoch is the epoch of a store that no file names one of: a new one, but
// where that file was lost that of the journal, if there is no other.
func (s *Store) firstEpoch() (e hexBytes, err error) {
	found, err := s.files.fs.List(filepath.Join(s.files.dir, dirJournal))
	if err != nil {
		return e, err
	}
	if len(found) == 1 && e.UnmarshalText([]byte(found[0])) == nil {
		j, err := journal.Open(s.files.journal(e), identity{Device: s.ident.Device, Epoch: e}.chain(), s.journalOptions())
		if err == nil {
			return e, j.Close()
		}
		s.o.Log.Warn("the note of the epoch is missing, and the journal is not this device's", "err", err.Error())
	}
	return mint(s.o.Rand)
}

func (s *Store) journalOptions() journal.Options {
	return journal.Options{FS: s.o.Disk, SegmentSize: s.o.SegmentSize, Key: s.o.Key}
}

// openJournal opens the present epoch's journal, or makes it. The epoch counts
// from the moment that its file names it, and its journal is there before.
func (s *Store) openJournal() (err error) {
	dir, chain := s.files.journal(s.ident.Epoch), s.ident.chain()
	s.journal, err = journal.Open(dir, chain, s.journalOptions())
	if err == nil && s.journal.First() > 1 {
		err = fmt.Errorf("%w: entries before %d are missing", journal.ErrDamaged, s.journal.First())
		err, s.journal = errors.Join(err, s.journal.Close()), nil
	}
	switch {
	case err == nil:
		if known, err := s.files.readKept(fileEpoch, &identity{}); err != nil || known {
			return err
		}
		s.o.Log.Warn("the note of the epoch is missing; it is that of the only journal there is")
		return s.files.writeKept(fileEpoch, s.ident)
	case errors.Is(err, journal.ErrDamaged) && s.o.Salvage:
		return s.salvageFrom(dir, err)
	case errors.Is(err, journal.ErrDamaged):
		return said(ErrDamaged, err, "store.damaged", "where", err)
	case !errors.Is(err, journal.ErrMissing):
		return err
	}
	if known, err := s.files.readKept(fileEpoch, &identity{}); err != nil || known {
		// Its journal is gone: whoever made this copy left it out.
		if err != nil {
			return err
		}
		if s.ident.Epoch, err = mint(s.o.Rand); err != nil {
			return err
		}
		chain, dir = s.ident.chain(), s.files.journal(s.ident.Epoch)
		s.o.Log.Warn("the journal is missing; a new epoch begins")
	}
	if s.journal, err = journal.Create(dir, chain, frame.Genesis(chain), nil, s.journalOptions()); err != nil {
		return err
	}
	return s.files.writeKept(fileEpoch, s.ident)
}

// openDocs opens Badger and brings it up to the journal.
func (s *Store) openDocs() error {
	if err := s.prove(); err != nil {
		return err
	}
	deaths, err := s.openMarker()
	if err != nil {
		return err
	}
	s.opened++
	s.trust()
	damage, err := s.openBadger(deaths)
	if err != nil {
		return err
	}
	ok := false
	if damage == nil {
		if ok, damage = s.load(); ok && damage == nil {
			damage = s.catchUp()
		}
	}
	s.closed = nil
	if !ok || damage != nil {
		s.trusted = false
		if err := s.rebuild(damage); err != nil {
			return err
		}
	}
	return s.mark(0)
}

// openMarker returns how often the store died in opening its documents since it
// last opened them, and counts this time as a death until mark(0).
func (s *Store) openMarker() (deaths int, err error) {
	if s.o.InMemory {
		return 0, nil
	}
	b, err := os.ReadFile(filepath.Join(s.files.dir, fileOpen))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return 0, s.mark(1)
	case err != nil:
		return 0, err
	}
	deaths, _ = strconv.Atoi(string(b)) // a power cut may leave what is no number
	return deaths, s.mark(deaths + 1)
}

// mark notes the deaths. It need not be durable: it counts deaths of processes,
// which leave the machine running.
func (s *Store) mark(deaths int) error {
	if s.o.InMemory {
		return nil
	}
	return os.WriteFile(filepath.Join(s.files.dir, fileOpen), strconv.AppendInt(nil, int64(deaths), 10), 0o600)
}

// Close closes the store. It waits for a save that is under way.
func (s *Store) Close() error {
	s.w.Lock()
	defer s.w.Unlock()
	before := s.quiesce(ErrClosed)
	if errors.Is(before, ErrClosed) {
		return nil
	}
	well := before == nil
	err := errors.Join(s.closeBadger(), s.journal.Close(), s.closeReceipts())
	if err == nil && well && !s.o.InMemory {
		if err := s.leave(); err != nil {
			s.o.Log.Warn("the next start will read all documents", "cause", err)
		}
		err = os.Remove(filepath.Join(s.files.dir, fileOpen))
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	if err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// quiesce refuses readers and writers with err from now on, waits for loops over
// documents to end, and returns what was refused with before.
func (s *Store) quiesce(err error) (before error) {
	s.mu.Lock()
	before, s.broken = s.broken, err
	s.mu.Unlock()
	s.loops.Wait()
	return before
}

// begin takes the writer's place; end gives it back.
func (s *Store) begin() error {
	s.w.Lock()
	if s.broken != nil {
		s.w.Unlock()
		return s.broken
	}
	return nil
}

func (s *Store) end() { s.w.Unlock() }

// fail notes that the documents in memory and in Badger may have come apart.
// The journal has everything: the next Open mends it.
func (s *Store) fail(err error) error {
	if s.broken == nil {
		s.broken = said(errBroken, err, "store.broken", "cause", err)
		s.o.Log.Error("documents cannot be written", "error", err)
	}
	return s.broken
}

var errBroken = errors.New("store: documents cannot be written until the next start")

// Chain returns the present chain and the epoch it stems from.
func (s *Store) Chain() (change.ChainID, [16]byte) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.ident.chain(), s.ident.Epoch
}
