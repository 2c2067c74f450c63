package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
	"shangu/sync/frame"
	"shangu/sync/journal"
)

// Edit is a wish to change one document.
type Edit struct {
	Scope  string // school code of the document; "" or the own code: this school's
	Kind   schema.Kind
	ID     string
	Fields []FieldEdit
}

// FieldEdit is one field of an Edit.
type FieldEdit struct {
	Key   schema.Key
	Value schema.Value // schema.Nil, or "", clears the field
	// Base is the version that the writer saw; nil: what the store holds now.
	Base *change.Ref
}

// Set adds a field that is the only one of its number.
func (e *Edit) Set(n schema.FieldNum, v schema.Value) { e.SetOf(n, "", v) }

// SetOf adds one of several fields of a number.
func (e *Edit) SetOf(n schema.FieldNum, sub string, v schema.Value) {
	e.Fields = append(e.Fields, FieldEdit{Key: schema.Key{Num: n, Sub: sub}, Value: v})
}

// SetOver adds a field whose base is what a document says of it; doc nil: nothing.
func (e *Edit) SetOver(doc *change.Doc, k schema.Key, v schema.Value) {
	cell, _ := doc.Find(k)
	e.Fields = append(e.Fields, FieldEdit{Key: k, Value: v, Base: &cell.Version})
}

// Held reports whether a document says what the edit would make it say.
func (e *Edit) Held(doc *change.Doc) bool {
	return !slices.ContainsFunc(e.Fields, func(f FieldEdit) bool {
		v := doc.Lookup(f.Key)
		return v != f.Value && !(v.IsNil() && f.Value.IsNil())
	})
}

// Saved says what a Save did.
type Saved struct {
	First, Last uint64 // seqs of the entries made; 0 when there are none
	Entries     int
	New         int // edits that made a document
	Changed     int // edits that changed one
	Same        int // edits that changed nothing
}

