package table

import (
	"math"
	"strings"

	"shangu/schema"
	"shangu/schema/table/xlsx"
	"shangu/schema/text"
)

// Row is one row of a table, its cells in the order of the Spec's columns. It
// is valid until the function that it was given to returns. The methods that
// read a cell report what is wrong with it and return ok false; an empty cell
// is not wrong, and ok is false too.
type Row struct {
	Line  int    // as the program that made the file numbers it
	Sheet string // "" if there is one only
	cells []string
	bad   []bool // cells that were reported and emptied
	in    *sheet
}

// Has reports whether the table has the column at all.
func (r *Row) Has(c int) bool { return r.in.at[c] >= 0 }

// Text returns a cell without blanks around it, "" if there is nothing in it.
func (r *Row) Text(c int) string { return r.cells[c] }

// Need returns a cell that must not be empty.
func (r *Row) Need(c int) (string, bool) {
	if s := r.cells[c]; s != "" {
		return s, true
	}
	if !r.bad[c] {
		r.Fail(c, text.New("table.empty_cell", "column", r.in.spec.Columns[c].label()))
	}
	return "", false
}

// Code returns a cell that holds a number or code of letters and digits, made
// narrow, with what a spreadsheet does to long numbers undone.
func (r *Row) Code(c int) string { return digits(fold(r.cells[c])) }

// Date returns a cell's date.
func (r *Row) Date(c int) (schema.Date, bool) {
	if r.cells[c] == "" {
		return 0, false
	}
	d, ok := parseDate(r.cells[c], r.in.base)
	if !ok {
		r.Fail(c, text.New("table.no_date", "value", r.cells[c]))
	}
	return d, ok
}

// Month returns a cell's month as year*100+month.
func (r *Row) Month(c int) (int64, bool) {
	if r.cells[c] == "" {
		return 0, false
	}
	m, ok := parseMonth(r.cells[c], r.in.base)
	if !ok {
		r.Fail(c, text.New("table.no_month", "value", r.cells[c]))
	}
	return int64(m), ok
}

// Int returns a cell's whole number from lo to hi.
func (r *Row) Int(c int, lo, hi int64) (int64, bool) {
	if r.cells[c] == "" {
		return 0, false
	}
	n, ok := parseInt(r.cells[c])
	if !ok || n < lo || n > hi {
		r.Fail(c, text.New("table.no_number", "value", r.cells[c], "low", lo, "high", hi))
		return 0, false
	}
	return n, true
}

// Decimal returns a cell's number from lo to hi, with at most one (two)
// decimals, as a whole number of tenths (hundredths).
func (r *Row) Decimal(c, decimals int, lo, hi int64) (int64, bool) {
	if r.cells[c] == "" {
		return 0, false
	}
	n, ok := parseDecimal(r.cells[c], decimals)
	unit := int64(math.Pow10(decimals))
	if !ok || n < lo*unit || n > hi*unit {
		r.Fail(c, text.New("table.no_decimal", "value", r.cells[c], "low", lo, "high", hi, "decimals", decimals))
		return 0, false
	}
	return n, true
}

// Bool returns a cell's yes or no.
func (r *Row) Bool(c int) (v, ok bool) {
	if r.cells[c] == "" {
		return false, false
	}
	v, ok = parseBool(r.cells[c])
	if !ok {
		r.Fail(c, text.New("table.no_bool", "value", r.cells[c]))
	}
	return v, ok
}

// List returns a cell's parts, separated by 、，, ；; or blanks.
func (r *Row) List(c int) []string {
	return strings.FieldsFunc(r.cells[c], func(x rune) bool { return strings.ContainsRune("、，,；; ", x) })
}

// Fail reports what is wrong with a cell.
func (r *Row) Fail(c int, m *text.Message) { r.in.problems.Add(r.Where(c, m)) }

// Where says of a message where it belongs.
func (r *Row) Where(c int, m *text.Message) Problem {
	p := Problem{Sheet: r.Sheet, Line: r.Line, Message: m, Column: r.in.spec.Columns[c].label().In(text.Default())}
	if at := r.in.at[c]; at >= 0 {
		p.Cell = xlsx.Ref(at+1, r.Line)
		p.Column = r.in.headings[c]
	}
	return p
}

// FailRow reports what is wrong with the whole row.
func (r *Row) FailRow(m *text.Message) {
	r.in.problems.Add(Problem{Sheet: r.Sheet, Line: r.Line, Message: m})
}
