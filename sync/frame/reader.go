package frame

import (
	"fmt"
	"math"

	"github.com/vmihailenco/msgpack/v5"

	"shangu/schema"
	"shangu/sync/change"
)

// reader reads typed values and keeps the first error, so that a decoder reads
// like the table of its format.
type reader struct {
	dec *msgpack.Decoder
	err error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: "+format, append([]any{ErrFormat}, args...)...)
	}
}

func read[T any](r *reader, f func() (T, error)) (v T) {
	if r.err == nil {
		v, r.err = f()
	}
	return v
}

func (r *reader) int64() int64 { return read(r, r.dec.DecodeInt64) }

func (r *reader) uint64() uint64 {
	n := r.int64()
	if n < 0 {
		r.fail("negative number %d", n)
	}
	return uint64(n)
}

func (r *reader) uint32() uint32 {
	n := r.int64()
	if n < 0 || n > math.MaxUint32 {
		r.fail("number %d out of range", n)
	}
	return uint32(n)
}

func (r *reader) uint16() uint16 {
	n := r.int64()
	if n < 0 || n > math.MaxUint16 {
		r.fail("number %d out of range", n)
	}
	return uint16(n)
}

func (r *reader) str() string { return read(r, r.dec.DecodeString) }

func (r *reader) array() int {
	n := read(r, r.dec.DecodeArrayLen)
	if n < 0 {
		r.fail("array is nil")
		return 0
	}
	return n
}

func (r *reader) value() schema.Value {
	raw := read(r, r.dec.DecodeRaw)
	v := schema.Value(raw)
	if r.err == nil && v.Check() != nil {
		r.fail("not a canonical value")
	}
	return v
}

// ref reads what appendRef wrote.
func (r *reader) ref(chain change.ChainID) change.Ref {
	v := r.value()
	if n, ok := v.Int(); ok && n >= 0 {
		if n == 0 {
			return change.Ref{}
		}
		return change.Ref{Chain: chain, Seq: uint64(n)}
	}
	items, ok := v.List()
	if ok && len(items) == 2 {
		c, okc := items[0].Bin()
		n, okn := items[1].Int()
		if okc && okn && len(c) == len(change.ChainID{}) && n > 0 {
			return change.Ref{Chain: change.ChainID([]byte(c)), Seq: uint64(n)}
		}
	}
	r.fail("bad ref")
	return change.Ref{}
}
