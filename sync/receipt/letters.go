package receipt

import (
	"slices"
	"strings"
	"unicode"

	"shangu/schema/text"
)

// Letters are the characters of a code, by value.
const Letters = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"

// Shape of a code as it is written.
const (
	length = 16
	group  = 4
)

// field is GF(32) with x^5+x^2+1: multiplication by tables of powers of x.
type field struct {
	power [62]byte // x^i, twice over
	log   [32]byte
}

var gf = func() (f field) {
	v := byte(1)
	for i := range 31 {
		f.power[i], f.power[i+31], f.log[v] = v, v, byte(i)
		if v <<= 1; v&32 != 0 {
			v ^= 0x25
		}
	}
	return f
}()

func (f *field) mul(a, b byte) byte {
	if a == 0 || b == 0 {
		return 0
	}
	return f.power[f.log[a]+f.log[b]]
}

// syndrome is zero for a code that was read right. Each place weighs another
// power of x: one wrong character never cancels, nor do two that changed places.
func syndrome(v []byte) (s byte) {
	for i, x := range v {
		s ^= gf.mul(gf.power[i], x)
	}
	return s
}

// String writes a code: ABCD-EFGH-JKLM-NPQR.
func (c Code) String() string {
	v := make([]byte, length-1)
	// The low 60 bits and the 15 above them are kept apart: 75 do not fit.
	high, low := c.facts()>>32, (c.facts()&(1<<32-1))<<tagBits|uint64(c.Tag)
	for i := length - 2; i > 2; i-- {
		v[i], low = byte(low&31), low>>5
	}
	for i := 2; i >= 0; i-- {
		v[i], high = byte(high&31), high>>5
	}
	return Spell(v)
}

// Spell writes up to 30 values of five bits each, and their check character, in
// groups of four: what people are to copy by hand.
func Spell(v []byte) string {
	// The check's own weight is x^len(v): divide the rest by it.
	check := gf.mul(syndrome(v), gf.power[31-len(v)])
	var b strings.Builder
	for i, x := range append(slices.Clone(v), check) {
		if i > 0 && i%group == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(Letters[x])
	}
	return b.String()
}

// alike are the letters that a character outside the alphabet may have been
// meant for.
var alike = map[rune]string{'0': "DQ", 'O': "DQ", '1': "LJ7", 'I': "LJ7"}

// Parse reads a code as people type it: small letters, full-width ones, with or
// without blanks and dashes. A 0, O, 1 or I, which no code has, is taken for the
// letter that it looks like when only one makes the code right. The error says
// what is wrong, and in which group if that can be told.
func Parse(s string) (Code, error) {
	v, err := Unspell(s, length)
	if err != nil {
		return Code{}, err
	}
	return read(v), nil
}

// Unspell reads what Spell wrote, as Parse does: length values, the check's
// included.
func Unspell(s string, length int) ([]byte, error) {
	typed, groups := tidy(s)
	if len(typed) != length {
		for i, g := range groups {
			if len(groups) == length/group && len(g) != group {
				return nil, text.New("receipt.short_group", "group", i+1, "found", len(g), "want", group)
			}
		}
		return nil, text.New("receipt.length", "found", len(typed), "want", length)
	}
	v := make([]byte, length)
	var doubt []int
	for i, r := range typed {
		at := -1
		if r < unicode.MaxASCII {
			at = strings.IndexByte(Letters, byte(r))
		}
		switch {
		case at >= 0:
			v[i] = byte(at)
		case alike[r] != "":
			doubt = append(doubt, i)
		default:
			return nil, text.New("receipt.no_letter", "letter", string(r), "group", i/group+1, "place", i%group+1)
		}
	}
	if len(doubt) > 0 {
		if fits := readings(v, typed, doubt); fits != 1 {
			i := doubt[0]
			return nil, text.New("receipt.no_letter", "letter", string(typed[i]), "group", i/group+1, "place", i%group+1)
		}
	}
	if syndrome(v) != 0 {
		return nil, text.New("receipt.misread")
	}
	return v, nil
}

// readings tries what the characters in doubt may have been, leaves the last
// reading that fits in v, and returns how many do.
func readings(v []byte, typed []rune, doubt []int) (fits int) {
	if len(doubt) > 2 {
		return 0
	}
	try := make([]byte, len(v))
	copy(try, v)
	var walk func(n int)
	walk = func(n int) {
		if n == len(doubt) {
			if syndrome(try) == 0 {
				fits++
				copy(v, try)
			}
			return
		}
		for _, r := range alike[typed[doubt[n]]] {
			try[doubt[n]] = byte(strings.IndexRune(Letters, r))
			walk(n + 1)
		}
	}
	walk(0)
	return fits
}

// separators are what people and input methods put between groups, besides
// blanks and dashes: a Chinese one has no dash on the key, and offers the number
// one and the mark of a long vowel instead.
const separators = "−—－ー一._,:;/、，。·・：；"

// tidy brings what was typed to bare capital letters and digits, whole and in
// the groups it was typed in.
func tidy(s string) (all []rune, groups [][]rune) {
	var g []rune
	end := func() {
		if len(g) > 0 {
			groups, g = append(groups, g), nil
		}
	}
	for _, r := range s {
		if r >= '！' && r <= '～' {
			r -= '！' - '!'
		}
		if unicode.Is(unicode.Cf, r) {
			continue // what comes along unseen when text is copied
		}
		if unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) || strings.ContainsRune(separators, r) {
			end()
			continue
		}
		r = unicode.ToUpper(r)
		all, g = append(all, r), append(g, r)
	}
	end()
	return all, groups
}

// read is the inverse of String.
func read(v []byte) Code {
	var high, low uint64
	for _, x := range v[:3] {
		high = high<<5 | uint64(x)
	}
	for _, x := range v[3 : length-1] {
		low = low<<5 | uint64(x)
	}
	facts := high<<32 | low>>tagBits
	return Code{
		Kind:   Kind(facts >> (recordBits + whatBits)),
		Record: uint32(facts >> whatBits),
		What:   uint16(facts & (1<<whatBits - 1)),
		Tag:    uint32(low & (1<<tagBits - 1)),
	}
}
