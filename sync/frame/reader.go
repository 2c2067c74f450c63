package frame

import (
	"fmt"
	"math"

	"github.com/vmihailenco/msgpack/v5"

	"shangu/schema"
)

// Reader reads typed values of a message that passed Guard and keeps the first
// error, so that a decoder reads like the table of its format. After an error
// every method returns its zero value.
type Reader struct {
	dec *msgpack.Decoder
	err error
}

// NewReader reads from a decoder, inside a DecodeMsgpack.
func NewReader(dec *msgpack.Decoder) *Reader { return &Reader{dec: dec} }

// Err returns the first error.
func (r *Reader) Err() error { return r.err }

// Fail records an ErrFormat unless there is an error already.
func (r *Reader) Fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: "+format, append([]any{ErrFormat}, args...)...)
	}
}

func read[T any](r *Reader, f func() (T, error)) (v T) {
	if r.err == nil {
		v, r.err = f()
	}
	return v
}

// Int64 reads an integer.
func (r *Reader) Int64() int64 { return read(r, r.dec.DecodeInt64) }

// Uint64 reads an integer from 0 to 1<<63-1.
func (r *Reader) Uint64() uint64 {
	n := r.Int64()
	if n < 0 {
		r.Fail("negative number %d", n)
	}
	return uint64(n)
}

// Uint32 reads an integer of 32 bits.
func (r *Reader) Uint32() uint32 {
	n := r.Int64()
	if n < 0 || n > math.MaxUint32 {
		r.Fail("number %d out of range", n)
	}
	return uint32(n)
}

// Uint16 reads an integer of 16 bits.
func (r *Reader) Uint16() uint16 {
	n := r.Int64()
	if n < 0 || n > math.MaxUint16 {
		r.Fail("number %d out of range", n)
	}
	return uint16(n)
}

// Str reads a text.
func (r *Reader) Str() string { return read(r, r.dec.DecodeString) }

// Bytes reads bytes; nil stays nil.
func (r *Reader) Bytes() []byte { return read(r, r.dec.DecodeBytes) }

// Bool reads a truth value.
func (r *Reader) Bool() bool { return read(r, r.dec.DecodeBool) }

// IsNil reports whether a nil comes next, and reads it.
func (r *Reader) IsNil() bool {
	if r.err != nil {
		return true
	}
	c, err := r.dec.PeekCode()
	if err != nil {
		r.err = err
		return true
	}
	if c != 0xc0 {
		return false
	}
	r.err = r.dec.DecodeNil()
	return true
}

// Skip reads over the n items that a newer peer appended to an array.
func (r *Reader) Skip(n int) {
	for ; n > 0 && r.err == nil; n-- {
		r.err = r.dec.Skip()
	}
}

// Array reads the length of an array.
func (r *Reader) Array() int {
	n := read(r, r.dec.DecodeArrayLen)
	if n < 0 {
		r.Fail("array is nil")
		return 0
	}
	return n
}

// Value reads any canonical value.
func (r *Reader) Value() schema.Value {
	raw := read(r, r.dec.DecodeRaw)
	v := schema.Value(raw)
	if r.err == nil && v.Check() != nil {
		r.Fail("not a canonical value")
	}
	return v
}
