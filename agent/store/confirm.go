package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/frame"
	"shangu/sync/journal"
	"shangu/sync/session"
)

// Confirmed returns the tip that the hub has given a receipt for.
func (s *Store) Confirmed() frame.Tip {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.st.Confirmed
}

// Cursor returns the position up to which the hub's feed was taken.
func (s *Store) Cursor() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.st.Cursor
}

// TipAt returns the own chain's tip at seq; ok is false when the journal does
// not reach there, or cannot be read.
func (s *Store) TipAt(seq uint64) (frame.Tip, bool) {
	s.mu.RLock()
	j := s.journal
	s.mu.RUnlock()
	tip, ok, err := j.TipAt(seq)
	if err != nil {
		s.o.Log.Error("journal cannot be read", "error", err)
	}
	return tip, ok && err == nil
}

// Pack packs pending entries after the confirmed tip in chain order, about
// budget bytes at most, and returns the last one's seq; nil when nothing is
// pending.
func (s *Store) Pack(budget int) ([]byte, uint64, error) {
	return s.Outbox(math.MaxUint64).Pack(budget)
}

// Outbox packs pending entries, pack after pack.
type Outbox struct {
	j     *journal.Journal
	chain change.ChainID
	at    frame.Tip    // of what was packed, and before
	table *frame.Table // pack table at at
	end   uint64       // the last entry that was there when it was made
}

// Outbox begins with the first entry that the hub has not confirmed, and has so
// many at most. What is saved later is not in it. It must not be used past a new
// epoch.
func (s *Store) Outbox(most uint64) *Outbox {
	s.mu.RLock()
	defer s.mu.RUnlock()
	o := &Outbox{s.journal, s.ident.chain(), s.st.Confirmed, s.table.Clone(), s.journal.Tip().Seq}
	o.end = o.at.Seq + min(o.end-o.at.Seq, most)
	return o
}

// At is the end of what was packed, at first the confirmed tip.
func (o *Outbox) At() frame.Tip { return o.at }

// End is the last entry that there is to pack.
func (o *Outbox) End() uint64 { return o.end }

// Table is the pack table at At, as frame.Table.MarshalBinary writes it.
func (o *Outbox) Table() ([]byte, error) { return o.table.MarshalBinary() }

// Pack packs the entries that follow, about budget bytes at most, and returns
// the last one's seq; nil when there are no more.
func (o *Outbox) Pack(budget int) ([]byte, uint64, error) {
	budget = min(max(budget, 1), frame.MaxPack)
	// A pack is a tenth or less of its entries' bytes.
	for raw := min(20*budget, frame.MaxPackRaw-frame.MaxEntry); ; raw /= 2 {
		var entries []*change.Entry
		size, tip := 0, o.at
		err := readEntries(o.j, o.at.Seq+1, o.end, func(e *change.Entry, b []byte) error {
			if size += len(b); len(entries) > 0 && (size > raw || len(entries) == frame.MaxPackEntries) {
				return errEnough
			}
			entries = append(entries, e)
			tip = tip.Next(b)
			return nil
		})
		if err != nil && err != errEnough {
			return nil, 0, fmt.Errorf("pack: %w", err)
		}
		if len(entries) == 0 {
			return nil, 0, nil
		}
		table := o.table.Clone()
		pack, err := frame.PackEntries(table, o.chain, o.at, entries)
		if err != nil {
			return nil, 0, fmt.Errorf("pack: %w", err)
		}
		if len(pack) <= budget || len(entries) == 1 {
			o.at, o.table = tip, table
			return pack, tip.Seq, nil
		}
	}
}

// errEnough ends a reading of entries.
var errEnough = fmt.Errorf("store: enough entries")

// Confirm records that the hub holds the chain up to r.Tip: the entries up to
// there, but for those in quarantine, become part of the confirmed documents. Where
// they are already, the receipt is kept if this store has lost its own.
func (s *Store) Confirm(r session.Receipt, verdicts []session.Verdict, clock change.Clock) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	chain := s.ident.chain()
	own, ok, err := s.journal.TipAt(r.Tip.Seq)
	if err != nil {
		return fmt.Errorf("confirm: %w", err)
	}
	if r.Chain != chain || !ok || own != r.Tip {
		return fmt.Errorf("confirm entry %d: %w", r.Tip.Seq, ErrReceipt)
	}
	if r.Tip.Seq > s.receipt.Tip.Seq || s.receipt.Sig == nil {
		if err := s.keepReceipt(r); err != nil {
			return fmt.Errorf("confirm: %w", err)
		}
	}
	if err := s.mayWriteDocs(0); err != nil {
		return fmt.Errorf("confirm: %w", err)
	}
	refused := map[uint64]bool{}
	for _, v := range verdicts {
		if v.Outcome == change.Quarantined {
			refused[v.Seq] = true
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.receipt, s.proven = r, r.Tip
	return s.confirm(r.Tip, refused, clock)
}

// LacksReceipt reports whether the receipt for what is confirmed was lost.
func (s *Store) LacksReceipt() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.proven.Seq < s.st.Confirmed.Seq
}

