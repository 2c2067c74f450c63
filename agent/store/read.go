package store

import (
	"fmt"
	"iter"
	"maps"

	"github.com/dgraph-io/badger/v4"

	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/frame"
	"shangu/sync/session"
)

// Doc returns a document as readers see it, nil when there is none. Scope "" is
// the own school, and so is its code.
func (s *Store) Doc(scope string, kind schema.Kind, id string) (*change.Doc, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.broken != nil {
		return nil, s.broken
	}
	l, err := s.readLayers(keyOf(s.own(scope), kind, id))
	if err != nil {
		return nil, fmt.Errorf("read %v %s: %w", kind, id, err)
	}
	return l.seen(), nil
}

// Docs yields the documents of a kind whose id begins with prefix, of all
// scopes, by id: as they stood when the loop began. An error ends it.
func (s *Store) Docs(kind schema.Kind, prefix string) iter.Seq2[*change.Doc, error] {
	return func(yield func(*change.Doc, error) bool) {
		s.mu.RLock()
		if s.broken != nil {
			err := s.broken
			s.mu.RUnlock()
			yield(nil, err)
			return
		}
		txn := s.db.NewTransaction(false)
		s.loops.Add(1)
		s.mu.RUnlock()
		defer s.loops.Done()
		defer txn.Discard()
		it := txn.NewIterator(badger.IteratorOptions{Prefix: prefixOf(kind, prefix)})
		defer it.Close()
		// Of a document's layers the view comes second and counts.
		var last docKey
		var value []byte
		emit := func() bool {
			if value == nil {
				return true
			}
			d, err := frame.DecodeDoc(value)
			return yield(d, err) && err == nil
		}
		for it.Rewind(); it.Valid(); it.Next() {
			k, _, ok := splitDocKey(it.Item().Key())
			if !ok {
				continue
			}
			if k != last && !emit() {
				return
			}
			last = k
			var err error
			if value, err = it.Item().ValueCopy(value[:0]); err != nil {
				yield(nil, fmt.Errorf("read %vs: %w", kind, err))
				return
			}
		}
		emit()
	}
}

// Revision changes whenever a document of one of the kinds does, as readers see
// it, and when documents were opened anew. It means nothing in the next process.
func (s *Store) Revision(kinds ...schema.Kind) (n uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, k := range kinds {
		n += s.changes[k]
	}
	return n + s.opened
}

// RevisionOn is Revision of this school's records about one day: its sheets, and
// the visits, training and inspections that began on it.
func (s *Store) RevisionOn(day schema.Date) uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	// Both parts only grow, but one opening may be as much as one change.
	return s.opened<<32 + s.daily[day]
}

// Digest digests what readers see: confirmed and pending.
func (s *Store) Digest() digest.Set {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return maps.Clone(s.view)
}

// Status is how the store stands.
type Status struct {
	School      string
	Device      [16]byte
	Epoch       [16]byte
	Chain       change.ChainID
	Tip         uint64 // last entry of the chain
	Pending     uint64 // entries that the hub has not confirmed
	Safe        uint64 // entries that it has, earlier epochs' included
	Quarantined int    // entries that wait in the hub's quarantine
	Conflicts   int    // cards that nobody settled
	Docs        int
	Kinds       map[schema.Kind]int
	Cursor      uint64
	Receipt     session.Receipt // the last one; without Sig there is none
	DiskFree    uint64          // bytes; 0 when it is not known
	DiskLow     bool            // nothing but attendance is saved: see Options.MinFree
	Boot        uint32
	Rebuilt     string // why the documents were rebuilt at this start; "" if not
	Failure     string // last failure of a session: a message id
	Broken      error  // why nothing can be saved until the next start
}

// Status tells how the store stands. It costs the same however much is in it.
func (s *Store) Status() Status {
	free, err := s.o.Free()
	if err != nil {
		free = 0
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	tip, held := s.journal.Tip().Seq, s.held()
	return Status{
		School: s.home, Device: s.ident.Device, Epoch: s.ident.Epoch, Chain: s.ident.chain(),
		Tip: tip, Pending: tip - held, Safe: s.ident.Safe + held,
		Quarantined: s.seen.Quarantined, Conflicts: s.seen.Conflicts,
		Docs: s.seen.total(), Kinds: maps.Clone(s.seen.Kinds), Cursor: s.st.Cursor, Receipt: s.receipt,
		DiskFree: free, DiskLow: err == nil && free < s.o.MinFree, Boot: s.boot, Rebuilt: s.rebuilt, Failure: s.failure, Broken: s.broken,
	}
}

// held is the last entry that the hub gave a receipt for. Documents that fell
// back at a power cut may not have heard of it yet.
func (s *Store) held() uint64 { return max(s.st.Confirmed.Seq, s.proven.Seq) }

// Waiting reports whether the district has given no receipt yet for what was saved
// of one of this school's documents.
func (s *Store) Waiting(kind schema.Kind, id string) bool { return s.WaitingIn("", kind, id) }

// WaitingIn is Waiting for a document of any school: what was saved here of it.
func (s *Store) WaitingIn(scope string, kind schema.Kind, id string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.waiting(keyOf(s.own(scope), kind, id))
}

// waiting reports whether a document has entries without a receipt.
func (s *Store) waiting(k docKey) bool {
	seqs := s.pending[k]
	return len(seqs) > 0 && seqs[len(seqs)-1] > s.held()
}

// Heartbeat reads the clocks and how the store stands.
func (s *Store) Heartbeat() session.Heartbeat {
	now := s.o.Now()
	free := s.freeMiB()
	s.mu.RLock()
	defer s.mu.RUnlock()
	return session.Heartbeat{
		At: now.Unix(), Boot: s.boot, Up: s.up(now),
		Pending: s.journal.Tip().Seq - s.st.Confirmed.Seq,
		Failure: s.failure, DiskFree: free, Version: s.o.Version,
	}
}

// SetFailure notes the last failure of a session, a message id, for the next
// heartbeat; "" when it went well.
func (s *Store) SetFailure(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = id
}

// Home is the school that the store belongs to, "" before it is enrolled.
func (s *Store) Home() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.home
}

// SetHome notes the school that the device was enrolled for. Documents of that
// school are the ones with scope "". A store does not change schools.
func (s *Store) SetHome(school string) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	if school == s.home {
		return nil
	}
	if s.home != "" {
		return said(ErrScope, fmt.Errorf("school %s, enrolled for %s", s.home, school), "store.other_school", "own", s.home, "other", school)
	}
	if err := s.files.writeKept(fileHome, home{school}); err != nil {
		return fmt.Errorf("set school: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.home = school
	return nil
}

// NewID makes the id of a document that has no natural one.
func (s *Store) NewID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counter++
	return schema.NewID(s.ident.chain(), uint64(s.boot)<<24+s.counter)
}
