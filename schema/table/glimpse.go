package table

import "shangu/schema/text"

// Glimpse is the beginning of one sheet, for a person who says what its columns are.
type Glimpse struct {
	Name   string // of the sheet; "" of a csv file
	Fits   bool   // all columns that must be there were found
	Header int    // line of the headings, as far as they were found; 0 if none were
	Lines  []GlimpseLine
}

// GlimpseLine is one line of a Glimpse.
type GlimpseLine struct {
	Line  int // as the program that made the file numbers it
	Cells []string
}

// Bounds of a Glimpse.
const (
	glimpseLines = 12
	glimpseCells = 40
	glimpseRunes = 60
	glimpseOf    = 20 // sheets
)

// Look shows the beginning of each sheet of a file. What is no table is refused with
// a message.
func Look(data []byte, spec *Spec) ([]Glimpse, error) {
	switch form := detect(data); form {
	case formText:
		return []Glimpse{glimpse(readText("", data, spec, &Problems{}))}, nil
	case formWorkbook:
		book, err := newBook(data)
		if err != nil {
			if text.Of(err) == nil {
				err = text.Wrap(err, "table.damaged", "why", err)
			}
			return nil, err
		}
		var out []Glimpse
		for _, seen := range book.sheets() {
			src, err := book.open(seen)
			if err != nil || len(out) == glimpseOf {
				continue
			}
			s := &sheet{name: seen.Name, spec: spec, problems: &Problems{}, base: book.base, source: src}
			if s.peek(); len(s.buffered) > 0 {
				out = append(out, glimpse(s))
			}
		}
		return out, nil
	default:
		return nil, form.refusal()
	}
}

// glimpse is the beginning of a sheet whose header was looked for.
func glimpse(s *sheet) Glimpse {
	g := Glimpse{Name: s.name, Fits: s.score > 0 && len(s.spec.missing(&s.header)) == 0, Header: s.header.number}
	for _, l := range s.buffered[:min(len(s.buffered), glimpseLines)] {
		cells := make([]string, min(len(l.cells), glimpseCells))
		for i := range cells {
			cells[i] = cut(clean(l.cells[i]), glimpseRunes)
		}
		g.Lines = append(g.Lines, GlimpseLine{l.number, cells})
	}
	return g
}

// Means is the Name of the column that a heading stands for, "" if none.
func (s *Spec) Means(heading string) string {
	if i := s.find(heading); i >= 0 {
		return s.Columns[i].Name
	}
	return ""
}
