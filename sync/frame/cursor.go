package frame

import (
	"encoding/binary"
	"fmt"
	"math"

	"shangu/schema"
	"shangu/sync/change"
)

// cursor reads the canonical bytes of entries and documents: what the stores
// hold by the million, so it takes one allocation, which all texts share. Like
// Reader it keeps the first error and yields zeros after it. No length in the
// bytes is believed before it is compared with what remains.
type cursor struct {
	s   string
	err error
}

func (c *cursor) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: "+format, append([]any{ErrFormat}, args...)...)
	}
	c.s = ""
}

// value reads any canonical value.
func (c *cursor) value() schema.Value {
	n := schema.ScanValue(c.s)
	if n < 0 || n > schema.MaxValue {
		c.fail("not a canonical value")
		return ""
	}
	v := schema.Value(c.s[:n])
	c.s = c.s[n:]
	return v
}

func (c *cursor) int() int64 {
	if c.s != "" && c.s[0] <= 0x7f { // most numbers
		n := int64(c.s[0])
		c.s = c.s[1:]
		return n
	}
	n, ok := c.value().Int()
	if !ok {
		c.fail("not a number")
	}
	return n
}

// upto reads a number from 0 to limit.
func (c *cursor) upto(limit int64) int64 {
	n := c.int()
	if n < 0 || n > limit {
		c.fail("number %d out of range", n)
		return 0
	}
	return n
}

func (c *cursor) uint64() uint64 { return uint64(c.upto(math.MaxInt64)) }
func (c *cursor) uint32() uint32 { return uint32(c.upto(math.MaxUint32)) }
func (c *cursor) uint16() uint16 { return uint16(c.upto(math.MaxUint16)) }

func (c *cursor) str() string {
	s, ok := c.value().Str()
	if !ok {
		c.fail("not a text")
	}
	return s
}

func (c *cursor) chain() (id change.ChainID) {
	p, ok := c.value().Bin()
	if !ok || len(p) != len(id) {
		c.fail("not a chain")
		return id
	}
	return change.ChainID([]byte(p))
}

// array reads an array's header: shortest form, no more items than bytes remain.
func (c *cursor) array() int {
	n, size := 0, 1
	switch s := c.s; {
	case s == "":
		c.fail("cut short")
		return 0
	case s[0] >= 0x90 && s[0] <= 0x9f:
		n = int(s[0] & 0x0f)
	case s[0] == 0xdc && len(s) >= 3:
		n, size = int(binary.BigEndian.Uint16([]byte(s[1:3]))), 3
	default: // 32-bit lengths do not fit into the limits
		c.fail("not an array")
		return 0
	}
	if size == 3 && n <= 15 || n > len(c.s)-size {
		c.fail("bad length %d", n)
		return 0
	}
	c.s = c.s[size:]
	return n
}

// skip passes over what a newer peer appended to an array.
func (c *cursor) skip(n int) {
	for ; n > 0 && c.err == nil; n-- {
		c.value()
	}
}

// end checks that nothing follows, and returns the first error.
func (c *cursor) end() error {
	if c.err == nil && c.s != "" {
		c.fail("%d trailing bytes", len(c.s))
	}
	return c.err
}

// ref reads what appendRef wrote.
func (c *cursor) ref(own change.ChainID) (r change.Ref) {
	if c.s != "" && c.s[0] == 0x92 {
		c.s = c.s[1:]
		return change.Ref{Chain: c.chain(), Seq: c.uint64()}
	}
	if r.Seq = c.uint64(); r.Seq != 0 {
		r.Chain = own
	}
	return r
}
