// Package change holds what is recorded as changes and documents, and the one
// merge rule that agent and hub both run.
//
// A clerk's save becomes an Entry: the fields that changed on one document,
// each with the version that the clerk saw. Merging entries in the hub's order
// yields the document. Merge is pure: the same document and entry give the
// same result, byte for byte, on every machine. The package imports schema
// alone and does no I/O.
package change

import (
	"bytes"
	"cmp"

	"shangu/schema"
)

// ChainID names one chain of entries: the first 16 bytes of
// SHA-256("shangu chain v1" + device + epoch). A device starts a new chain
// whenever its store is created, restored or found to be a copy.
type ChainID [16]byte

// Ref names an entry, and with it the version of each field that it set. The
// zero Ref is the version of a field that was never set.
type Ref struct {
	Chain ChainID
	Seq   uint64
}

// IsZero reports whether r names no entry.
func (r Ref) IsZero() bool { return r == Ref{} }

// Compare orders refs by chain, then by seq. The order means nothing but is
// the same everywhere.
func (r Ref) Compare(o Ref) int {
	if c := bytes.Compare(r.Chain[:], o.Chain[:]); c != 0 {
		return c
	}
	return cmp.Compare(r.Seq, o.Seq)
}

// Field is one changed field of an entry.
type Field struct {
	Key   schema.Key
	Value schema.Value // schema.Nil clears the field; never ""
	Base  Ref          // the version that the writer saw; zero if unset
}

// Entry is one save: changes to one document, in one chain.
type Entry struct {
	Seq     uint64 // place in its chain, from 1
	At      int64  // the writer's clock, unix seconds; not evidence
	Boot    uint32 // counts the starts of the agent in this chain
	Up      int64  // seconds since that start, by the monotonic clock
	Account string // who saved
	Scope   string // school code; "" is the school of the chain's own device
	Kind    schema.Kind
	ID      string
	Fields  []Field // sorted by key, no key twice
	Extra   string  // canonical msgpack values that a newer peer appended, kept as they came
}

// Cell is the present state of one field.
type Cell struct {
	Key     schema.Key
	Value   schema.Value
	Version Ref
	Also    []Ref // other entries that set the same value: bases equal to one of them fit too
	At      int64 // corrected time of the write, unix seconds
	By      string
	Role    schema.Role
}

// Doc is the present state of one document.
type Doc struct {
	Scope string // school code or schema.DistrictScope; "" is the agent's own school
	Kind  schema.Kind
	ID    string
	Cells []Cell // sorted by key
}

// Len is the number of fields that are set.
func (d *Doc) Len() int {
	if d == nil {
		return 0
	}
	return len(d.Cells)
}

// Find returns the cell of a key.
func (d *Doc) Find(k schema.Key) (Cell, bool) {
	if d == nil {
		return Cell{}, false
	}
	i, ok := search(d.Cells, k)
	if !ok {
		return Cell{}, false
	}
	return d.Cells[i], true
}

// search returns where a key's cell is or would be. Cells are large and this
// is asked for each field of each entry, so none is copied.
func search(cells []Cell, k schema.Key) (int, bool) {
	lo, hi := 0, len(cells)
	if hi > 0 && cells[hi-1].Key.Compare(k) < 0 { // fields come in order
		return hi, false
	}
	for lo < hi {
		if mid := (lo + hi) / 2; cells[mid].Key.Compare(k) < 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < len(cells) && cells[lo].Key == k
}

// Value returns the value of a plain field, "" when unset.
func (d *Doc) Value(n schema.FieldNum) schema.Value {
	return d.Lookup(schema.Key{Num: n})
}

// Void reports whether the document was voided.
func (d *Doc) Void() bool { return !d.Value(schema.FieldVoid).IsNil() }

// Lookup lets schema read the document without knowing this package.
func (d *Doc) Lookup(k schema.Key) schema.Value {
	if d == nil {
		return ""
	}
	if i, ok := search(d.Cells, k); ok {
		return d.Cells[i].Value
	}
	return ""
}

// Each calls f for every set field in key order.
func (d *Doc) Each(f func(schema.Key, schema.Value)) {
	if d == nil {
		return
	}
	for i := range d.Cells {
		f(d.Cells[i].Key, d.Cells[i].Value)
	}
}

// earliest is before any entry was written: the start of 2026, unix seconds.
const earliest = 1767225600

// apart is by how many seconds what was told may be ahead of the node of the hub
// that hears of it.
const apart = 60

// Clock is what an agent's clocks read when the hub heard from it, and the
// hub's own time then. It turns an entry's claimed time into a corrected one.
// The zero Clock leaves times as claimed.
type Clock struct {
	Hub  int64  // hub's unix seconds
	At   int64  // agent's wall clock, unix seconds
	Boot uint32 // agent's present boot
	Up   int64  // seconds since that boot
}

// Correct returns the corrected time of an entry. Within the boot that the hub
// heard from, the monotonic clock is exact. Before it a claim that can be true
// stands: agents claim what hub and clerk have told them, whatever the computer's
// clock shows. One that cannot was read off that clock before anybody had told
// it anything, and the clock's present error is the best guess. A hub's nodes and
// the agent may be apart by as much as a claim may be ahead. The corrected time
// never lies after the hub's own.
func (c Clock) Correct(e *Entry) int64 {
	if c.Hub == 0 {
		return e.At
	}
	t := e.At
	switch {
	case e.Boot == c.Boot:
		t = c.Hub - c.Up + e.Up
	case e.At < earliest || e.At > c.Hub+apart:
		t += c.Hub - c.At
	}
	return max(0, min(t, c.Hub))
}
