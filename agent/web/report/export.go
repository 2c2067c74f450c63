package report

import (
	"io"
	"slices"

	"shangu/agent/register"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/text"
)

// Span is how much of a table is taken away at a time.
type Span int

// Spans.
const (
	Whole Span = iota // all of it
	Month             // a month's
	Day               // a day's, today's unless another is asked for
)

// Kind is a table that can be taken away.
type Kind struct {
	Name string
	Span Span
	Who  ui.Who // who sees the list that it is of, and so may have it
}

// Kinds are all of them.
var Kinds = []Kind{
	{"roster", Whole, ui.Recorder}, {"classes", Day, ui.Recorder}, {"enrolments", Whole, ui.Recorder}, {"teachers", Whole, ui.Recorder},
	{"attendance", Month, ui.Recorder}, {"fortnight", Day, ui.Recorder}, {"leave", Whole, ui.Recorder}, {"days", Whole, ui.Recorder},
	{"visits", Whole, ui.Recorder}, {"agreements", Whole, ui.Recorder}, {"training", Whole, ui.Recorder},
	{"findings", Whole, ui.Recorder}, {"cases", Whole, ui.Recorder}, {"steps", Whole, ui.Recorder}, {"watched", Whole, ui.Recorder}, {"sickness", Whole, ui.Recorder},
	{"reports", Whole, ui.Recorder}, {"changes", Month, ui.Recorder},
	{"receipts", Day, ui.Recorder}, {"conflicts", Whole, ui.Recorder}, {"quarantine", Whole, ui.Recorder},
	{"accounts", Whole, ui.Manager}, {"access", Whole, ui.Leader},
}

type exportRow struct {
	Kind, Label, What string
	Monthly, Daily    bool
}

func (p *pages) exportsPage(r *ui.Request) (ui.Answer, error) {
	v := struct {
		Rows   []exportRow
		Months []ui.Choice
		Leader bool
	}{Leader: r.May(ui.Leader)}
	for _, k := range Kinds {
		if r.May(k.Who) {
			v.Rows = append(v.Rows, exportRow{k.Name, r.Say("register.export_" + k.Name), r.Say("register.export_" + k.Name + "_what"), k.Span == Month, k.Span == Day})
		}
	}
	for m, n := register.MonthOf(r.Today), 0; n < offered; m, n = register.MonthOf(m-1), n+1 {
		v.Months = append(v.Months, ui.Choice{Value: m.Month(), Text: monthTitle(r, "register.month", m)})
	}
	return ui.Show{Template: "report/exports", Title: r.Say("register.exports_title"), Active: "reports", Data: v}, nil
}

// offered is how many months can be chosen from: those of five years, which papers
// are kept for.
const offered = 60

func (p *pages) export(r *ui.Request) (ui.Answer, error) {
	i := slices.IndexFunc(Kinds, func(k Kind) bool { return k.Name == r.PathValue("kind") })
	if i < 0 {
		return nil, text.New("page.none")
	}
	kind := Kinds[i]
	if !r.May(kind.Who) {
		return nil, text.New("page.not_yours")
	}
	on, name := r.Today, kind.Name
	switch kind.Span {
	case Month:
		m, ok := schema.ParseDate(r.URL.Query().Get("month") + "-01")
		if !ok {
			return nil, text.New("register.choose_month")
		}
		on, name = m, kind.Name+"-"+m.Month()
	case Day:
		if asked := r.URL.Query().Get("on"); asked != "" {
			d, ok := schema.ParseDate(asked)
			if !ok {
				return nil, text.New("register.choose_day")
			}
			on = d
		}
		name = kind.Name + "-" + on.String()
	}
	open, err := r.Open(kind.Name)
	if err != nil {
		return nil, err
	}
	return ui.Download{Name: name + ".xlsx", Type: ui.TypeXLSX, Write: func(w io.Writer) error {
		return p.exports.Table(r.Context(), w, kind.Name, on, open)
	}}, nil
}
