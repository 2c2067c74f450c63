package schema

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
	"pgregory.net/rapid"
)

// anyValue draws canonical values of all sorts, nested no deeper than allowed.
func anyValue(depth int) *rapid.Generator[Value] {
	return rapid.Custom(func(t *rapid.T) Value {
		top := 5
		if depth >= maxDepth {
			top = 4
		}
		switch rapid.IntRange(0, top).Draw(t, "sort") {
		case 0:
			return Nil
		case 1:
			return Bool(rapid.Bool().Draw(t, "bool"))
		case 2:
			return Int(edgeInt.Draw(t, "int"))
		case 3:
			return Str(rapid.StringN(0, 400, -1).Draw(t, "str"))
		case 4:
			return Bin(string(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "bin")))
		}
		return List(rapid.SliceOfN(anyValue(depth+1), 0, 20).Draw(t, "list")...)
	})
}

var edgeInt = rapid.OneOf(rapid.Int64(), rapid.Int64Range(-40, 300), rapid.SampledFrom([]int64{
	math.MinInt64, math.MinInt32 - 1, math.MinInt32, math.MinInt16 - 1, math.MinInt16, math.MinInt8 - 1, math.MinInt8,
	-33, -32, -1, 0, 127, 128, 255, 256, 65535, 65536, math.MaxUint32, math.MaxUint32 + 1, math.MaxInt64,
}))

func TestValuesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := edgeInt.Draw(t, "n")
		if got, ok := Int(n).Int(); !ok || got != n {
			t.Fatalf("Int(%d) read back as %d, %v", n, got, ok)
		}
		s := rapid.String().Draw(t, "s")
		if got, ok := Str(s).Str(); !ok || got != s {
			t.Fatalf("Str(%q) read back as %q, %v", s, got, ok)
		}
		p := string(rapid.SliceOf(rapid.Byte()).Draw(t, "p"))
		if got, ok := Bin(p).Bin(); !ok || got != p {
			t.Fatalf("Bin(%q) read back as %q, %v", p, got, ok)
		}
		vs := rapid.SliceOfN(anyValue(1), 0, 40).Draw(t, "vs")
		got, ok := List(vs...).List()
		if !ok || len(got) != len(vs) {
			t.Fatalf("List of %d read back as %d, %v", len(vs), len(got), ok)
		}
		for i := range vs {
			if got[i] != vs[i] {
				t.Fatalf("item %d: %q, want %q", i, got[i], vs[i])
			}
		}
	})
}

// TestValuesAreMsgpack holds our encoder against the library's, which also
// takes the shortest form.
func TestValuesAreMsgpack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, s := edgeInt.Draw(t, "n"), rapid.StringN(0, 70000, 70000).Draw(t, "s")
		var b bytes.Buffer
		e := msgpack.NewEncoder(&b)
		if err := e.EncodeArrayLen(3); err != nil {
			t.Fatal(err)
		}
		if err := e.EncodeInt(n); err != nil {
			t.Fatal(err)
		}
		if err := e.EncodeString(s); err != nil {
			t.Fatal(err)
		}
		if err := e.EncodeBytes([]byte(s)); err != nil {
			t.Fatal(err)
		}
		if want, got := b.String(), string(List(Int(n), Str(s), Bin(s))); got != want {
			t.Fatalf("%d and %d runes: %q, want %q", n, len(s), head(got), head(want))
		}
	})
}

func head(s string) string { return s[:min(len(s), 32)] }

func TestScanFindsTheEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := anyValue(0).Draw(t, "v")
		tail := string(rapid.SliceOf(rapid.Byte()).Draw(t, "tail"))
		if got := ScanValue(string(v) + tail); got != len(v) {
			t.Fatalf("end at %d, want %d", got, len(v))
		}
		if len(v) <= MaxValue && v.Check() != nil {
			t.Fatalf("%q does not check", v)
		}
		if len(v) > 1 {
			cut := rapid.IntRange(0, len(v)-1).Draw(t, "cut")
			if ScanValue(string(v[:cut])) >= 0 && v[:cut].Check() == nil && cut == 0 {
				t.Fatalf("the empty text scans")
			}
			if v[:cut].Check() == nil {
				t.Fatalf("%q, cut short at %d, still checks", v, cut)
			}
		}
	})
}

func TestValuesThatAreNotCanonical(t *testing.T) {
	deep := Nil
	for range maxDepth + 1 {
		deep = List(deep)
	}
	for name, v := range map[string]Value{
		"empty": "", "int in too many bytes": "\xcc\x05", "int16 that fits int8": "\xd1\xff\xff", "signed form of a positive number": "\xd100", "uint64 past int64": "\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
		"str8 of a short text": "\xd9\x01a", "str16 of a short text": Value("\xda\x00\x28" + strings.Repeat("a", 40)), "not UTF-8": "\xa1\xff",
		"float": "\xca\x00\x00\x00\x00", "map": "\x81\x01\x02", "ext": "\xd4\x01\x02", "never used": "\xc1",
		"bin16 of few bytes": "\xc5\x00\x01a", "array16 of few items": "\xdc\x00\x01\x01", "array that claims four thousand million": "\xdd\xff\xff\xff\xff",
		"array with an item missing": "\x92\x01", "text cut short": "\xa5abc", "something after the end": "\x01\x01", "too deep": deep,
		"too large": Bin(strings.Repeat("x", MaxValue)),
	} {
		if v.Check() == nil {
			t.Errorf("%s: %q checks", name, head(string(v)))
		}
	}
	if List(List(List(List(Nil)))).Check() != nil {
		t.Error("a value at the allowed depth does not check")
	}
}

// FuzzScanValue holds the scanner against decoding and encoding again: what
// scans is canonical, so it comes out as it went in.
func FuzzScanValue(f *testing.F) {
	for _, v := range []Value{Nil, Bool(true), Int(-129), Str("一年级"), Bin("\x00"), List(Int(4), Int(0), Int(1)), "\xdd\xff\xff\xff\xff", "\x91\x91\x91\x91\x91\xc0"} {
		f.Add(string(v))
	}
	f.Fuzz(func(t *testing.T, b string) {
		n := ScanValue(b)
		if n < 0 {
			return
		}
		if n == 0 || n > len(b) {
			t.Fatalf("%q ends at %d", b, n)
		}
		if again, ok := encodeAgain(Value(b[:n]), 0); !ok || string(again) != b[:n] {
			t.Fatalf("%q comes out as %q", b[:n], again)
		}
	})
}

func encodeAgain(v Value, depth int) (Value, bool) {
	if v == Nil {
		return Nil, true
	}
	if b, ok := v.Bool(); ok {
		return Bool(b), true
	}
	if n, ok := v.Int(); ok {
		return Int(n), true
	}
	if s, ok := v.Str(); ok {
		return Str(s), true
	}
	if p, ok := v.Bin(); ok {
		return Bin(p), true
	}
	items, ok := v.List()
	if !ok || depth > maxDepth {
		return "", false
	}
	for i := range items {
		if items[i], ok = encodeAgain(items[i], depth+1); !ok {
			return "", false
		}
	}
	return List(items...), true
}
