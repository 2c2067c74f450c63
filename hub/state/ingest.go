package state

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"github.com/dgraph-io/badger/v4"

	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
	"shangu/sync/frame"
	"shangu/sync/session"
)

// ingest applies an ingest command.
func (b *batch) ingest(c *ingest) []byte {
	var r ingestResults
	for i := range c.pushes {
		b.item = i
		if b.redo.doing == b.index && b.redo.item > i {
			r.items = append(r.items, IngestResult{Err: session.ErrRefused})
			continue
		}
		p := &c.pushes[i]
		ack, err := b.push(p, c.now)
		if err != nil {
			ack = session.Ack{}
		}
		r.items = append(r.items, IngestResult{ack, err})
		b.endItem()
	}
	for i := range c.beats {
		b.beat(c.beats[i])
	}
	return encode(nil, &r)
}

// push applies one pack of a school, or a heartbeat without one.
func (b *batch) push(p *session.Push, now int64) (session.Ack, error) {
	ack := session.Ack{Clock: p.Clock, Applied: b.index}
	d := b.device(p.Caller.Device)
	switch {
	case d == nil:
		return ack, session.ErrRefused
	case d.Revoked != 0:
		return ack, session.ErrRevoked
	}
	c := b.chain(p.Chain)
	known := c != nil
	switch {
	case c != nil && c.device != d.ID:
		return ack, session.ErrRefused
	case c == nil && p.Epoch == [16]byte{}:
		return ack, session.ErrUnknownChain
	case c == nil && frame.ChainOf(d.ID, p.Epoch) != p.Chain:
		return ack, session.ErrRefused
	case c == nil:
		c = newChain(p.Chain, d.ID)
	}
	at, pending := p.Confirmed, p.Pending
	if len(p.Pack) == 0 {
		ack.Fits = p.Confirmed == c.tip.Seq
		if !known {
			b.record(c)
		}
	} else {
		head, err := frame.Peek(p.Pack)
		if err != nil {
			return ack, err
		}
		at = head.First - 1
		if head.First == c.tip.Seq+1 && head.Prev == [8]byte(c.tip.Hash[:8]) {
			if err := b.pack(p, d, c, known, now, &ack); err != nil {
				return ack, err
			}
			ack.Fits = true
		}
	}
	ack.Tip = c.tip
	if c.tip.Seq > p.Confirmed { // also what came before and whose answer was lost
		pending -= min(pending, c.tip.Seq-p.Confirmed)
	}
	if !ack.Fits {
		ack.Near, ack.Place = b.near(c, at), b.placeAt(c)
	}
	if p.Confirmed < at || !ack.Fits || b.done() > 0 {
		ack.Verdicts = b.verdicts(c.id, p.Confirmed)
	}
	heard := d.beat
	heard.At, heard.Pending, heard.Offset = max(now, heard.At), pending, p.Clock.At-p.Clock.Hub
	heard.Device, heard.School = d.ID, d.School
	b.beat(heard)
	return ack, nil
}

// pack applies the entries of a pack that continues its chain.
func (b *batch) pack(p *session.Push, d *device, c *chain, known bool, now int64, ack *session.Ack) error {
	u, err := b.s.unpacker.Unpack(p.Pack, c.table, c.id)
	switch {
	case errors.Is(err, frame.ErrLimit):
		return frame.ErrLimit
	case err != nil:
		return frame.ErrFormat
	}
	if !known {
		b.record(c)
	}
	w := writer{chain: c.id, school: d.School, clock: p.Clock}
	tip, done := c.tip, b.done()
	for i, e := range u.Entries {
		tip = tip.Next(u.Bytes[i])
		if i < done {
			continue
		}
		if v := b.entry(&w, e, u.Bytes[i]); v.Outcome != change.Applied {
			ack.Verdicts = append(ack.Verdicts, v)
			x := verdict(v)
			b.set(chainSeqKey(keyException, c.id, v.Seq), encode(nil, &x))
		}
		if i+1 < len(u.Entries) {
			b.cut(i+1, 0)
		}
	}
	b.cut(len(u.Entries), len(p.Pack)+u.Head.Raw) // the pack, and names that it may have added
	ack.Place = b.note(&Record{
		What: WhatPack, Time: now, School: d.School, Device: d.ID, Chain: c.id, Tip: tip, Clock: p.Clock, Body: p.Pack,
	})
	b.advance(c, tip, ack.Place.N)
	return nil
}

