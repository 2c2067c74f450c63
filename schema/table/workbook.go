package table

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"shangu/schema"
	"shangu/schema/table/xlsx"
	"shangu/schema/text"
)

// detectZip tells workbooks from other zip files.
func detectZip(data []byte) form {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return formCut
	}
	found := formArchive
	for _, f := range z.File {
		switch strings.ToLower(f.Name) {
		case "xl/workbook.xml":
			return formWorkbook
		case "xl/workbook.bin", "mimetype", "content.xml":
			found = formOther
		}
	}
	return found
}

// openWorkbook finds the sheets of a workbook that hold the table. A book with
// a sheet for each class is read whole; a sheet that looks like the table but
// lacks a column is refused rather than passed over.
func openWorkbook(file string, data []byte, spec *Spec, problems *Problems) (sheets []*sheet) {
	book, err := newBook(data)
	if err != nil {
		m := text.Of(err)
		if m == nil {
			m = text.Wrap(err, "table.damaged", "why", err)
		}
		problems.Add(Problem{Sheet: file, Message: m})
		return nil
	}
	var all []*sheet
	for _, seen := range book.sheets() {
		if spec.only != "" && seen.Name != spec.only {
			continue
		}
		src, err := book.open(seen)
		s := &sheet{name: seen.Name, spec: spec, problems: &Problems{}, base: book.base, source: src}
		if err != nil {
			s.fail(0, err)
		} else {
			s.peek()
		}
		if len(s.buffered) > 0 || s.problems.Len() > 0 {
			all = append(all, s)
		}
	}
	most := 0
	for _, s := range all {
		most = max(most, s.score)
	}
	for _, s := range all {
		if s.score < most && len(spec.missing(&s.header)) > 0 && s.score <= spec.required()/2 {
			continue // an instruction sheet, a list of codes
		}
		switch {
		case len(all) == 1:
			s.name = file
		case file != "":
			s.name = file + "/" + s.name
		}
		for _, p := range s.problems.list {
			p.Sheet = s.name
			problems.Add(p)
		}
		s.problems = problems
		if s.check() {
			sheets = append(sheets, s)
		}
		if most == 0 {
			break // no sheet has any of the columns: say so once
		}
	}
	return sheets
}

// book is an open workbook.
type book struct {
	file   *xlsx.Book
	base   schema.Date
	merges map[string][]merge // by part
}

// merge is a range of merged cells, counted from 1.
type merge struct{ x1, y1, x2, y2 int }

// newBook opens a workbook after looking over those of its parts that will be
// read: are they whole, and of a size that can be? Nothing else of it is touched.
func newBook(data []byte) (*book, error) {
	b := &book{merges: map[string][]merge{}, base: base1900}
	parts, err := b.pick(data)
	if err != nil {
		return nil, err
	}
	if b.file, err = xlsx.Open(parts); err != nil {
		return nil, fmt.Errorf("open workbook: %w", err)
	}
	if b.file.Date1904 {
		b.base = base1904
	}
	return b, nil
}

// wanted reports whether a part of a workbook is read.
func wanted(name string) bool {
	name = strings.ToLower(name)
	switch {
	case !strings.HasPrefix(name, "xl/"):
		return false
	case strings.HasPrefix(name, "xl/worksheets/"):
		return !strings.Contains(name, "_rels/")
	}
	return name == "xl/workbook.xml" || name == "xl/_rels/workbook.xml.rels" ||
		name == "xl/sharedstrings.xml" || name == "xl/styles.xml"
}

// pick checks the parts that are read and returns them by name in lower case.
func (b *book) pick(data []byte) (map[string]*zip.File, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, formCut.refusal()
	}
	if len(z.File) > maxParts {
		return nil, text.New("table.bomb")
	}
	total := uint64(0)
	area := 0
	parts := map[string]*zip.File{}
	for _, f := range z.File {
		if !wanted(f.Name) {
			continue
		}
		low := strings.ToLower(f.Name)
		if parts[low] != nil {
			return nil, text.New("table.damaged", "why", f.Name)
		}
		parts[low] = f
		if f.Flags&1 != 0 {
			return nil, formEncrypted.refusal()
		}
		// archive/zip fails on a part that is longer than it claims.
		if total += f.UncompressedSize64; total > maxUnpacked {
			return nil, text.New("table.bomb")
		}
		if strings.HasSuffix(low, ".xml") {
			if err := b.look(f, low, &area); err != nil {
				return nil, err
			}
		}
	}
	return parts, nil
}

