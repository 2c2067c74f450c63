package schema

import (
	"slices"
	"strconv"
	"strings"

	"shangu/schema/text"
)

// Code is one entry of a code list.
type Code struct {
	Num  int64      // as stored; never reused
	Key  string     // short name in files and JSON: "sick"
	Name text.Label // 病假 / sick leave
	Also []string   // other ways in which workbooks write it
}

// CodeList is a fixed list of codes. It never changes while a program runs.
type CodeList struct {
	name   text.Label
	source string
	closed bool
	codes  []Code
}

// Name is what the list is called.
func (l *CodeList) Name() text.Label { return l.name }

// Source is the standard or policy text that the codes come from.
func (l *CodeList) Source() string { return l.source }

// Closed reports whether the list is a published standard whose numbers are
// all known. A number that an open list lacks may come from a newer version of
// this program and is kept.
func (l *CodeList) Closed() bool { return l.closed }

// All returns the codes in their order.
func (l *CodeList) All() []Code { return slices.Clone(l.codes) }

// ByNum returns the code of a number.
func (l *CodeList) ByNum(n int64) (Code, bool) {
	for i := range l.codes {
		if l.codes[i].Num == n {
			return l.codes[i], true
		}
	}
	return Code{}, false
}

// has reports whether the list has a number.
func (l *CodeList) has(n int64) bool {
	for i := range l.codes {
		if l.codes[i].Num == n {
			return true
		}
	}
	return false
}

// Label returns the name of a number, or the number itself when the list lacks it.
func (l *CodeList) Label(n int64) text.Label {
	if c, ok := l.ByNum(n); ok {
		return c.Name
	}
	s := strconv.FormatInt(n, 10)
	return text.Label{ZH: s, EN: s}
}

// Said is Label, nothing for 0, which stands for what nobody said.
func (l *CodeList) Said(n int) text.Label {
	if n == 0 {
		return text.Label{}
	}
	return l.Label(int64(n))
}

// Parse finds a code by what a workbook may hold: the Chinese name, the English
// one, the key, one of the other spellings or the number, in any width of
// characters and with blanks around.
func (l *CodeList) Parse(s string) (Code, bool) {
	s = Fold(s)
	if s == "" {
		return Code{}, false
	}
	for i := range l.codes {
		c := &l.codes[i]
		if s == Fold(c.Name.ZH) || strings.EqualFold(s, c.Name.EN) || strings.EqualFold(s, c.Key) {
			return *c, true
		}
		for _, a := range c.Also {
			if strings.EqualFold(s, Fold(a)) {
				return *c, true
			}
		}
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return l.ByNum(n)
	}
	return Code{}, false
}

// Names lists the names in a language, for a message that says what would do.
func (l *CodeList) Names(lang text.Lang) string {
	names := make([]string, len(l.codes))
	for i := range l.codes {
		names[i] = l.codes[i].Name.In(lang)
	}
	if lang == text.EN {
		return strings.Join(names, ", ")
	}
	return strings.Join(names, "、")
}

// Choices is Names in both languages.
func (l *CodeList) Choices() text.Label {
	return text.Label{ZH: l.Names(text.ZH), EN: l.Names(text.EN)}
}
