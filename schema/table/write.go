package table

import (
	"encoding/csv"
	"fmt"
	"io"
	"iter"
	"math"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"
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
	book := excelize.NewFile()
	defer book.Close()
	if err := book.SetSheetName("Sheet1", sheetName); err != nil {
		return fmt.Errorf("write workbook: %w", err)
	}
	out, err := book.NewStreamWriter(sheetName)
	if err != nil {
		return fmt.Errorf("write workbook: %w", err)
	}
	heading, err := book.NewStyle(&excelize.Style{
		Font:      &excelize.Font{Bold: true},
		Alignment: &excelize.Alignment{Horizontal: "center"},
	})
	if err != nil {
		return fmt.Errorf("write workbook: %w", err)
	}
	styled := make([]any, len(head))
	for i, h := range head {
		styled[i] = excelize.Cell{StyleID: heading, Value: h}
	}
	top := []any{excelize.Cell{StyleID: heading, Value: title}}
	if err := firstErr(
		out.SetColWidth(1, len(head), 14),
		out.SetPanes(&excelize.Panes{Freeze: true, YSplit: 2, TopLeftCell: "A3", ActivePane: "bottomLeft"}),
		out.SetRow("A1", top),
		out.SetRow("A2", styled),
	); err != nil {
		return fmt.Errorf("write workbook: %w", err)
	}
	n := 2
	for cells, err := range rows {
		if err != nil {
			return fmt.Errorf("write workbook: %w", err)
		}
		if n++; n > maxRows {
			return fmt.Errorf("write workbook: more than %d rows", maxRows)
		}
		row := pick(cells)
		for i, c := range row {
			if d, ok := c.(Decimal); ok {
				row[i] = d.float()
			}
		}
		if err := out.SetRow("A"+strconv.Itoa(n), row); err != nil {
			return fmt.Errorf("write workbook: %w", err)
		}
	}
	if len(head) > 1 {
		if err := out.MergeCell("A1", cellName(len(head)-1, 1)); err != nil {
			return fmt.Errorf("write workbook: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write workbook: %w", err)
	}
	if err := book.Write(w); err != nil {
		return fmt.Errorf("write workbook: %w", err)
	}
	return nil
}

func firstErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
