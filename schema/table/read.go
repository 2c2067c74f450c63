package table

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"shangu/schema"
	"shangu/schema/text"
)

// Info is what Read found out about a file beside its rows.
type Info struct {
	Rows    int      // rows handed over
	Private []string // headings of columns that are known and were not taken in
	Unknown []string // headings of columns that mean nothing to the Spec
}

// sheet is one table with its header: one sheet of a workbook, or a csv file.
type sheet struct {
	name     string
	spec     *Spec
	problems *Problems
	base     schema.Date
	header
	buffered []line
	source   source
}

// source yields the lines of a table that are not empty; io.EOF after the last.
// The cells are valid until the next call. A *text.Message says what is wrong
// with the line that is returned with it; any other error is about the program.
type source interface {
	next() (line, error)
}

// Read reads a table, .xlsx or .csv as its bytes say, and hands each row to
// each. What is wrong is added to problems; rows that could be read are handed
// over all the same, so that the caller finds what is wrong with them too.
func Read(data []byte, spec *Spec, problems *Problems, each func(*Row)) Info {
	return ReadNamed("", data, spec, problems, each)
}

// ReadNamed is Read for one of several files: its problems carry its name.
func ReadNamed(name string, data []byte, spec *Spec, problems *Problems, each func(*Row)) (info Info) {
	before := problems.Len()
	defer func() {
		if info.Rows == 0 && !spec.Empty && problems.Len() == before {
			problems.Add(Problem{Sheet: name, Message: text.New("table.no_rows", "table", spec.Title)})
		}
	}()
	for _, s := range open(name, data, spec, problems) {
		s.read(&info, each)
	}
	return info
}

// open finds the tables in a file that fit the spec.
func open(name string, data []byte, spec *Spec, problems *Problems) []*sheet {
	switch form := detect(data); form {
	case formText:
		return openText(name, data, spec, problems)
	case formWorkbook:
		return openWorkbook(name, data, spec, problems)
	default:
		problems.Add(Problem{Sheet: name, Message: form.refusal()})
		return nil
	}
}

// peek reads the lines in which the header must be and finds it.
func (s *sheet) peek() {
	for len(s.buffered) < headerWithin {
		l, err := s.source.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			s.fail(l.number, err)
			continue
		}
		cells := make([]string, len(l.cells))
		for i, c := range l.cells {
			cells[i] = clean(c)
		}
		s.buffered = append(s.buffered, line{l.number, cells})
	}
	s.header = s.spec.findHeader(s.buffered)
}

// check reports what the header lacks; true: the rows can be read.
func (s *sheet) check() bool {
	n := s.problems.Len()
	at := Problem{Sheet: s.name, Line: s.header.number}
	for _, k := range s.spec.missing(&s.header) {
		at.Column = s.spec.Columns[k].label().In(text.Default())
		at.Message = text.New("table.no_column", "column", s.spec.Columns[k].label(), "seen", strings.Join(s.seen(), "、"))
		s.problems.Add(at)
	}
	for _, k := range s.twice {
		at.Column = s.headings[k]
		at.Message = text.New("table.column_twice", "column", s.headings[k])
		s.problems.Add(at)
	}
	return s.problems.Len() == n
}

// seen lists the headings of the table that were found.
func (s *sheet) seen() []string {
	var out []string
	for _, h := range slices.Concat(s.headings, s.unknown) {
		if h != "" && len(out) < 20 {
			out = append(out, cut(h, 20))
		}
	}
	return out
}

func (s *sheet) read(info *Info, each func(*Row)) {
	info.Private = append(info.Private, s.private...)
	info.Unknown = append(info.Unknown, s.unknown...)
	row := &Row{Sheet: s.name, in: s, cells: make([]string, len(s.spec.Columns)), bad: make([]bool, len(s.spec.Columns))}
	for _, l := range s.buffered[min(len(s.buffered), s.last+1):] {
		s.row(l, row, info, each)
	}
	s.buffered = nil
	for {
		l, err := s.source.next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			s.fail(l.number, err)
			continue
		}
		for i, c := range l.cells {
			l.cells[i] = clean(c)
		}
		s.row(l, row, info, each)
	}
}

