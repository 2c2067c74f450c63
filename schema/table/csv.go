package table

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"shangu/schema/text"
)

// separators of csv files, the likeliest first.
var separators = []rune{',', '\t', ';', '|'}

// openText finds the encoding and the separator with which the header reads
// best, and returns the table.
func openText(name string, data []byte, spec *Spec, problems *Problems) []*sheet {
	s := readText(name, data, spec, problems)
	if !s.check() {
		return nil
	}
	return []*sheet{s}
}

// readText is openText of whatever the text says.
func readText(name string, data []byte, spec *Spec, problems *Problems) *sheet {
	if !bytes.ContainsRune(data, '\n') && bytes.ContainsRune(data, '\r') && !wide(data) {
		data = bytes.ReplaceAll(data, []byte{'\r'}, []byte{'\n'})
	}
	var best *sheet
	var encodingOf encoding.Encoding
	var comma rune
	for _, e := range encodings(data) {
		for _, c := range separators {
			s := &sheet{spec: spec, problems: &Problems{}, base: base1900, source: newCSV(data, e, c)}
			if s.peek(); best == nil || s.score > best.score {
				best, encodingOf, comma = s, e, c
			}
		}
	}
	s := &sheet{name: name, spec: spec, problems: problems, base: base1900, source: newCSV(data, encodingOf, comma)}
	s.peek()
	return s
}

// wide reports whether the text is in 16-bit units.
func wide(data []byte) bool {
	return bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff"))
}

// encodings lists those in which a text may be, the likeliest first. Excel and
// WPS write csv in GB18030 on a Chinese Windows, and UTF-16 as "Unicode text".
func encodings(data []byte) []encoding.Encoding {
	switch {
	case wide(data):
		return []encoding.Encoding{unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM)}
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) || utf8.Valid(data):
		return []encoding.Encoding{unicode.UTF8BOM}
	}
	if mostlyUTF8(data) {
		return []encoding.Encoding{unicode.UTF8BOM, simplifiedchinese.GB18030}
	}
	return []encoding.Encoding{simplifiedchinese.GB18030, unicode.UTF8BOM}
}

// mostlyUTF8 reports whether a text that is no valid UTF-8 is one with a flaw,
// rather than one in another encoding: GB18030 hardly ever looks like UTF-8.
func mostlyUTF8(data []byte) bool {
	good, bad := 0, 0
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		switch {
		case n > 1:
			good++
		case r == utf8.RuneError:
			bad++
		}
		data = data[n:]
	}
	return good > 4*bad
}

// csvSource reads a csv file line by line.
type csvSource struct {
	r      *csv.Reader
	rows   int
	widest int
	last   line
	open   bool // the file does not end with the end of a line
	ended  bool
}

func newCSV(data []byte, e encoding.Encoding, comma rune) *csvSource {
	r := csv.NewReader(e.NewDecoder().Reader(bytes.NewReader(data)))
	r.Comma = comma
	r.FieldsPerRecord = -1
	r.ReuseRecord = true
	end := bytes.TrimRight(data, "\x00")
	return &csvSource{r: r, open: !bytes.HasSuffix(end, []byte{'\n'})}
}

func (c *csvSource) next() (line, error) {
	for !c.ended {
		cells, err := c.r.Read()
		if errors.Is(err, io.EOF) {
			c.ended = true
			if c.open && c.widest > 1 && len(c.last.cells) < c.widest {
				return line{number: c.last.number}, text.New("table.cut_line")
			}
			break
		}
		if bad, ok := errors.AsType[*csv.ParseError](err); ok {
			if errors.Is(bad.Err, csv.ErrQuote) && bad.Line > bad.StartLine {
				return line{number: bad.StartLine}, text.New("table.open_quote")
			}
			return line{number: bad.Line}, text.New("table.bare_quote")
		}
		if err != nil {
			c.ended = true
			return line{}, err
		}
		if c.rows++; c.rows > maxRows {
			c.ended = true
			return line{number: maxRows}, text.New("table.many_rows", "max", maxRows)
		}
		n, _ := c.r.FieldPos(0)
		if len(cells) > maxColumns {
			return line{number: n}, text.New("table.many_columns", "max", maxColumns)
		}
		for i, x := range cells {
			cells[i] = unshield(x)
		}
		c.last = line{n, cells}
		c.widest = max(c.widest, len(cells))
		if !blank(cells) {
			return c.last, nil
		}
	}
	return line{}, io.EOF
}

func blank(cells []string) bool {
	for _, c := range cells {
		if c != "" && clean(c) != "" {
			return false
		}
	}
	return true
}
