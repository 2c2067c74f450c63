package state

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/vmihailenco/msgpack/v5"

	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/frame"
)

// wire walks a record's fields in order, writing them or reading them, so that
// one method describes a format both ways. A record is a msgpack array: a
// reader takes longer arrays of a newer version and leaves the fields that a
// shorter one lacks as they are.
type wire struct {
	out  []byte
	dec  *msgpack.Decoder // nil while writing
	n    int              // fields written in the record at hand
	left int              // fields still to read in it
	err  error
}

// record is anything that wire can walk.
type record interface{ walk(w *wire) }

// encode appends the bytes of r to dst.
func encode(dst []byte, r record) []byte {
	w := wire{out: dst}
	w.record(r)
	return w.out
}

// decode reads exactly one record.
func decode(b []byte, r record) error {
	return frame.Unmarshal(b, recordDecoder{r})
}

type recordDecoder struct{ r record }

// DecodeMsgpack implements msgpack.CustomDecoder.
func (d recordDecoder) DecodeMsgpack(dec *msgpack.Decoder) error {
	w := wire{dec: dec}
	w.record(d.r)
	return w.err
}

// record walks a nested record.
func (w *wire) record(r record) {
	if w.dec != nil {
		if !w.next() {
			return
		}
		outer := w.left
		w.left = w.length()
		r.walk(w)
		for ; w.left > 0 && w.err == nil; w.left-- {
			w.err = w.dec.Skip()
		}
		w.left = outer
		return
	}
	w.n++
	outer, at := w.n, len(w.out)
	w.out, w.n = append(w.out, 0xdc, 0, 0), 0
	r.walk(w)
	w.shrink(at, w.n)
	w.n = outer
}

// shrink writes the header of an array of n values over the three bytes kept
// for it at at.
func (w *wire) shrink(at, n int) {
	if n > 15 {
		binary.BigEndian.PutUint16(w.out[at+1:], uint16(n))
		return
	}
	w.out[at] = 0x90 | byte(n)
	w.out = append(w.out[:at+1], w.out[at+3:]...)
}

// next reports whether there is another field to read. The outermost record
// has no array around it.
func (w *wire) next() bool {
	if w.err != nil {
		return false
	}
	if w.left == 0 && w.n == 0 {
		w.n = 1
		return true
	}
	if w.left == 0 {
		return false
	}
	w.left--
	return true
}

func (w *wire) length() int {
	n, err := w.dec.DecodeArrayLen()
	if err == nil && n < 0 {
		err = fmt.Errorf("%w: array is nil", frame.ErrFormat)
	}
	w.err = err
	return n
}

func (w *wire) int64(v *int64) {
	if w.dec == nil {
		w.out, w.n = schema.AppendInt(w.out, *v), w.n+1
	} else if w.next() {
		*v, w.err = w.dec.DecodeInt64()
	}
}

func (w *wire) uint64(v *uint64) {
	n := int64(*v)
	w.int64(&n)
	if n < 0 && w.err == nil {
		w.err = fmt.Errorf("%w: number out of range", frame.ErrFormat)
	}
	*v = uint64(n)
}

func (w *wire) int(v *int) {
	n := int64(*v)
	w.int64(&n)
	*v = int(n)
}

// small walks a number of at most 16 bits.
func small[T ~uint8 | ~uint16](w *wire, v *T) {
	n := int64(*v)
	w.int64(&n)
	*v = T(n)
	if w.err == nil && int64(*v) != n {
		w.err = fmt.Errorf("%w: number out of range", frame.ErrFormat)
	}
}

func (w *wire) uint32(v *uint32) {
	n := int64(*v)
	w.int64(&n)
	if w.err == nil && (n < 0 || n > math.MaxUint32) {
		w.err = fmt.Errorf("%w: number out of range", frame.ErrFormat)
	}
	*v = uint32(n)
}

func (w *wire) bool(v *bool) {
	if w.dec == nil {
		b := byte(0xc2)
		if *v {
			b = 0xc3
		}
		w.out, w.n = append(w.out, b), w.n+1
	} else if w.next() {
		*v, w.err = w.dec.DecodeBool()
	}
}

func (w *wire) str(v *string) {
	if w.dec == nil {
		w.out, w.n = append(w.out, schema.Str(*v)...), w.n+1
	} else if w.next() {
		*v, w.err = w.dec.DecodeString()
	}
}

func (w *wire) bytes(v *[]byte) {
	if w.dec == nil {
		w.out, w.n = schema.AppendBin(w.out, *v), w.n+1
	} else if w.next() {
		*v, w.err = w.dec.DecodeBytes()
	}
}

// fixed walks bytes of a length that is part of the format.
func (w *wire) fixed(v []byte) {
	b := v
	w.bytes(&b)
	if w.dec == nil || w.err != nil {
		return
	}
	if len(b) != len(v) {
		w.err = fmt.Errorf("%w: %d bytes for %d", frame.ErrFormat, len(b), len(v))
		return
	}
	copy(v, b)
}

// value walks a field's value as it is.
func (w *wire) value(v *schema.Value) {
	if w.dec == nil {
		x := *v
		if x == "" {
			x = schema.Nil
		}
		w.out, w.n = append(w.out, x...), w.n+1
	} else if w.next() {
		var raw msgpack.RawMessage
		raw, w.err = w.dec.DecodeRaw()
		*v = schema.Value(raw)
		if w.err == nil {
			w.err = v.Check()
		}
	}
}

func (w *wire) ref(v *change.Ref) {
	w.fixed(v.Chain[:])
	w.uint64(&v.Seq)
}

// listOf walks a list of anything; each is called for every item.
func listOf[T any](w *wire, v *[]T, each func(w *wire, item *T)) {
	if w.dec == nil {
		w.n++
		outer := w.n
		w.out = schema.AppendArray(w.out, len(*v))
		for i := range *v {
			each(w, &(*v)[i])
		}
		w.n = outer
		return
	}
	if !w.next() {
		return
	}
	outer := w.left
	n := w.length()
	*v = nil
	for w.left = n; w.left > 0 && w.err == nil; {
		before := w.left
		var item T
		each(w, &item)
		*v = append(*v, item)
		if w.left == before { // an item of no width would never end
			w.left--
		}
	}
	w.left = outer
}

// records walks a list of records.
func records[T any, P interface {
	*T
	record
}](w *wire, v *[]T) {
	listOf(w, v, func(w *wire, item *T) { w.record(P(item)) })
}
