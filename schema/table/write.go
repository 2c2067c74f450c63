package table

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"

	"shangu/schema/table/xlsx"
)

// Format is a file format that Write knows.
type Format int

// Formats.
const (
	CSV  Format = iota + 1 // UTF-8 with a byte order mark, which Excel needs to see that it is UTF-8
	XLSX                   // one sheet, a merged title, a header
)

// FormatOf returns the format that a file name's ending asks for, or 0.
func FormatOf(name string) Format {
	name = strings.ToLower(name)
	switch {
	case strings.HasSuffix(name, ".csv"):
		return CSV
	case strings.HasSuffix(name, ".xlsx"):
		return XLSX
	}
	return 0
}

// Decimal is a number in tenths (Digits 1) or hundredths (2), written as 5 or 5.5.
type Decimal struct {
	N      int64
	Digits int
}

// String is the number in digits, without zeros at its end.
func (d Decimal) String() string {
	return strconv.FormatFloat(d.float(), 'f', -1, 64)
}

func (d Decimal) float() float64 { return float64(d.N) / math.Pow10(d.Digits) }

// Text is the cell of a text, none for "".
func Text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// WriteBook is Write of rows that are all there, as a workbook.
func WriteBook(w io.Writer, spec *Spec, title string, rows [][]any) error {
	return Write(w, XLSX, spec, title, func(yield func([]any, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	})
}

// Write writes a table: the spec's Chinese headings, but for private and guarded
// columns, and the rows, whose cells are in the order of all the spec's columns
// and hold a string, an int, an int64, a Decimal, or nil for nothing. The error of a row
// that could not be made is returned and leaves w with part of the table.
func Write(w io.Writer, f Format, spec *Spec, title string, rows iter.Seq2[[]any, error]) error {
	var cols []int
	var head []any
	for i := range spec.Columns {
		if !spec.Columns[i].Private && !spec.Columns[i].Guarded {
			cols = append(cols, i)
			head = append(head, spec.Columns[i].Titles[0])
		}
	}
	pick := func(cells []any) []any {
		out := make([]any, len(cols))
		for i, c := range cols {
			out[i] = cells[c]
		}
		return out
	}
	switch f {
	case CSV:
		return writeCSV(w, head, rows, pick)
	case XLSX:
		return writeWorkbook(w, spec.Title.ZH, title, head, rows, pick)
	}
	return fmt.Errorf("write table: unknown format %d", f)
}

func writeCSV(w io.Writer, head []any, rows iter.Seq2[[]any, error], pick func([]any) []any) error {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true
	write := func(cells []any) error {
		rec := make([]string, len(cells))
		for i, c := range cells {
			switch c := c.(type) {
			case nil:
			case string:
				rec[i] = shield(c)
			default:
				rec[i] = fmt.Sprint(c)
			}
		}
		return out.Write(rec)
	}
	if err := write(head); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	for cells, err := range rows {
		if err == nil {
			err = write(pick(cells))
		}
		if err != nil {
			return fmt.Errorf("write csv: %w", err)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	return nil
}

// shield keeps a spreadsheet from taking a text for a formula, which might send
// the file's contents elsewhere. unshield takes the mark away again.
func shield(s string) string {
	if t := strings.TrimLeft(s, "'"); t != "" && strings.ContainsRune("=+-@", rune(t[0])) {
		return "'" + s
	}
	return s
}

func unshield(s string) string {
	if !strings.HasPrefix(s, "'") {
		return s
	}
	if t := strings.TrimLeft(s, "'"); t != "" && strings.ContainsRune("=+-@", rune(t[0])) {
		return s[1:]
	}
	return s
}

func writeWorkbook(w io.Writer, sheetName, title string, head []any, rows iter.Seq2[[]any, error], pick func([]any) []any) error {
	if err := putWorkbook(xlsx.NewWriter(w), sheetName, title, head, rows, pick); err != nil {
		return fmt.Errorf("write workbook: %w", err)
	}
	return nil
}

func putWorkbook(out *xlsx.Writer, sheetName, title string, head []any, rows iter.Seq2[[]any, error], pick func([]any) []any) error {
	if err := out.Begin(xlsx.Page{Name: sheetName, Widths: slices.Repeat([]float64{14}, len(head)), Frozen: 2}); err != nil {
		return err
	}
	if err := errors.Join(out.Row(0, xlsx.Cell{Value: title, Style: xlsx.Heading}), out.Row(0, cellsOf(head, xlsx.Heading)...)); err != nil {
		return err
	}
	n := 2
	for cells, err := range rows {
		if err != nil {
			return err
		}
		if n++; n > maxRows {
			return fmt.Errorf("more than %d rows", maxRows)
		}
		if err := out.Row(0, cellsOf(pick(cells), xlsx.Plain)...); err != nil {
			return err
		}
	}
	var merged []xlsx.Range
	if len(head) > 1 {
		merged = append(merged, xlsx.Range{Column1: 1, Row1: 1, Column2: len(head), Row2: 1})
	}
	return errors.Join(out.End(merged...), out.Close())
}

func cellsOf(row []any, style xlsx.Style) []xlsx.Cell {
	out := make([]xlsx.Cell, len(row))
	for i, c := range row {
		if d, ok := c.(Decimal); ok {
			c = d.float()
		}
		out[i] = xlsx.Cell{Value: c, Style: style}
	}
	return out
}
