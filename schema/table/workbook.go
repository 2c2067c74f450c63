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

	"github.com/xuri/excelize/v2"

	"shangu/schema"
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
	for _, name := range book.sheets() {
		if spec.only != "" && name != spec.only {
			continue
		}
		src, err := book.open(name)
		s := &sheet{name: name, spec: spec, problems: &Problems{}, base: book.base, source: src}
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
	file   *excelize.File
	base   schema.Date
	merges map[string][]merge // by part
}

// merge is a range of merged cells, counted from 1.
type merge struct{ x1, y1, x2, y2 int }

// newBook opens a workbook after looking over those of its parts that will be
// read. The library behind it takes broken XML for the end of a sheet, unpacks
// pictures into memory and believes any row number; so the parts are checked
// first, and it is given nothing else.
func newBook(data []byte) (*book, error) {
	b := &book{merges: map[string][]merge{}, base: base1900}
	lean, err := b.pick(data)
	if err != nil {
		return nil, err
	}
	err = guard(func() error {
		b.file, err = excelize.OpenReader(bytes.NewReader(lean), excelize.Options{
			RawCellValue: true, UnzipSizeLimit: maxUnpacked, UnzipXMLSizeLimit: maxUnpacked,
		})
		if err != nil {
			return err
		}
		p, err := b.file.GetWorkbookProps()
		if err == nil && p.Date1904 != nil && *p.Date1904 {
			b.base = base1904
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open workbook: %w", err)
	}
	return b, nil
}

// guard turns a panic of the library on damaged input into an error.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("decode workbook: %v", r)
		}
	}()
	return f()
}

// wanted reports whether a part of a workbook is read.
func wanted(name string) bool {
	name = strings.ToLower(name)
	switch {
	case name == "[content_types].xml" || name == "_rels/.rels":
		return true
	case !strings.HasPrefix(name, "xl/"):
		return false
	case strings.HasPrefix(name, "xl/worksheets/"):
		return !strings.Contains(name, "_rels/")
	}
	return name == "xl/workbook.xml" || name == "xl/_rels/workbook.xml.rels" ||
		name == "xl/sharedstrings.xml" || name == "xl/styles.xml"
}

// pick checks the parts that are read and returns a workbook of them alone.
func (b *book) pick(data []byte) ([]byte, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, formCut.refusal()
	}
	if len(z.File) > maxParts {
		return nil, text.New("table.bomb")
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	total := uint64(0)
	area := 0
	seen := map[string]bool{}
	for _, f := range z.File {
		if !wanted(f.Name) {
			continue
		}
		if low := strings.ToLower(f.Name); seen[low] {
			return nil, text.New("table.damaged", "why", f.Name)
		} else {
			seen[low] = true
		}
		if f.Flags&1 != 0 {
			return nil, formEncrypted.refusal()
		}
		// archive/zip fails on a part that is longer than it claims.
		if total += f.UncompressedSize64; total > maxUnpacked {
			return nil, text.New("table.bomb")
		}
		if strings.HasSuffix(strings.ToLower(f.Name), ".xml") {
			if err := b.look(f, &area); err != nil {
				return nil, err
			}
		}
		if err := w.Copy(f); err != nil {
			return nil, fmt.Errorf("copy %s: %w", f.Name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("copy workbook: %w", err)
	}
	return out.Bytes(), nil
}

// look reads one part to its end: is it whole, well-formed and of a size that
// can be?
func (b *book) look(f *zip.File, area *int) error {
	r, err := f.Open()
	if err != nil {
		return fmt.Errorf("open %s: %w", f.Name, err)
	}
	defer r.Close()
	sheetPart := strings.HasPrefix(strings.ToLower(f.Name), "xl/worksheets/")
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
					x, _, err := excelize.CellNameToCoordinates(ref)
					if err != nil {
						return fmt.Errorf("read %s: %w", f.Name, err)
					}
					column = x
				}
				if *area += max(1, column-last); *area > maxArea || column > maxColumns {
					return text.New("table.bomb")
				}
			case "mergeCell":
				if ref, ok := attr(t, "ref"); ok && len(b.merges[f.Name]) < maxMerges {
					if m, ok := parseMerge(ref); ok {
						b.merges[f.Name] = append(b.merges[f.Name], m)
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
	m.x1, m.y1, err1 = excelize.CellNameToCoordinates(from)
	m.x2, m.y2, err2 = excelize.CellNameToCoordinates(to)
	return m, err1 == nil && err2 == nil && m.y2 > m.y1 && m.x2 >= m.x1
}

// sheets lists the sheets that people see, in their order.
func (b *book) sheets() (names []string) {
	for _, n := range b.file.GetSheetList() {
		if v, err := b.file.GetSheetVisible(n); err != nil || v {
			names = append(names, n)
		}
	}
	return names
}

// open starts to read a sheet.
func (b *book) open(name string) (*bookSource, error) {
	s := &bookSource{}
	err := guard(func() (err error) {
		s.rows, err = b.file.Rows(name)
		return err
	})
	if err != nil {
		return s, fmt.Errorf("open sheet: %w", err)
	}
	s.merges = b.down(name)
	return s, nil
}

// down returns a sheet's merged ranges of several lines, topmost first.
func (b *book) down(name string) (out []merge) {
	// The part that a sheet is in is the library's secret, but for books with
	// one sheet; for others it reads the sheet once more.
	switch len(b.merges) {
	case 0:
		return nil
	case 1:
		if b.file.SheetCount == 1 {
			for _, m := range b.merges {
				out = m
			}
			break
		}
		fallthrough
	default:
		_ = guard(func() error {
			cells, err := b.file.GetMergeCells(name, true)
			for _, c := range cells[:min(len(cells), maxMerges)] {
				if m, ok := parseMerge(c[0]); ok {
					out = append(out, m)
				}
			}
			return err
		})
	}
	slices.SortFunc(out, func(a, b merge) int { return a.y1 - b.y1 })
	return out
}

// bookSource reads a sheet line by line.
type bookSource struct {
	rows   *excelize.Rows
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
		var more bool
		var cells []string
		err := guard(func() (err error) {
			if more = s.rows.Next(); more {
				cells, err = s.rows.Columns()
			}
			return err
		})
		if err != nil || !more {
			s.ended = true
			if err == nil {
				err = io.EOF
			}
			return line{number: s.number}, err
		}
		s.number++
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
