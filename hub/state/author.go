package state

import (
	"encoding/binary"
	"slices"

	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
	"shangu/sync/frame"
)

// Limits on an operator's command, which applies in one transaction.
const (
	maxChanges     = 2048
	maxAuthorBytes = 512 << 10 // of all the documents it makes
)

// staged is an operator's change that is ready to be written.
type staged struct {
	key    DocKey
	fields []change.Field
}

// stage works out what a list of changes would write, without writing: the
// entries that are left once what is there already is taken off. On a broken
// rule it returns the number of the change and the rule.
func (b *batch) stage(w *writer, now int64, account string, changes []Change, r *AuthorResult) (out []staged, err error) {
	if len(changes) > maxChanges {
		return nil, frame.ErrLimit
	}
	docs := map[DocKey]*change.Doc{}
	bytes := 0
	seq := w.next(b)
	for i := range changes {
		c := &changes[i]
		k := DocKey{Scope: c.Scope, Kind: c.Kind, ID: c.ID}
		d, ok := docs[k]
		if !ok && c.ID != "" && goodName(c.Scope) {
			d, _ = b.doc(k)
		}
		e := &change.Entry{
			Seq: seq + uint64(len(out)), At: now, Account: account, Scope: c.Scope, Kind: c.Kind, ID: c.ID,
			Fields: unlike(d, c.Fields, c.Latest),
		}
		if len(e.Fields) == 0 && len(c.Fields) > 0 {
			r.Same++
			continue
		}
		bad := checkEntry(k, e)
		if bad == nil && !sorted(e.Fields) {
			bad = text.New("state.bad_fields")
		}
		if bad == nil {
			bad = checkFields(e)
		}
		if _, fits := entryBytes(w.chain, e); bad == nil && !fits {
			bad = text.New("state.too_large", "max", frame.MaxEntry>>10)
		}
		if bad == nil {
			d, _ = change.Merge(d, e, change.Author{Chain: w.chain, Role: schema.RoleDistrict})
			d.Scope = k.Scope
			bad = checkDoc(d)
		}
		if bad != nil {
			r.Refused, r.Reason = i, bad.Code()
			return nil, ErrInvalid
		}
		if bytes += d.Size(); bytes > maxAuthorBytes {
			return nil, frame.ErrLimit
		}
		docs[k] = d
		out = append(out, staged{k, e.Fields})
	}
	return out, nil
}

// unlike leaves out the fields that hold their value already, and sets the
// bases of the others when the writer means to replace whatever is there.
func unlike(d *change.Doc, fields []change.Field, latest bool) []change.Field {
	out := make([]change.Field, 0, len(fields))
	for _, f := range fields {
		cell, ok := d.Find(f.Key)
		if ok && cell.Value == f.Value || !ok && f.Value.IsNil() {
			continue
		}
		if latest {
			f.Base = cell.Version
		}
		out = append(out, f)
	}
	return out
}

func sorted(fields []change.Field) bool {
	for i := range fields {
		if i > 0 && fields[i-1].Key.Compare(fields[i].Key) >= 0 {
			return false
		}
	}
	return true
}

// district is the writer of the district's own chain; false before Init.
func (b *batch) district() (*writer, bool) {
	var c Init
	if !b.load(metaCluster, &c) {
		return nil, false
	}
	return &writer{chain: frame.ChainOf([16]byte{}, c.Cluster)}, true
}

// next is the seq of a writer's next entry.
func (w *writer) next(b *batch) uint64 {
	if c := b.chain(w.chain); c != nil {
		return c.tip.Seq + 1
	}
	return 1
}

// write writes staged changes as entries of the district's chain.
func (b *batch) write(w *writer, now int64, account string, changes []staged, r *AuthorResult) {
	if len(changes) == 0 {
		if c := b.chain(w.chain); c != nil {
			r.Tip = c.tip
		}
		return
	}
	c := b.chain(w.chain)
	if c == nil {
		c = newChain(w.chain, [16]byte{})
		b.record(c)
	}
	tip := c.tip
	var entries []byte
	for _, s := range changes {
		e := &change.Entry{
			Seq: tip.Seq + 1, At: now, Account: account, Scope: s.key.Scope, Kind: s.key.Kind, ID: s.key.ID, Fields: s.fields,
		}
		raw, _ := entryBytes(c.id, e)
		was, at := b.doc(s.key)
		d, losses := change.Merge(was, e, change.Author{Chain: c.id, Role: schema.RoleDistrict})
		d.Scope = s.key.Scope
		strays := b.strays(was, d)
		b.put(was, at, d, c.id, len(losses)+len(strays) > 0)
		b.detain(strays, d.Value(schema.VisitHelper).Text())
		if len(losses) > 0 {
			b.cards(w, e, d, losses)
			r.Lost += len(losses)
		}
		tip = tip.Next(raw)
		entries = append(binary.AppendUvarint(entries, uint64(len(raw))), raw...)
		r.Applied++
	}
	p := b.note(&Record{What: WhatAuthor, Time: now, Account: account, Chain: c.id, Tip: tip, Body: entries})
	b.advance(c, tip, p.N)
	r.Tip = tip
}

