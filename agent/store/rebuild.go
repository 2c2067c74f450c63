package store

import (
	"errors"
	"fmt"
	"slices"

	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/frame"
	"shangu/sync/journal"
	"shangu/sync/session"
)

// parted says where the chain of an earlier epoch ended: what followed went into
// the next one.
type parted struct {
	Epoch hexBytes `json:"epoch"`
	Chain hexBytes `json:"chain"`
	Seq   uint64   `json:"seq"` // the last entry that the hub held
}

// rebuild makes the documents anew: from the journals of earlier epochs and of
// this one up to the last receipt they are confirmed, and what follows is
// pending. What the hub alone has comes with the next session. why is nil for a
// new store.
func (s *Store) rebuild(why error) error {
	if why != nil {
		s.o.Log.Warn("documents are rebuilt from the journal", "cause", why)
		s.rebuilt = why.Error()
	}
	s.broken = nil // what failed were the documents that go now
	if err := s.db.DropAll(); err != nil {
		return errors.Join(why, err)
	}
	if why == nil && (s.journal.Tip().Seq > 0 || len(s.ident.Aside) > 0) {
		s.rebuilt = "the documents were missing"
	}
	chain := s.ident.chain()
	s.conf, s.view, s.seen, s.pending = digest.Set{}, digest.Set{}, tally{}, pending{}
	s.table, s.names, s.aux = frame.NewTable(), 0, nil
	s.st = state{
		Format: stateFormat, Chain: hexBytes(chain), Confirmed: frame.Genesis(chain), Unfinished: true,
		Hole: s.rebuilt != "" || len(s.ident.Aside) > 0 || s.ident.Safe > 0,
	}
	for _, p := range s.earlier() {
		if err := s.replay(p, 0); err != nil {
			return err
		}
	}
	if s.proven.Seq > 0 {
		if err := s.confirm(s.proven, nil, change.Clock{}); err != nil {
			return err
		}
	}
	s.st.Unfinished = false
	return s.repend(s.batch())
}

// prove finds the last receipt that the journal bears out. Those after it were
// for entries that are lost.
func (s *Store) prove() error {
	s.proven = frame.Genesis(s.ident.chain())
	if s.receipts == nil {
		return nil
	}
	rs, err := readReceipts(s.receipts)
	if err != nil {
		return fmt.Errorf("read receipts: %w", err)
	}
	for _, r := range slices.Backward(rs) {
		own, ok, err := s.journal.TipAt(r.Tip.Seq)
		if err != nil {
			return err
		}
		if ok && own == r.Tip {
			s.proven = own
			return nil
		}
	}
	return nil
}

// earlier lists the epochs whose journals are kept, the first one first. Where
// nobody wrote down how far the hub held them, their receipts tell.
func (s *Store) earlier() (out []parted) {
	for _, epoch := range s.ident.Aside {
		at := slices.IndexFunc(s.ident.Parted, func(p parted) bool { return p.Epoch == epoch })
		if at >= 0 {
			out = append(out, s.ident.Parted[at])
			continue
		}
		chain, err := journal.ChainIn(s.files.journal(epoch), s.journalOptions())
		if err == nil {
			var rs []session.Receipt
			if rs, err = s.receiptsOf(chain); len(rs) > 0 {
				out = append(out, parted{epoch, hexBytes(chain), rs[len(rs)-1].Tip.Seq})
			}
		}
		if err != nil && !errors.Is(err, journal.ErrMissing) {
			s.o.Log.Warn("the journal of an earlier epoch cannot be read; what the hub has of it comes again", "error", err)
		}
	}
	return out
}

// inherit confirms what the documents lack of the earlier epochs: they may have
// fallen back to where the hub had not confirmed all of it yet.
func (s *Store) inherit() error {
	all := s.earlier()
	at := slices.IndexFunc(all, func(p parted) bool { return p.Chain == s.st.Chain })
	if at < 0 {
		return nil
	}
	after := s.st.Confirmed.Seq
	for _, p := range all[at:] {
		if err := s.replay(p, after); err != nil {
			return err
		}
		after = 0
	}
	return nil
}

// replay makes what the hub held of an earlier epoch part of the confirmed
// documents, from the entry that follows after on. Nothing may be pending. Its
// journal may be damaged, which may be why the epoch ended: what can be read
// of it counts.
func (s *Store) replay(p parted, after uint64) error {
	if after >= p.Seq {
		return nil
	}
	b := s.batch()
	chain := change.ChainID(p.Chain)
	err := journal.Salvage(s.files.journal(p.Epoch), s.journalOptions(), func(seq uint64, raw []byte) error {
		if seq > p.Seq {
			return errEnough
		}
		e, err := frame.DecodeEntry(raw, chain)
		if seq <= after || err != nil || e.Seq != seq {
			return nil
		}
		k := keyOf(e.Scope, e.Kind, e.ID)
		l, err := b.get(k)
		if err != nil {
			return err
		}
		if err := b.setConfirmed(k, mergeOwn(l.conf, chain, e, change.Clock{})); err != nil {
			return err
		}
		if b.full() {
			return b.flush()
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return fmt.Errorf("read an earlier epoch: %w", err)
	}
	return b.flush()
}