// look reads one part to its end: is it whole, well-formed and of a size that
// can be?
func (b *book) look(f *zip.File, low string, area *int) error {
	r, err := f.Open()
	if err != nil {
		return fmt.Errorf("open %s: %w", f.Name, err)
	}
	defer r.Close()
	sheetPart := strings.HasPrefix(low, "xl/worksheets/")
	d := xml.NewDecoder(r)
	depth, rows, column := 0, 0, 0
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", f.Name, err)
		}
		switch t := t.(type) {
		case xml.EndElement:
			depth--
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return text.New("table.bomb")
			}
			if !sheetPart {
				continue
			}
			switch t.Name.Local {
			case "row":
				rows, column = rows+1, 0
				if n, ok := attr(t, "r"); ok {
					if k, err := strconv.Atoi(n); err != nil || k < 1 || k > maxRowNumber {
						return text.New("table.damaged", "why", f.Name+" row "+cut(n, 20))
					}
				}
				if rows > maxRows {
					return text.New("table.many_rows", "max", maxRows)
				}
			case "c":
				// A blank cell at the far right costs as much as all those left of it.
				last := column
				column++
				if ref, ok := attr(t, "r"); ok {
					x, _, err := xlsx.ParseRef(ref)
					if err != nil {
						return fmt.Errorf("read %s: %w", f.Name, err)
					}
					column = x
				}
				if *area += max(1, column-last); *area > maxArea || column > maxColumns {
					return text.New("table.bomb")
				}
			case "mergeCell":
				if ref, ok := attr(t, "ref"); ok && len(b.merges[low]) < maxMerges {
					if m, ok := parseMerge(ref); ok {
						b.merges[low] = append(b.merges[low], m)
					}
				}
			}
		}
	}
	// The decoder stops at the end of the text; the archive's checksum is
	// looked at when the part is read to its end.
	if _, err := io.Copy(io.Discard, r); err != nil {
		return fmt.Errorf("read %s: %w", f.Name, err)
	}
	return nil
}

func attr(e xml.StartElement, name string) (string, bool) {
	for _, a := range e.Attr {
		if a.Name.Local == name && a.Name.Space == "" {
			return a.Value, true
		}
	}
	return "", false
}

// parseMerge reads "A1:L1". Ranges within one line need no filling down.
func parseMerge(ref string) (m merge, ok bool) {
	from, to, ok := strings.Cut(ref, ":")
	if !ok {
		return m, false
	}
	var err1, err2 error
	m.x1, m.y1, err1 = xlsx.ParseRef(from)
	m.x2, m.y2, err2 = xlsx.ParseRef(to)
	return m, err1 == nil && err2 == nil && m.y2 > m.y1 && m.x2 >= m.x1
}

// sheets lists the sheets that people see, in their order.
func (b *book) sheets() (out []xlsx.Sheet) {
	for _, s := range b.file.Sheets {
		if !s.Hidden {
			out = append(out, s)
		}
	}
	return out
}

// open starts to read a sheet.
func (b *book) open(sheet xlsx.Sheet) (s *bookSource, err error) {
	s = &bookSource{merges: slices.Clone(b.merges[sheet.Part])}
	slices.SortFunc(s.merges, func(a, b merge) int { return a.y1 - b.y1 })
	s.rows, err = b.file.Rows(sheet)
	return s, err
}

// bookSource reads a sheet line by line.
type bookSource struct {
	rows   *xlsx.Rows
	number int
	merges []merge // not begun yet
	active []filled
	ended  bool
}

// filled is a merged range that the present line is in.
type filled struct {
	merge
	value string
}

func (s *bookSource) next() (l line, err error) {
	for !s.ended {
		number, cells, err := s.rows.Next()
		if err != nil {
			s.ended = true
			return line{number: s.number}, err
		}
		s.number = number
		if blank(cells) && len(s.active) == 0 {
			continue
		}
		if cells = s.fill(cells); !blank(cells) {
			return line{s.number, cells}, nil
		}
	}
	return line{}, io.EOF
}

// fill puts the value of a range that was merged downwards, such as a class
// name over its pupils, into each of its lines. Lines that hold nothing else
// stay empty.
func (s *bookSource) fill(cells []string) []string {
	s.active = slices.DeleteFunc(s.active, func(f filled) bool { return f.y2 < s.number })
	for len(s.merges) > 0 && s.merges[0].y1 <= s.number {
		m := s.merges[0]
		s.merges = s.merges[1:]
		if m.y1 == s.number && m.x1 <= len(cells) && cells[m.x1-1] != "" {
			s.active = append(s.active, filled{m, cells[m.x1-1]})
		}
	}
	if blank(cells) {
		return cells
	}
	for _, f := range s.active {
		if f.y1 == s.number {
			continue
		}
		for len(cells) < f.x1 {
			cells = append(cells, "")
		}
		if cells[f.x1-1] == "" {
			cells[f.x1-1] = f.value
		}
	}
	return cells
}
