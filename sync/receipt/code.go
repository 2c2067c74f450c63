package receipt

import (
	"crypto/sha256"
	"encoding/binary"

	"shangu/schema"
	"shangu/sync/session"
)

// Kind says what a code stands for.
type Kind uint8

// Kinds of codes.
const (
	Day    Kind = 0 // what the receipt covers of one day
	Record Kind = 1 // one entry
)

// Widths of a code's parts in bits.
const (
	recordBits = 32
	whatBits   = 14
	tagBits    = 28
)

// FarBack is the What of a record whose entry lies further back from its
// receipt's tip than a code can say.
const FarBack = 1<<whatBits - 1

// firstDay is the day that codes count from.
var firstDay = schema.DateOf(2020, 1, 1)

// Code is what a short code says.
type Code struct {
	Kind   Kind
	Record uint32 // number of the audit record
	What   uint16 // day or offset, see the package
	Tag    uint32
}

// OfDay is the code of what a receipt covers of a day. ok is false without a
// receipt that the hub can find again, and for days that a code cannot name.
func OfDay(r session.Receipt, day schema.Date) (c Code, ok bool) {
	if day < firstDay || day-firstDay >= FarBack {
		return c, false
	}
	return of(r, Day, uint16(day-firstDay))
}

// OfRecord is the code of the entry at seq of the receipt's chain, which the
// receipt covers.
func OfRecord(r session.Receipt, seq uint64) (c Code, ok bool) {
	if seq == 0 || seq > r.Tip.Seq {
		return c, false
	}
	return of(r, Record, uint16(min(r.Tip.Seq-seq, FarBack)))
}

func of(r session.Receipt, k Kind, what uint16) (Code, bool) {
	c := Code{Kind: k, Record: uint32(r.N), What: what}
	if r.N == 0 || r.N >= 1<<recordBits || len(r.Sig) == 0 {
		return Code{}, false
	}
	c.Tag = c.tag(r)
	return c, true
}

// tag binds a code to a receipt.
func (c Code) tag(r session.Receipt) uint32 {
	b := append([]byte("shangu code v1"), make([]byte, 8)...)
	binary.BigEndian.PutUint64(b[len(b)-8:], c.facts())
	h := sha256.Sum256(append(b, r.Sig...))
	return binary.BigEndian.Uint32(h[:]) >> (32 - tagBits)
}

// facts are the bits before the tag.
func (c Code) facts() uint64 {
	return uint64(c.Kind)<<(recordBits+whatBits) | uint64(c.Record)<<whatBits | uint64(c.What)
}

// Fits reports whether a code was made of a receipt.
func (c Code) Fits(r session.Receipt) bool { return uint64(c.Record) == r.N && c.Tag == c.tag(r) }

// Day is the day that a code of kind Day stands for.
func (c Code) Day() schema.Date { return firstDay + schema.Date(c.What) }
