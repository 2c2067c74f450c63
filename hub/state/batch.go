package state

import (
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/frame"
)

// A transaction is committed when its writes pass partBytes or partKeys, so
// that it stays far below what Badger takes in one (15% of a memtable).
// Within one item of a command the same bounds count the item's own writes
// alone: where it is cut must not depend on what shares its transaction.
const (
	partBytes = 256 << 10
	partKeys  = 3 << 10
	dirtySize = 768 // bytes of an object to be written at the end, about
	dirtyKeys = 4
)

// progress is how far the log was applied: the last whole entry, and of the
// entry after it the items done and of the next item the changes done.
type progress struct {
	index, term uint64
	pos         uint64 // last position given out in the feeds
	doing       uint64 // the entry that is half applied; 0: none
	item        int
	change      int

	count uint64   // records in the audit trail
	head  [32]byte // hash over them
}

func (p *progress) walk(w *wire) {
	w.uint64(&p.index)
	w.uint64(&p.term)
	w.uint64(&p.pos)
	w.uint64(&p.doing)
	w.int(&p.item)
	w.int(&p.change)
	w.uint64(&p.count)
	w.fixed(p.head[:])
}

// batch applies log entries in one or more transactions. Reads see its own
// writes. Objects that many entries change are kept decoded and written with
// the transaction; what is not in the objects is put at once.
type batch struct {
	s     *State
	txn   *badger.Txn
	at    progress
	redo  progress // where a crash left the entry after at.index
	index uint64   // of the entry at hand
	data  []byte   // of the entry at hand
	item  int

	bytes, keys         int // written in this transaction
	itemBytes, itemKeys int // written by the item at hand since its last cut

	dirty map[saver]struct{}
	feeds map[string]*chunk // of the item at hand, by viewer
	leaf  leaf              // of the item at hand
	stale bool              // devices or nodes were changed in this transaction
	err   error             // of the store; everything after it is void
}

// saver is an object that is written when its transaction ends.
type saver interface{ save(b *batch) }

// touch marks an object as changed.
func (b *batch) touch(o saver) { b.dirty[o] = struct{}{} }

func (b *batch) fail(op string, err error) {
	if b.err == nil && err != nil {
		b.err = fmt.Errorf("%s: %w", op, err)
	}
}

func (b *batch) set(key, value []byte) {
	if b.err != nil {
		return
	}
	b.tally(len(key) + len(value))
	b.put1(key, value)
}

// put1 sets a key that is counted already.
func (b *batch) put1(key, value []byte) {
	if b.err == nil {
		b.fail("set key", b.txn.SetEntry(b.s.slab.entry(key, value)))
	}
}

// tally counts a write of n bytes.
func (b *batch) tally(n int) {
	b.bytes, b.itemBytes = b.bytes+n, b.itemBytes+n
	b.keys, b.itemKeys = b.keys+1, b.itemKeys+1
}

func (b *batch) delete(key []byte) {
	if b.err != nil {
		return
	}
	b.tally(len(key))
	b.fail("delete key", b.txn.Delete(key))
}

// get returns the value of a key, good until the transaction ends; nil when
// there is none.
func (b *batch) get(key []byte) []byte {
	if b.err != nil {
		return nil
	}
	v, err := lookup(b.txn, key)
	b.fail("get key", err)
	return v
}

// load decodes the record of a key; false when there is none.
func (b *batch) load(key []byte, r record) bool {
	v := b.get(key)
	if v == nil {
		return false
	}
	b.fail("read record", decode(v, r))
	return b.err == nil
}

// lookup returns the value of a key, good until txn ends; nil when there is none.
func lookup(txn *badger.Txn, key []byte) ([]byte, error) {
	item, err := txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var v []byte
	err = item.Value(func(p []byte) error { v = p; return nil })
	if v == nil {
		v = []byte{}
	}
	return v, err
}

