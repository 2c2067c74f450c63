package schema

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"shangu/schema/text"
)

// What is valid is decided here for pages, importers and the hub alike. An
// unknown kind or field is always valid: it comes from a newer version and is
// kept untouched. So is a number up to maxCode that an open code list lacks.

// maxCode is the greatest number of an open code list, now or later.
const maxCode = 99

const maxUnix = 1 << 36 // past the year 4000

var minDate, maxDate = DateOf(1900, 1, 1), DateOf(2100, 12, 31)

func dateInRange(d Date) bool { return d >= minDate && d <= maxDate }

// CheckField says what is wrong with one field's value, or returns nil. Nil
// clears a field and is always allowed here; Validate knows what is required.
func CheckField(k Kind, key Key, v Value) *text.Message {
	return checkField(k, fieldOf(k, key.Num), key, v)
}

// checkField is CheckField for a field that was looked up; nil: not known.
func checkField(k Kind, f *Field, key Key, v Value) *text.Message {
	if f == nil {
		if v.Check() != nil {
			return text.New("schema.value")
		}
		return nil
	}
	if m := checkSub(f, key.Sub); m != nil {
		return m
	}
	if v.IsNil() {
		return nil
	}
	switch {
	case k == KindVisit && key.Num == VisitHelper,
		k == KindAgreement && key.Num == AgreementLead,
		k == KindPosting && (key.Num == PostingFrom || key.Num == PostingTo):
		return checkSchoolField(f, v)
	case k == KindSchool && key.Num == SchoolRegion:
		s, ok := v.Str()
		if !ok || !digits(s) || len(s) < 6 || len(s) > 12 {
			return text.New("schema.region", "field", f.Label, "value", show(v))
		}
		return nil
	}
	return checkType(f, v)
}

func checkSub(f *Field, sub string) *text.Message {
	switch f.Sub {
	case SubNone:
		if sub != "" {
			return text.New("schema.no_items", "field", f.Label)
		}
	case SubPupil:
		return CheckPupilID(sub)
	case SubSchool:
		wrong, _ := CheckSchoolCode(sub)
		return wrong
	case SubClass:
		if _, _, ok := ParseClassID(sub); !ok || len(sub) > maxID || !cleanLine(sub) {
			return text.New("schema.item", "field", f.Label, "item", quote(sub))
		}
	case SubDate:
		if d, ok := ParseDate(sub); !ok || !dateInRange(d) {
			return text.New("schema.item", "field", f.Label, "item", quote(sub))
		}
	default:
		if sub == "" || utf8.RuneCountInString(sub) > nameLen || !cleanLine(sub) {
			return text.New("schema.item", "field", f.Label, "item", quote(sub))
		}
	}
	return nil
}

func checkSchoolField(f *Field, v Value) *text.Message {
	s, ok := v.Str()
	if !ok {
		return wrongType(f, v)
	}
	wrong, _ := CheckSchoolCode(s)
	if wrong != nil {
		return text.New("schema.in_field", "field", f.Label, "why", wrong)
	}
	return nil
}

