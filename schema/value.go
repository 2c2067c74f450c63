package schema

import (
	"errors"
	"math"
	"unicode/utf8"
)

// Value is one field's value as canonical msgpack: shortest integers, no
// floats, no maps, no extensions. Only nil, bool, int, str, bin and arrays of
// these (to depth 4) are values. An empty Value is an unset field.
// Values of fields that this build does not know travel through it untouched.
type Value string

// Nil is the explicit empty value: writing it clears a field and leaves a
// trace of who did so.
const Nil Value = "\xc0"

// MaxValue is the largest encoded value in bytes. It is larger than the largest
// entry (16 KiB), so that a whole entry can be kept as a value.
const MaxValue = 32 << 10

// ErrValue is returned for bytes that are not one canonical value.
var ErrValue = errors.New("schema: not a canonical value")

// Int encodes an integer.
func Int(n int64) Value {
	if n >= -32 && n <= math.MaxInt8 {
		return oneByte[byte(n)]
	}
	var b [9]byte
	return Value(AppendInt(b[:0], n))
}

// oneByte are the texts of one byte: small numbers, and headers of short texts.
var oneByte = func() (t [256]Value) {
	for i := range t {
		t[i] = Value([]byte{byte(i)})
	}
	return t
}()

// Bool encodes a truth value.
func Bool(b bool) Value {
	if b {
		return "\xc3"
	}
	return "\xc2"
}

// Str encodes a text.
func Str(s string) Value {
	if len(s) <= 31 {
		return oneByte[0xa0|len(s)] + Value(s)
	}
	return Value(AppendStr(make([]byte, 0, 5+len(s)), s))
}

// List encodes an array of values.
func List(vs ...Value) Value {
	b := AppendArray(nil, len(vs))
	for _, v := range vs {
		if v == "" {
			v = Nil
		}
		b = append(b, v...)
	}
	return Value(b)
}

// Said encodes a text, Nil where there is none.
func Said(s string) Value {
	if s == "" {
		return Nil
	}
	return Str(s)
}

// SaidNumber encodes a number, Nil where it is the one that stands for none.
func SaidNumber[N ~int | ~int32 | ~int64](n, none N) Value {
	if n == none {
		return Nil
	}
	return Int(int64(n))
}

// SaidList encodes texts, Nil where there are none.
func SaidList(texts []string) Value {
	if len(texts) == 0 {
		return Nil
	}
	vs := make([]Value, len(texts))
	for i, s := range texts {
		vs[i] = Str(s)
	}
	return List(vs...)
}

// IsNil reports whether v is unset or explicitly cleared.
func (v Value) IsNil() bool { return v == "" || v == Nil }

// Int returns the integer in v; ok is false when v is none.
func (v Value) Int() (n int64, ok bool) {
	n, rest, ok := readInt(string(v))
	return n, ok && rest == ""
}

// Bool returns the truth value in v; ok is false when v is none.
func (v Value) Bool() (b, ok bool) { return v == "\xc3", v == "\xc3" || v == "\xc2" }

// Str returns the text in v; ok is false when v is none.
func (v Value) Str() (s string, ok bool) {
	s, rest, ok := readStr(string(v))
	return s, ok && rest == ""
}

// Text returns the text in v, or "" when v holds none.
func (v Value) Text() string { s, _ := v.Str(); return s }

// List returns the items of the array in v; ok is false when v is none.
// The items share v's memory; nothing is allocated beyond one slice of as many
// items as v really holds.
func (v Value) List() (items []Value, ok bool) {
	n, rest, ok := readArray(string(v))
	if !ok || n > len(rest) {
		return nil, false
	}
	for range n {
		end := scan(rest, 1)
		if end < 0 {
			return nil, false
		}
		items = append(items, Value(rest[:end]))
		rest = rest[end:]
	}
	return items, rest == ""
}

// Check reports whether v is exactly one canonical value within the limits.
func (v Value) Check() error {
	if len(v) > MaxValue || scan(string(v), 0) != len(v) {
		return ErrValue
	}
	return nil
}

// ScanValue returns the length of the canonical value that b begins with, or
// -1. It allocates nothing and never recurses deeper than values may nest.
func ScanValue(b string) int { return scan(b, 0) }

const maxDepth = 4

