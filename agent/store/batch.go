package store

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"maps"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/frame"
)

// batch collects changes of documents and writes them, with the digests, the
// counts and the state that go with them, in one transaction. A large step is
// several batches: each is flushed only where the state is whole, so that a
// crash between two of them leaves a store that is merely behind.
//
// The caller holds s.mu. Digests and counts in memory move as documents are
// set; when a flush fails the store is broken.
type batch struct {
	s       *Store
	writes  map[string][]byte // nil deletes
	bytes   int
	read    int // bytes of entries whose names go into the pack table with it
	docs    map[docKey]*layers
	buckets map[digest.Bucket]struct{}
}

// layers is a document as it stands within a batch.
type layers struct {
	conf, view *change.Doc // view is nil when nothing is pending
}

func (l *layers) seen() *change.Doc {
	if l.view != nil {
		return l.view
	}
	return l.conf
}

func (s *Store) batch() *batch {
	return &batch{s: s, writes: map[string][]byte{}, docs: map[docKey]*layers{}, buckets: map[digest.Bucket]struct{}{}}
}

// get reads a document's layers, through what the batch has changed.
func (b *batch) get(k docKey) (*layers, error) {
	if l := b.docs[k]; l != nil {
		return l, nil
	}
	l, err := b.s.readLayers(k)
	if err == nil {
		b.docs[k] = l
	}
	return l, err
}

// setConfirmed replaces the confirmed state; nil removes it.
func (b *batch) setConfirmed(k docKey, d *change.Doc) error {
	l, err := b.get(k)
	if err != nil {
		return err
	}
	b.swap(b.s.conf, l.conf, d, true)
	b.s.st.Tally.add(l.conf, -1)
	b.s.st.Tally.add(d, 1)
	next := layers{d, l.view}
	b.see(l, &next)
	b.put(k.layer(layerConfirmed), d)
	b.docs[k] = &next
	return nil
}

// setView replaces what readers see beside the confirmed state; nil: just that.
func (b *batch) setView(k docKey, d *change.Doc) error {
	l, err := b.get(k)
	if err != nil {
		return err
	}
	if l.view == nil && d == nil {
		return nil
	}
	next := layers{l.conf, d}
	b.see(l, &next)
	b.put(k.layer(layerView), d)
	b.docs[k] = &next
	return nil
}

func (b *batch) see(old, new *layers) {
	b.swap(b.s.view, old.seen(), new.seen(), false)
	b.s.seen.add(old.seen(), -1)
	b.s.seen.add(new.seen(), 1)
	for _, d := range []*change.Doc{old.seen(), new.seen()} {
		if d != nil {
			b.s.changes[d.Kind]++
			break
		}
	}
	for _, d := range []*change.Doc{old.seen(), new.seen()} {
		if day, ok := dayOf(d); ok {
			b.s.daily[day]++
		}
	}
}

func (b *batch) swap(set digest.Set, old, new *change.Doc, note bool) {
	set.Replace(old, new)
	for _, d := range []*change.Doc{old, new} {
		if note && d != nil {
			b.buckets[digest.BucketOf(d)] = struct{}{}
		}
	}
}

func (b *batch) put(key []byte, d *change.Doc) {
	var v []byte
	if d != nil {
		v = frame.AppendDoc(nil, d)
	}
	b.bytes += len(key) + len(v) - len(b.writes[string(key)])
	b.writes[string(key)] = v
}

// full reports whether it is time to flush.
func (b *batch) full() bool { return b.bytes > b.s.o.txnBytes() || len(b.writes) > b.s.o.txnKeys() }

// half reports whether as much again would make it full.
func (b *batch) half() bool {
	return b.bytes+b.read > b.s.o.txnBytes()/2 || len(b.writes) > b.s.o.txnKeys()/2
}

// refresh brings the views of documents up to their confirmed states and what
// is pending.
func (b *batch) refresh(keys []docKey) error {
	entries, err := b.s.entries(keys)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if err := b.show(k, entries); err != nil {
			return err
		}
	}
	return nil
}

