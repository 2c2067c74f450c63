package state

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/frame"
)

// leaf holds the sheets of one day that one pack brings under one key, because
// Badger takes its time by the key. It is how this node keeps them and nothing
// else: whoever reads finds each sheet under a key `d` of its own, in its
// order and with its bytes, and so do snapshots, backups and the other nodes. A
// leaf is written once. A sheet that comes alone has a key `d`, and so has one
// that is changed later: it goes before what a leaf says.
//
// The key is 'l' scope 0 date:10 n:1, n from 0 on without gaps.
//
//	bytes    what
//	16       chain that wrote the sheets
//	then, for each:
//	uvarint  position, less the position of the sheet before
//	uvarint  length, and what follows the date in its id
//	uvarint  length, and frame.AppendDoc
type leaf struct {
	key   []byte // nil: there is none
	bytes []byte
	last  uint64 // position of the last sheet in it
	count int    // of sheets, the first of which is first
	first DocKey
	stale bool // the first has a key of its own by now
}

// Bounds of a leaf: whoever reads one sheet reads it from its start. A day of
// more leaves keeps what follows under keys of its own.
const (
	maxLeaf   = 32 << 10
	maxLeaves = 8
)

// leafPrefix is the start of the keys of a school's leaves of a day.
func leafPrefix(scope, day string) []byte { return append(nameKey(keyLeaf, scope), day...) }

// keep writes a document: a sheet that is new into the leaf at hand, another
// under its key. p.other is zero for what goes into a leaf.
func (b *batch) keep(k DocKey, p place, d *change.Doc, fresh bool) {
	l := &b.leaf
	if !fresh || p.other != 0 || !b.turn(k, p.chain) {
		l.stale = l.stale || l.key != nil && l.first == k
		key := b.s.slab.put(appendDocKey(b.s.slab.take(), k))
		b.set(key, b.s.slab.put(frame.AppendDoc(appendPlace(b.s.slab.take(), p), d)))
		return
	}
	doc := frame.AppendDoc(b.s.slab.take(), d) // left to whoever takes next
	// Where an item is cut must not depend on how this node keeps its sheets.
	b.tally(docKeySize(k) + placeSize + len(doc))
	l.bytes = binary.AppendUvarint(l.bytes, p.pos-l.last)
	l.bytes = binary.AppendUvarint(l.bytes, uint64(len(k.ID)-dayLen))
	l.bytes = append(l.bytes, k.ID[dayLen:]...)
	l.bytes = binary.AppendUvarint(l.bytes, uint64(len(doc)))
	l.bytes = append(l.bytes, doc...)
	l.last = p.pos
	if l.count++; l.count == 1 {
		l.first = k
	}
}

// turn has the leaf at hand be one that takes a sheet of chain; false when
// there is none any more that day.
func (b *batch) turn(k DocKey, chain change.ChainID) bool {
	l := &b.leaf
	prefix := leafPrefix(k.Scope, dayOf(k.ID))
	if l.key != nil && bytes.HasPrefix(l.key, prefix) && [16]byte(l.bytes[:16]) == chain && len(l.bytes) < maxLeaf {
		return true
	}
	b.endLeaf()
	f := &b.viewer(k.Scope).sheets
	if len(k.ID) <= dayLen || f.leaves == maxLeaves {
		return false
	}
	l.key, l.bytes, l.last = append(prefix, byte(f.leaves)), append(l.bytes[:0], chain[:]...), 0
	l.count, l.stale = 0, false
	return true
}

// endLeaf writes the leaf at hand.
func (b *batch) endLeaf() {
	l := &b.leaf
	if l.key == nil {
		return
	}
	switch {
	case l.count > 1:
		b.put1(l.key, b.s.slab.put(append(b.s.slab.take(), l.bytes...)))
		if f := &b.viewer(l.first.Scope).sheets; dayOf(l.first.ID) == dayOf(f.last) {
			f.leaves++
		}
	case !l.stale:
		v, err := findSheet(l.bytes, l.first.ID)
		b.fail("write sheet", err)
		b.put1(docKey(l.first), v)
	}
	l.key = nil
}

// leafOf returns the value of a sheet that the leaf at hand or one that is
// written holds, nil when none does.
func (b *batch) leafOf(k DocKey) []byte {
	if b.err != nil || !leafy(k) {
		return nil
	}
	if l := &b.leaf; l.key != nil && bytes.HasPrefix(l.key, leafPrefix(k.Scope, dayOf(k.ID))) {
		v, err := findSheet(l.bytes, k.ID)
		b.fail("read sheets", err)
		if v != nil {
			return v
		}
	}
	v, err := lookupLeaf(b.txn, k)
	b.fail("read sheets", err)
	return v
}

func leafy(k DocKey) bool { return k.Kind == schema.KindSheet && len(k.ID) > dayLen }

// lookupDoc returns the value of a document, good until txn ends; nil when
// there is none.
func lookupDoc(txn *badger.Txn, k DocKey) ([]byte, error) {
	v, err := lookup(txn, docKey(k))
	if v != nil || err != nil || !leafy(k) {
		return v, err
	}
	return lookupLeaf(txn, k)
}

