// Package xlsx reads and writes the cells of workbooks (ECMA-376, .xlsx), and of all
// else in them only what tables need: which sheets people see, in what order, from
// which day dates are counted; when writing, bold headings, lines, merged cells, the
// paper.
//
// It is here because the agent must stay small: the library that does all of it,
// excelize, with what comes along, is a seventh of the program. Tests hold this package against that
// library, both ways. It imports nothing of ours and trusts nothing: who opens a
// workbook has bounded its parts (package table does).
package xlsx

import (
	"fmt"
	"strconv"
	"strings"
)

// maxColumn is the last column of a sheet, XFD.
const maxColumn = 16384

// Ref names a cell by column and row, both from 1: Ref(3, 2) is "C2".
func Ref(column, row int) string {
	var b [3]byte
	i := len(b)
	for n := column; n > 0; n = (n - 1) / 26 {
		i--
		b[i] = byte('A' + (n-1)%26)
	}
	return string(b[i:]) + strconv.Itoa(row)
}

// ParseRef reads what Ref wrote; $ signs do not count.
func ParseRef(ref string) (column, row int, err error) {
	s := strings.ReplaceAll(ref, "$", "")
	i := 0
	for ; i < len(s); i++ {
		c := s[i] &^ 0x20
		if c < 'A' || c > 'Z' {
			break
		}
		if column = column*26 + int(c-'A') + 1; column > maxColumn {
			return 0, 0, fmt.Errorf("cell %.20q: no such column", ref)
		}
	}
	row, err = strconv.Atoi(s[i:])
	if i == 0 || err != nil || row < 1 || s[i] == '+' {
		return 0, 0, fmt.Errorf("cell %.20q: not a cell", ref)
	}
	return column, row, nil
}
