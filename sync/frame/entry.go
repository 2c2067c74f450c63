package frame

import (
	"bytes"
	"fmt"

	"github.com/vmihailenco/msgpack/v5"

	"shangu/schema"
	"shangu/sync/change"
)

// entryFields is the length of an entry's array in this version.
const entryFields = 9

// AppendEntry appends the canonical bytes of an entry of the given chain to
// dst. They are what the journal stores and what the chain hashes.
func AppendEntry(dst []byte, chain change.ChainID, e *change.Entry) []byte {
	dst = appendArray(dst, entryFields+extraCount(e.Extra))
	dst = appendInt(dst, int64(e.Seq))
	dst = appendInt(dst, e.At)
	dst = appendInt(dst, int64(e.Boot))
	dst = appendInt(dst, e.Up)
	dst = appendStr(dst, e.Account)
	dst = appendStr(dst, e.Scope)
	dst = appendInt(dst, int64(e.Kind))
	dst = appendStr(dst, e.ID)
	dst = appendArray(dst, len(e.Fields))
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
	dst = appendArray(dst, n)
	dst = appendInt(dst, int64(f.Key.Num))
	dst = append(dst, f.Value...)
	if n > 2 {
		dst = appendRef(dst, chain, f.Base)
	}
	if n > 3 {
		dst = appendStr(dst, f.Key.Sub)
	}
	return dst
}

// appendRef writes a ref as an integer when it is in the chain at hand (0: no
// ref), else as [bin 16, seq].
func appendRef(dst []byte, chain change.ChainID, r change.Ref) []byte {
	if r.IsZero() || r.Chain == chain {
		return appendInt(dst, int64(r.Seq))
	}
	dst = append(dst, 0x92, 0xc4, byte(len(r.Chain)))
	dst = append(dst, r.Chain[:]...)
	return appendInt(dst, int64(r.Seq))
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
	d := entryDecoder{chain: chain}
	if err := unmarshal(b, &d); err != nil {
		return nil, fmt.Errorf("decode entry: %w", err)
	}
	if !bytes.Equal(AppendEntry(make([]byte, 0, len(b)), chain, &d.e), b) {
		return nil, fmt.Errorf("decode entry: %w: not canonical", ErrFormat)
	}
	return &d.e, nil
}

type entryDecoder struct {
	e     change.Entry
	chain change.ChainID
}

// DecodeMsgpack implements msgpack.CustomDecoder.
func (d *entryDecoder) DecodeMsgpack(dec *msgpack.Decoder) error {
	n, err := dec.DecodeArrayLen()
	if err != nil {
		return err
	}
	if n < entryFields {
		return fmt.Errorf("%w: entry of %d fields", ErrFormat, n)
	}
	e := &d.e
	r := Reader{dec: dec}
	e.Seq, e.At, e.Boot, e.Up = r.Uint64(), r.Int64(), r.Uint32(), r.Int64()
	e.Account, e.Scope = r.Str(), r.Str()
	e.Kind, e.ID = schema.Kind(r.Uint16()), r.Str()
	count := r.Array()
	for i := 0; i < count && r.err == nil; i++ {
		f := d.field(&r)
		if i > 0 && e.Fields[i-1].Key.Compare(f.Key) >= 0 {
			r.Fail("fields out of order")
		}
		e.Fields = append(e.Fields, f)
	}
	for i := entryFields; i < n && r.err == nil; i++ {
		e.Extra += string(r.Value())
	}
	return r.err
}

func (d *entryDecoder) field(r *Reader) (f change.Field) {
	n := r.Array()
	if r.err == nil && (n < 2 || n > 4) {
		r.Fail("field of %d items", n)
	}
	f.Key.Num, f.Value = schema.FieldNum(r.Uint16()), r.Value()
	if n > 2 {
		f.Base = r.Ref(d.chain)
	}
	if n > 3 {
		f.Key.Sub = r.Str()
	}
	return f
}
