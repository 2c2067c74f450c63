package frame

import "shangu/sync/change"

// Table is what both ends of a chain know from its entries so far and a pack
// need not repeat: the names (pupil, class and teacher ids ...) in the order
// in which the chain first used them, and each class's last roster size. It is
// a function of the chain's prefix alone.
type Table struct{}

// NewTable is the table of an empty chain.
func NewTable() *Table { return &Table{} }

// Clone copies t.
func (t *Table) Clone() *Table { return &Table{} }

// Observe takes the next entry of the chain into t.
func (t *Table) Observe(e *change.Entry) {}

// Head is what a pack says about itself.
type Head struct {
	First uint64  // seq of its first entry
	Count int     // entries
	Prev  [8]byte // first bytes of the hash of the tip that it continues
}

// Unpacked is a pack's content.
type Unpacked struct {
	Head    Head
	Entries []*change.Entry
	Bytes   [][]byte // each entry's canonical bytes
}
