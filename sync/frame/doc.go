package frame

import (
	"fmt"
	"math"
	"slices"

	"shangu/schema"
	"shangu/sync/change"
)

// AppendDoc appends the canonical bytes of a document to dst: what agent and
// hub keep in their stores, and what a pull carries. Chains are named once.
func AppendDoc(dst []byte, d *change.Doc) []byte {
	var few [8]change.ChainID
	chains := few[:0]
	note := func(c change.ChainID) {
		if !slices.Contains(chains, c) {
			chains = append(chains, c)
		}
	}
	for i := range d.Cells {
		note(d.Cells[i].Version.Chain)
		for _, a := range d.Cells[i].Also {
			note(a.Chain)
		}
	}
	dst = schema.AppendArray(dst, 5)
	dst = schema.AppendStr(dst, d.Scope)
	dst = schema.AppendInt(dst, int64(d.Kind))
	dst = schema.AppendStr(dst, d.ID)
	dst = schema.AppendArray(dst, len(chains))
	for i := range chains {
		dst = append(dst, 0xc4, byte(len(chains[i])))
		dst = append(dst, chains[i][:]...)
	}
	dst = schema.AppendArray(dst, len(d.Cells))
	for i := range d.Cells {
		c := &d.Cells[i]
		dst = schema.AppendArray(dst, 8+2*len(c.Also))
		dst = schema.AppendInt(dst, int64(c.Key.Num))
		dst = schema.AppendStr(dst, c.Key.Sub)
		dst = append(dst, c.Value...)
		dst = schema.AppendInt(dst, c.At)
		dst = schema.AppendStr(dst, c.By)
		dst = schema.AppendInt(dst, int64(c.Role))
		dst = schema.AppendInt(dst, int64(slices.Index(chains, c.Version.Chain)))
		dst = schema.AppendInt(dst, int64(c.Version.Seq))
		for _, a := range c.Also {
			dst = schema.AppendInt(dst, int64(slices.Index(chains, a.Chain)))
			dst = schema.AppendInt(dst, int64(a.Seq))
		}
	}
	return dst
}

// DecodeDoc decodes what AppendDoc wrote. Longer arrays of a newer peer are
// accepted, their additions dropped.
func DecodeDoc(b []byte) (*change.Doc, error) {
	c := cursor{s: string(b)}
	d := c.doc()
	if err := c.end(); err != nil {
		return nil, fmt.Errorf("decode document: %w", err)
	}
	return d, nil
}

// docFields and cellFields are the lengths of the arrays in this version.
const (
	docFields  = 5
	cellFields = 8
)

func (c *cursor) doc() *change.Doc {
	n := c.array()
	if n < docFields {
		c.fail("document of %d fields", n)
		return nil
	}
	d := &change.Doc{Scope: c.str(), Kind: schema.Kind(c.uint16()), ID: c.str()}
	var few [8]change.ChainID
	chains := few[:0]
	for i, k := 0, c.array(); i < k && c.err == nil; i++ {
		chains = append(chains, c.chain())
	}
	count := c.array()
	if count > 0 {
		d.Cells = make([]change.Cell, 0, min(count, 1+len(c.s)/cellFields))
	}
	for i := 0; i < count && c.err == nil; i++ {
		cell := c.cell(chains)
		if i > 0 && d.Cells[i-1].Key.Compare(cell.Key) >= 0 {
			c.fail("cells out of order")
		}
		d.Cells = append(d.Cells, cell)
	}
	c.skip(n - docFields)
	return d
}

func (c *cursor) cell(chains []change.ChainID) (cell change.Cell) {
	n := c.array()
	if n < cellFields || n%2 != 0 {
		c.fail("cell of %d items", n)
		return cell
	}
	cell.Key.Num, cell.Key.Sub = schema.FieldNum(c.uint16()), c.str()
	cell.Value, cell.At, cell.By, cell.Role = c.value(), c.int(), c.str(), schema.Role(c.upto(math.MaxUint8))
	cell.Version = c.version(chains)
	for i := cellFields; i < n && c.err == nil; i += 2 {
		cell.Also = append(cell.Also, c.version(chains))
	}
	return cell
}

// version reads a chain's index and a seq.
func (c *cursor) version(chains []change.ChainID) change.Ref {
	i, seq := c.upto(math.MaxInt32), c.uint64()
	if i >= int64(len(chains)) {
		c.fail("no chain %d", i)
		return change.Ref{}
	}
	return change.Ref{Chain: chains[i], Seq: seq}
}
