package ui

import (
	"fmt"

	"shangu/schema/text"
)

// Take is how a page offers what it lists as a table to take away, in the template
// "take": a form that asks for the table of a kind (agent/web/report's Kinds) and,
// of whoever may have them, whether names are to stand in it.
type Take struct {
	Kind  string
	Names bool // may be had
	With  []Choice
}

// take is the function "take" of the templates:
//
//	take VIEW KIND [NAME VALUE]...
//
// Names and values go with the question: which month, which day.
func take(v *View, kind string, kv ...any) (Take, error) {
	if len(kv)%2 != 0 {
		return Take{}, fmt.Errorf("take %s: a name without a value", kind)
	}
	t := Take{Kind: kind, Names: Leader.admits(v.Account)}
	for i := 0; i < len(kv); i += 2 {
		t.With = append(t.With, Choice{Value: fmt.Sprint(kv[i+1]), Text: fmt.Sprint(kv[i])})
	}
	return t, nil
}

// Open reports whether a table was asked for with names, and writes down who has
// them. Who may not have them is refused, and nobody has what cannot be written down.
func (r *Request) Open(table string) (bool, error) {
	if r.URL.Query().Get("names") != "1" {
		return false, nil
	}
	if !r.May(Leader) {
		return false, text.New("page.not_yours")
	}
	err := r.Note(table)
	return err == nil, err
}

// Note writes down that something which few may see is about to be shown; see
// Deps.Note. On an error it must not be.
func (r *Request) Note(what string) error {
	if r.note == nil {
		return nil
	}
	if err := r.note(r, what); err != nil {
		return text.Wrap(err, "access.not_kept")
	}
	return nil
}
