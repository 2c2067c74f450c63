// Package report is the pages of what a school hands in: the registers of classes,
// each month's report with its corrections, and tables to take away. What is
// counted and what may be frozen is agent/register's to say.
package report

import (
	"context"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"

	"shangu/agent/register"
	"shangu/agent/roster"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/text"
)

//go:embed *.html *.css
var files embed.FS

// Exports writes tables of what the school keeps; agent/service's Agent.
type Exports interface {
	// Table writes a table of a kind, as Kinds names them: of the day on, or of the month
	// that begins with it where the kind goes by months. Unless open is set, names and
	// numbers are masked.
	Table(ctx context.Context, w io.Writer, kind string, on schema.Date, open bool) error
}

// Area returns the pages.
func Area(desk *register.Desk, book *roster.Book, exports Exports) ui.Area {
	p := &pages{desk, book, exports}
	return ui.Area{Name: "report", Files: files, Routes: []ui.Route{
		{Pattern: "GET /reports", Who: ui.Recorder, Do: p.months},
		{Pattern: "GET /reports/{month}", Who: ui.Recorder, Do: p.month},
		{Pattern: "GET /reports/{month}/xlsx", Who: ui.Recorder, Do: p.monthFile},
		{Pattern: "POST /reports/{month}/freeze", Who: ui.Leader, Do: p.freeze},
		{Pattern: "POST /reports/{month}/correct", Who: ui.Leader, Do: p.correct},
		{Pattern: "GET /reports/{month}/sheet/{n}", Who: ui.Recorder, Do: p.sheet},
		{Pattern: "GET /reports/{month}/registers", Who: ui.Recorder, Do: p.classes},
		{Pattern: "GET /reports/{month}/registers/xlsx", Who: ui.Recorder, Do: p.registersFile},
		{Pattern: "GET /reports/{month}/registers/{class}", Who: ui.Recorder, Do: p.register},
		{Pattern: "GET /reports/{month}/registers/{class}/xlsx", Who: ui.Recorder, Do: p.registersFile},
		{Pattern: "GET /exports", Who: ui.Recorder, Do: p.exportsPage},
		{Pattern: "GET /exports/{kind}", Who: ui.Recorder, Do: p.export},
	}}
}

type pages struct {
	desk    *register.Desk
	book    *roster.Book
	exports Exports
}

func (p *pages) months(r *ui.Request) (ui.Answer, error) {
	list, err := p.desk.Months(r.Today)
	if err != nil {
		return nil, err
	}
	type row struct {
		register.Frozen
		Name string
	}
	var rows []row
	for _, m := range list {
		rows = append(rows, row{m, monthTitle(r, "register.month", m.Month)})
	}
	return ui.Show{Template: "report/months", Title: r.Say("register.title"), Active: "reports", Data: rows}, nil
}

// monthIn reads the month in an address.
func monthIn(r *ui.Request) (schema.Date, error) {
	m, ok := schema.ParseDate(r.PathValue("month") + "-01")
	if !ok || m > r.Today {
		return 0, text.New("page.none")
	}
	return m, nil
}

// monthTitle is a month as people write it.
func monthTitle(r *ui.Request, id string, m schema.Date, kv ...any) string {
	y, month, _ := m.Parts()
	return r.Say(id, append([]any{"year", y, "month", month}, kv...)...)
}

// classRow is a class of a month's report.
type classRow struct {
	Name, Path string
	register.Sum
	Percent string // attendance rate, "" where no roll was taken
	Counts  []int  // by register.Totals
}

func rowOf(name, path string, s register.Sum) classRow {
	row := classRow{Name: name, Path: path, Sum: s}
	for _, status := range register.Totals {
		row.Counts = append(row.Counts, s.By[status])
	}
	if n, ok := s.Rate(); ok {
		row.Percent = fmt.Sprintf("%d.%02d", n/100, n%100)
	}
	return row
}

// figures are what the page of a month shows of its figures.
type figures struct {
	Month    string
	Name     string // of the school
	Classes  []classRow
	All      classRow
	Symptoms []*text.Message
	School   []*text.Message
	Heads    []string // of register.Totals
}

func (p *pages) figuresOf(r *ui.Request, book *roster.Roster, f *register.Figures) figures {
	v := figures{Month: f.Month.Month(), Name: book.Name, School: f.School.Say()}
	for _, status := range register.Totals {
		v.Heads = append(v.Heads, schema.Statuses.Label(int64(status)).In(r.Lang))
	}
	by := map[string]*register.ClassFigures{}
	var order []string
	for i := range f.Classes {
		by[f.Classes[i].Class] = &f.Classes[i]
	}
	// As schools list them; what was frozen may have a class that is gone since.
	for _, c := range book.Classes(f.Month) {
		if by[c.ID] != nil {
			order = append(order, c.ID)
		}
	}
	for i := range f.Classes {
		if id := f.Classes[i].Class; book.Class(id) == nil {
			order = append(order, id)
		}
	}
	var all register.Sum
	for _, id := range order {
		var s register.Sum
		s.Add(by[id])
		all.Add(by[id])
		path := ""
		if book.Class(id) != nil {
			path = "/reports/" + f.Month.Month() + "/registers/" + book.Key(id)
		}
		v.Classes = append(v.Classes, rowOf(register.ClassName(id), path, s))
	}
	v.All = rowOf("", "", all)
	for symptom, n := range all.Symptoms {
		if n > 0 {
			v.Symptoms = append(v.Symptoms, text.New("register.symptom", "symptom", register.SymptomLabel(symptom), "n", n))
		}
	}
	return v
}