// confirm makes the entries up to tip part of the confirmed documents. The
// caller holds w and mu.
func (s *Store) confirm(tip frame.Tip, refused map[uint64]bool, clock change.Clock) error {
	b := s.batch()
	touched := map[docKey]struct{}{}
	settle := func() error {
		if err := b.refresh(slices.Collect(maps.Keys(touched))); err != nil {
			return s.fail(err)
		}
		clear(touched)
		return b.flush()
	}
	err := readEntries(s.journal, s.st.Confirmed.Seq+1, tip.Seq, func(e *change.Entry, raw []byte) error {
		k := keyOf(e.Scope, e.Kind, e.ID)
		l, err := b.get(k)
		if err != nil {
			return err
		}
		s.table.Observe(e)
		b.read += len(raw)
		if !refused[e.Seq] {
			if err := b.setConfirmed(k, s.merge(l.conf, e, clock)); err != nil {
				return err
			}
		}
		s.pending.drop(k, e.Seq)
		touched[k] = struct{}{}
		s.st.Confirmed = s.st.Confirmed.Next(raw)
		s.st.Applied = max(s.st.Applied, e.Seq)
		if b.half() { // the views follow, and each is as large as what is confirmed
			return settle()
		}
		return nil
	})
	if err != nil {
		return s.fail(fmt.Errorf("confirm: %w", err))
	}
	return settle()
}

// own maps a document's scope to how this store names it.
func (s *Store) own(scope string) string {
	if scope == s.home {
		return ""
	}
	return scope
}

// Absorb takes what changed at the hub: its documents replace the confirmed
// ones, and what is pending is merged on top again.
func (s *Store) Absorb(d session.Delta) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	if len(d.Docs)+len(d.Gone) > 0 {
		if err := s.mayGrow(); err != nil {
			return fmt.Errorf("absorb: %w", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.batch()
	for _, doc := range d.Docs {
		if err := b.take(keyOf(s.own(doc.Scope), doc.Kind, doc.ID), doc); err != nil {
			return fmt.Errorf("absorb: %w", err)
		}
	}
	for _, g := range d.Gone {
		if err := b.take(keyOf(s.own(g.Scope), g.Kind, g.ID), nil); err != nil {
			return fmt.Errorf("absorb: %w", err)
		}
	}
	s.st.Cursor = d.Cursor
	return b.flush()
}

// take makes a document what the hub says, and flushes now and then.
func (b *batch) take(k docKey, d *change.Doc) error {
	if d != nil {
		own := *d
		own.Scope = b.s.own(d.Scope)
		d = &own
	}
	err := b.setConfirmed(k, d)
	if err == nil && len(b.s.pending[k]) > 0 {
		err = b.refresh([]docKey{k})
	}
	if err != nil {
		return b.s.fail(err)
	}
	if b.full() {
		return b.flush()
	}
	return nil
}

// Root digests what the hub has confirmed, without pending entries.
func (s *Store) Root() digest.Sum {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.conf.Root()
}

// Buckets returns the digests behind Root.
func (s *Store) Buckets() (digest.Set, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return maps.Clone(s.conf), nil
}

// Replace makes the confirmed documents of a bucket exactly docs.
func (s *Store) Replace(bucket digest.Bucket, docs []*change.Doc) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	if err := s.mayGrow(); err != nil {
		return fmt.Errorf("replace: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	theirs := make(map[docKey]*change.Doc, len(docs))
	keep := make(map[docKey]bool, len(docs))
	for _, d := range docs {
		k := keyOf(s.own(d.Scope), d.Kind, d.ID)
		theirs[k], keep[k] = d, true
	}
	ours := map[docKey]*change.Doc{}
	err := s.db.View(func(txn *badger.Txn) error {
		return each(txn, bucketPrefix(bucket), func(key, value []byte) error {
			k, layer, ok := splitDocKey(key)
			if !ok || layer != layerConfirmed {
				return nil
			}
			d, err := frame.DecodeDoc(value)
			if err == nil && (keep[k] || digest.BucketOf(d) == bucket) {
				ours[k] = d
			}
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("replace: %w", err)
	}
	written, err := s.claimed(bucket, ours, keep)
	if err != nil {
		return fmt.Errorf("replace: %w", err)
	}
	lost, err := s.lost(written, theirs)
	if err != nil {
		return fmt.Errorf("replace: %w", err)
	}
	s.differed(ours, theirs, lost)
	b := s.batch()
	again, err := s.resend(lost)
	if err != nil {
		s.st.Applied = s.journal.Tip().Seq
		return fmt.Errorf("replace: %w", errors.Join(err, s.refreshAll(b, again)))
	}
	for k := range ours {
		if keep[k] {
			continue
		}
		if err := b.take(k, nil); err != nil {
			return fmt.Errorf("replace: %w", err)
		}
	}
	for _, d := range docs {
		if err := b.take(keyOf(s.own(d.Scope), d.Kind, d.ID), d); err != nil {
			return fmt.Errorf("replace: %w", err)
		}
	}
	s.st.Applied = s.journal.Tip().Seq
	return s.refreshAll(b, again)
}

// bucketPrefix is where the documents of a bucket are: sheets begin with their
// month, other kinds are looked through.
func bucketPrefix(b digest.Bucket) []byte {
	if b.Kind == schema.KindSheet && b.Month != schema.NoMonth {
		return prefixOf(b.Kind, b.Month)
	}
	return binary.BigEndian.AppendUint16([]byte{keyDoc}, uint16(b.Kind))
}
