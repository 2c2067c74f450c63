package store

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"shangu/sync/change"
	"shangu/sync/frame"
	"shangu/sync/journal"
	"shangu/sync/session"
)

// Rewind makes the entries after tip pending again: the hub was restored from a
// backup. The confirmed documents stay as they are until digests are compared;
// the hub's feed is taken from its beginning.
func (s *Store) Rewind(tip frame.Tip) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	if err := s.mayGrow(); err != nil {
		return fmt.Errorf("rewind: %w", err)
	}
	own, ok, err := s.journal.TipAt(tip.Seq)
	if err != nil {
		return fmt.Errorf("rewind: %w", err)
	}
	if !ok || own != tip || tip.Seq > s.st.Confirmed.Seq {
		return fmt.Errorf("rewind to entry %d: %w", tip.Seq, ErrReceipt)
	}
	table, err := s.tableAt(tip.Seq)
	if err != nil {
		return fmt.Errorf("rewind: %w", err)
	}
	// Later receipts were given by a hub that no longer knows of them.
	if err := s.withdraw(tip.Seq); err != nil {
		return fmt.Errorf("rewind: %w", err)
	}
	left, err := readReceipts(s.receipts)
	if err != nil {
		return fmt.Errorf("rewind: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.receipt, s.proven = session.Receipt{}, frame.Genesis(s.ident.chain())
	if len(left) > 0 {
		s.receipt = left[len(left)-1]
		s.proven = s.receipt.Tip
	}
	b := s.batch()
	if err := b.setTable(table); err != nil {
		return s.fail(err)
	}
	s.st.Confirmed, s.st.Cursor = tip, 0
	return s.repend(b)
}

// tableAt is the pack table as of an entry, from the journal.
func (s *Store) tableAt(seq uint64) (*frame.Table, error) {
	table := frame.NewTable()
	err := readEntries(s.journal, 1, seq, func(e *change.Entry, _ []byte) error {
		table.Observe(e)
		return nil
	})
	return table, err
}

// repend finds anew what is pending, after s.st.Confirmed, and brings all views
// up to it. The caller holds w and mu.
func (s *Store) repend(b *batch) error {
	touched := map[docKey]struct{}{}
	for k := range s.pending {
		touched[k] = struct{}{}
		if _, err := b.get(k); err != nil { // with the view that it has now
			return s.fail(err)
		}
	}
	s.pending = pending{}
	last := s.journal.Tip().Seq
	err := readEntries(s.journal, s.st.Confirmed.Seq+1, last, func(e *change.Entry, _ []byte) error {
		k := keyOf(e.Scope, e.Kind, e.ID)
		s.pending.add(k, e.Seq)
		touched[k] = struct{}{}
		return nil
	})
	if err != nil {
		return s.fail(err)
	}
	s.st.Applied = last
	return s.refreshAll(b, slices.Collect(maps.Keys(touched)))
}

// refreshAll refreshes many documents. Where the batch gets full it is flushed
// with Applied set back, so that a crash in between leads here again.
func (s *Store) refreshAll(b *batch, keys []docKey) error {
	applied := s.st.Applied
	// Documents that were written about the same time have their entries
	// close together.
	slices.SortFunc(keys, func(a, b docKey) int { return cmp.Compare(s.oldest(a), s.oldest(b)) })
	for len(keys) > 0 {
		n := min(len(keys), s.o.txnKeys()/32)
		entries, err := s.entries(keys[:n])
		if err != nil {
			return s.fail(err)
		}
		for range n {
			if err := b.show(keys[0], entries); err != nil {
				return s.fail(err)
			}
			if keys = keys[1:]; len(keys) == 0 || !b.full() {
				continue
			}
			s.st.Applied = s.st.Confirmed.Seq
			rest := make(map[docKey]*layers, len(keys))
			for _, k := range keys {
				if l := b.docs[k]; l != nil {
					rest[k] = l
				}
			}
			if err := b.flush(); err != nil {
				return err
			}
			b.docs = rest
			s.st.Applied = applied
		}
	}
	return b.flush()
}

// oldest is a document's first pending entry.
func (s *Store) oldest(k docKey) uint64 {
	if seqs := s.pending[k]; len(seqs) > 0 {
		return seqs[0]
	}
	return 0
}

// catchUp brings documents that were loaded up to the journal.
func (s *Store) catchUp() error {
	tip := s.journal.Tip()
	if change.ChainID(s.st.Chain) != s.ident.chain() {
		return s.adopt()
	}
	own, ok, err := s.journal.TipAt(s.st.Confirmed.Seq)
	if err != nil {
		return err
	}
	if !ok || own != s.st.Confirmed || s.st.Applied > tip.Seq {
		return fmt.Errorf("%w: they hold entry %d, it ends at %d", errForeign, max(s.st.Applied, s.st.Confirmed.Seq), tip.Seq)
	}
	s.pending = pending{}
	late := map[docKey]struct{}{}
	err = readEntries(s.journal, s.st.Confirmed.Seq+1, tip.Seq, func(e *change.Entry, _ []byte) error {
		k := keyOf(e.Scope, e.Kind, e.ID)
		s.pending.add(k, e.Seq)
		if e.Seq > s.st.Applied {
			late[k] = struct{}{}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.dropStale(); err != nil {
		return err
	}
	s.view, s.seen = maps.Clone(s.conf), s.st.Tally.clone()
	for k := range s.pending {
		l, err := s.readLayers(k)
		if err != nil {
			return err
		}
		if l.view == nil {
			late[k] = struct{}{}
			continue
		}
		s.view.Replace(l.conf, l.view)
		s.seen.add(l.conf, -1)
		s.seen.add(l.view, 1)
	}
	if len(late) == 0 && s.st.Applied == tip.Seq {
		return nil
	}
	s.st.Applied = tip.Seq
	return s.refreshAll(s.batch(), slices.Collect(maps.Keys(late)))
}

// adopt puts the documents of an earlier chain under the present one: what was
// confirmed is there in the end, what is pending is in the new journal.
func (s *Store) adopt() error {
	if err := s.dropViews(); err != nil {
		return err
	}
	s.view, s.seen, s.pending = maps.Clone(s.conf), s.st.Tally.clone(), pending{}
	if err := s.inherit(); err != nil {
		return err
	}
	b := s.batch()
	chain := s.ident.chain()
	s.st.Chain, s.st.Confirmed, s.st.Applied = hexBytes(chain), frame.Genesis(chain), 0
	if err := b.setTable(frame.NewTable()); err != nil {
		return err
	}
	return s.repend(b)
}

// dropViews removes all views.
func (s *Store) dropViews() error {
	var keys [][]byte
	err := s.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{keyDoc}})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			if _, layer, ok := splitDocKey(it.Item().Key()); ok && layer == layerView {
				keys = append(keys, it.Item().KeyCopy(nil))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.remove(keys)
}

// dropStale removes views of documents on which nothing is pending. A power cut
// may bring one back: Badger forgets that it was deleted before it forgets what
// was. While it equals its document no digest tells.
func (s *Store) dropStale() error {
	var keys [][]byte
	for _, k := range s.views {
		if len(s.pending[k]) == 0 {
			keys = append(keys, k.layer(layerView))
		}
	}
	s.views = nil
	return s.remove(keys)
}

// remove deletes keys in as many transactions as it takes.
func (s *Store) remove(keys [][]byte) error {
	for part := range slices.Chunk(keys, s.o.txnKeys()) {
		err := s.db.Update(func(txn *badger.Txn) error {
			for _, k := range part {
				if err := txn.Delete(k); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Rechain starts a new epoch and moves the entries after parted to it: this
// store is a copy of another, or came from an old image.
func (s *Store) Rechain(parted uint64) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	if err := s.mayGrow(); err != nil {
		return fmt.Errorf("new epoch: %w", err)
	}
	return s.rechain(parted)
}

// SetDevice makes this another device's store, as Open does when it finds that
// it is one: what the hub has not confirmed goes into a new epoch.
func (s *Store) SetDevice(device [16]byte) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	if err := s.mayGrow(); err != nil {
		return fmt.Errorf("new epoch: %w", err)
	}
	s.o.Device = device
	return s.rechain(s.held())
}

// rechain: the new journal is written whole, then the epoch file names it; from
// that moment on the new epoch counts, whatever happens.
func (s *Store) rechain(parted uint64) error {
	if _, ok, err := s.journal.TipAt(parted); err != nil || !ok {
		return fmt.Errorf("new epoch after entry %d: %w", parted, errors.Join(ErrReceipt, err))
	}
	entries := []*change.Entry{}
	err := readEntries(s.journal, parted+1, s.journal.Tip().Seq, func(e *change.Entry, _ []byte) error {
		entries = append(entries, e)
		return nil
	})
	if err != nil {
		return fmt.Errorf("new epoch: %w", err)
	}
	if parted > s.st.Confirmed.Seq {
		tip, _, err := s.journal.TipAt(parted)
		if err != nil {
			return fmt.Errorf("new epoch: %w", err)
		}
		s.mu.Lock()
		err = s.confirm(tip, nil, change.Clock{})
		s.mu.Unlock()
		if err != nil {
			return err
		}
	}
	next, err := s.succeed(parted)
	if err != nil {
		return fmt.Errorf("new epoch: %w", err)
	}
	return s.moveTo(next, parted, entries)
}

// succeed draws the identity that follows the present one.
func (s *Store) succeed(safe uint64) (next identity, err error) {
	next = s.ident
	if s.o.Device != ([16]byte{}) {
		next.Device = s.o.Device
	}
	next.Safe += safe
	next.Aside = append(slices.Clone(s.ident.Aside), s.ident.Epoch)
	next.Parted = append(slices.Clone(s.ident.Parted), parted{s.ident.Epoch, hexBytes(s.ident.chain()), safe})
	next.Epoch, err = mint(s.o.Rand)
	return next, err
}

// moveTo writes entries of the present chain after parted, none of which the hub
// holds, into a new chain, and goes on there.
func (s *Store) moveTo(next identity, parted uint64, entries []*change.Entry) error {
	old, chain := s.ident.chain(), next.chain()
	// Where entries are missing (see Salvage) the new chain closes ranks.
	moved := make(map[uint64]uint64, len(entries))
	j, err := journal.Create(s.files.journal(next.Epoch), chain, frame.Genesis(chain), nil, s.journalOptions())
	if err != nil {
		return fmt.Errorf("new epoch: %w", err)
	}
	var raw [][]byte
	size := 0
	flush := func() error {
		_, err := j.Append(func(uint64) ([][]byte, error) { return raw, nil })
		raw, size = nil, 0
		return err
	}
	for i, e := range entries {
		moved[e.Seq] = uint64(i) + 1
		e.Seq = uint64(i) + 1
		for f := range e.Fields {
			if b := &e.Fields[f].Base; b.Chain == old && b.Seq > parted && !b.IsZero() {
				*b = change.Ref{Chain: chain, Seq: moved[b.Seq]}
				if b.Seq == 0 {
					*b = change.Ref{}
				}
			}
		}
		b := frame.AppendEntry(nil, chain, e)
		if raw, size = append(raw, b), size+len(b); size > journal.MaxBatch/2 {
			if err = flush(); err != nil {
				break
			}
		}
	}
	if err == nil {
		err = flush()
	}
	if err == nil {
		err = s.files.writeKept(fileEpoch, next)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("new epoch: %w", err), j.Close())
	}
	if err := s.closeReceipts(); err != nil {
		s.o.Log.Warn("close receipts of the old epoch", "error", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	closed := s.journal
	s.ident, s.journal, s.receipt, s.proven = next, j, session.Receipt{}, frame.Genesis(chain)
	if s.db == nil {
		return nil // Open goes on to the documents
	}
	if closed != nil {
		if err := closed.Close(); err != nil {
			s.o.Log.Warn("close journal of the old epoch", "error", err)
		}
	}
	if err := s.adopt(); err != nil {
		return s.fail(err)
	}
	return nil
}

// salvageFrom opens a store whose journal is damaged: what can be read of it,
// after what the hub gave a receipt for, goes into a new epoch. The damaged
// journal stays where it is.
func (s *Store) salvageFrom(dir string, why error) error {
	s.salvage = why.Error()
	chain := s.ident.chain()
	var parted uint64
	if s.receipt.Chain == chain {
		parted = s.receipt.Tip.Seq
	}
	var entries []*change.Entry
	err := journal.Salvage(dir, s.journalOptions(), func(seq uint64, raw []byte) error {
		e, err := frame.DecodeEntry(raw, chain)
		if err == nil && e.Seq == seq && seq > parted {
			entries = append(entries, e)
		}
		return nil
	})
	if err != nil {
		return err
	}
	next, err := s.succeed(parted)
	if err != nil {
		return err
	}
	s.o.Log.Warn("the journal is damaged; what can be read of it goes into a new epoch", "entries", len(entries))
	return s.moveTo(next, parted, entries)
}
