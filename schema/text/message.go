package text

import (
	"errors"
	"fmt"
	"strings"
)

// Message is one thing to tell a person: an id of the catalogue and what to
// fill in. It is immutable and an error.
type Message struct {
	id    string
	args  []arg
	cause error
}

// arg is one named argument; its value is words, or words in each language.
type arg struct {
	name  string
	value speaker
}

// speaker is anything that has words in each language.
type speaker interface{ In(Lang) string }

// Label is a name in both languages, for arguments that name a field or a code.
type Label struct{ ZH, EN string }

// In returns the name in a language.
func (l Label) In(lang Lang) string {
	if lang == EN && l.EN != "" {
		return l.EN
	}
	return l.ZH
}

// plain is an argument that reads the same in each language.
type plain string

func (p plain) In(Lang) string { return string(p) }

// New makes a message from its id and pairs of argument name and value. A value
// may be a string, a number, a fmt.Stringer, a Label, another *Message or any
// error.
func New(id string, kv ...any) *Message {
	m := &Message{id: id}
	for i := 0; i+1 < len(kv); i += 2 {
		m.args = append(m.args, arg{fmt.Sprint(kv[i]), speak(kv[i+1])})
	}
	return m
}

// Wrap makes a message that keeps its cause for errors.Is and errors.As. The
// cause's words appear only if the text has a place for them: {cause}.
func Wrap(cause error, id string, kv ...any) *Message {
	m := New(id, kv...)
	m.cause = cause
	if cause != nil {
		m.args = append(m.args, arg{"cause", speak(cause)})
	}
	return m
}

func speak(v any) speaker {
	switch v := v.(type) {
	case *Message:
		if v == nil {
			return plain("")
		}
		return v
	case Label:
		return v
	case error:
		if m, ok := errors.AsType[*Message](v); ok {
			return m
		}
		return plain(v.Error())
	}
	return plain(fmt.Sprint(v))
}

// ID returns the message's id in the catalogue.
func (m *Message) ID() string { return m.id }

// Arg returns an argument's words in the default language, "" when there is none.
func (m *Message) Arg(name string) string {
	for _, a := range m.args {
		if a.name == name {
			return a.value.In(Default())
		}
	}
	return ""
}

// Error returns the words in the default language.
func (m *Message) Error() string { return m.In(Default()) }

// Unwrap returns the cause, if there is one.
func (m *Message) Unwrap() error { return m.cause }

// Is reports whether target is a message with the same id, so that a message
// without arguments serves as a sentinel.
func (m *Message) Is(target error) bool {
	t, ok := target.(*Message)
	return ok && m.id == t.id && len(t.args) == 0
}

// In returns the words in a language. A message that this build does not know,
// from a newer peer, shows its id and arguments.
func (m *Message) In(l Lang) string {
	e, ok := catalogue()[m.id]
	if !ok {
		var b strings.Builder
		b.WriteString(m.id)
		for _, a := range m.args {
			fmt.Fprintf(&b, " %s=%s", a.name, a.value.In(l))
		}
		return b.String()
	}
	return placeholder.ReplaceAllStringFunc(e.in(l), func(p string) string {
		for _, a := range m.args {
			if a.name == p[1:len(p)-1] {
				return a.value.In(l)
			}
		}
		return p
	})
}

// Of returns err as a message, or nil if there is none in its chain.
func Of(err error) *Message {
	m, ok := errors.AsType[*Message](err)
	if !ok {
		return nil
	}
	return m
}

// In returns an error's words in a language: a message's own, or Error() of
// any other error.
func In(err error, l Lang) string {
	if err == nil {
		return ""
	}
	if m, ok := err.(*Message); ok {
		return m.In(l)
	}
	if m := Of(err); m != nil {
		return m.In(l)
	}
	return err.Error()
}
