package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"shangu/schema"
	"shangu/sync/disk"
	"shangu/sync/journal"
)

// What is held back for a full disk; DESIGN.md says how much of it what needs.
const (
	// memFile is the length that Badger gives the log of a memtable.
	memFile = 2 * memTableSize
	// openRoom is what opening the documents may take: a memtable's log, the one
	// kept in reserve, the value log, two tables and the small files.
	openRoom = 3*memFile + 8<<20
	// ballastSize is that, and as much again for tables that are merged.
	ballastSize = openRoom + 16<<20
	// flushRoom is what Badger needs to write one memtable as a table.
	flushRoom = memTableSize + 2<<20
	// step is how much is released for one small file or segment.
	step = 2 << 20
	// lowEdits is how large a save of attendance may be while the disk is low: a
	// day's sheets of the largest school.
	lowEdits = 400
	// unsparedBytes may go into a memtable that has no successor in reserve.
	unsparedBytes = memTableSize / 3
)

// room knows how much of the disk is left and what is held back of it. Only the
// real disk has one. Whoever calls holds Store.w.
type room struct {
	ballast *disk.Ballast
	docs    string // Badger's directory
	spare   string // the next memtable's log, of no length and with all its room; "" where there is none
	filled  int64  // about what went into the present memtable
}

// MakeRoom gives held-back room free when there is too little to open the store
// in dir, or anything beside it: the disk may have filled up while nobody
// looked.
func MakeRoom(dir string) error {
	b := disk.NewBallast(filepath.Join(dir, fileBallast))
	free, err := disk.Free(filepath.Dir(dir))
	if err != nil || free >= openRoom {
		return err
	}
	_, err = b.Release(int64(openRoom - free))
	return err
}

// openRoomFor starts keeping room for the documents in docs.
func (s *Store) openRoom() {
	if s.o.InMemory || s.o.Disk != disk.OS {
		return
	}
	s.room = &room{ballast: disk.NewBallast(filepath.Join(s.files.dir, fileBallast)), docs: filepath.Join(s.files.dir, dirDocs)}
	s.files.relief = func() bool {
		n, err := s.room.ballast.Release(step)
		return n > 0 && err == nil
	}
}

// Low reports whether the disk has too little room for anything but today's
// attendance.
func (s *Store) Low() bool {
	free, err := s.o.Free()
	return err == nil && free < s.o.MinFree
}

// errFull is a refusal for want of room.
func (s *Store) errFull(cause error) error {
	return said(ErrDiskFull, cause, "store.disk_full", "free", s.freeMiB())
}

var errLow = errors.New("too little room is left")

// mayGrow refuses, while the disk is low, what a session would take over.
func (s *Store) mayGrow() error {
	if s.Low() {
		return said(ErrDiskFull, errLow, "store.disk_full_take", "free", s.freeMiB())
	}
	return nil
}

// maySave refuses saves while the disk is low, but for attendance as it is taken
// on a day.
func (s *Store) maySave(edits []Edit) error {
	if !s.Low() {
		return nil
	}
	if len(edits) > lowEdits {
		return s.errFull(errLow)
	}
	for i := range edits {
		if edits[i].Kind != schema.KindSheet {
			return s.errFull(errLow)
		}
	}
	return s.mayWriteDocs(0)
}

// mayWriteDocs refuses when Badger might not get through a transaction of n
// bytes: at the end of a memtable it makes the log of the next, and is lost if
// there is no room for that.
func (s *Store) mayWriteDocs(n int64) error {
	r := s.room
	if r == nil || r.reserve(s.o.Free) || r.filled+n < unsparedBytes {
		return nil
	}
	return s.errFull(fmt.Errorf("no memtable is in reserve"))
}

// wrote takes note of a transaction.
func (r *room) wrote(bytes, keys int) {
	if r != nil {
		r.filled += int64(bytes + 256*keys)
	}
}

// reserve makes sure that there is room for the next memtable, and reports
// whether there is.
func (r *room) reserve(free func() (uint64, error)) bool {
	if r.spare != "" {
		if st, err := os.Stat(r.spare); err == nil && st.Size() == 0 {
			return true
		}
		r.spare, r.filled = "", 0 // Badger has taken it
	}
	n, err := r.newest()
	if err != nil || n == 0 || r.waiting() > maxMemtables {
		return false
	}
	path := filepath.Join(r.docs, fmt.Sprintf("%05d%s", n+1, memSuffix))
	for {
		ok, err := disk.MakeEmpty(path, memFile)
		if ok {
			r.spare = path
			return true
		}
		if err == nil { // this system cannot: the room is looked at instead
			var left uint64
			if left, err = free(); err == nil && left >= memFile+flushRoom {
				return true
			}
			err = errors.Join(err, disk.ErrFull)
		}
		if released, e := r.ballast.Release(memFile); !disk.IsFull(err) || released == 0 || e != nil {
			return false
		}
	}
}

const (
	memSuffix = ".mem"
	// maxMemtables is how many logs of memtables may wait to become tables before
	// Badger holds writers up.
	maxMemtables = 3
)