// Save records edits, all of them or none: they become entries in one record of
// the journal, which is durable when Save returns. Fields that hold the value
// already are left out, edits without any other field make no entry.
//
// It fails with ErrInvalid (see InvalidError), ErrScope, ErrTooLarge or
// ErrDiskFull, and then nothing was saved. After any other error the edits may
// be found saved, all of them, at the next start.
func (s *Store) Save(ctx context.Context, account string, edits []Edit) (Saved, error) {
	if err := s.begin(); err != nil {
		return Saved{}, err
	}
	if err := s.maySave(edits); err != nil {
		s.end()
		return Saved{}, err
	}
	d, err := s.draft(account, edits)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil || len(d.entries) == 0 {
		s.end()
		return d.saved, err
	}
	add := func(first uint64) ([][]byte, error) {
		if first != d.saved.First {
			return nil, fmt.Errorf("save: the journal is at entry %d, expected %d", first, d.saved.First)
		}
		return d.raw, nil
	}
	_, err = s.journal.Append(add)
	for errors.Is(err, journal.ErrDiskFull) && s.files.relief != nil && s.files.relief() {
		_, err = s.journal.Append(add)
	}
	if err != nil {
		defer s.end()
		switch {
		case errors.Is(err, journal.ErrDiskFull):
			return Saved{}, s.errFull(err)
		case errors.Is(err, journal.ErrTooLarge):
			return Saved{}, said(ErrTooLarge, err, "store.too_large")
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		return Saved{}, s.fail(fmt.Errorf("save: %w", err))
	}
	// It is saved. The documents follow while the caller goes on; whoever
	// reads or writes next waits for them at the locks.
	s.mu.Lock()
	go func() {
		defer s.end()
		defer s.mu.Unlock()
		s.apply(d)
	}()
	return d.saved, nil
}

// draft is a Save that is not in the journal yet.
type draft struct {
	saved   Saved
	entries []*change.Entry
	raw     [][]byte
	keys    []docKey
	docs    map[docKey]*change.Doc // as readers will see them
}

// draft makes the entries of a Save. It changes nothing.
func (s *Store) draft(account string, edits []Edit) (*draft, error) {
	d := &draft{docs: make(map[docKey]*change.Doc, len(edits))}
	now := s.o.Now()
	next := change.Entry{
		Seq: s.journal.Tip().Seq + 1, At: s.o.Told().Unix(), Boot: s.boot,
		Up: s.up(now), Account: account,
	}
	chain := s.ident.chain()
	for i := range edits {
		e := next
		if edits[i].Scope != s.home {
			e.Scope = edits[i].Scope
		}
		e.Kind, e.ID = edits[i].Kind, edits[i].ID
		key := keyOf(e.Scope, e.Kind, e.ID)
		doc, ok := d.docs[key]
		if !ok {
			l, err := s.readLayers(key)
			if err != nil {
				return &draft{}, fmt.Errorf("save: %w", err)
			}
			doc = l.seen()
		}
		if err := s.mayWrite(&e, doc); err != nil {
			return &draft{}, err
		}
		fields, err := changed(doc, edits[i].Fields, s.unsure(key))
		if err != nil {
			return &draft{}, err
		}
		switch {
		case len(fields) == 0:
			d.saved.Same++
			continue
		case doc == nil:
			d.saved.New++
		default:
			d.saved.Changed++
		}
		for len(fields) > 0 {
			var raw []byte
			if e.Fields, raw, fields = cut(chain, e, fields); len(raw) > frame.MaxEntry {
				return &draft{}, said(ErrTooLarge, fmt.Errorf("entry of %d bytes", len(raw)), "store.too_large")
			}
			doc, _ = change.Merge(doc, &e, change.Author{Chain: chain, Role: roleFor(e.Scope)})
			if wrong := wrongWith(&e, doc); len(wrong) > 0 {
				return &draft{}, &InvalidError{Edit: i, Messages: wrong}
			}
			piece := e
			d.entries, d.raw, d.keys = append(d.entries, &piece), append(d.raw, raw), append(d.keys, key)
			e.Seq++
		}
		d.docs[key] = doc
		next.Seq = e.Seq
	}
	if d.saved.Entries = len(d.entries); d.saved.Entries > 0 {
		d.saved.First, d.saved.Last = d.entries[0].Seq, next.Seq-1
	}
	return d, nil
}

// wrongWith says why the hub would not take an entry or what it makes of its
// document.
func wrongWith(e *change.Entry, d *change.Doc) []*text.Message {
	for _, wrong := range []*text.Message{e.Check(), d.Check()} {
		if wrong != nil {
			return []*text.Message{wrong}
		}
	}
	return schema.Validate(e.Kind, e.ID, d.Each)
}

// cut takes as many fields as one entry may have off those of an edit. Most
// edits fit in one. What a document cannot do without is short, and goes first:
// the hub judges the document after each entry.
func cut(chain change.ChainID, e change.Entry, fields []change.Field) (piece []change.Field, raw []byte, rest []change.Field) {
	e.Fields = fields
	if raw = frame.AppendEntry(nil, chain, &e); len(fields) <= change.MaxFields && len(raw) <= frame.MaxEntry {
		return fields, raw, nil
	}
	order := slices.Clone(fields)
	slices.SortStableFunc(order, func(a, b change.Field) int { return cmp.Compare(rank(a), rank(b)) })
	for n := min(len(order), change.MaxFields); ; n = (n + 1) / 2 {
		piece = slices.Clone(order[:n])
		slices.SortFunc(piece, func(a, b change.Field) int { return a.Key.Compare(b.Key) })
		e.Fields = piece
		if raw = frame.AppendEntry(nil, chain, &e); len(raw) <= frame.MaxEntry || n == 1 {
			rest = order[n:]
			slices.SortFunc(rest, func(a, b change.Field) int { return a.Key.Compare(b.Key) })
			return piece, raw, rest
		}
	}
}

// rank is when a field goes: short ones, long ones, items.
func rank(f change.Field) int {
	switch {
	case f.Key.Sub != "":
		return 2
	case len(f.Value) > 1<<10:
		return 1
	}
	return 0
}

// up is the whole seconds since the start, counted from the whole second in
// which the start fell: so that it and the wall clock tick together, and their
// difference, which a pack carries, changes only when somebody sets the clock.
func (s *Store) up(now time.Time) int64 {
	passed := now.Sub(s.start)
	if r, ok := s.o.Up(); ok {
		if d, same := r.Since(s.upped); same {
			passed = d // the computer may have slept
		}
	}
	return int64((passed + time.Duration(s.start.Nanosecond())) / time.Second)
}

// mayWrite refuses what the hub would put into quarantine for its scope.
func (s *Store) mayWrite(e *change.Entry, doc *change.Doc) error {
	if e.Scope == "" || e.Kind == schema.KindVisit && s.home != "" && doc != nil && doc.Value(schema.VisitHelper).Text() == s.home {
		return nil
	}
	return said(ErrScope, fmt.Errorf("%v %s of %s", e.Kind, e.ID, e.Scope), "store.scope", "scope", e.Scope)
}

// contested reports whether a field shows somebody else's value while an entry
// that waits has another one for it. The hub, which knows the right times, may
// decide for that entry: who now says what is shown anyway must be heard too.
func (s *Store) contested(key docKey) func(schema.Key, change.Cell) (bool, error) {
	var waiting map[schema.Key]bool
	return func(k schema.Key, cell change.Cell) (bool, error) {
		if len(s.pending[key]) == 0 || s.waits(cell.Version) || slices.ContainsFunc(cell.Also, s.waits) {
			return false, nil
		}
		if waiting == nil {
			entries, err := s.entries([]docKey{key})
			if err != nil {
				return false, fmt.Errorf("save: %w", err)
			}
			waiting = map[schema.Key]bool{}
			for _, e := range entries {
				if e == nil {
					continue
				}
				for _, f := range e.Fields {
					waiting[f.Key] = true
				}
			}
		}
		return waiting[k], nil
	}
}

// waits reports whether a version is an own entry that the hub has not confirmed.
func (s *Store) waits(r change.Ref) bool {
	return r.Chain == s.ident.chain() && r.Seq > s.st.Confirmed.Seq
}

// unsure is contested; and of documents with a hole nobody knows that a field
// which is not there has no value: emptying it is a write as any other.
func (s *Store) unsure(k docKey) func(schema.Key, change.Cell) (bool, error) {
	contested := s.contested(k)
	return func(key schema.Key, cell change.Cell) (bool, error) {
		if s.st.Hole && cell.Value == "" {
			return true, nil
		}
		return contested(key, cell)
	}
}

// changed returns the fields whose value differs from the document's, or is
// contested, with their bases, in order.
func changed(doc *change.Doc, edits []FieldEdit, contested func(schema.Key, change.Cell) (bool, error)) ([]change.Field, error) {
	out := make([]change.Field, 0, len(edits))
	for _, f := range edits {
		cell, _ := doc.Find(f.Key)
		v := f.Value
		if v == "" {
			v = schema.Nil
		}
		if v == cell.Value || v == schema.Nil && cell.Value == "" {
			if more, err := contested(f.Key, cell); err != nil {
				return nil, err
			} else if !more {
				continue
			}
		}
		base := cell.Version
		if f.Base != nil {
			base = *f.Base
		}
		out = append(out, change.Field{Key: f.Key, Value: v, Base: base})
	}
	slices.SortFunc(out, func(a, b change.Field) int { return a.Key.Compare(b.Key) })
	for i := 1; i < len(out); i++ {
		if out[i].Key == out[i-1].Key {
			return nil, said(ErrInvalid, fmt.Errorf("field %d %q comes twice", out[i].Key.Num, out[i].Key.Sub), "store.twice")
		}
	}
	return out, nil
}

// apply brings saved entries into the documents. The caller holds w and mu.
func (s *Store) apply(d *draft) {
	b := s.batch()
	for i, e := range d.entries {
		s.pending.add(d.keys[i], e.Seq)
	}
	// Parts may hold entries after Applied: replayed, they are passed over.
	for k, doc := range d.docs {
		if err := b.setView(k, doc); err != nil {
			s.fail(err)
			return
		}
		if b.full() && b.flush() != nil {
			return
		}
	}
	s.st.Applied = d.saved.Last
	_ = b.flush() // a failure is in s.broken
}

// freeMiB is the room left, in MiB.
func (s *Store) freeMiB() uint64 {
	n, err := s.o.Free()
	if err != nil {
		return 0
	}
	return n >> 20
}
