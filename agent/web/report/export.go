package report

import (
	"io"
	"slices"

	"shangu/agent/register"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/text"
)

// Kinds are the tables that can be taken away.
var Kinds = []string{"roster", "teachers", "attendance", "visits", "training", "leave", "findings", "cases", "watched"}

// monthly are those that are taken away month by month.
var monthly = []string{"attendance"}

type exportRow struct {
	Kind, Label, What string
	Monthly           bool
}

func (p *pages) exportsPage(r *ui.Request) (ui.Answer, error) {
	v := struct {
		Rows   []exportRow
		Months []ui.Choice
		Leader bool
	}{Leader: r.May(ui.Leader)}
	for _, k := range Kinds {
		v.Rows = append(v.Rows, exportRow{k, r.Say("register.export_" + k), r.Say("register.export_" + k + "_what"), slices.Contains(monthly, k)})
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
	kind := r.PathValue("kind")
	if !slices.Contains(Kinds, kind) {
		return nil, text.New("page.none")
	}
	name := kind
	var month schema.Date
	if slices.Contains(monthly, kind) {
		m, ok := schema.ParseDate(r.URL.Query().Get("month") + "-01")
		if !ok {
			return nil, text.New("register.choose_month")
		}
		month, name = m, kind+"-"+m.Month()
	}
	open, err := p.open(r, kind)
	if err != nil {
		return nil, err
	}
	return ui.Download{Name: name + ".xlsx", Type: ui.TypeXLSX, Write: func(w io.Writer) error {
		return p.exports.Table(r.Context(), w, kind, month, open)
	}}, nil
}