// commit ends the transaction with the progress made and begins the next.
func (b *batch) commit() {
	for o := range b.dirty {
		o.save(b)
	}
	clear(b.dirty)
	b.set(metaApplied, encode(nil, &b.at))
	if b.err != nil {
		b.txn.Discard()
		return
	}
	if f := b.s.beforeCommit; f != nil {
		b.fail("commit", f())
	}
	if b.err == nil {
		b.fail("commit", b.txn.Commit())
	}
	if b.err != nil {
		b.txn.Discard()
		return
	}
	if b.stale {
		b.s.known.forget()
		b.stale = false
	}
	b.s.chains.trim()
	b.s.schools.trim()
	b.s.devices.trim()
	b.bytes, b.keys = 0, 0
	b.s.slab.reset()
	b.txn = b.s.db.NewTransaction(true)
}

// endItem closes an item of the entry at hand.
func (b *batch) endItem() {
	b.endChunks()
	b.itemBytes, b.itemKeys = 0, 0
	b.item++
	b.at.doing, b.at.item, b.at.change = b.index, b.item, 0
	if b.bytes+dirtySize*len(b.dirty) > partBytes || b.keys+dirtyKeys*len(b.dirty) > partKeys {
		b.commit()
	}
}

// room commits what other entries wrote before a command that may fill a
// transaction by itself.
func (b *batch) room() {
	if b.bytes > 0 {
		b.commit()
	}
}

// cut commits in the middle of an item when its writes have grown large. done
// counts the changes of the item that are complete.
// more is how many bytes the item is about to write in one go.
func (b *batch) cut(done, more int) {
	if b.itemBytes+more <= partBytes && b.itemKeys <= partKeys {
		return
	}
	b.endChunks()
	b.itemBytes, b.itemKeys = 0, 0
	b.at.doing, b.at.item, b.at.change = b.index, b.item, done
	b.commit()
}

// done is how many changes of the item at hand an earlier run completed.
func (b *batch) done() int {
	if b.redo.doing == b.index && b.redo.item == b.item {
		return b.redo.change
	}
	return 0
}

// chain is a chain's state with the table that its packs need.
type chain struct {
	id change.ChainID
	chainRecord
	table *frame.Table
}

// chainRecord is what is stored of a chain under its id.
type chainRecord struct {
	device [16]byte
	tip    frame.Tip
	names  int // of the table, that are stored
	aux    []byte
}

func (c *chainRecord) walk(w *wire) {
	w.fixed(c.device[:])
	walkTip(w, &c.tip)
	w.int(&c.names)
	w.bytes(&c.aux)
}

func (c *chain) save(b *batch) { b.set(chainKey(c.id), encode(nil, &c.chainRecord)) }

// chain returns a chain, nil when it is not known.
func (b *batch) chain(id change.ChainID) *chain {
	if c, ok := b.s.chains.get(id); ok {
		return c
	}
	c := &chain{id: id, table: frame.NewTable()}
	if !b.load(chainKey(id), &c.chainRecord) {
		return nil
	}
	prefix := idKey(keyNames, id[:])
	it := b.txn.NewIterator(badger.IteratorOptions{Prefix: prefix, PrefetchValues: true, PrefetchSize: 16})
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		b.fail("read names", it.Item().Value(c.table.Extend))
	}
	if len(c.aux) > 0 {
		b.fail("read names", c.table.SetAux(c.aux))
	}
	if b.err == nil && c.table.Len() != c.names {
		b.fail("read names", fmt.Errorf("%w: %d names, not %d", frame.ErrFormat, c.table.Len(), c.names))
	}
	b.s.chains.put(id, c)
	return c
}

// newChain is a chain without entries, not recorded yet.
func newChain(id change.ChainID, device [16]byte) *chain {
	c := &chain{id: id, table: frame.NewTable()}
	c.device, c.tip = device, frame.Genesis(id)
	return c
}

// record makes a new chain known.
func (b *batch) record(c *chain) {
	b.s.chains.put(c.id, c)
	b.touch(c)
}

// advance moves a chain to a new tip at the end of an item: the table's new
// names, and a checkpoint that says which audit record holds the bytes.
func (b *batch) advance(c *chain, tip frame.Tip, record uint64) {
	c.tip = tip
	if n := c.table.Len(); n > c.names {
		b.set(namesKey(c.id, c.names), c.table.AppendSince(c.names))
		c.names = n
	}
	c.aux = c.table.Aux()
	cp := checkpoint{tip.Hash, record}
	b.set(chainSeqKey(keyCheckpoint, c.id, tip.Seq), encode(nil, &cp))
	b.touch(c)
}

