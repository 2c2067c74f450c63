package frame

import (
	"bytes"
	"fmt"

	"shangu/schema"
	"shangu/sync/change"
)

// entryFields is the length of an entry's array in this version.
const entryFields = 9

// AppendEntry appends the canonical bytes of an entry of the given chain to
// dst. They are what the journal stores and what the chain hashes.
func AppendEntry(dst []byte, chain change.ChainID, e *change.Entry) []byte {
	dst = schema.AppendArray(dst, entryFields+extraCount(e.Extra))
	dst = schema.AppendInt(dst, int64(e.Seq))
	dst = schema.AppendInt(dst, e.At)
	dst = schema.AppendInt(dst, int64(e.Boot))
	dst = schema.AppendInt(dst, e.Up)
	dst = schema.AppendStr(dst, e.Account)
	dst = schema.AppendStr(dst, e.Scope)
	dst = schema.AppendInt(dst, int64(e.Kind))
	dst = schema.AppendStr(dst, e.ID)
	dst = schema.AppendArray(dst, len(e.Fields))
	for i := range e.Fields {
		dst = appendField(dst, chain, &e.Fields[i])
	}
	return append(dst, e.Extra...)
}

// appendField writes [num, value], [num, value, base] or [num, value, base, sub].
func appendField(dst []byte, chain change.ChainID, f *change.Field) []byte {
	n := 2
	if f.Key.Sub != "" {
		n = 4
	} else if !f.Base.IsZero() {
		n = 3
	}
	dst = schema.AppendArray(dst, n)
	dst = schema.AppendInt(dst, int64(f.Key.Num))
	dst = append(dst, f.Value...)
	if n > 2 {
		dst = appendRef(dst, chain, f.Base)
	}
	if n > 3 {
		dst = schema.AppendStr(dst, f.Key.Sub)
	}
	return dst
}

// appendRef writes a ref as an integer when it is in the chain at hand (0: no
// ref), else as [bin 16, seq].
func appendRef(dst []byte, chain change.ChainID, r change.Ref) []byte {
	if r.IsZero() || r.Chain == chain {
		return schema.AppendInt(dst, int64(r.Seq))
	}
	dst = append(dst, 0x92, 0xc4, byte(len(r.Chain)))
	dst = append(dst, r.Chain[:]...)
	return schema.AppendInt(dst, int64(r.Seq))
}

func extraCount(extra string) (n int) {
	for extra != "" {
		k := schema.ScanValue(extra)
		if k < 0 {
			break
		}
		extra = extra[k:]
		n++
	}
	return n
}

// DecodeEntry decodes the canonical bytes of one entry of the given chain. It
// fails with ErrFormat on anything that AppendEntry would have written
// otherwise, and with ErrLimit over MaxEntry.
func DecodeEntry(b []byte, chain change.ChainID) (*change.Entry, error) {
	if len(b) > MaxEntry {
		return nil, fmt.Errorf("%w: entry of %d bytes", ErrLimit, len(b))
	}
	c := cursor{s: string(b)}
	e := c.entry(chain)
	if err := c.end(); err != nil {
		return nil, fmt.Errorf("decode entry: %w", err)
	}
	var few [512]byte
	if !bytes.Equal(AppendEntry(few[:0], chain, e), b) {
		return nil, fmt.Errorf("decode entry: %w: not canonical", ErrFormat)
	}
	return e, nil
}

func (c *cursor) entry(chain change.ChainID) *change.Entry {
	n := c.array()
	if n < entryFields {
		c.fail("entry of %d fields", n)
		return nil
	}
	e := &change.Entry{
		Seq: c.uint64(), At: c.int(), Boot: c.uint32(), Up: c.int(), Account: c.str(), Scope: c.str(), Kind: schema.Kind(c.uint16()), ID: c.str(),
	}
	if count := c.array(); count > 0 {
		e.Fields = make([]change.Field, 0, min(count, 1+len(c.s)/3)) // a field has three bytes
		for i := 0; i < count && c.err == nil; i++ {
			f := c.field(chain)
			if i > 0 && e.Fields[i-1].Key.Compare(f.Key) >= 0 {
				c.fail("fields out of order")
			}
			e.Fields = append(e.Fields, f)
		}
	}
	extra := c.s
	c.skip(n - entryFields)
	e.Extra = extra[:len(extra)-len(c.s)]
	return e
}

func (c *cursor) field(chain change.ChainID) (f change.Field) {
	n := c.array()
	if n < 2 || n > 4 {
		c.fail("field of %d items", n)
		return f
	}
	f.Key.Num, f.Value = schema.FieldNum(c.uint16()), c.value()
	if n > 2 {
		f.Base = c.ref(chain)
	}
	if n > 3 {
		f.Key.Sub = c.str()
	}
	return f
}
