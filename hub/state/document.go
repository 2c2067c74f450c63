package state

import (
	"encoding/binary"
	"fmt"
	"slices"

	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/frame"
)

// place is where a document stands in the feeds: the position of its newest
// change, the chain that made it, and the newest position at which it changed
// by anything but that chain's own clean writes.
type place struct {
	pos   uint64
	other uint64
	chain change.ChainID
}

// placeSize is the length of a place in front of a document's bytes.
const placeSize = 8 + 8 + 16

func appendPlace(dst []byte, p place) []byte {
	dst = binary.BigEndian.AppendUint64(dst, p.pos)
	dst = binary.BigEndian.AppendUint64(dst, p.other)
	return append(dst, p.chain[:]...)
}

// splitPlace takes the place off a stored document.
func splitPlace(v []byte) (p place, doc []byte, err error) {
	if len(v) < placeSize {
		return p, nil, fmt.Errorf("read document: %w: %d bytes", frame.ErrFormat, len(v))
	}
	p.pos, p.other = binary.BigEndian.Uint64(v), binary.BigEndian.Uint64(v[8:])
	p.chain = change.ChainID(v[16:placeSize])
	return p, v[placeSize:], nil
}

// docOf decodes a document as it is kept.
func docOf(v []byte) (*change.Doc, error) {
	_, raw, err := splitPlace(v)
	if err != nil {
		return nil, err
	}
	return frame.DecodeDoc(raw)
}

// keyOf names a document.
func keyOf(d *change.Doc) DocKey { return DocKey{Scope: d.Scope, Kind: d.Kind, ID: d.ID} }

// doc returns a document and its place; nil when there is none.
func (b *batch) doc(k DocKey) (*change.Doc, place) {
	v := b.get(docKey(k))
	if v == nil {
		v = b.leafOf(k)
	}
	if v == nil {
		return nil, place{}
	}
	p, raw, err := splitPlace(v)
	if err != nil {
		b.fail("read document", err)
		return nil, p
	}
	d, err := frame.DecodeDoc(raw)
	b.fail("read document", err)
	return d, p
}

// viewersOf returns who sees a document, the common viewer for all.
func viewersOf(d *change.Doc) []string {
	if d == nil {
		return nil
	}
	schools, all := schema.Viewers(d.Kind, d.Scope, d.ID, d.Each)
	if all {
		return append(schools, common)
	}
	return schools
}

// put writes the new state of a document with all that follows from it: the
// feeds and digests of those who see it, and the counts of its school. was and
// at are what doc returned. everyone says that the chain that wrote it does not
// know the outcome by itself.
func (b *batch) put(was *change.Doc, at place, d *change.Doc, by change.ChainID, everyone bool) {
	b.at.pos++
	next := place{pos: b.at.pos, chain: by}
	switch {
	case everyone:
		next.other = next.pos
	case was != nil && at.chain != by:
		next.other = at.pos
	case was != nil:
		next.other = at.other
	}
	k := keyOf(d)
	fresh := was == nil && b.isNew(k) && !b.s.plain
	if d.Kind == schema.KindSheet {
		b.viewer(d.Scope).sheets.add(d.ID)
	}
	b.keep(k, next, d, fresh)
	sees, saw := viewersOf(d), viewersOf(was)
	minus, plus := digest.Of(was), digest.Of(d)
	bucket, old := digest.BucketOf(d), digest.Bucket{}
	if was != nil {
		old = digest.BucketOf(was)
	}
	for _, name := range sees {
		v := b.viewer(name)
		known := slices.Contains(saw, name)
		switch {
		case known && old == bucket:
			v.shift(b, bucket, plus, minus)
		case known:
			v.shift(b, old, digest.Sum{}, minus)
			v.shift(b, bucket, plus, digest.Sum{})
		default:
			v.shift(b, bucket, plus, digest.Sum{})
			if name != k.Scope && name != common {
				b.set(foreignKey(name, k), nil)
			}
		}
		b.feed(name, k, next)
	}
	for _, name := range saw {
		if slices.Contains(sees, name) {
			continue
		}
		b.viewer(name).shift(b, old, digest.Sum{}, minus)
		if name != k.Scope && name != common {
			b.delete(foreignKey(name, k))
		}
		b.feed(name, k, place{pos: next.pos, other: next.pos, chain: by})
	}
	b.count(was, old.Month, -1)
	b.count(d, bucket.Month, +1)
}