func scan(b string, depth int) int {
	if b == "" || depth > maxDepth {
		return -1
	}
	switch c := b[0]; {
	case c == 0xc0 || c == 0xc2 || c == 0xc3:
		return 1
	case c <= 0x7f || c >= 0xe0 || c >= 0xcc && c <= 0xd3:
		if _, rest, ok := readInt(b); ok {
			return len(b) - len(rest)
		}
	case c >= 0xa0 && c <= 0xbf || c >= 0xd9 && c <= 0xdb:
		if _, rest, ok := readStr(b); ok {
			return len(b) - len(rest)
		}
	case c >= 0xc4 && c <= 0xc6:
		if _, rest, ok := readBin(b); ok {
			return len(b) - len(rest)
		}
	case c >= 0x90 && c <= 0x9f || c == 0xdc || c == 0xdd:
		n, rest, ok := readArray(b)
		if !ok || n > len(rest) {
			return -1
		}
		for range n {
			k := scan(rest, depth+1)
			if k < 0 {
				return -1
			}
			rest = rest[k:]
		}
		return len(b) - len(rest)
	}
	return -1
}

// Bin encodes bytes.
func Bin(p string) Value { return Value(AppendBin(nil, p)) }

// Bin returns the bytes in v; ok is false when v holds none.
func (v Value) Bin() (p string, ok bool) {
	p, rest, ok := readBin(string(v))
	return p, ok && rest == ""
}

// bigEndian reads the width bytes after the first of b.
func bigEndian(b string, width int) (n uint64, rest string, ok bool) {
	if len(b) < 1+width {
		return 0, b, false
	}
	for i := 1; i <= width; i++ {
		n = n<<8 | uint64(b[i])
	}
	return n, b[1+width:], true
}

func readInt(b string) (n int64, rest string, ok bool) {
	if b == "" {
		return 0, b, false
	}
	c := b[0]
	if c <= 0x7f || c >= 0xe0 {
		return int64(int8(c)), b[1:], true
	}
	if c < 0xcc || c > 0xd3 {
		return 0, b, false
	}
	u, rest, ok := bigEndian(b, 1<<(c&3))
	if !ok {
		return 0, b, false
	}
	switch c {
	case 0xd0:
		n = int64(int8(u))
	case 0xd1:
		n = int64(int16(u))
	case 0xd2:
		n = int64(int32(u))
	case 0xd3:
		n = int64(u)
	default:
		if u > math.MaxInt64 {
			return 0, b, false
		}
		n = int64(u)
	}
	// A number that is not negative has an unsigned form of the same length,
	// which is the canonical one.
	if c >= 0xd0 && n >= 0 {
		return 0, b, false
	}
	used := len(b) - len(rest)
	return n, rest, used == intLen(n)
}

// intLen is the length of the shortest encoding, which is the canonical one.
func intLen(n int64) int {
	switch {
	case n >= -32 && n <= 0x7f:
		return 1
	case n >= math.MinInt8 && n <= math.MaxUint8:
		return 2
	case n >= math.MinInt16 && n <= math.MaxUint16:
		return 3
	case n >= math.MinInt32 && n <= math.MaxUint32:
		return 5
	}
	return 9
}

func readStr(b string) (s, rest string, ok bool) {
	if b == "" {
		return "", b, false
	}
	var n uint64
	switch c := b[0]; {
	case c >= 0xa0 && c <= 0xbf:
		n, rest = uint64(c&0x1f), b[1:]
	case c >= 0xd9 && c <= 0xdb:
		if n, rest, ok = bigEndian(b, 1<<(c-0xd9)); !ok {
			return "", b, false
		}
		if n <= 31 || c == 0xda && n <= math.MaxUint8 || c == 0xdb && n <= math.MaxUint16 {
			return "", b, false
		}
	default:
		return "", b, false
	}
	if n > uint64(len(rest)) || !utf8.ValidString(rest[:n]) {
		return "", b, false
	}
	return rest[:n], rest[n:], true
}

func readBin(b string) (p, rest string, ok bool) {
	if b == "" || b[0] < 0xc4 || b[0] > 0xc6 {
		return "", b, false
	}
	n, rest, ok := bigEndian(b, 1<<(b[0]-0xc4))
	if !ok || n > uint64(len(rest)) {
		return "", b, false
	}
	if b[0] == 0xc5 && n <= math.MaxUint8 || b[0] == 0xc6 && n <= math.MaxUint16 {
		return "", b, false
	}
	return rest[:n], rest[n:], true
}

func readArray(b string) (n int, rest string, ok bool) {
	if b == "" {
		return 0, b, false
	}
	c := b[0]
	if c >= 0x90 && c <= 0x9f {
		return int(c & 0x0f), b[1:], true
	}
	if c != 0xdc && c != 0xdd {
		return 0, b, false
	}
	u, rest, ok := bigEndian(b, 2<<(c-0xdc))
	if !ok || u > math.MaxInt32 || u <= 15 || c == 0xdd && u <= math.MaxUint16 {
		return 0, b, false
	}
	return int(u), rest, true
}
