package store

import (
	"errors"
	"fmt"
	"slices"

	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/frame"
	"shangu/sync/journal"
)

// pending says which documents have entries that the hub has not confirmed,
// and which entries those are, in order.
type pending map[docKey][]uint64

func (p pending) add(k docKey, seq uint64) { p[k] = append(p[k], seq) }

// drop takes an entry out that was confirmed.
func (p pending) drop(k docKey, seq uint64) {
	rest := slices.DeleteFunc(p[k], func(n uint64) bool { return n == seq })
	if len(rest) == 0 {
		delete(p, k)
		return
	}
	p[k] = rest
}

// readEntries decodes a journal's entries from one seq up to another.
func readEntries(j *journal.Journal, from, to uint64, f func(e *change.Entry, raw []byte) error) error {
	if from > to {
		return nil
	}
	var failed error
	err := j.Read(from, func(seq uint64, raw []byte) bool {
		if seq > to {
			return false
		}
		e, err := frame.DecodeEntry(raw, j.Chain())
		if err == nil && e.Seq != seq {
			err = fmt.Errorf("entry %d stands at %d", e.Seq, seq)
		}
		if err == nil {
			err = f(e, raw)
		}
		failed = err
		return err == nil && seq < to
	})
	if failed != nil {
		return failed
	}
	return err
}

// entries fetches the pending entries of some documents.
func (s *Store) entries(keys []docKey) (map[uint64]*change.Entry, error) {
	want := map[uint64]*change.Entry{}
	from, to := ^uint64(0), uint64(0)
	for _, k := range keys {
		for _, seq := range s.pending[k] {
			want[seq] = nil
			from, to = min(from, seq), max(to, seq)
		}
	}
	if from > to {
		return want, nil
	}
	var failed error
	err := s.journal.Read(from, func(seq uint64, raw []byte) bool {
		if _, ok := want[seq]; ok {
			want[seq], failed = frame.DecodeEntry(raw, s.ident.chain())
		}
		return failed == nil && seq < to
	})
	return want, errors.Join(err, failed)
}

// fold merges a document's pending entries onto its confirmed state. Entries
// that it holds already are passed over: after a hub came back from a backup,
// what was confirmed once is pending again.
func (s *Store) fold(d *change.Doc, seqs []uint64, entries map[uint64]*change.Entry) *change.Doc {
	for _, seq := range seqs {
		if e := entries[seq]; e != nil {
			d = s.merge(d, e, change.Clock{})
		}
	}
	return d
}

// merge applies one own entry of the present chain.
func (s *Store) merge(d *change.Doc, e *change.Entry, clock change.Clock) *change.Doc {
	return mergeOwn(d, s.ident.chain(), e, clock)
}

// mergeOwn applies one own entry, unless the document holds it.
func mergeOwn(d *change.Doc, chain change.ChainID, e *change.Entry, clock change.Clock) *change.Doc {
	if contains(d, chain, e.Seq) {
		return d
	}
	d, _ = change.Merge(d, e, change.Author{Chain: chain, Role: roleFor(e.Scope), Clock: clock})
	return d
}

// roleFor is the standing of this school towards documents of a scope.
func roleFor(scope string) schema.Role {
	if scope == "" {
		return schema.RoleHost
	}
	return schema.RoleHelper
}