// show is refresh of one document whose entries are fetched.
func (b *batch) show(k docKey, entries map[uint64]*change.Entry) error {
	l, err := b.get(k)
	if err != nil {
		return err
	}
	var view *change.Doc
	if seqs := b.s.pending[k]; len(seqs) > 0 {
		view = b.s.fold(l.conf, seqs, entries)
	}
	return b.setView(k, view)
}

// setTable replaces the pack table, which otherwise only grows, by one of the
// same chain as it was before, or by that of an empty chain. Names that both have
// stay in Badger: a table may be larger than a transaction.
func (b *batch) setTable(t *frame.Table) error {
	s := b.s
	names := 0 // that stay
	var gone [][]byte
	err := s.db.View(func(txn *badger.Txn) error {
		return each(txn, []byte{keyNames}, func(k, _ []byte) error {
			at := int(binary.BigEndian.Uint32(k[1:]))
			if at > t.Len() {
				gone = append(gone, bytes.Clone(k))
			}
			if at <= t.Len() {
				names = at
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	// What begins last among those that stay may reach too far, and is written
	// anew. A crash between transactions leaves a table that does not agree with
	// the state, which is found and rebuilt.
	if most := s.o.txnKeys() / 2; len(gone) > most {
		if err := s.remove(gone[most:]); err != nil {
			return err
		}
		gone = gone[:most]
	}
	for _, k := range gone {
		b.writes[string(k)] = nil
	}
	b.writes[string(namesKey(names))] = nil
	b.writes[string([]byte{keyAux})] = nil
	s.table, s.names, s.aux = t, names, nil
	return nil
}

// flush writes the batch and empties it.
func (b *batch) flush() error {
	s := b.s
	aux := s.table.Aux()
	if err := s.mayWriteDocs(int64(b.bytes)); err != nil {
		return s.fail(err)
	}
	var sum uint32
	err := s.db.Update(func(txn *badger.Txn) error {
		for _, k := range slices.Sorted(maps.Keys(b.writes)) {
			if err := put(txn, []byte(k), b.writes[k]); err != nil {
				return err
			}
		}
		for bucket := range b.buckets {
			var v []byte
			if sum, ok := s.conf[bucket]; ok {
				v = sum.Bytes()
			}
			if err := put(txn, bucketKey(bucket), v); err != nil {
				return err
			}
		}
		if s.table.Len() > s.names {
			if err := txn.Set(namesKey(s.names), s.table.AppendSince(s.names)); err != nil {
				return err
			}
		}
		if !bytes.Equal(aux, s.aux) {
			if err := txn.Set([]byte{keyAux}, aux); err != nil {
				return err
			}
		}
		s.st.Root, s.st.View = s.conf.Root().Bytes(), s.view.Root().Bytes()
		s.st.Names, s.st.Aux = s.table.Len(), crc32.Checksum(aux, castagnoli)
		st, err := json.Marshal(&s.st)
		if err != nil {
			return err
		}
		sum = stateSum(st)
		return txn.Set([]byte{keyState}, st)
	})
	if err != nil {
		return s.fail(s.whyNot(err))
	}
	s.stateSum = sum
	s.room.wrote(b.bytes+len(aux), len(b.writes)+len(b.buckets)+4)
	s.names, s.aux = s.table.Len(), aux
	clear(b.writes)
	clear(b.docs)
	clear(b.buckets)
	b.bytes, b.read = 0, 0
	return nil
}

func put(txn *badger.Txn, key, value []byte) error {
	if value == nil {
		return txn.Delete(key)
	}
	return txn.Set(key, value)
}

// readLayers reads a document from Badger.
func (s *Store) readLayers(k docKey) (*layers, error) {
	l := &layers{}
	err := s.db.View(func(txn *badger.Txn) (err error) {
		if l.conf, err = readDoc(txn, k.layer(layerConfirmed)); err != nil {
			return err
		}
		if len(s.pending[k]) > 0 {
			l.view, err = readDoc(txn, k.layer(layerView))
		}
		return err
	})
	return l, err
}

func readDoc(txn *badger.Txn, key []byte) (d *change.Doc, err error) {
	item, err := txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	err = item.Value(func(v []byte) error {
		d, err = frame.DecodeDoc(v)
		return err
	})
	return d, err
}