// row hands over one line, unless it holds none of the data.
func (s *sheet) row(l line, row *Row, info *Info, each func(*Row)) {
	row.Line = l.number
	empty := true
	for k, x := range s.at {
		row.cells[k] = ""
		if x >= 0 && x < len(l.cells) {
			row.cells[k] = l.cells[x]
			empty = empty && (l.cells[x] == "" || s.spec.Columns[k].Filler)
		}
	}
	if empty || remark(l.cells) || s.spec.repeats(&s.header, l.cells) {
		return
	}
	info.Rows++
	for k, c := range row.cells {
		var m *text.Message
		switch {
		case c == "":
		case len(c) > maxCell:
			m = text.New("table.long_cell", "max", maxCell/3)
		case strings.ContainsRune(c, utf8.RuneError):
			m = text.New("table.unreadable_cell", "value", cut(c, 20))
		case formulaError(c):
			m = text.New("table.formula_error", "value", c)
		}
		if row.bad[k] = m != nil; m != nil {
			row.Fail(k, m)
			row.cells[k] = ""
		}
	}
	each(row)
}

func formulaError(c string) bool {
	switch c {
	case "#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!", "#GETTING_DATA":
		return true
	}
	return false
}

// fail reports what a source said.
func (s *sheet) fail(number int, err error) {
	m := text.Of(err)
	if m == nil {
		m = text.Wrap(err, "table.damaged", "why", err)
	}
	s.problems.Add(Problem{Sheet: s.name, Line: number, Message: m})
}

// cut shortens s to n runes.
func cut(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i] + "…"
		}
		n--
	}
	return s
}

// form is what a file is, told by its first bytes.
type form int

const (
	formText form = iota
	formWorkbook
	formArchive // a zip that is no workbook
	formEmpty
	formLarge
	formOld       // .xls, .et
	formEncrypted // a workbook with a password
	formOther     // a spreadsheet of another program: .xlsb, .ods
	formPage      // a web page that calls itself .xls
	formPDF
	formPicture
	formBinary
	formCut // a zip without its end: half-written
)

var refusals = map[form]*text.Message{
	formArchive:   text.New("table.is_archive"),
	formEmpty:     text.New("table.is_empty"),
	formLarge:     text.New("table.is_large", "max", MaxFile>>20),
	formOld:       text.New("table.is_xls"),
	formEncrypted: text.New("table.is_encrypted"),
	formOther:     text.New("table.is_other"),
	formPage:      text.New("table.is_page"),
	formPDF:       text.New("table.is_pdf"),
	formPicture:   text.New("table.is_picture"),
	formBinary:    text.New("table.is_binary"),
	formCut:       text.New("table.is_cut"),
}

func (f form) refusal() *text.Message { return refusals[f] }

// detect tells what a file is. Its name says nothing: clerks rename .xls to
// .xlsx when a program asks for it.
func detect(data []byte) form {
	head := data[:min(len(data), 4096)]
	has := func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) }
	switch {
	case len(data) > MaxFile:
		return formLarge
	case len(bytes.Trim(data, "\x00\t\r\n \xef\xbb\xbf")) == 0:
		return formEmpty
	case has("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
		if bytes.Contains(data, utf16le("EncryptedPackage")) {
			return formEncrypted
		}
		return formOld
	case has("PK\x03\x04") || has("PK\x05\x06"):
		return detectZip(data)
	case has("\x09\x08"): // the first record of a workbook before OLE
		return formOld
	case has("%PDF"):
		return formPDF
	case has("\x89PNG") || has("\xff\xd8\xff") || has("GIF8") || has("BM"):
		if !utf8.Valid(head) || bytes.IndexByte(head, 0) >= 0 {
			return formPicture
		}
	case has("\xff\xfe") || has("\xfe\xff"):
		return formText
	}
	if low := bytes.ToLower(head); bytes.Contains(low, []byte("<html")) || bytes.Contains(low, []byte("<table")) ||
		bytes.Contains(low, []byte("urn:schemas-microsoft-com:office:spreadsheet")) {
		return formPage
	}
	if bytes.IndexByte(head, 0) >= 0 {
		return formBinary
	}
	return formText
}

func utf16le(s string) []byte {
	b := make([]byte, 0, 2*len(s))
	for i := range len(s) {
		b = append(b, s[i], 0)
	}
	return b
}
