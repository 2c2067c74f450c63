package schema

import (
	"encoding/hex"
	"strconv"
	"strings"

	"shangu/schema/text"
)

// Show writes a value of an unknown field for a person: numbers and texts as
// they are, lists in brackets, bytes in hex. What is no value shows as hex too.
func Show(v Value) string {
	if v.IsNil() {
		return ""
	}
	if n, ok := v.Int(); ok {
		return strconv.FormatInt(n, 10)
	}
	if s, ok := v.Str(); ok {
		return s
	}
	if b, ok := v.Bool(); ok {
		return strconv.FormatBool(b)
	}
	if b, ok := v.Bin(); ok {
		return hex.EncodeToString([]byte(b))
	}
	if items, ok := v.List(); ok {
		parts := make([]string, len(items))
		for i, it := range items {
			parts[i] = Show(it)
		}
		return "[" + strings.Join(parts, " ") + "]"
	}
	return hex.EncodeToString([]byte(v))
}

var yesNo = map[bool]text.Label{true: {ZH: "是", EN: "yes"}, false: {ZH: "否", EN: "no"}}

// YesNo is a yes or a no in words.
func YesNo(b bool) text.Label { return yesNo[b] }

// Words writes a field's value as a person reads it: codes by their names,
// dates as dates, hours and money as decimals. A value that does not fit its
// field shows as Show does.
func Words(k Kind, n FieldNum, v Value) text.Label {
	f := fieldOf(k, n)
	same := func(s string) text.Label { return text.Label{ZH: s, EN: s} }
	if f == nil || v.IsNil() {
		return same(Show(v))
	}
	num, isInt := v.Int()
	switch {
	case f.Type == TypeCode && isInt:
		return f.List.Label(num)
	case f.Type == TypeDate && isInt && dateInRange(Date(num)):
		return same(Date(num).String())
	case f.Type == TypeMonth && isInt && num > 0:
		return same(Month(num))
	case f.Type == TypeTenths && isInt:
		return same(fixed(num, 10))
	case f.Type == TypeMoney && isInt:
		return same(fixed(num, 100))
	case f.Type == TypeBool:
		if b, ok := v.Bool(); ok {
			return yesNo[b]
		}
	case f.Type == TypeTexts:
		if items, ok := v.List(); ok {
			parts := make([]string, len(items))
			for i, it := range items {
				parts[i] = Show(it)
			}
			return text.Label{ZH: strings.Join(parts, "、"), EN: strings.Join(parts, ", ")}
		}
	case f.Type == TypeMark:
		if m, ok := ParseMark(v); ok {
			return m.label()
		}
	}
	return same(Show(v))
}

// Month writes year*100+month as yyyy-mm.
func Month(n int64) string {
	m := strconv.FormatInt(n%100, 10)
	if len(m) < 2 {
		m = "0" + m
	}
	return strconv.FormatInt(n/100, 10) + "-" + m
}

func (m Mark) label() text.Label {
	l := Statuses.Label(int64(m.Status))
	switch {
	case m.Minutes != 0:
		n := strconv.Itoa(m.Minutes)
		l.ZH += " " + n + "分钟"
		l.EN += ", " + n + " min"
	case m.Symptom != 0:
		s := Symptoms.Label(int64(m.Symptom))
		l.ZH += "（" + s.ZH + "）"
		l.EN += " (" + s.EN + ")"
	}
	return l
}
