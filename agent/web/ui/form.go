package ui

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"shangu/schema"
	"shangu/schema/text"
)

// maxForm bounds the bytes of a form; files come by a route of their own.
const maxForm = 256 << 10

// Form is what somebody typed and what is wrong with it, field by field. Shown
// again it gives back what was typed.
type Form struct {
	values url.Values
	wrong  map[string]*text.Message
	lang   text.Lang
}

// NewForm is a form filled in by the page itself; a field of several comes several times.
func (r *Request) NewForm(kv ...string) *Form {
	f := &Form{values: url.Values{}, wrong: map[string]*text.Message{}, lang: r.Lang}
	for i := 0; i+1 < len(kv); i += 2 {
		f.values.Add(kv[i], kv[i+1])
	}
	return f
}

// Set puts a value into a field.
func (f *Form) Set(name, value string) { f.values.Set(name, value) }

// Add puts one more value into a field of several.
func (f *Form) Add(name, value string) { f.values.Add(name, value) }

// Typed is the form that the browser sent.
func (r *Request) Typed() *Form {
	f := r.NewForm()
	f.values = r.PostForm
	return f
}

// Value is what was typed into a field.
func (f *Form) Value(name string) string { return f.values.Get(name) }

// Values are what was chosen in a field of several.
func (f *Form) Values(name string) []string { return f.values[name] }

// Has reports whether a value of a field was chosen.
func (f *Form) Has(name, value string) bool {
	for _, v := range f.values[name] {
		if v == value {
			return true
		}
	}
	return false
}

// Wrong is what is wrong with a field, in the reader's words; "" if nothing.
func (f *Form) Wrong(name string) string {
	if m := f.wrong[name]; m != nil {
		return m.In(f.lang)
	}
	return ""
}

// OK reports whether nothing is wrong.
func (f *Form) OK() bool { return len(f.wrong) == 0 }

// Refuse says what is wrong with a field; the first sentence stays. An error that
// is no message is a failure of ours, and comes back.
func (f *Form) Refuse(name string, err error) error {
	if err == nil {
		return nil
	}
	m := text.Of(err)
	if m == nil {
		return err
	}
	if f.wrong[name] == nil {
		f.wrong[name] = m
	}
	return nil
}

// RefuseAll says what is wrong with a record beside the fields of it, which have names
// in the form; the first sentence of each stays.
func (f *Form) RefuseAll(names map[schema.FieldNum]string, wrong map[schema.FieldNum]*text.Message) {
	for n, m := range wrong {
		if name := names[n]; f.wrong[name] == nil {
			f.wrong[name] = m
		}
	}
}

// Text reads a field of at most max characters.
func (f *Form) Text(name string, max int) string {
	v := strings.TrimSpace(f.Value(name))
	if utf8.RuneCountInString(v) > max {
		f.Refuse(name, text.New("page.too_long", "max", max))
	}
	return v
}

// Needed is Text of a field that must not be empty.
func (f *Form) Needed(name string, max int) string {
	v := f.Text(name, max)
	if v == "" {
		f.Refuse(name, text.New("page.needed"))
	}
	return v
}

// Date reads a date; 0 where none was typed. Dates and numbers may be typed in the
// wide characters of an input method.
func (f *Form) Date(name string) schema.Date {
	v := schema.Fold(f.Value(name))
	if v == "" {
		return 0
	}
	d, ok := schema.ParseDate(v)
	if !ok {
		f.Refuse(name, text.New("page.bad_date", "date", v))
	}
	return d
}

// Int reads a number from min to max; 0 where none was typed.
func (f *Form) Int(name string, min, max int) int {
	v := schema.Fold(f.Value(name))
	if v == "" {
		return 0
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < min || n > max {
		f.Refuse(name, text.New("page.bad_number", "min", min, "max", max))
		return 0
	}
	return n
}

// Decimal reads a number with at most one place after the point, in tenths, from min
// to max tenths; 0 where none was typed.
func (f *Form) Decimal(name string, min, max int) int {
	v := schema.Fold(f.Value(name))
	if v == "" {
		return 0
	}
	whole, part, dot := strings.Cut(v, ".")
	n, err := strconv.Atoi(whole)
	tenths := 0
	if dot && err == nil {
		tenths, err = strconv.Atoi(part)
	}
	n = n*10 + tenths
	if err != nil || len(part) > 1 || tenths < 0 || strings.HasPrefix(whole, "-") || n < min || n > max {
		f.Refuse(name, text.New("page.bad_decimal", "min", Tenths(min), "max", Tenths(max)))
		return 0
	}
	return n
}

// Tenths is what Decimal reads, as people write it; "" for a number below 0, which nobody
// wrote.
func Tenths[N int | int64](tenths N) string {
	if tenths < 0 {
		return ""
	}
	return strconv.FormatFloat(float64(tenths)/10, 'f', -1, 64)
}

// Code is a choice of a code list, "" where none was made.
func Code(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// readForm parses a form of bounded size.
func readForm(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	err := r.ParseForm()
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return text.New("page.too_large")
	}
	if err != nil {
		return text.Wrap(err, "page.bad_form")
	}
	return nil
}
