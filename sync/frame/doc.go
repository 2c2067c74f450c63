package frame

import (
	"fmt"
	"slices"

	"github.com/vmihailenco/msgpack/v5"

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
	dst = appendArray(dst, 5)
	dst = appendStr(dst, d.Scope)
	dst = appendInt(dst, int64(d.Kind))
	dst = appendStr(dst, d.ID)
	dst = appendArray(dst, len(chains))
	for i := range chains {
		dst = append(dst, 0xc4, byte(len(chains[i])))
		dst = append(dst, chains[i][:]...)
	}
	dst = appendArray(dst, len(d.Cells))
	for i := range d.Cells {
		c := &d.Cells[i]
		dst = appendArray(dst, 8+2*len(c.Also))
		dst = appendInt(dst, int64(c.Key.Num))
		dst = appendStr(dst, c.Key.Sub)
		dst = append(dst, c.Value...)
		dst = appendInt(dst, c.At)
		dst = appendStr(dst, c.By)
		dst = appendInt(dst, int64(c.Role))
		dst = appendInt(dst, int64(slices.Index(chains, c.Version.Chain)))
		dst = appendInt(dst, int64(c.Version.Seq))
		for _, a := range c.Also {
			dst = appendInt(dst, int64(slices.Index(chains, a.Chain)))
			dst = appendInt(dst, int64(a.Seq))
		}
	}
	return dst
}

// DecodeDoc decodes what AppendDoc wrote. Longer arrays of a newer peer are
// accepted, their additions dropped.
func DecodeDoc(b []byte) (*change.Doc, error) {
	var d docDecoder
	if err := unmarshal(b, &d); err != nil {
		return nil, fmt.Errorf("decode document: %w", err)
	}
	return &d.Doc, nil
}

type docDecoder struct{ change.Doc }

// DecodeMsgpack implements msgpack.CustomDecoder.
func (d *docDecoder) DecodeMsgpack(dec *msgpack.Decoder) error {
	r := Reader{dec: dec}
	n := r.Array()
	if n < 5 {
		r.Fail("document of %d fields", n)
	}
	d.Scope, d.Kind, d.ID = r.Str(), schema.Kind(r.Uint16()), r.Str()
	chains := make([]change.ChainID, 0, 2)
	for i, k := 0, r.Array(); i < k && r.err == nil; i++ {
		b := r.Bytes()
		if len(b) != len(change.ChainID{}) {
			r.Fail("chain of %d bytes", len(b))
			break
		}
		chains = append(chains, change.ChainID(b))
	}
	version := func() (ref change.Ref) {
		i, seq := r.Int64(), r.Uint64()
		if i < 0 || i >= int64(len(chains)) {
			r.Fail("no chain %d", i)
			return ref
		}
		return change.Ref{Chain: chains[i], Seq: seq}
	}
	for i, k := 0, r.Array(); i < k && r.err == nil; i++ {
		var c change.Cell
		m := r.Array()
		if m < 8 || m%2 != 0 {
			r.Fail("cell of %d items", m)
			break
		}
		c.Key.Num, c.Key.Sub = schema.FieldNum(r.Uint16()), r.Str()
		c.Value, c.At, c.By, c.Role = r.Value(), r.Int64(), r.Str(), schema.Role(r.Uint16())
		c.Version = version()
		for j := 8; j < m && r.err == nil; j += 2 {
			c.Also = append(c.Also, version())
		}
		if len(d.Cells) > 0 && d.Cells[len(d.Cells)-1].Key.Compare(c.Key) >= 0 {
			r.Fail("cells out of order")
		}
		d.Cells = append(d.Cells, c)
	}
	for i := 5; i < n && r.err == nil; i++ {
		r.Value()
	}
	return r.err
}