// placeAt is where the audit trail has a chain's last pack.
func (b *batch) placeAt(c *chain) session.Place {
	if b.err != nil {
		return session.Place{}
	}
	p, err := placeAt(b.txn, c.id, c.tip.Seq)
	b.fail("read place in the audit trail", err)
	return p
}

// near is a chain's greatest checkpoint at or before seq.
func (b *batch) near(c *chain, seq uint64) frame.Tip {
	if seq >= c.tip.Seq || b.err != nil {
		return c.tip
	}
	tip, err := checkpointBefore(b.txn, c.id, seq)
	b.fail("read checkpoint", err)
	return tip
}

func checkpointBefore(txn *badger.Txn, chain change.ChainID, seq uint64) (frame.Tip, error) {
	it := txn.NewIterator(badger.IteratorOptions{Reverse: true, Prefix: idKey(keyCheckpoint, chain[:])})
	defer it.Close()
	it.Seek(chainSeqKey(keyCheckpoint, chain, seq))
	if !it.Valid() {
		return frame.Genesis(chain), nil
	}
	var cp checkpoint
	err := it.Item().Value(func(v []byte) error { return decode(v, &cp) })
	return frame.Tip{Seq: binary.BigEndian.Uint64(it.Item().Key()[17:]), Hash: cp.hash}, err
}

func (b *batch) verdicts(chain change.ChainID, after uint64) []session.Verdict {
	if b.err != nil {
		return nil
	}
	vs, err := verdictsAfter(b.txn, chain, after)
	b.fail("read verdicts", err)
	return vs
}

// maxVerdicts bounds an answer's verdicts. An agent that has missed more takes
// those beyond for applied, and finds by its digests what was not.
const maxVerdicts = 4096

func verdictsAfter(txn *badger.Txn, chain change.ChainID, after uint64) (vs []session.Verdict, err error) {
	it := txn.NewIterator(badger.IteratorOptions{Prefix: idKey(keyException, chain[:]), PrefetchValues: true, PrefetchSize: 16})
	defer it.Close()
	for it.Seek(chainSeqKey(keyException, chain, after+1)); it.Valid() && len(vs) < maxVerdicts; it.Next() {
		var v verdict
		if err := it.Item().Value(func(p []byte) error { return decode(p, &v) }); err != nil {
			return nil, err
		}
		vs = append(vs, session.Verdict(v))
	}
	return vs, nil
}

// maxWord bounds what is kept of a device's own words, in bytes. Thousands of
// devices may be heard of in one transaction.
const maxWord = 128

func clip(s string) string {
	if len(s) > maxWord {
		s = strings.ToValidUTF8(s[:maxWord], "")
	}
	return s
}

// beat takes what was heard of a device into its record and its school's.
func (b *batch) beat(n Beat) {
	d := b.device(n.Device)
	if d == nil || d.Revoked != 0 {
		return
	}
	n.School, n.Failure, n.Version = d.School, clip(n.Failure), clip(n.Version)
	v := b.viewer(d.School)
	v.counts.pending += n.Pending - d.beat.Pending
	v.counts.lastSeen = max(v.counts.lastSeen, n.At)
	d.beat = n
	b.touch(v)
	b.touch(d)
}

// writer is on whose behalf entries are applied.
type writer struct {
	chain  change.ChainID
	school string // "" for the district
	clock  change.Clock

	partners map[string]bool // schools that an agreement ties to school; nil: not looked up
}

// entry applies one entry of a school and says what became of it.
func (b *batch) entry(w *writer, e *change.Entry, raw []byte) session.Verdict {
	v := session.Verdict{Seq: e.Seq}
	k := DocKey{Scope: e.Scope, Kind: e.Kind, ID: e.ID}
	if k.Scope == "" {
		k.Scope = w.school
	}
	was, at, d, losses, bad := b.merge(w, k, e)
	if bad != nil {
		v.Outcome, v.Reason = change.Quarantined, bad.Code()
		b.quarantine(w, e, raw, v.Reason)
		return v
	}
	strays := b.strays(was, d)
	b.put(was, at, d, w.chain, len(losses)+len(strays) > 0)
	b.detain(strays, d.Value(schema.VisitHelper).Text())
	if k.Scope != w.school && !sees(was, w.school) && !sees(d, w.school) {
		// Too early: it is the hub's, and comes back when the host names its writer.
		b.feed(w.school, k, place{pos: b.at.pos, other: b.at.pos, chain: w.chain})
	}
	if len(losses) > 0 {
		v.Outcome = change.Conflict
		b.cards(w, e, d, losses)
	}
	return v
}