// author applies an operator's changes: all of them, or none.
func (b *batch) author(c *Author) []byte {
	var r AuthorResult
	r.err = func() error {
		w, ok := b.district()
		if !ok {
			return ErrCluster
		}
		for i := range c.Changes {
			if k := c.Changes[i].Kind; k == schema.KindQuarantine {
				r.Refused, r.Reason = i, text.New("state.district_only", "kind", k).Code()
				return ErrInvalid
			}
		}
		changes, err := b.stage(w, c.Now, c.Account, c.Changes, &r)
		if err != nil {
			return err
		}
		b.write(w, c.Now, c.Account, changes, &r)
		return nil
	}()
	return encode(nil, &r)
}

// settle closes a quarantined entry. A fix is an entry of the district on the
// school's behalf; the outcome is another, on the quarantine document.
func (b *batch) settle(c *Settle) []byte {
	var r AuthorResult
	r.err = func() error {
		w, ok := b.district()
		if !ok {
			return ErrCluster
		}
		k := DocKey{Scope: c.School, Kind: schema.KindQuarantine, ID: c.ID}
		if !goodName(c.School) {
			return ErrUnknown
		}
		q, _ := b.doc(k)
		if q == nil {
			return ErrUnknown
		}
		if n, _ := q.Value(schema.QuarantineState).Int(); n != schema.QuarantineWaiting {
			return ErrSettled
		}
		outcome := Change{Scope: k.Scope, Kind: k.Kind, ID: k.ID, Latest: true, Fields: []change.Field{
			{Key: schema.Key{Num: schema.QuarantineState}, Value: schema.Int(schema.QuarantineDropped)},
			{Key: schema.Key{Num: schema.QuarantineBy}, Value: schema.Str(c.Account)},
		}}
		if c.Note != "" {
			outcome.Fields = append(outcome.Fields, change.Field{Key: schema.Key{Num: schema.QuarantineNote}, Value: schema.Str(c.Note)})
		}
		changes := []Change{outcome}
		switch c.Do {
		case Drop:
		case Fix:
			fixed, err := fixOf(c, q)
			if err != nil {
				return err
			}
			outcome.Fields[0].Value = schema.Int(schema.QuarantineFixed)
			changes = []Change{*fixed, outcome}
		default:
			return ErrCommand
		}
		staged, err := b.stage(w, c.Now, c.Account, changes, &r)
		if err != nil {
			return err
		}
		b.write(w, c.Now, c.Account, staged, &r)
		return nil
	}()
	return encode(nil, &r)
}

// fixOf is the entry of a quarantine document as the operator corrected it.
func fixOf(c *Settle, q *change.Doc) (*Change, error) {
	e, err := entryOf(q)
	if err != nil {
		return nil, err
	}
	fix := &Change{Scope: e.Scope, Kind: e.Kind, ID: e.ID, Fields: slices.Clone(e.Fields), Latest: true}
	if fix.Scope == "" {
		fix.Scope = q.Scope
	}
	if c.DocID != "" {
		fix.ID = c.DocID
	}
	if len(c.Fields) > 0 {
		fix.Fields = slices.Clone(c.Fields)
	}
	switch fix.Kind {
	case schema.KindCard, schema.KindQuarantine:
		return nil, ErrInvalid
	}
	return fix, nil
}

// entryOf reads the entry that a quarantine document keeps.
func entryOf(q *change.Doc) (*change.Entry, error) {
	chain, ok1 := q.Value(schema.QuarantineChain).Bin()
	raw, ok2 := q.Value(schema.QuarantineEntry).Bin()
	if !ok1 || !ok2 || len(chain) != len(change.ChainID{}) {
		return nil, frame.ErrFormat
	}
	return frame.DecodeEntry([]byte(raw), change.ChainID([]byte(chain)))
}
