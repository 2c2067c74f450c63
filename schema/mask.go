package schema

import (
	"strings"
	"unicode/utf8"

	"shangu/schema/text"
)

// MaskName is a person's name for a table that leaves the school: the first
// character, and a star for each of the others.
func MaskName(name string) string {
	if name == "" {
		return ""
	}
	_, n := utf8.DecodeRuneInString(name)
	return name[:n] + strings.Repeat("*", utf8.RuneCountInString(name[n:]))
}

// MaskID is a number that names a person: its last four characters, and stars for
// the others. A number of four or fewer is stars alone.
func MaskID(id string) string {
	if len(id) <= 4 {
		return strings.Repeat("*", len(id))
	}
	return strings.Repeat("*", len(id)-4) + id[len(id)-4:]
}

// Masks are how a table writes numbers and names of people: as they are if it is open,
// else masked.
func Masks(open bool) (id, name func(string) string) {
	if open {
		same := func(s string) string { return s }
		return same, same
	}
	return MaskID, MaskName
}

// MaskWords is Words for a table that leaves the school: what a field tells of a person
// is masked, but for marks, codes, hours and yes or no, which name nobody.
func MaskWords(k Kind, n FieldNum, v Value) text.Label {
	l := Words(k, n, v)
	if f := fieldOf(k, n); f != nil {
		plain := f.Type == TypeMark || f.Type == TypeCode || f.Type == TypeTenths || f.Type == TypeBool
		if f.Privacy == Open || f.Privacy == Personal && plain {
			return l
		}
	}
	return text.Label{ZH: MaskName(l.ZH), EN: MaskName(l.EN)}
}
