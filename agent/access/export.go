package access

import (
	"io"
	"time"

	"shangu/schema"
	"shangu/schema/table"
	"shangu/schema/text"
)

var spec = table.NewSpec(text.Label{ZH: "查看记录", EN: "who looked"},
	table.Column{Name: "at", Titles: []string{"时间"}}, table.Column{Name: "account", Titles: []string{"账户"}}, table.Column{Name: "what", Titles: []string{"看了什么"}},
	table.Column{Name: "number", Titles: []string{"学籍号"}}, table.Column{Name: "name", Titles: []string{"学生"}}, table.Column{Name: "remote", Titles: []string{"从哪里"}},
)

// Text is what an event was of, in words.
func (e Event) Text() *text.Message {
	switch e.What {
	case "pupil":
		return text.New("access.pupil")
	case "case":
		return text.New("access.case")
	case "oneroster":
		return text.New("access.oneroster")
	case "registers":
		return text.New("access.registers")
	case "trail":
		return text.New("access.trail")
	case "training-ledger", "training-teacher":
		return text.New("access.ledger")
	}
	return text.New("access.table", "table", text.New("register.export_"+e.What))
}

// Place is where an event was, in words.
func (e Event) Place() *text.Message {
	if e.Remote {
		return text.New("access.there")
	}
	return text.New("access.here")
}

// Time is when an event was, as clocks at the school show it.
func (e Event) Time() string { return time.Unix(e.At, 0).In(schema.Zone).Format("2006-01-02 15:04:05") }

// Write writes all events that can be read as a workbook, the newest first. Unless open
// is set, names and numbers are masked.
func (l *Log) Write(w io.Writer, open bool) error {
	events, broken := l.All()
	if broken != nil && len(events) == 0 {
		return broken
	}
	number, name := schema.Masks(open)
	var rows [][]any
	for _, e := range events {
		rows = append(rows, []any{e.Time(), table.Text(name(e.Account)), e.Text().In(text.ZH), table.Text(number(e.Whose)), table.Text(name(e.Name)), e.Place().In(text.ZH)})
	}
	return table.WriteBook(w, spec, spec.Title.ZH, rows)
}