// stamp is a report or correction sheet as a page names it.
type stamp struct {
	*register.Report
	Hex string
}

func stampsOf(list []*register.Report) []stamp {
	var out []stamp
	for _, r := range list {
		out = append(out, stamp{r, hex.EncodeToString(r.Digest[:])})
	}
	return out
}

// monthView is what the page of a month shows.
type monthView struct {
	figures
	Reports []stamp
	Broken  bool // what was frozen does not bear out its digest
	Changes changes
	Missing int  // sheets that are due and not taken
	Over    bool // the month may be frozen
	Leader  bool
	Form    *ui.Form
}

func (p *pages) month(r *ui.Request) (ui.Answer, error) { return p.showMonth(r, r.NewForm(), 0) }

func (p *pages) showMonth(r *ui.Request, f *ui.Form, code int) (ui.Answer, error) {
	m, err := monthIn(r)
	if err != nil {
		return nil, err
	}
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	reports, err := p.desk.Reports(m)
	if err != nil {
		return nil, err
	}
	v := monthView{Reports: stampsOf(reports), Leader: r.May(ui.Leader), Form: f}
	if len(reports) > 0 {
		last := reports[len(reports)-1]
		v.figures, v.Broken = p.figuresOf(r, book, last.Figures), !last.Sound
		list, trace, err := p.desk.Pending(m, r.Today)
		if err != nil {
			return nil, err
		}
		v.Changes = p.changesOf(r, book, list, trace)
	} else {
		now, err := p.desk.Month(m, r.Today)
		if err != nil {
			return nil, err
		}
		v.figures = p.figuresOf(r, book, now)
		v.Over, err = p.desk.Over(m, r.Today)
		if err != nil {
			return nil, err
		}
	}
	v.Missing = v.All.Sheets.Due - v.All.Sheets.Taken - v.All.Sheets.NoSchool
	return ui.Show{Template: "report/month", Title: monthTitle(r, "register.month_title", m), Active: "reports", Data: v, Code: code}, nil
}

func (p *pages) freeze(r *ui.Request) (ui.Answer, error) {
	m, err := monthIn(r)
	if err != nil {
		return nil, err
	}
	if _, err := p.desk.Freeze(r.Context(), r.Name(), m, r.Today); err != nil {
		return nil, err
	}
	return ui.See("/reports/" + m.Month()), nil
}

func (p *pages) correct(r *ui.Request) (ui.Answer, error) {
	m, err := monthIn(r)
	if err != nil {
		return nil, err
	}
	f := r.Typed()
	reason := f.Needed("reason", 200)
	if f.OK() {
		sheet, err := p.desk.Correct(r.Context(), r.Name(), m, r.Today, reason)
		if err != nil {
			return nil, err
		}
		return ui.See(fmt.Sprintf("/reports/%s/sheet/%d", m.Month(), sheet.Correction)), nil
	}
	return p.showMonth(r, f, http.StatusUnprocessableEntity)
}

// sheet shows a correction sheet.
func (p *pages) sheet(r *ui.Request) (ui.Answer, error) {
	m, err := monthIn(r)
	if err != nil {
		return nil, err
	}
	reports, err := p.desk.Reports(m)
	if err != nil {
		return nil, err
	}
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	for _, c := range reports {
		if c.Correction > 0 && fmt.Sprint(c.Correction) == r.PathValue("n") {
			list := p.changesOf(r, book, c.Changes, c.Trace)
			list.Open = true // on paper too
			return ui.Show{Template: "report/sheet", Title: monthTitle(r, "register.sheet_title", m, "n", c.Correction), Active: "reports", Data: struct {
				stamp
				Changes changes
				Base    string
				Month   string
				Path    string
			}{stampsOf([]*register.Report{c})[0], list, hex.EncodeToString(reports[c.Correction-1].Digest[:]), m.Month(), "/reports/" + m.Month()}}, nil
		}
	}
	return nil, text.New("page.none")
}

func (p *pages) monthFile(r *ui.Request) (ui.Answer, error) {
	m, err := monthIn(r)
	if err != nil {
		return nil, err
	}
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	reports, err := p.desk.Reports(m)
	if err != nil {
		return nil, err
	}
	var f *register.Figures
	if n := len(reports); n > 0 {
		f = reports[n-1].Figures
	} else if f, err = p.desk.Month(m, r.Today); err != nil {
		return nil, err
	}
	return ui.Download{Name: "report-" + m.Month() + ".xlsx", Type: ui.TypeXLSX, Write: func(w io.Writer) error {
		return register.Write(w, book.Name, f, reports)
	}}, nil
}
