package store

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/frame"
	"shangu/sync/journal"
)

// When a bucket's digests differ, one side lacks something. What the hub sends
// is taken: its merge is the one merge. But first all that was written here, and
// that the hub gave a receipt for, is looked up in what it sends. What it no
// longer has is written anew, as entries of the present chain over the versions
// that the hub holds now, and goes there with the next push.
//
//	the hub's field                               means               is
//	there is none                                 the hub lost it     sent again
//	an earlier write of this computer             the hub lost it     sent again
//	the very version that this write replaced     the hub lost it     sent again
//	this write, or the same value                 nothing is missing  taken
//	a write of somebody else                      merged after ours   taken; the loser is on a card
//
// Entries in quarantine are not missing; nor are documents of other schools that
// this one may no longer see.

// claim is a field as it was last written here and confirmed.
type claim struct {
	change.Field // Base is what it replaced, if the journal still says so
	ref          change.Ref
	entry        change.Entry // its times and account, without fields
}

// claims are all that was written here into one bucket, by document.
type claims map[docKey]map[schema.Key]claim

// claimed collects what this computer wrote into a bucket: what its documents
// say, and what the journal says, for documents may be what is damaged. also are
// documents that belong to the bucket whatever the journal says of them.
func (s *Store) claimed(bucket digest.Bucket, docs map[docKey]*change.Doc, also map[docKey]bool) (claims, error) {
	own, err := s.allReceipts()
	if err != nil {
		return nil, err
	}
	chain := s.ident.chain()
	out := claims{}
	for k, d := range docs {
		for i := range d.Cells {
			c := &d.Cells[i]
			if _, ok := own[c.Version.Chain]; (ok || c.Version.Chain == chain) && s.wasConfirmed(c.Version) && mine(d.Kind, c.Key) {
				out.add(own, k, claim{change.Field{Key: c.Key, Value: c.Value}, c.Version, change.Entry{At: c.At, Account: c.By}})
			}
		}
	}
	folded := map[docKey]*change.Doc{}
	entries := claims{}
	err = readEntries(s.journal, s.journal.First(), s.st.Confirmed.Seq, func(e *change.Entry, _ []byte) error {
		if e.Kind != bucket.Kind || e.Kind == schema.KindSheet && schema.MonthOf(e.Kind, e.ID, nil) != bucket.Month {
			return nil
		}
		k := keyOf(e.Scope, e.Kind, e.ID)
		folded[k], _ = change.Merge(folded[k], e, change.Author{Chain: chain, Role: roleFor(e.Scope)})
		for _, f := range e.Fields {
			if mine(e.Kind, f.Key) {
				entries.add(own, k, claim{f, change.Ref{Chain: chain, Seq: e.Seq}, change.Entry{At: e.At, Boot: e.Boot, Up: e.Up, Account: e.Account}})
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for k, fields := range entries {
		if docs[k] == nil && !also[k] && digest.BucketOf(folded[k]) != bucket {
			continue
		}
		for _, c := range fields {
			out.add(own, k, c)
		}
	}
	return out, nil
}

// add keeps the latest write of a field. Of the same write the one that knows
// what it replaced is kept.
func (c claims) add(own Receipts, k docKey, n claim) {
	if c[k] == nil {
		c[k] = map[schema.Key]claim{}
	}
	if was, ok := c[k][n.Key]; !ok || !own.earlier(n.ref, was.ref) {
		c[k][n.Key] = n
	}
}

// earlier reports whether an own write was confirmed before another one. Within
// a chain the seq says so; between epochs the hub's audit records do.
func (rs Receipts) earlier(a, b change.Ref) bool {
	if a.Chain == b.Chain {
		return a.Seq < b.Seq
	}
	ra, ok := rs.For(a)
	if !ok {
		return false
	}
	rb, ok := rs.For(b)
	return ok && ra.N < rb.N
}

// mine reports whether a school writes a field: the hub makes cards and
// quarantined entries in the name of the entry that caused them.
func mine(k schema.Kind, key schema.Key) bool {
	switch k {
	case schema.KindQuarantine:
		return false
	case schema.KindCard:
		return key.Num == schema.CardSettled || key.Num == schema.CardSettler
	}
	return true
}

// wasConfirmed reports whether the hub gave a receipt for a write that still
// holds: after a hub came back from a backup, what it lost is pending again.
func (s *Store) wasConfirmed(r change.Ref) bool {
	return r.Chain != s.ident.chain() || r.Seq <= s.st.Confirmed.Seq
}

// lost picks out of what is claimed the fields that the hub does not have, with
// the versions that it has instead as bases.
func (s *Store) lost(c claims, hub map[docKey]*change.Doc) (map[docKey][]claim, error) {
	out := map[docKey][]claim{}
	own, err := s.allReceipts()
	if err != nil {
		return nil, err
	}
	for k, fields := range c {
		scope, _, _ := k.parts()
		d := hub[k]
		if d == nil && scope != "" {
			continue
		}
		for key, n := range fields {
			cell, found := d.Find(key)
			if found && !behind(cell, n, own) {
				continue
			}
			waits, err := s.inQuarantine(n.ref)
			if err != nil {
				return nil, err
			}
			if waits {
				continue
			}
			n.Base = cell.Version
			out[k] = append(out[k], n)
		}
		slices.SortFunc(out[k], func(a, b claim) int { return a.Key.Compare(b.Key) })
		if len(out[k]) == 0 {
			delete(out, k)
		}
	}
	return out, nil
}

// behind reports whether the hub's field is from before a write of ours.
func behind(hub change.Cell, ours claim, own Receipts) bool {
	v := hub.Version
	switch {
	case v == ours.ref || hub.Value == ours.Value || slices.Contains(hub.Also, ours.ref):
		return false
	case own.earlier(v, ours.ref):
		return true
	}
	return !ours.Base.IsZero() && v == ours.Base
}

// inQuarantine reports whether the hub put an own entry into quarantine.
func (s *Store) inQuarantine(r change.Ref) (bool, error) {
	l, err := s.readLayers(keyOf("", schema.KindQuarantine, hex.EncodeToString(r.Chain[:])+"/"+strconv.FormatUint(r.Seq, 10)))
	if err != nil {
		return false, err
	}
	return l.conf != nil, nil
}

// resend writes lost fields anew, durably, and makes them pending. It returns
// the documents that they belong to, beside an error those of which it wrote
// some. The caller holds w and mu.
func (s *Store) resend(lost map[docKey][]claim) (keys []docKey, err error) {
	r := resending{s: s, chain: s.ident.chain(), next: s.journal.Tip().Seq + 1}
	for _, k := range slices.SortedFunc(maps.Keys(lost), func(a, b docKey) int { return cmp.Compare(a, b) }) {
		keys = append(keys, k)
		// The writes of one entry stay together, and so do times and account.
		for fields := lost[k]; len(fields) > 0 && err == nil; {
			e := fields[0].entry
			e.Scope, e.Kind, e.ID = k.parts()
			var same []change.Field
			fields = slices.DeleteFunc(fields, func(f claim) bool {
				ok := f.entry.At == e.At && f.entry.Account == e.Account
				if ok {
					same = append(same, f.Field)
				}
				return ok
			})
			for len(same) > 0 && err == nil {
				same, err = r.add(k, e, same)
			}
		}
		if err != nil {
			return keys, err
		}
	}
	if err := r.flush(); err != nil {
		return keys, err
	}
	if len(keys) > 0 {
		s.o.Log.Warn("the hub lacks what it gave receipts for; it is sent again", "documents", len(keys))
	}
	return keys, nil
}

// resendBytes is about how much is written anew in one record: enough that a
// month of sheets does not wait for a sync each, and little to hold in memory.
const resendBytes = 256 << 10

// resending is a resend that is under way.
type resending struct {
	s     *Store
	chain change.ChainID
	next  uint64 // seq of the next entry
	raw   [][]byte
	keys  []docKey // whose entries they are
	size  int
}

// add takes an entry with as many of the fields as fit one, and returns the rest.
func (r *resending) add(k docKey, e change.Entry, fields []change.Field) (rest []change.Field, err error) {
	e.Seq = r.next
	_, raw, rest := cut(r.chain, e, fields)
	if len(raw) > frame.MaxEntry {
		// It came in an entry, but its base is a longer one now.
		r.s.o.Log.Error("a field cannot be sent again: it is too large", "kind", e.Kind, "id", e.ID)
		return rest, nil
	}
	r.raw, r.keys, r.next = append(r.raw, raw), append(r.keys, k), r.next+1
	if r.size += len(raw); r.size < resendBytes {
		return rest, nil
	}
	return rest, r.flush()
}

// flush makes what was collected durable, and pending.
func (r *resending) flush() error {
	first := r.next - uint64(len(r.raw))
	_, err := r.s.journal.Append(func(at uint64) ([][]byte, error) {
		if at != first {
			return nil, fmt.Errorf("the journal is at entry %d, expected %d", at, first)
		}
		return r.raw, nil
	})
	if errors.Is(err, journal.ErrDiskFull) {
		return r.s.errFull(err)
	}
	if err != nil {
		return r.s.fail(fmt.Errorf("send again: %w", err))
	}
	for i, k := range r.keys {
		r.s.pending.add(k, first+uint64(i))
	}
	r.raw, r.keys, r.size = nil, nil, 0
	return nil
}
