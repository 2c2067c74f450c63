// Package form is how an area's rules say what is wrong with what somebody filled in:
// with a record, by its fields; or with one thing that was typed.
//
// It imports schema, schema/text and agent/store, saves nothing and knows no page.
package form

import (
	"maps"
	"slices"

	"shangu/agent/store"
	"shangu/schema"
	"shangu/schema/text"
)

// Wrong is what is wrong with a record, field by field. As an error it says that nothing
// was saved.
type Wrong map[schema.FieldNum]*text.Message

func (w Wrong) Error() string {
	for _, n := range slices.Sorted(maps.Keys(w)) {
		return w[n].Error()
	}
	return text.New("form.wrong").Error()
}

// Unwrap lets a sentence for the whole form be found.
func (w Wrong) Unwrap() error { return text.New("form.wrong") }

// Err is w, nil where nothing is wrong.
func (w Wrong) Err() error {
	if len(w) == 0 {
		return nil
	}
	return w
}

// Refuse says what is wrong with a field; the first sentence stays.
func (w Wrong) Refuse(n schema.FieldNum, m *text.Message) {
	if w[n] == nil {
		w[n] = m
	}
}

// Check holds the fields of an edit against the schema.
func (w Wrong) Check(e store.Edit) {
	for _, f := range e.Fields {
		if m := schema.CheckField(e.Kind, f.Key, f.Value); m != nil {
			w.Refuse(f.Key.Num, m)
		}
	}
}

// FieldError says what is wrong with one thing that was typed. Nothing was saved.
type FieldError struct {
	Field string
	Why   *text.Message
}

func (e *FieldError) Error() string { return e.Why.Error() }

// Unwrap lets the sentence be found.
func (e *FieldError) Unwrap() error { return e.Why }

// Beside is a FieldError with a sentence of the catalogue.
func Beside(field, id string, kv ...any) error { return &FieldError{field, text.New(id, kv...)} }
