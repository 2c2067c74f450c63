package xlsx

import (
	"archive/zip"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Book is an open workbook.
type Book struct {
	Sheets   []Sheet
	Date1904 bool // days are counted from 1904-01-01 and not from 1900-01-01

	parts   map[string]*zip.File // by name in lower case
	strings []string
}

// Sheet is one sheet of a Book.
type Sheet struct {
	Name   string
	Hidden bool
	Part   string // of the archive, in lower case
}

const workbookPart = "xl/workbook.xml"

// Open reads what a workbook holds but for its cells. parts are those of the archive,
// by name in lower case.
func Open(parts map[string]*zip.File) (*Book, error) {
	b := &Book{parts: parts}
	var links struct {
		Relationship []struct {
			ID     string `xml:"Id,attr"`
			Target string `xml:"Target,attr"`
		}
	}
	if err := b.decode("xl/_rels/workbook.xml.rels", &links); err != nil {
		return nil, err
	}
	part := map[string]string{}
	for _, l := range links.Relationship {
		target := strings.ToLower(strings.ReplaceAll(l.Target, `\`, "/"))
		if !strings.HasPrefix(target, "/") {
			target = path.Join("/xl", target)
		}
		part[l.ID] = strings.TrimPrefix(target, "/")
	}
	var book struct {
		Properties struct {
			Date1904 string `xml:"date1904,attr"`
		} `xml:"workbookPr"`
		Sheets struct {
			Sheet []struct {
				Name  string     `xml:"name,attr"`
				State string     `xml:"state,attr"`
				Attrs []xml.Attr `xml:",any,attr"`
			} `xml:"sheet"`
		} `xml:"sheets"`
	}
	if err := b.decode(workbookPart, &book); err != nil {
		return nil, err
	}
	b.Date1904 = truth(book.Properties.Date1904)
	for _, s := range book.Sheets.Sheet {
		for _, a := range s.Attrs {
			// r:id, of the transitional or the strict namespace.
			if a.Name.Local == "id" && a.Name.Space != "" {
				b.Sheets = append(b.Sheets, Sheet{Name: s.Name, Hidden: s.State == "hidden" || s.State == "veryHidden", Part: part[a.Value]})
			}
		}
	}
	return b, b.shared()
}

func truth(s string) bool { return s == "1" || s == "true" }

func (b *Book) decode(name string, v any) error {
	f := b.parts[name]
	if f == nil {
		return fmt.Errorf("workbook: no part %s", name)
	}
	r, err := f.Open()
	if err != nil {
		return fmt.Errorf("open %s: %w", name, err)
	}
	defer r.Close()
	if err := xml.NewDecoder(r).Decode(v); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}

// shared reads the texts that cells name by number. A workbook need not have any.
func (b *Book) shared() error {
	const name = "xl/sharedstrings.xml"
	f := b.parts[name]
	if f == nil {
		return nil
	}
	r, err := f.Open()
	if err != nil {
		return fmt.Errorf("open %s: %w", name, err)
	}
	defer r.Close()
	d := xml.NewDecoder(r)
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		if e, ok := t.(xml.StartElement); ok && e.Name.Local == "si" {
			s, err := richText(d)
			if err != nil {
				return fmt.Errorf("read %s: %w", name, err)
			}
			b.strings = append(b.strings, s)
		}
	}
}

// richText reads a text to the end of its element: its runs one after the other,
// without how they are read aloud.
func richText(d *xml.Decoder) (string, error) {
	var s strings.Builder
	for depth, inText := 1, false; depth > 0; {
		t, err := d.Token()
		if err != nil {
			return "", err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if t.Name.Local == "rPh" {
				if err := d.Skip(); err != nil {
					return "", err
				}
				continue
			}
			depth++
			inText = t.Name.Local == "t"
		case xml.EndElement:
			depth--
			inText = false
		case xml.CharData:
			if inText {
				s.Write(t)
			}
		}
	}
	return unescape(s.String()), nil
}

var escaped = regexp.MustCompile(`_x[0-9A-Fa-f]{4}_`)

// unescape puts characters in the place of _xHHHH_, as which the format writes those
// that XML has none for.
func unescape(s string) string {
	if !strings.Contains(s, "_x") {
		return s
	}
	var units []uint16
	var b strings.Builder
	flush := func() {
		b.WriteString(string(utf16.Decode(units)))
		units = units[:0]
	}
	for s != "" {
		if at := escaped.FindStringIndex(s); at != nil && at[0] == 0 {
			n, _ := strconv.ParseUint(s[2:6], 16, 16) // four hexadecimal digits
			units = append(units, uint16(n))
			s = s[7:]
			continue
		} else if at != nil {
			flush()
			b.WriteString(s[:at[0]])
			s = s[at[0]:]
			continue
		}
		flush()
		b.WriteString(s)
		s = ""
	}
	flush()
	return b.String()
}

// Rows reads a sheet line by line.
type Rows struct {
	book   *Book
	name   string
	r      io.ReadCloser
	d      *xml.Decoder
	number int // of the last row
	inside bool
}

// Rows begins to read a sheet. It is closed by reading to the end, or with Close.
func (b *Book) Rows(s Sheet) (*Rows, error) {
	f := b.parts[s.Part]
	if f == nil {
		return nil, fmt.Errorf("workbook: sheet %.40q has no part", s.Name)
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("open sheet %.40q: %w", s.Name, err)
	}
	return &Rows{book: b, name: s.Name, r: r, d: xml.NewDecoder(r)}, nil
}

// Close ends reading.
func (r *Rows) Close() error { return r.r.Close() }

// Next returns the next row that the sheet has: its number from 1 and its cells as
// they are stored, "" for none. Numbers and dates are in digits. It returns io.EOF
// after the last.
func (r *Rows) Next() (number int, cells []string, err error) {
	number, cells, err = r.next()
	if err != nil {
		if err := r.r.Close(); err != nil {
			return 0, nil, err
		}
		if !errors.Is(err, io.EOF) {
			err = fmt.Errorf("read sheet %.40q after row %d: %w", r.name, r.number, err)
		}
	}
	return number, cells, err
}

func (r *Rows) next() (number int, cells []string, err error) {
	for {
		t, err := r.d.Token()
		if err != nil {
			return 0, nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			switch {
			case t.Name.Local == "sheetData":
				r.inside = true
			case r.inside && t.Name.Local == "row":
				return r.row(t)
			}
		case xml.EndElement:
			if t.Name.Local == "sheetData" {
				r.inside = false
			}
		}
	}
}

func (r *Rows) row(e xml.StartElement) (number int, cells []string, err error) {
	number = r.number + 1
	if s, ok := attr(e, "r"); ok {
		if number, err = strconv.Atoi(s); err != nil || number <= r.number {
			return 0, nil, fmt.Errorf("row %.20q", s)
		}
	}
	r.number = number
	for {
		t, err := r.d.Token()
		if err != nil {
			return 0, nil, unexpected(err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			if t.Name.Local != "c" {
				if err := r.d.Skip(); err != nil {
					return 0, nil, unexpected(err)
				}
				continue
			}
			column := len(cells) + 1
			if ref, ok := attr(t, "r"); ok {
				if column, _, err = ParseRef(ref); err != nil {
					return 0, nil, err
				}
			}
			for len(cells) < column {
				cells = append(cells, "")
			}
			if cells[column-1], err = r.cell(t); err != nil {
				return 0, nil, unexpected(err)
			}
		case xml.EndElement:
			return number, cells, nil
		}
	}
}

// unexpected is an end in the midst of a row.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// cell reads one cell to the end of its element.
func (r *Rows) cell(e xml.StartElement) (value string, err error) {
	kind, _ := attr(e, "t")
	for {
		t, err := r.d.Token()
		if err != nil {
			return "", err
		}
		switch t := t.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "v":
				var s string
				if err := r.d.DecodeElement(&s, &t); err != nil {
					return "", err
				}
				value = r.value(kind, s)
			case "is":
				s, err := richText(r.d)
				if err != nil {
					return "", err
				}
				if kind == "inlineStr" {
					value = s
				}
			default:
				if err := r.d.Skip(); err != nil {
					return "", err
				}
			}
		case xml.EndElement:
			return value, nil
		}
	}
}

func (r *Rows) value(kind, s string) string {
	switch kind {
	case "s":
		if i, err := strconv.Atoi(strings.TrimSpace(s)); err == nil && i >= 0 && i < len(r.book.strings) {
			return r.book.strings[i]
		}
		return s
	case "str":
		return unescape(s)
	}
	return s
}

func attr(e xml.StartElement, name string) (string, bool) {
	for _, a := range e.Attr {
		if a.Name.Local == name && a.Name.Space == "" {
			return a.Value, true
		}
	}
	return "", false
}
