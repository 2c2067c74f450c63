package schema

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"
)

// What is read without its library on the hub's way must read as the library
// does.

func TestParseDateAsTimeDoes(t *testing.T) {
	check := func(s string) {
		t.Helper()
		want, err := time.Parse(time.DateOnly, s)
		got, ok := ParseDate(s)
		if ok != (err == nil) || ok && got != Date(want.Unix()/86400) {
			t.Errorf("%q: %v %v, time says %v %v", s, got, ok, want, err)
		}
	}
	for d := time.Date(1895, 12, 31, 0, 0, 0, 0, time.UTC); d.Year() < 2105; d = d.AddDate(0, 0, 1) {
		check(d.Format(time.DateOnly))
	}
	for _, s := range []string{"", "2026-02-29", "2024-02-29", "1900-02-29", "2000-02-29", "0000-02-29", "0000-01-01", "9999-12-31",
		"2026-00-01", "2026-13-01", "2026-01-00", "2026-01-32", "2026-04-31", "2026-1-01", "2026-01-1", " 026-01-01", "2026/01/01", "2026-01-01 ", "+026-01-01", "２026-01-1"} {
		check(s)
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[0-9]{4}-[0-9 ][0-9]-[0-9][0-9_]`).Draw(t, "date")
		want, err := time.Parse(time.DateOnly, s)
		if got, ok := ParseDate(s); ok != (err == nil) || ok && got != Date(want.Unix()/86400) {
			t.Fatalf("%q: %v %v, time says %v %v", s, got, ok, want, err)
		}
	})
}

func TestDatesAreWrittenAsTimeDoes(t *testing.T) {
	check := func(d Date) {
		t.Helper()
		if at := d.time(); d.String() != at.Format(time.DateOnly) || d.Month() != at.Format("2006-01") {
			t.Errorf("%d: %s, %s; time says %s", d, d.String(), d.Month(), at.Format(time.DateOnly))
		}
	}
	for d := DateOf(1895, 1, 1); d < DateOf(2105, 1, 1); d++ {
		check(d)
	}
	for _, d := range []Date{DateOf(0, 1, 1), DateOf(0, 1, 1) - 1, DateOf(9999, 12, 31), DateOf(9999, 12, 31) + 1, 1<<31 - 1, -1 << 31} {
		check(d)
	}
}

func TestClassFoldedMeansFolded(t *testing.T) {
	odd := []rune(" \t\n\r()/（）／！～Ａ\u3000\u00a0\u200b\ufeff\ufffd一班1a\x00")
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOfN(rapid.OneOf(rapid.SampledFrom(odd), rapid.Rune()), 0, 6, -1).Draw(t, "name")
		if b := []byte(s); len(b) > 0 && rapid.Bool().Draw(t, "break") {
			s = string(b[:rapid.IntRange(0, len(b)).Draw(t, "at")])
		}
		if want := classFolder.Replace(Fold(s)) == s; classFolded(s) != want {
			t.Fatalf("%q: folded %v, want %v", s, !want, want)
		}
	})
}

func TestTablesFitAChecker(t *testing.T) {
	for _, k := range Kinds() {
		table := fieldTable(k)
		if len(table) > maxTable {
			t.Errorf("%v has %d fields, a checker takes %d", k, len(table), maxTable)
		}
		for i := range table {
			if fieldIndex(table, table[i].Num) != i {
				t.Errorf("%v: field %d is not found at %d", k, table[i].Num, i)
			}
		}
		for _, p := range pairs[k] {
			if fieldIndex(table, p[0]) < 0 || fieldIndex(table, p[1]) < 0 {
				t.Errorf("%v: pair %v is not of its fields", k, p)
			}
		}
	}
}

// TestCheckersForget: one document's fields are not found in the next.
func TestCheckersForget(t *testing.T) {
	none := func(func(Key, Value)) {}
	full := func(f func(Key, Value)) {
		f(Key{Num: ClassName}, Str("一年级（1）班"))
		f(Key{Num: ClassGrade}, Str("一年级"))
	}
	id := ClassID(2026, "一年级（1）班")
	want := len(Validate(KindClass, id, none))
	if want == 0 {
		t.Fatal("an empty class lacks nothing")
	}
	for range 100 {
		void := func(f func(Key, Value)) { f(Key{Num: FieldVoid}, Str("x")) }
		if a, b, c := len(Validate(KindClass, id, full)), len(Validate(KindClass, id, void)), len(Validate(KindClass, id, none)); a != 0 || b != 0 || c != want {
			t.Fatalf("%d, %d, %d wrong, want 0, 0, %d", a, b, c, want)
		}
	}
}

func TestControlCharactersAsUnicodeSays(t *testing.T) {
	check := func(t interface{ Errorf(string, ...any) }, s string) {
		line := !strings.ContainsFunc(s, unicode.IsControl)
		text := !strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && r != '\t' && unicode.IsControl(r) })
		if cleanLine(s) != line || cleanText(s) != text {
			t.Errorf("%q: line %v text %v, unicode says %v %v", s, cleanLine(s), cleanText(s), line, text)
		}
	}
	for r := rune(0); r < 0x3000; r++ {
		check(t, string(r))
		check(t, "一"+string(r)+"a")
	}
	bytes := rapid.SliceOfN(rapid.SampledFrom([]byte{'a', '\n', '\t', 0x1f, 0x7f, 0x80, 0x85, 0x9f, 0xa0, 0xc2, 0xc3, 0xe4, 0xb8, 0xf0, 0xff}), 0, 8)
	rapid.Check(t, func(t *rapid.T) { check(t, string(bytes.Draw(t, "bytes"))) }) // also what is not UTF-8
}
