package table

import (
	"maps"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/width"

	"shangu/schema/text"
)

// Column is one column of a table.
type Column struct {
	Name     string   // heading in files made by programs: "student_id"
	Titles   []string // headings in files made by people; exports write the first
	Required bool     // a table without this column is refused
	Filler   bool     // a row with nothing else in it is empty: 序号
	Private  bool     // known and not taken in: identity card number, address
	Guarded  bool     // taken in and not written by exports
}

// label names the column for a message.
func (c *Column) label() text.Label { return text.Label{ZH: c.Titles[0], EN: c.Name} }

// Spec is what a sort of table looks like. Columns may stand in any order and
// among others that the Spec does not know.
type Spec struct {
	Title   text.Label // what the table is called: 学生花名册
	Columns []Column
	Empty   bool // a table without rows is a table
	index   map[string]int
	only    string // the sheet of a workbook that is read; "" reads those that fit
}

// ignored marks a heading of a Spec's index that means nothing.
const ignored = -1

// As is the Spec for a file whose maker names things differently: of a workbook the
// sheet alone that is named, if one is, and headings that mean the column of a Name, or
// nothing if it is "".
func (s *Spec) As(sheet string, headings map[string]string) *Spec {
	if sheet == "" && len(headings) == 0 {
		return s
	}
	out := *s
	out.only, out.index = sheet, maps.Clone(s.index)
	for heading, name := range headings {
		i := slices.IndexFunc(s.Columns, func(c Column) bool { return c.Name == name })
		switch {
		case i >= 0:
			out.index[headingKey(heading)] = i + 1
		case name == "":
			out.index[headingKey(heading)] = ignored
		}
	}
	return &out
}

// NewSpec prepares a Spec. A heading that names two columns is a mistake in
// the program; the first column gets it.
func NewSpec(title text.Label, columns ...Column) *Spec {
	s := &Spec{Title: title, Columns: columns, index: map[string]int{}}
	for i := range columns {
		for _, h := range append([]string{columns[i].Name}, columns[i].Titles...) {
			if k := headingKey(h); s.index[k] == 0 {
				s.index[k] = i + 1
			}
		}
	}
	return s
}

// find returns the column that a heading means, or -1. Remarks in brackets and
// the star of a compulsory column do not count: "出生日期（年-月-日）*".
func (s *Spec) find(heading string) int {
	if len(heading) > 120 {
		return -1
	}
	k := headingKey(heading)
	switch i := s.index[k]; {
	case i > 0:
		return i - 1
	case i == ignored:
		return -1
	}
	if cut, _, ok := strings.Cut(k, "("); ok && cut != "" {
		return max(s.index[cut], 0) - 1
	}
	return -1
}

// headingKey is what two spellings of one heading have in common.
func headingKey(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || !unicode.IsPrint(r) || r == '*' || r == ':' || r == '_' || r == '-' {
			return -1
		}
		return unicode.ToLower(r)
	}, width.Fold.String(s))
}
