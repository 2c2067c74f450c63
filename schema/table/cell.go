package table

import (
	"math"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/width"

	"shangu/schema"
)

// clean takes out what a cell should not carry: blanks at both ends (the
// ideographic and the non-breaking ones too), line breaks, marks of byte order
// and direction.
func clean(s string) string {
	plain := true
	for i := range len(s) {
		if s[i] < 0x20 || s[i] >= 0x7f {
			plain = false
			break
		}
	}
	if !plain {
		s = strings.Map(func(r rune) rune {
			switch {
			case unicode.IsSpace(r):
				return ' '
			case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
				return -1
			}
			return r
		}, s)
	}
	return strings.TrimSpace(s)
}

// fold makes full-width letters, digits and marks narrow and takes out blanks,
// for cells that hold a number, a code or a date.
func fold(s string) string {
	for i := range len(s) {
		if s[i] >= 0x80 {
			s = width.Fold.String(s)
			break
		}
	}
	if !strings.ContainsRune(s, ' ') {
		return s
	}
	return strings.ReplaceAll(s, " ", "")
}

// digits undoes what a spreadsheet does to a long number: 2.199109001E+09,
// 2199109001.0.
func digits(s string) string {
	if !strings.ContainsAny(s, ".eE") || strings.Trim(s, "0123456789.+eE") != "" {
		return s
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f < 0 || f > 1<<53 || f != math.Trunc(f) {
		return s
	}
	return strconv.FormatFloat(f, 'f', 0, 64)
}

// Dates that a spreadsheet's serial number may stand for: 1954 to 2119. Outside
// of it a bare number is more likely something else.
const (
	minSerial = 20_000
	maxSerial = 80_000
)

// base1900 and base1904 are day 0 of the two ways in which workbooks count.
var (
	base1900 = schema.DateOf(1899, 12, 30)
	base1904 = schema.DateOf(1904, 1, 1)
)

// parseDate reads a date as people and spreadsheets write it: 2026-09-01,
// 2026/9/1, 2026.9.1, 2026年9月1日, 20260901, each with a time of day after it
// or not, and a spreadsheet's serial number. Two-digit years and days before
// months are refused: nobody can tell what they mean.
func parseDate(s string, base schema.Date) (schema.Date, bool) {
	s = width.Fold.String(s)
	if i := strings.IndexAny(s, " T"); i > 0 && strings.Contains(s[i:], ":") {
		s = s[:i]
	}
	s = strings.ReplaceAll(s, " ", "")
	if f, ok := serial(s); ok {
		return base + schema.Date(f), true
	}
	if len(s) == 8 && strings.Trim(s, "0123456789") == "" {
		return date(s[:4], s[4:6], s[6:])
	}
	s = strings.TrimRight(s, "日号")
	p := strings.FieldsFunc(s, separator)
	if len(p) != 3 || len(p[0]) != 4 {
		return 0, false
	}
	return date(p[0], p[1], p[2])
}

// serial reads a spreadsheet's day number; a fraction is the time of day.
func serial(s string) (int, bool) {
	whole, frac, dot := strings.Cut(s, ".")
	if len(whole) != 5 || dot && strings.Trim(frac, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(whole)
	return n, err == nil && n >= minSerial && n <= maxSerial
}

func separator(r rune) bool {
	return r == '-' || r == '/' || r == '.' || r == '年' || r == '月'
}

func date(y, m, d string) (schema.Date, bool) {
	if len(m) > 2 || len(d) > 2 {
		return 0, false
	}
	pad := func(s string) string { return "00"[:2-len(s)] + s }
	out, ok := schema.ParseDate(y + "-" + pad(m) + "-" + pad(d))
	return out, ok && out >= schema.DateOf(1900, 1, 1) && out <= schema.DateOf(2199, 12, 31)
}

// parseMonth reads a month, year*100+month: 2026-09, 2026/9, 2026年9月, 202609,
// or any date in it. 2026.1 is refused: in a cell that counts as a number it
// may have been 2026.10.
func parseMonth(s string, base schema.Date) (int, bool) {
	if d, ok := parseDate(s, base); ok {
		var y, m int
		y, _ = strconv.Atoi(d.String()[:4])
		m, _ = strconv.Atoi(d.String()[5:7])
		return y*100 + m, true
	}
	s = fold(s)
	if strings.HasSuffix(s, ".1") {
		return 0, false
	}
	if len(s) == 6 && strings.Trim(s, "0123456789") == "" {
		s = s[:4] + "-" + s[4:]
	}
	p := strings.FieldsFunc(s, separator)
	if len(p) != 2 || len(p[0]) != 4 {
		return 0, false
	}
	d, ok := date(p[0], p[1], "01")
	if !ok {
		return 0, false
	}
	return parseMonth(d.String(), base)
}

// parseDecimal reads a number with at most so many decimals as a whole number
// of tenths (1) or hundredths (2). What binary fractions make of it
// (2.9999999999999996) is mended.
func parseDecimal(s string, decimals int) (int64, bool) {
	s = fold(s)
	if s == "" || strings.Trim(s, "0123456789.+-eE") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.Abs(f) > 1e10 {
		return 0, false
	}
	f *= math.Pow10(decimals)
	n := math.Round(f)
	return int64(n), math.Abs(f-n) < 1e-6
}

// parseInt reads a whole number.
func parseInt(s string) (int64, bool) {
	n, err := strconv.ParseInt(digits(fold(s)), 10, 64)
	return n, err == nil
}

// parseBool reads yes or no as people tick it.
func parseBool(s string) (v, ok bool) {
	switch strings.ToLower(fold(s)) {
	case "是", "有", "1", "true", "yes", "y", "√", "✓", "✔":
		return true, true
	case "否", "无", "不是", "0", "false", "no", "n", "×", "✗", "x":
		return false, true
	}
	return false, false
}
