package text

import "strings"

// The compact form of a message is one line:
//
//	id|name=value|name^zh^en|name~code
//
// "=" gives plain words, "^" a Label, "~" another message's code. In names,
// values and codes the characters \ | ^ and line ends are written \\ \p \c \n
// \r, so that a reader splits first and unescapes after.

var (
	escaper   = strings.NewReplacer(`\`, `\\`, `|`, `\p`, `^`, `\c`, "\n", `\n`, "\r", `\r`)
	unescaper = strings.NewReplacer(`\\`, `\`, `\p`, `|`, `\c`, `^`, `\n`, "\n", `\r`, "\r")
)

// maxNesting bounds how deep messages may hold messages.
const maxNesting = 4

// Code returns the compact form, for the wire and the store. Parse is its
// inverse; the cause is not kept.
func (m *Message) Code() string {
	var b strings.Builder
	b.WriteString(escaper.Replace(m.id))
	for _, a := range m.args {
		b.WriteByte('|')
		b.WriteString(a.name)
		switch v := a.value.(type) {
		case *Message:
			b.WriteByte('~')
			b.WriteString(escaper.Replace(v.Code()))
		case Label:
			b.WriteByte('^')
			b.WriteString(escaper.Replace(v.ZH))
			b.WriteByte('^')
			b.WriteString(escaper.Replace(v.EN))
		default:
			b.WriteByte('=')
			b.WriteString(escaper.Replace(v.In(ZH)))
		}
	}
	return b.String()
}

// Parse reads the compact form. Text that is no code becomes a message that
// shows that text: what came over the wire is never lost to the reader.
func Parse(code string) *Message { return parse(code, 0) }

func parse(code string, depth int) *Message {
	id, rest, more := strings.Cut(code, "|")
	m := &Message{id: unescaper.Replace(id)}
	for more {
		var part string
		part, rest, more = strings.Cut(rest, "|")
		i := strings.IndexAny(part, "=^~")
		if i < 0 {
			continue
		}
		name, kind, value := part[:i], part[i], part[i+1:]
		switch kind {
		case '^':
			zh, en, _ := strings.Cut(value, "^")
			m.args = append(m.args, arg{name, Label{unescaper.Replace(zh), unescaper.Replace(en)}})
		case '~':
			if depth < maxNesting {
				m.args = append(m.args, arg{name, parse(unescaper.Replace(value), depth+1)})
			}
		default:
			m.args = append(m.args, arg{name, plain(unescaper.Replace(value))})
		}
	}
	return m
}