func lookupLeaf(txn *badger.Txn, k DocKey) ([]byte, error) {
	prefix := leafPrefix(k.Scope, dayOf(k.ID))
	for n := range maxLeaves {
		raw, err := lookup(txn, append(prefix[:len(prefix):len(prefix)], byte(n)))
		if raw == nil || err != nil {
			return nil, err
		}
		if v, err := findSheet(raw, k.ID); v != nil || err != nil {
			return v, err
		}
	}
	return nil, nil
}

func findSheet(leaf []byte, id string) (value []byte, err error) {
	err = eachSheet(leaf, func(p place, rest, doc []byte) bool {
		if string(rest) != id[dayLen:] {
			return true
		}
		value = append(appendPlace(make([]byte, 0, placeSize+len(doc)), p), doc...)
		return false
	})
	return value, err
}

// eachSheet calls f for the sheets of a leaf until it returns false; rest is
// what follows the date in a sheet's id.
func eachSheet(b []byte, f func(p place, rest, doc []byte) bool) error {
	if len(b) < 16 {
		return fmt.Errorf("read sheets: %w: %d bytes", frame.ErrFormat, len(b))
	}
	p := place{chain: change.ChainID(b[:16])}
	for b = b[16:]; len(b) > 0; {
		n, k := binary.Uvarint(b)
		if k <= 0 {
			return fmt.Errorf("read sheets: %w: position", frame.ErrFormat)
		}
		p.pos += n
		rest, after, err := cutBytes(b[k:])
		if err != nil {
			return fmt.Errorf("read sheets: %w", err)
		}
		var doc []byte
		if doc, b, err = cutBytes(after); err != nil {
			return fmt.Errorf("read sheets: %w", err)
		}
		if !f(p, rest, doc) {
			return nil
		}
	}
	return nil
}

// leaves reads the sheets of leaves as what they stand for: keys with a prefix,
// in order, and their values.
type leaves struct {
	it     *badger.Iterator
	prefix []byte // of the keys that they stand for
	day    []sheet
}

// sheet is a key `d` with its value.
type sheet struct{ key, value []byte }

// readLeaves reads what stands for keys with a prefix; nil where there can be
// nothing.
func readLeaves(txn *badger.Txn, prefix []byte) *leaves {
	start := []byte{keyLeaf}
	if len(prefix) > 0 {
		if prefix[0] != keyDoc {
			return nil
		}
		scope, rest, whole := bytes.Cut(prefix[1:], []byte{0})
		start = append(start, scope...)
		if whole {
			start = append(start, 0)
		}
		if len(rest) >= 2 {
			if schema.Kind(binary.BigEndian.Uint16(rest)) != schema.KindSheet {
				return nil
			}
			id := rest[2:]
			start = append(start, id[:min(dayLen, len(id))]...)
		}
	}
	it := txn.NewIterator(badger.IteratorOptions{Prefix: start, PrefetchValues: true, PrefetchSize: 8})
	it.Rewind()
	return &leaves{it: it, prefix: prefix}
}

func (l *leaves) close() {
	if l != nil {
		l.it.Close()
	}
}

// before calls f for the sheets before key, and passes over the one of that
// very key. Where key is nil all that are left are meant.
func (l *leaves) before(key []byte, f func(key, value []byte) error) error {
	if l == nil {
		return nil
	}
	for {
		if len(l.day) == 0 {
			if more, err := l.read(); err != nil || !more {
				return err
			}
			continue
		}
		s := l.day[0]
		order := -1
		if key != nil {
			order = bytes.Compare(s.key, key)
		}
		if order > 0 {
			return nil
		}
		l.day = l.day[1:]
		if order == 0 {
			return nil
		}
		if err := f(s.key, s.value); err != nil {
			return err
		}
	}
}

// read reads the leaves of a school's next day; false when there is none.
func (l *leaves) read() (more bool, err error) {
	var day []byte
	for ; l.it.Valid(); l.it.Next() {
		key := l.it.Item().Key()
		if len(key) < 2+dayLen+1 {
			return false, fmt.Errorf("read sheets: %w: key of %d bytes", frame.ErrFormat, len(key))
		}
		if day == nil {
			day = bytes.Clone(key[:len(key)-1])
		} else if !bytes.Equal(day, key[:len(key)-1]) {
			break
		}
		head := append([]byte{keyDoc}, day[1:len(day)-dayLen]...)
		head = binary.BigEndian.AppendUint16(head, uint16(schema.KindSheet))
		head = append(head, day[len(day)-dayLen:]...)
		raw, err := l.it.Item().ValueCopy(nil)
		if err == nil {
			err = eachSheet(raw, func(p place, rest, doc []byte) bool {
				s := sheet{key: slices.Concat(head, rest)}
				if bytes.HasPrefix(s.key, l.prefix) {
					s.value = append(appendPlace(make([]byte, 0, placeSize+len(doc)), p), doc...)
					l.day = append(l.day, s)
				}
				return true
			})
		}
		if err != nil {
			return false, err
		}
	}
	slices.SortFunc(l.day, func(a, b sheet) int { return cmp.Compare(string(a.key), string(b.key)) })
	return day != nil, nil
}
