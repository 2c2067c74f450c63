package store

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"

	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/disk"
	"shangu/sync/frame"
)

// Verification is what Verify found.
type Verification struct {
	Entries  uint64   // of the journal, all read and hashed
	Docs     int      // documents that readers see
	Problems []string // what does not hold, for an operator; none: all is well
	Repaired bool
}

// Verify reads everything: the journal's checksums and hashes, every document,
// the digests and counts over them, and each view against its entries. With
// repair, documents in which something does not hold are rebuilt from the
// journal; the hub's come again with the next session. It fails when the journal
// itself is damaged.
func (s *Store) Verify(repair bool) (v Verification, err error) {
	if err := s.begin(); err != nil {
		return v, err
	}
	defer s.end()
	j := s.journal
	err = j.Verify(func(seq uint64, raw []byte) error {
		v.Entries++
		e, err := frame.DecodeEntry(raw, j.Chain())
		if err == nil && e.Seq != seq {
			err = fmt.Errorf("entry %d stands at %d", e.Seq, seq)
		}
		return err
	})
	if err != nil {
		return v, said(ErrDamaged, err, "store.damaged", "where", err)
	}
	if s.salvage != "" && repair {
		v.Problems, v.Repaired = append(v.Problems, s.salvage), true
		s.salvage = ""
	}
	s.mu.RLock()
	err = s.verifyDocs(&v)
	s.mu.RUnlock()
	if err != nil {
		v.Problems = append(v.Problems, err.Error())
	}
	if err == nil || !repair {
		return v, nil
	}
	if err := s.repair(fmt.Errorf("verify: %w", err)); err != nil {
		return v, err
	}
	v.Repaired = true
	return v, nil
}

// repair rebuilds the documents while others use the store. The caller holds w.
func (s *Store) repair(why error) error {
	if err := s.mayGrow(); err != nil {
		return err
	}
	s.quiesce(errRepair)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.renew(why); err != nil {
		return s.fail(err)
	}
	return nil
}

// errRepair is what readers get during a repair.
var errRepair = errors.New("store: documents are being repaired")

// scan reads every document.
func scan(txn *badger.Txn, f func(k docKey, layer byte, d *change.Doc) error) error {
	return each(txn, []byte{keyDoc}, func(key, value []byte) error {
		k, layer, ok := splitDocKey(key)
		if !ok {
			return fmt.Errorf("a key of %d bytes is none of ours", len(key))
		}
		d, err := frame.DecodeDoc(value)
		if err != nil {
			return err
		}
		if keyOf(d.Scope, d.Kind, d.ID) != k {
			return fmt.Errorf("%v %s stands under another name", d.Kind, d.ID)
		}
		return f(k, layer, d)
	})
}

// verifyDocs compares documents, digests, counts and views.
func (s *Store) verifyDocs(v *Verification) error {
	conf, view := digest.Set{}, digest.Set{}
	var confirmed, seen tally
	views := map[docKey]*change.Doc{}
	defer func() { v.Docs = seen.total() }()
	err := s.db.View(func(txn *badger.Txn) error {
		return scan(txn, func(k docKey, layer byte, d *change.Doc) error {
			if layer == layerView {
				views[k] = d
				return nil
			}
			conf.Replace(nil, d)
			view.Replace(nil, d)
			confirmed.add(d, 1)
			seen.add(d, 1)
			return nil
		})
	})
	if err != nil {
		return err
	}
	for k := range views {
		if len(s.pending[k]) == 0 {
			_, kind, id := k.parts()
			return fmt.Errorf("%v %s has a view, but nothing is pending", kind, id)
		}
	}
	keys := make([]docKey, 0, len(s.pending))
	for k := range s.pending {
		keys = append(keys, k)
	}
	entries, err := s.entries(keys)
	if err != nil {
		return err
	}
	for _, k := range keys {
		l, err := s.readLayers(k)
		if err != nil {
			return err
		}
		want := s.fold(l.conf, s.pending[k], entries)
		if digest.Of(views[k]) != digest.Of(want) {
			_, kind, id := k.parts()
			return fmt.Errorf("%v %s is not what its entries make", kind, id)
		}
		view.Replace(l.conf, want)
		seen.add(l.conf, -1)
		seen.add(want, 1)
	}
	switch {
	case !maps.Equal(conf, s.conf) || !maps.Equal(view, s.view):
		return fmt.Errorf("digests are not those of the documents")
	case !confirmed.equal(s.st.Tally) || !seen.equal(s.seen):
		return fmt.Errorf("counts are not those of the documents")
	}
	return nil
}

func (t tally) equal(o tally) bool {
	return maps.Equal(t.Kinds, o.Kinds) && t.Conflicts == o.Conflicts && t.Quarantined == o.Quarantined
}

// renew moves the documents aside and rebuilds them.
func (s *Store) renew(why error) error {
	if err := s.closeBadger(); err != nil {
		s.o.Log.Warn("close documents", "error", err)
	}
	dir := filepath.Join(s.files.dir, dirDocs)
	if !s.o.InMemory {
		if err := disk.MoveAside(dir, dir+".damaged"); err != nil {
			return err
		}
	}
	if _, err := s.openBadger(0); err != nil {
		return err
	}
	return s.rebuild(why)
}
