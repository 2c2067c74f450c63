package receipt

import (
	"crypto/ed25519"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
	"shangu/sync/frame"
	"shangu/sync/session"
)

func given(n, seq uint64) session.Receipt {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	r := session.Receipt{Chain: change.ChainID{1}, Tip: frame.Tip{Seq: seq, Hash: [32]byte{2}}, Place: session.Place{N: n, Time: 1790000000, Head: [8]byte{3}}}
	r.Sign(key, [16]byte{4})
	return r
}

func genCode(t *rapid.T) Code {
	return Code{
		Kind: Kind(rapid.IntRange(0, 1).Draw(t, "kind")), Record: rapid.Uint32().Draw(t, "record"),
		What: uint16(rapid.IntRange(0, FarBack).Draw(t, "what")), Tag: rapid.Uint32Range(0, 1<<tagBits-1).Draw(t, "tag"),
	}
}

// Whatever a code says survives being written, and read as people type it.
func TestCodesAreReadAsTheyAreTyped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := genCode(t)
		s := c.String()
		if len(s) != 19 || strings.ContainsAny(s, "01IO") {
			t.Fatalf("code %s", s)
		}
		wide := strings.Map(func(r rune) rune { return r + '！' - '!' }, s)
		for _, typed := range []string{s, strings.ToLower(s), strings.ReplaceAll(s, "-", ""), " " + strings.ReplaceAll(s, "-", " ") + "\n", wide, strings.ReplaceAll(s, "-", "—"),
			strings.ReplaceAll(s, "-", "一"), strings.ReplaceAll(wide, "－", "ー"), strings.ReplaceAll(s, "-", "，"), strings.ReplaceAll(s, "-", "、"), strings.ReplaceAll(s, "-", "."), "\ufeff" + strings.ReplaceAll(s, "-", "-\u200b"),
			strings.ReplaceAll(s, "-", " － "), strings.ReplaceAll(s, "-", "　")} {
			got, err := Parse(typed)
			if err != nil || got != c {
				t.Fatalf("%q: %+v %v, expected %+v", typed, got, err, c)
			}
		}
	})
}

// One wrong character, or two that changed places, are found, always.
func TestASlipIsAlwaysFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := []byte(strings.ReplaceAll(genCode(t).String(), "-", ""))
		for i := range s {
			for _, l := range []byte(Letters) {
				if l == s[i] {
					continue
				}
				bad := slices.Clone(s)
				bad[i] = l
				if _, err := Parse(string(bad)); err == nil {
					t.Fatalf("%s passes for %s", bad, s)
				}
			}
			for j := range i {
				if s[i] == s[j] {
					continue
				}
				bad := slices.Clone(s)
				bad[i], bad[j] = bad[j], bad[i]
				if _, err := Parse(string(bad)); err == nil {
					t.Fatalf("%s passes for %s", bad, s)
				}
			}
		}
	})
}

// A character that no code has is taken for what it looks like, but never so
// that the code says something else.
func TestLookAlikes(t *testing.T) {
	taken := 0
	rapid.Check(t, func(t *rapid.T) {
		c := genCode(t)
		s := c.String()
		for right, wrong := range map[string]string{"D": "0", "Q": "O", "L": "1", "J": "i"} {
			at := strings.Index(s, right)
			if at < 0 {
				continue
			}
			got, err := Parse(s[:at] + wrong + s[at+1:])
			if err == nil && got != c {
				t.Fatalf("%s for %s in %s reads %+v", wrong, right, s, got)
			}
			if err == nil {
				taken++
			}
		}
	})
	if taken == 0 {
		t.Error("no look-alike was understood")
	}
}

func TestWhatIsWrongIsSaid(t *testing.T) {
	c, ok := OfDay(given(4711, 40), schema.DateOf(2026, 11, 20))
	if !ok {
		t.Fatal("no code")
	}
	s := c.String()
	other := "2"
	if strings.HasPrefix(s, other) {
		other = "3"
	}
	for typed, id := range map[string]string{
		"": "receipt.length", s[:18]: "receipt.short_group", s[:8] + s[9:]: "receipt.short_group", s + "AB": "receipt.short_group",
		s + "-AB": "receipt.length", other + s[1:]: "receipt.misread", "*" + s[1:]: "receipt.no_letter", "0OI1" + s[4:]: "receipt.no_letter", "码" + s[1:]: "receipt.no_letter",
	} {
		_, err := Parse(typed)
		if m := text.Of(err); m == nil || m.ID() != id {
			t.Errorf("%q: %v, expected %s", typed, err, id)
		}
	}
}

// A code goes with its own receipt and no other, and says day and offset.
func TestCodesOfReceipts(t *testing.T) {
	r := given(4711, 40)
	day := schema.DateOf(2026, 11, 20)
	d, ok := OfDay(r, day)
	if !ok || d.Day() != day || !d.Fits(r) || d.Record != 4711 {
		t.Errorf("day %+v %v", d, ok)
	}
	e, ok := OfRecord(r, 38)
	if !ok || e.What != 2 || !e.Fits(r) || e == d {
		t.Errorf("record %+v %v", e, ok)
	}
	if far, ok := OfRecord(given(9, 1<<20), 1); !ok || far.What != FarBack {
		t.Errorf("far back %+v %v", far, ok)
	}
	for name, other := range map[string]session.Receipt{"record": given(4712, 40), "tip": given(4711, 41)} {
		if d.Fits(other) || e.Fits(other) {
			t.Errorf("fits a receipt with another %s", name)
		}
	}
	moved := d
	moved.What++
	if moved.Fits(r) {
		t.Error("another day fits the same tag")
	}
	for name, ok := range map[string]bool{
		"no receipt":     second(OfDay(session.Receipt{}, day)),
		"before 2020":    second(OfDay(r, schema.DateOf(2019, 12, 31))),
		"after 44 years": second(OfDay(r, schema.DateOf(2065, 1, 1))),
		"not covered":    second(OfRecord(r, 41)),
		"no entry":       second(OfRecord(r, 0)),
		"no number":      second(OfRecord(given(0, 40), 1)),
		"a huge number":  second(OfRecord(given(1<<32, 40), 1)),
	} {
		if ok {
			t.Errorf("%s: a code all the same", name)
		}
	}
}

func second(_ Code, ok bool) bool { return ok }

// The codes of this release never change: they are on paper.
func TestGoldenCodes(t *testing.T) {
	d, _ := OfDay(given(4711, 40), schema.DateOf(2026, 11, 20))
	e, _ := OfRecord(given(4711, 40), 38)
	if d.String() != "2222-LEWM-NY9R-UBTZ" || e.String() != "J222-LEW2-2NW7-4TG9" {
		t.Errorf("day %s, record %s", d, e)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("2222-LEWM-NY9R-UBTZ")
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := Parse(s); err == nil {
			if again, err := Parse(c.String()); err != nil || again != c {
				t.Fatalf("%q: %+v, again %+v %v", s, c, again, err)
			}
		}
	})
}