// merge merges an entry into its document unless a rule forbids it.
func (b *batch) merge(w *writer, k DocKey, e *change.Entry) (was *change.Doc, at place, d *change.Doc, losses []change.Loss, bad *text.Message) {
	if bad = checkEntry(k, e); bad != nil {
		return
	}
	if k.Scope != w.school || !b.isNew(k) {
		was, at = b.doc(k)
	}
	role, bad := b.roleOf(w, k, e, was)
	if bad != nil {
		return
	}
	d = &b.s.merged // good until the next entry
	losses = change.MergeInto(d, was, e, change.Author{Chain: w.chain, Role: role, Clock: w.clock})
	d.Scope = k.Scope
	if len(losses) > 0 { // what won is checked with the document
		if bad = checkFields(e); bad != nil {
			return
		}
	}
	if bad = checkDoc(d); bad != nil && early(e, role, was) {
		if bad = checkFields(e); bad == nil {
			bad = d.Check()
		}
	}
	return
}

// quarantine keeps an entry that breaks a rule as a document of the writer's
// school, so that it travels and is counted as any other.
func (b *batch) quarantine(w *writer, e *change.Entry, raw []byte, reason string) {
	cell := b.cells(w, e, schema.RoleDistrict)
	d := &change.Doc{Scope: w.school, Kind: schema.KindQuarantine, ID: entryID(w.chain, e.Seq), Cells: []change.Cell{
		cell(schema.QuarantineChain, schema.Bin(string(w.chain[:]))),
		cell(schema.QuarantineSeq, schema.Int(int64(e.Seq))),
		cell(schema.QuarantineEntry, schema.Bin(string(raw))),
		cell(schema.QuarantineReason, schema.Str(reason)),
		cell(schema.QuarantineState, schema.Int(schema.QuarantineWaiting)),
	}}
	b.put(nil, place{}, d, w.chain, true)
}

// cards keeps each value that lost a merge as a document of the school whose
// document it is.
func (b *batch) cards(w *writer, e *change.Entry, d *change.Doc, losses []change.Loss) {
	cell := b.cells(w, e, schema.RoleDistrict)
	for i := range losses {
		l := &losses[i]
		id := entryID(w.chain, e.Seq) + "/" + strconv.Itoa(int(l.Key.Num))
		if l.Key.Sub != "" {
			id += "/" + l.Key.Sub
		}
		from := l.Lost.Version.Chain
		card := &change.Doc{Scope: d.Scope, Kind: schema.KindCard, ID: id, Cells: []change.Cell{
			cell(schema.CardKind, schema.Int(int64(d.Kind))),
			cell(schema.CardDoc, schema.Str(d.ID)),
			cell(schema.CardField, schema.List(schema.Int(int64(l.Key.Num)), schema.Str(l.Key.Sub))),
			cell(schema.CardLost, schema.Bin(string(l.Lost.Value))),
			cell(schema.CardLostBy, schema.Str(l.Lost.By)),
			cell(schema.CardLostAt, schema.Int(l.Lost.At)),
			cell(schema.CardLostFrom, schema.Bin(string(from[:]))),
			cell(schema.CardKept, schema.Bin(string(l.Kept.Value))),
			cell(schema.CardKeptBy, schema.Str(l.Kept.By)),
			cell(schema.CardKeptAt, schema.Int(l.Kept.At)),
		}}
		b.put(nil, place{}, card, w.chain, true)
	}
}

// cells makes the fields of a document that the hub writes because of an entry.
func (b *batch) cells(w *writer, e *change.Entry, role schema.Role) func(schema.FieldNum, schema.Value) change.Cell {
	at := w.clock.Correct(e)
	return func(n schema.FieldNum, v schema.Value) change.Cell {
		return change.Cell{Key: schema.Key{Num: n}, Value: v, Version: change.Ref{Chain: w.chain, Seq: e.Seq}, At: at, Role: role}
	}
}

// entryID names an entry in the ids of cards and quarantined entries.
func entryID(chain change.ChainID, seq uint64) string {
	return hex.EncodeToString(chain[:]) + "/" + strconv.FormatUint(seq, 10)
}
