// Package tabletest reads workbooks as a spreadsheet does, for the tests of what writes
// them. It is used by tests alone.
package tabletest

import (
	"bytes"
	"io"
	"testing"

	"github.com/xuri/excelize/v2"
)

// Rows are the lines of a sheet of a workbook that write writes, its title and header
// among them; of the first sheet if sheet is "".
func Rows(t *testing.T, sheet string, write func(io.Writer) error) [][]string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if sheet == "" {
		sheet = f.GetSheetName(0)
	}
	rows, err := f.GetRows(sheet)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}
