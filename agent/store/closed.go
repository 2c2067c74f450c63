package store

import (
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"

	"shangu/schema"
	"shangu/sync/digest"
	"shangu/sync/disk"
)

// closed is what an orderly end leaves behind: the documents are on the disk,
// synced, in these files. It names the start that it ended. The next start
// counts itself durably before it touches the documents, and so no later one
// takes this for its own: nothing has to be removed, and no save syncs for it.
type closed struct {
	Boot  uint32              `json:"boot"`
	State uint32              `json:"state"` // CRC32C of the state
	Files map[string]stamp    `json:"files"`
	Days  map[schema.Date]int `json:"days"` // documents about each day
}

// stamp is by what a file is known again.
type stamp struct {
	Size  int64 `json:"size"`
	Mtime int64 `json:"mtime"` // in ns
}

// stamps lists the files of a directory.
func stamps(dir string) (map[string]stamp, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	out := make(map[string]stamp, len(entries))
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		out[e.Name()] = stamp{info.Size(), info.ModTime().UnixNano()}
	}
	return out, nil
}

// fits reports whether it was left by the start before boot, and the files are
// those that it left.
func (c *closed) fits(boot uint32, files map[string]stamp) bool {
	return c != nil && c.Boot+1 == boot && len(files) > 0 && maps.Equal(c.Files, files)
}

// trust finds out whether the documents were closed well and not touched since.
// Only the first opening after a start may ask.
func (s *Store) trust() {
	was := s.closed
	s.closed = nil
	if was == nil || s.o.InMemory {
		return
	}
	files, err := stamps(filepath.Join(s.files.dir, dirDocs))
	if err == nil && was.fits(s.boot, files) {
		s.closed, s.trusted = was, true
	}
}

// leave syncs the closed documents and says durably that they are well. Without
// it the next start reads them all, so failing costs no more than that.
func (s *Store) leave() error {
	if s.o.InMemory || s.Low() {
		return nil
	}
	dir := filepath.Join(s.files.dir, dirDocs)
	if err := disk.SyncTree(dir); err != nil {
		return err
	}
	files, err := stamps(dir)
	if err != nil {
		return err
	}
	return s.files.write(fileClosed, closed{s.boot, s.stateSum, files, s.st.Tally.days})
}

func stateSum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// Recheck reads all documents if the store was opened without that, because it
// was closed well, and rebuilds them when something does not hold. It should be
// called once whoever waited for the store has it.
func (s *Store) Recheck() error {
	s.mu.Lock()
	if !s.trusted || s.broken != nil {
		s.mu.Unlock()
		return nil
	}
	s.trusted = false
	txn := s.db.NewTransaction(false)
	s.loops.Add(1)
	s.mu.Unlock()
	damage := recheck(txn)
	txn.Discard()
	s.loops.Done()
	if damage == nil {
		return nil
	}
	if err := s.begin(); err != nil {
		return fmt.Errorf("recheck: %w", errors.Join(damage, err))
	}
	defer s.end()
	return s.repair(fmt.Errorf("recheck: %w", damage))
}

// recheck holds the documents against the state as of the same transaction.
func recheck(txn *badger.Txn) error {
	st, _, err := readState(txn)
	if err != nil || st == nil {
		return errors.Join(err, errForeign)
	}
	conf, err := readBuckets(txn)
	if err != nil {
		return err
	}
	_, _, err = whole(txn, st, conf)
	return err
}

// sound is what is asked of documents that were closed well.
func (s *Store) sound(sum uint32) error {
	if sum != s.closed.State {
		return fmt.Errorf("%w: another state", errForeign)
	}
	s.st.Tally.days = maps.Clone(s.closed.Days)
	return agree(s.st, s.conf, s.names, s.aux)
}

// agree holds what is loaded at every opening against what the state says it
// comes to.
func agree(st state, conf digest.Set, names int, aux []byte) error {
	switch {
	case string(conf.Root().Bytes()) != string(st.Root):
		return fmt.Errorf("%w: digests are missing", errForeign)
	case names != st.Names || crc32.Checksum(aux, castagnoli) != st.Aux:
		return fmt.Errorf("%w: %d names, expected %d", errForeign, names, st.Names)
	}
	return nil
}