func checkType(f *Field, v Value) *text.Message {
	switch f.Type {
	case TypeText:
		s, ok := v.Str()
		if !ok {
			return wrongType(f, v)
		}
		return checkText(f, s, f.Max)
	case TypeInt, TypeTenths, TypeMoney:
		n, ok := v.Int()
		if !ok {
			return wrongType(f, v)
		}
		if n < f.Min || n > f.Max {
			return outOfRange(f, n)
		}
	case TypeBool:
		if _, ok := v.Bool(); !ok {
			return wrongType(f, v)
		}
	case TypeDate:
		n, ok := v.Int()
		if !ok {
			return wrongType(f, v)
		}
		if n < int64(minDate) || n > int64(maxDate) {
			return text.New("schema.date", "field", f.Label, "min", minDate, "max", maxDate)
		}
	case TypeMonth:
		n, ok := v.Int()
		if !ok || n/100 < 1900 || n/100 > 2100 || n%100 < 1 || n%100 > 12 {
			return text.New("schema.month", "field", f.Label, "value", show(v))
		}
	case TypeCode:
		n, ok := v.Int()
		if !ok {
			return wrongType(f, v)
		}
		if !f.List.has(n) && (f.List.Closed() || n < 0 || n > maxCode) {
			return text.New("schema.code", "field", f.Label, "value", n, "choices", f.List.Choices())
		}
	case TypeTexts:
		items, ok := v.List()
		if !ok {
			return wrongType(f, v)
		}
		if int64(len(items)) > f.Max {
			return text.New("schema.too_many", "field", f.Label, "max", f.Max)
		}
		for _, it := range items {
			s, ok := it.Str()
			if !ok {
				return wrongType(f, v)
			}
			if m := checkText(f, s, lineLen); m != nil {
				return m
			}
		}
	case TypeMark:
		return checkMark(f, v)
	case TypeBin:
		b, ok := v.Bin()
		if !ok {
			return wrongType(f, v)
		}
		if int64(len(b)) > f.Max {
			return text.New("schema.too_long", "field", f.Label, "max", f.Max)
		}
	default:
		if v.Check() != nil {
			return text.New("schema.value")
		}
	}
	return nil
}

func checkText(f *Field, s string, limit int64) *text.Message {
	if n := utf8.RuneCountInString(s); int64(n) > limit {
		return text.New("schema.too_long", "field", f.Label, "max", limit)
	}
	if !cleanText(s) {
		return text.New("schema.control", "field", f.Label)
	}
	return nil
}

func checkMark(f *Field, v Value) *text.Message {
	m, ok := ParseMark(v)
	if !ok || v.Check() != nil {
		return text.New("schema.mark", "value", show(v))
	}
	if !Statuses.has(int64(m.Status)) {
		return nil
	}
	if m.Minutes != 0 && !m.Status.Timed() {
		return text.New("schema.mark_minutes", "status", Statuses.Label(int64(m.Status)))
	}
	if m.Symptom != 0 && m.Status != StatusSick {
		return text.New("schema.mark_symptom", "status", Statuses.Label(int64(m.Status)))
	}
	return nil
}

// cleanText reports whether a text has no control characters but line ends.
func cleanText(s string) bool { return !hasControl(s, true) }

func cleanLine(s string) bool { return !hasControl(s, false) }

// hasControl reports whether s has a control character (U+0000 to U+001F and
// U+007F to U+009F); with lines, tabs and line ends do not count. The hub looks
// at the texts of every document, so it goes by bytes: C2 begins a character
// wherever it stands.
func hasControl(s string, lines bool) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ':
			if !lines || c != '\n' && c != '\t' {
				return true
			}
		case c == 0x7f:
			return true
		case c == 0xc2 && i+1 < len(s) && s[i+1] >= 0x80 && s[i+1] <= 0x9f:
			return true
		}
	}
	return false
}

// pairs are dates of which the second must not lie before the first.
var pairs = map[Kind][][2]FieldNum{
	KindVisit:      {{VisitDate, VisitEnd}},
	KindTraining:   {{TrainingDate, TrainingEnd}},
	KindAgreement:  {{AgreementFrom, AgreementTo}},
	KindEnrolment:  {{EnrolmentFrom, EnrolmentTo}},
	KindPosting:    {{PostingStart, PostingEnd}},
	KindContact:    {{ContactFrom, ContactTo}},
	KindLeave:      {{LeaveFrom, LeaveTo}},
	KindCase:       {{CaseOpened, CaseClosed}},
	KindInspection: {{InspectionDate, InspectionDue}, {InspectionDate, InspectionClosed}},
}

