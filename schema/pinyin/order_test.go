package pinyin

import (
	"bytes"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
)

var write = flag.Bool("write", false, "write order.txt anew")

// firsts are the characters that each letter's readings begin with in the collation's
// order, last is the last that has a reading.
const (
	firsts = "阿八嚓哒妸发旮哈讥咔垃妈拏噢妑七呥仨它穵夕丫帀"
	last   = "蓙"
)

// The list is the Unicode collation's, character by character.
func TestOrderIsTheCollation(t *testing.T) {
	c := collate.New(language.Chinese)
	var buf collate.Buffer
	key := func(r rune) []byte {
		defer buf.Reset()
		return slices.Clone(c.KeyFromString(&buf, string(r)))
	}
	type char struct {
		r   rune
		key []byte
	}
	var chars []char
	end := key([]rune(last)[0])
	for _, table := range unicode.Han.R16 {
		for r := rune(table.Lo); r <= rune(table.Hi); r += rune(table.Stride) {
			if k := key(r); bytes.Compare(k, end) <= 0 && bytes.Compare(k, key([]rune(firsts)[0])) >= 0 {
				chars = append(chars, char{r, k})
			}
		}
	}
	slices.SortStableFunc(chars, func(a, b char) int { return bytes.Compare(a.key, b.key) })
	var b strings.Builder
	begins := []rune(firsts)
	for _, c := range chars {
		if len(begins) > 0 && bytes.Compare(c.key, key(begins[0])) >= 0 {
			if begins = begins[1:]; b.Len() > 0 {
				b.WriteByte('\n')
			}
		}
		b.WriteRune(c.r)
	}
	b.WriteByte('\n')
	if *write {
		if err := os.WriteFile("order.txt", []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Log(len(chars), "characters")
		return
	}
	if b.String() != list {
		t.Errorf("order.txt is not the collation's order: go test ./schema/pinyin -write")
	}
	if n := strings.Count(list, "\n"); n != len(letters) {
		t.Errorf("%d lines, %d letters", n, len(letters))
	}
}