// mems lists the memtables' logs by number.
func (r *room) mems() (out []int, err error) {
	names, err := disk.OS.List(r.docs)
	for _, name := range names {
		if n, e := strconv.Atoi(strings.TrimSuffix(name, memSuffix)); e == nil && strings.HasSuffix(name, memSuffix) {
			out = append(out, n)
		}
	}
	return out, err
}

func (r *room) newest() (n int, err error) {
	all, err := r.mems()
	for _, m := range all {
		n = max(n, m)
	}
	return n, err
}

// waiting is how many logs of memtables there are, the reserve left out.
func (r *room) waiting() int {
	all, err := r.mems()
	if err != nil {
		return 0
	}
	if r.spare != "" {
		return len(all) - 1
	}
	return len(all)
}

// clear removes a reserve that an earlier run left: Badger takes no file of no
// length for its own.
func (r *room) clear() error {
	all, err := r.mems()
	if err != nil {
		return err
	}
	for _, n := range all {
		path := filepath.Join(r.docs, fmt.Sprintf("%05d%s", n, memSuffix))
		st, err := os.Stat(path)
		if err == nil && st.Size() == 0 {
			err = os.Remove(path)
		}
		if err != nil {
			return err
		}
	}
	r.spare, r.filled = "", 0
	return nil
}

// Tend keeps the held-back room: it takes it when there is some, gives of it
// what Badger waits for, and opens the documents again that could not be
// written. It should be called now and then. healed says that it did the last.
func (s *Store) Tend() (healed bool) {
	if s.room == nil {
		return false
	}
	s.w.Lock()
	defer s.w.Unlock()
	free, err := s.o.Free()
	if err != nil || errors.Is(s.broken, ErrClosed) {
		return false
	}
	if errors.Is(s.broken, ErrDiskFull) && free >= s.o.MinFree {
		if err := s.heal(); err != nil {
			s.o.Log.Warn("documents cannot be opened again yet", "error", err)
			return false
		}
		healed = true
	}
	if s.broken != nil {
		return healed
	}
	s.hold(free)
	if s.room.waiting() > 2 && free < flushRoom {
		if _, err := s.room.ballast.Release(flushRoom); err != nil {
			s.o.Log.Warn("held-back room cannot be given back", "error", err)
		}
	}
	s.room.reserve(s.o.Free)
	if err := s.journal.HoldSpare(); err != nil && !errors.Is(err, journal.ErrDiskFull) {
		s.o.Log.Warn("no spare segment", "error", err)
	}
	return healed
}

// hold takes room as far as it leaves others what they are due: MinFree, or
// next to nothing for the part that opening the documents needs.
func (s *Store) hold(free uint64) {
	had := s.room.ballast.Size()
	want, leave := int64(ballastSize), int64(s.o.MinFree)
	if int64(free) < leave && had < openRoom {
		want, leave = openRoom, flushRoom
	}
	if want = min(want, had+int64(free)-leave); want < had+step {
		return
	}
	if err := s.room.ballast.Hold(want); err != nil && !disk.IsFull(err) {
		s.o.Log.Warn("room cannot be held back", "error", err)
	}
}

// openBadger opens the documents, on held-back room if there is no other.
func (s *Store) openBadger(deaths int) (damage, err error) {
	dir := filepath.Join(s.files.dir, dirDocs)
	if s.room != nil {
		if err := errors.Join(MakeRoom(s.files.dir), s.room.clear()); err != nil {
			return nil, err
		}
	}
	s.db, damage, err = openDB(s.o, dir, deaths)
	if err == nil && s.room != nil {
		s.room.reserve(s.o.Free)
	}
	return damage, err
}

// closing is how long Badger may take to close on a disk without room. It then
// waits for some, and what it would write is in its log already.
const closing = 5 * time.Second

// closeBadger closes the documents.
func (s *Store) closeBadger() error {
	db := s.db
	s.db = nil
	if s.room == nil || !s.Low() {
		return db.Close()
	}
	had := s.room.ballast.Size()
	if _, err := s.room.ballast.Release(2 * flushRoom); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- db.Close() }()
	timer := time.NewTimer(closing)
	defer timer.Stop()
	select {
	case err := <-done:
		// What Badger gives back is held again for the next time.
		if e := s.room.ballast.Hold(had); !disk.IsFull(e) {
			err = errors.Join(err, e)
		}
		return err
	case <-timer.C:
		return s.errFull(errors.New("the documents cannot be closed well"))
	}
}

// whyNot says of an error of Badger's, which drops what caused it, that the disk
// is full if it is.
func (s *Store) whyNot(err error) error {
	if free, e := s.o.Free(); disk.IsFull(err) || e == nil && s.room != nil && free < flushRoom {
		return s.errFull(err)
	}
	return err
}

// heal opens the documents again after they could not be written. The caller
// holds w.
func (s *Store) heal() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loops.Wait()
	if s.db != nil {
		if err := s.closeBadger(); err != nil {
			s.o.Log.Warn("close documents", "error", err)
		}
	}
	if err := s.openDocs(); err != nil {
		return err
	}
	s.broken = nil
	s.o.Log.Info("there is room again: documents are written on")
	return nil
}
