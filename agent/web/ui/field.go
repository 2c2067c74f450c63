package ui

import (
	"fmt"

	"shangu/schema"
	"shangu/schema/text"
)

// Choice is one value that a field may take.
type Choice struct {
	Value string // that the form carries
	Text  string // in the reader's words
	Find  string // what else it is found by while typing: initials in pinyin
	More  string // said beside it, softly
}

// Field is one field of a form as the templates "input", "note", "choice" and
// "picks" show it: label, hint, what was typed and what is wrong with it.
type Field struct {
	Form  *Form
	Name  string
	Label string // in the reader's words
	Hint  string // "" for none
	Type  string // of an input; "text" if ""
	Need  bool   // must be filled in
	Focus bool   // the cursor begins here
	Auto  string // autocomplete; "off" if ""
	Mode  string // inputmode: the keys that a phone offers
	Max   int    // characters; 0: not said
	Rows  int    // of a note; 3 if 0
	Empty string // what a choice of nothing is called; "" offers none
	List  []Choice
	With  string // of picks: what is typed beside each, in a field named NAME-VALUE; "" for nothing
}

// fieldIn makes the function "field" of the templates of a language:
//
//	field FORM NAME LABEL-ID [KEY VALUE]...
//
// Keys: type, need, focus, auto, mode, max, rows, list ([]Choice or
// *schema.CodeList), and the message ids hint, empty and with; label is a label that is in
// words already.
func fieldIn(lang text.Lang) func(f *Form, name, label string, kv ...any) (Field, error) {
	return func(f *Form, name, label string, kv ...any) (Field, error) {
		if f == nil || len(kv)%2 != 0 {
			return Field{}, fmt.Errorf("field %s: no form, or a key without a value", name)
		}
		v := Field{Form: f, Name: name, Type: "text", Auto: "off", Rows: 3}
		if label != "" {
			v.Label = text.New(label).In(lang)
		}
		for i := 0; i < len(kv); i += 2 {
			if err := v.set(fmt.Sprint(kv[i]), kv[i+1], lang); err != nil {
				return Field{}, fmt.Errorf("field %s: %w", name, err)
			}
		}
		return v, nil
	}
}

func (v *Field) set(key string, value any, lang text.Lang) error {
	ok := true
	id := ""
	switch key {
	case "label":
		v.Label, ok = value.(string)
	case "type":
		v.Type, ok = value.(string)
	case "auto":
		v.Auto, ok = value.(string)
	case "mode":
		v.Mode, ok = value.(string)
	case "need":
		v.Need, ok = value.(bool)
	case "focus":
		v.Focus, ok = value.(bool)
	case "max":
		v.Max, ok = value.(int)
	case "rows":
		v.Rows, ok = value.(int)
	case "hint":
		if id, ok = value.(string); ok && id != "" {
			v.Hint = text.New(id).In(lang)
		}
	case "empty":
		if id, ok = value.(string); ok && id != "" {
			v.Empty = text.New(id).In(lang)
		}
	case "with":
		if id, ok = value.(string); ok && id != "" {
			v.With = text.New(id).In(lang)
		}
	case "list":
		switch l := value.(type) {
		case []Choice:
			v.List = l
		case *schema.CodeList:
			v.List = Codes(l, lang)
		default:
			ok = false
		}
	default:
		return fmt.Errorf("no key %q", key)
	}
	if !ok {
		return fmt.Errorf("%s cannot be %v", key, value)
	}
	return nil
}

// Codes are the choices of a code list.
func Codes(l *schema.CodeList, lang text.Lang) []Choice {
	var out []Choice
	for _, c := range l.All() {
		out = append(out, Choice{Value: fmt.Sprint(c.Num), Text: c.Name.In(lang)})
	}
	return out
}

// ID is the field's in the page.
func (v Field) ID() string { return "f-" + v.Name }

// Wrong is what is wrong with it, "" if nothing.
func (v Field) Wrong() string { return v.Form.Wrong(v.Name) }

// Described lists the ids of what is said about the field.
func (v Field) Described() string {
	s := ""
	if v.Hint != "" {
		s = v.ID() + "-hint"
	}
	if v.Wrong() != "" {
		s += " " + v.ID() + "-wrong"
	}
	return s
}

// Chosen reports whether a choice is the field's value, or one of them.
func (v Field) Chosen(c Choice) bool { return v.Form.Has(v.Name, c.Value) }
