package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"

	"shangu/schema/text"
	"shangu/sync/disk"
)

// Table is a report: rows of cells under columns.
type Table struct {
	Name    string
	Title   text.Label
	Columns []Column
	Rows    [][]Cell // each as long as Columns
}

// Column is one column: Key names it in JSON, Label on paper.
type Column struct {
	Key   string
	Label text.Label
}

// Cell is one value: nothing, a text, a whole number, tenths, or yes and no.
type Cell struct {
	sort cellSort
	text string
	num  int64
}

type cellSort uint8

const (
	cellEmpty cellSort = iota
	cellText
	cellInt
	cellTenths
	cellBool
)

// Empty is the cell without a value.
var Empty Cell

// Text is a cell of words.
func Text(s string) Cell { return Cell{sort: cellText, text: s} }

// Int is a cell of a whole number.
func Int(n int64) Cell { return Cell{sort: cellInt, num: n} }

// Tenths is a cell of a number with one decimal, given in tenths.
func Tenths(n int64) Cell { return Cell{sort: cellTenths, num: n} }

// Bool is a cell of yes or no.
func Bool(b bool) Cell {
	c := Cell{sort: cellBool}
	if b {
		c.num = 1
	}
	return c
}

// String is the cell's text in files for people.
func (c Cell) String() string {
	switch c.sort {
	case cellText:
		return c.text
	case cellInt:
		return strconv.FormatInt(c.num, 10)
	case cellTenths:
		return strconv.FormatFloat(float64(c.num)/10, 'f', 1, 64)
	case cellBool:
		if c.num != 0 {
			return "是"
		}
		return "否"
	}
	return ""
}

// MarshalJSON implements json.Marshaler.
func (c Cell) MarshalJSON() ([]byte, error) {
	switch c.sort {
	case cellText:
		return json.Marshal(c.text)
	case cellInt, cellTenths:
		return []byte(c.String()), nil
	case cellBool:
		return strconv.AppendBool(nil, c.num != 0), nil
	}
	return []byte("null"), nil
}

// MarshalJSON writes the rows as a list of objects, keys in column order.
func (t *Table) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('[')
	for i, row := range t.Rows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('{')
		for j, cell := range row {
			if j > 0 {
				b.WriteByte(',')
			}
			v, err := cell.MarshalJSON()
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(&b, "%q:%s", t.Columns[j].Key, v)
		}
		b.WriteByte('}')
	}
	b.WriteByte(']')
	return b.Bytes(), nil
}

// WriteJSON writes the rows as a list of objects.
func (t *Table) WriteJSON(w io.Writer) error {
	b, err := t.MarshalJSON()
	if err == nil {
		_, err = w.Write(append(b, '\n'))
	}
	return err
}

// bom tells Excel that a CSV file is UTF-8.
const bom = "\ufeff"

// WriteCSV writes a header and the rows.
func (t *Table) WriteCSV(w io.Writer) error {
	if _, err := io.WriteString(w, bom); err != nil {
		return err
	}
	c := csv.NewWriter(w)
	c.UseCRLF = true
	line := make([]string, len(t.Columns))
	for i, col := range t.Columns {
		line[i] = col.Label.In(text.Default())
	}
	if err := c.Write(line); err != nil {
		return err
	}
	for _, row := range t.Rows {
		for i, cell := range row {
			line[i] = harmless(cell)
		}
		if err := c.Write(line); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// harmless keeps a spreadsheet from running what a school typed as a formula.
func harmless(c Cell) string {
	s := c.String()
	if c.sort == cellText && s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// WriteXLSX writes a workbook of one sheet: a merged title row, a header row,
// the rows.
func (t *Table) WriteXLSX(w io.Writer) error {
	f := excelize.NewFile()
	defer f.Close()
	lang := text.Default()
	sheet := t.Title.In(lang)
	if err := f.SetSheetName("Sheet1", sheet); err != nil {
		return err
	}
	sw, err := f.NewStreamWriter(sheet)
	if err != nil {
		return err
	}
	last, err := excelize.CoordinatesToCellName(len(t.Columns), 1)
	if err != nil {
		return err
	}
	head := make([]any, len(t.Columns))
	for i, c := range t.Columns {
		head[i] = c.Label.In(lang)
	}
	if err := sw.SetColWidth(1, len(t.Columns), 14); err != nil {
		return err
	}
	if err := sw.SetRow("A1", []any{sheet}); err != nil {
		return err
	}
	if err := sw.MergeCell("A1", last); err != nil {
		return err
	}
	if err := sw.SetRow("A2", head); err != nil {
		return err
	}
	for i, row := range t.Rows {
		at, err := excelize.CoordinatesToCellName(1, i+3)
		if err != nil {
			return err
		}
		if err := sw.SetRow(at, values(row)); err != nil {
			return err
		}
	}
	if err := sw.Flush(); err != nil {
		return err
	}
	return f.Write(w)
}

// values are the cells as excelize takes them.
func values(row []Cell) []any {
	out := make([]any, len(row))
	for i, c := range row {
		switch c.sort {
		case cellInt:
			out[i] = c.num
		case cellTenths:
			out[i] = float64(c.num) / 10
		case cellEmpty:
			out[i] = nil
		default:
			out[i] = c.String()
		}
	}
	return out
}

// Save writes the table to a file in the format that the file's ending names.
func (t *Table) Save(path string) error {
	var write func(io.Writer) error
	switch ending := strings.ToLower(filepath.Ext(path)); ending {
	case ".json":
		write = t.WriteJSON
	case ".csv":
		write = t.WriteCSV
	case ".xlsx":
		write = t.WriteXLSX
	default:
		return text.New("report.ending", "file", path)
	}
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return fmt.Errorf("write report %s: %w", t.Name, err)
	}
	if err := disk.WriteFile(path, b.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write report %s: %w", t.Name, err)
	}
	return nil
}