// Validate says all that is wrong with a document as it stands after a merge:
// its id, each field, what is missing and what contradicts. each calls its
// argument for every set field, as change.Doc.Each does. A voided document
// needs nothing but sound values. No message means that the document is valid.
func Validate(k Kind, id string, each func(func(Key, Value))) []*text.Message {
	c := checkers.Get().(*checker)
	defer c.release()
	c.kind, c.table = k, fieldTable(k)
	if m := CheckID(k, id); m != nil {
		c.wrong = append(c.wrong, m)
	}
	each(c.visit)
	if c.void {
		return c.wrong
	}
	for i := range c.table {
		if f := &c.table[i]; f.Required && c.plain[i] == "" {
			c.wrong = append(c.wrong, text.New("schema.required", "field", f.Label))
		}
	}
	for _, p := range pairs[k] {
		i, j := fieldIndex(c.table, p[0]), fieldIndex(c.table, p[1])
		from, ok1 := c.plain[i].Int()
		to, ok2 := c.plain[j].Int()
		if ok1 && ok2 && to < from {
			c.wrong = append(c.wrong, text.New("schema.order", "first", c.table[i].Label, "second", c.table[j].Label, "from", Date(from), "to", Date(to)))
		}
	}
	return c.wrong
}

// maxTable is as many fields as a kind may have.
const maxTable = 32

// checker is what Validate keeps of a document. The hub validates each one that
// comes in, so checkers are used again.
type checker struct {
	kind  Kind
	table []Field
	plain [maxTable]Value // fields that are set, by place in table
	void  bool
	wrong []*text.Message
	visit func(Key, Value) // the method field, bound once
}

var checkers = sync.Pool{New: func() any {
	c := &checker{}
	c.visit = c.field
	return c
}}

func (c *checker) release() {
	clear(c.plain[:len(c.table)])
	c.table, c.void, c.wrong = nil, false, nil
	checkers.Put(c)
}

func (c *checker) field(key Key, v Value) {
	set := key.Sub == "" && !v.IsNil()
	var f *Field
	if key.Num == FieldVoid {
		c.void = c.void || set
		f = fieldOf(c.kind, FieldVoid)
	} else if i := fieldIndex(c.table, key.Num); i >= 0 {
		f = &c.table[i]
		if set {
			c.plain[i] = v
		}
	}
	if m := checkField(c.kind, f, key, v); m != nil {
		c.wrong = append(c.wrong, m)
	}
}

// RequiredFields lists the fields without which a document of a kind is not valid.
func RequiredFields(k Kind) []Field {
	return slices.DeleteFunc(Fields(k), func(f Field) bool { return !f.Required })
}

func wrongType(f *Field, v Value) *text.Message {
	return text.New("schema.type", "field", f.Label, "want", typeLabels[f.Type], "value", show(v))
}

func outOfRange(f *Field, n int64) *text.Message {
	switch f.Type {
	case TypeTenths:
		return text.New("schema.range", "field", f.Label, "value", fixed(n, 10), "min", fixed(f.Min, 10), "max", fixed(f.Max, 10))
	case TypeMoney:
		return text.New("schema.range", "field", f.Label, "value", fixed(n, 100), "min", fixed(f.Min, 100), "max", fixed(f.Max, 100))
	}
	return text.New("schema.range", "field", f.Label, "value", n, "min", f.Min, "max", f.Max)
}

var typeLabels = map[Type]text.Label{
	TypeText: {ZH: "文字", EN: "text"}, TypeInt: {ZH: "整数", EN: "a whole number"}, TypeBool: {ZH: "是或否", EN: "yes or no"},
	TypeDate: {ZH: "日期", EN: "a date"}, TypeCode: {ZH: "代码", EN: "a code"}, TypeTenths: {ZH: "小时数", EN: "a number of hours"},
	TypeMoney: {ZH: "金额", EN: "an amount of money"}, TypeTexts: {ZH: "文字列表", EN: "a list of texts"}, TypeBin: {ZH: "数据", EN: "data"},
}

// fixed writes a number of tenths or hundredths as a decimal.
func fixed(n, unit int64) string {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	if n%unit == 0 {
		return fmt.Sprintf("%s%d", sign, n/unit)
	}
	width := 1
	if unit == 100 {
		width = 2
	}
	return fmt.Sprintf("%s%d.%0*d", sign, n/unit, width, n%unit)
}

// show is a value for a message, short.
func show(v Value) string {
	s := Show(v)
	if r := []rune(s); len(r) > 40 {
		s = string(r[:40]) + "…"
	}
	return s
}

func quote(s string) string { return show(Str(strings.ToValidUTF8(s, "?"))) }