// checkpoint is a chain's hash at the end of a pack, and the number of the audit
// record that holds the pack.
type checkpoint struct {
	hash   [32]byte
	record uint64
}

func (c *checkpoint) walk(w *wire) { w.fixed(c.hash[:]); w.uint64(&c.record) }

// device is a device with what was last heard of it.
type device struct {
	Device
	beat Beat
}

func (d *device) save(b *batch) { b.set(idKey(keyBeat, d.ID[:]), encode(nil, &d.beat)) }

// device returns a device, nil when it never enrolled.
func (b *batch) device(id [16]byte) *device {
	if d, ok := b.s.devices.get(id); ok {
		return d
	}
	d := &device{}
	if !b.load(idKey(keyDevice, id[:]), &d.Device) {
		return nil
	}
	b.load(idKey(keyBeat, id[:]), &d.beat)
	b.s.devices.put(id, d)
	return d
}

// saveDevice writes what an operator or a token made of a device.
func (b *batch) saveDevice(d *device) {
	b.set(idKey(keyDevice, d.ID[:]), encode(nil, &d.Device))
	b.stale = true
}

// viewer is what a school sees and what is counted of it.
type viewer struct {
	name   string
	counts counts
	sums   map[digest.Bucket]*digest.Sum // those in use; zero: no documents
	months map[string]*Month             // those in use
	moved  map[digest.Bucket]struct{}    // sums changed in this transaction
	turned map[string]struct{}           // months changed in this transaction
	sheets frontier
}

// viewer returns a school's record, or the common one; it makes an empty one
// where there is none.
func (b *batch) viewer(name string) *viewer {
	if v, ok := b.s.schools.get(name); ok {
		return v
	}
	v := &viewer{
		name: name, sums: map[digest.Bucket]*digest.Sum{}, months: map[string]*Month{},
		moved: map[digest.Bucket]struct{}{}, turned: map[string]struct{}{},
	}
	b.load(schoolKey(name), &v.counts)
	b.s.schools.put(name, v)
	return v
}

// maxWarm bounds the digests and months that a viewer keeps decoded.
const maxWarm = 64

func (v *viewer) save(b *batch) {
	b.set(schoolKey(v.name), encode(nil, &v.counts))
	for k := range v.moved {
		key := digestKey(v.name, k.Kind, k.Month)
		if s := *v.sums[k]; s == (digest.Sum{}) {
			b.delete(key)
		} else {
			b.set(key, s.Bytes())
		}
	}
	for m := range v.turned {
		b.set(monthKey(v.name, m), encode(nil, v.months[m]))
	}
	clear(v.moved)
	clear(v.turned)
	if len(v.sums) > maxWarm {
		clear(v.sums)
	}
	if len(v.months) > maxWarm {
		clear(v.months)
	}
}

// shift adds to the digest of one bucket, and to the root.
func (v *viewer) shift(b *batch, k digest.Bucket, plus, minus digest.Sum) {
	s := v.sums[k]
	if s == nil {
		s = &digest.Sum{}
		if p := b.get(digestKey(v.name, k.Kind, k.Month)); p != nil {
			sum, ok := digest.FromBytes(p)
			if !ok {
				b.fail("read digest", frame.ErrFormat)
			}
			*s = sum
		}
		v.sums[k] = s
	}
	*s = s.Add(plus).Sub(minus)
	v.counts.root = v.counts.root.Add(plus).Sub(minus)
	v.moved[k] = struct{}{}
	b.touch(v)
}

// month returns the counts of one month for changing.
func (v *viewer) month(b *batch, name string) *Month {
	m := v.months[name]
	if m == nil {
		m = &Month{School: v.name, Month: name}
		b.load(monthKey(v.name, name), m)
		v.months[name] = m
	}
	v.turned[name] = struct{}{}
	b.touch(v)
	return m
}
