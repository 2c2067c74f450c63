// Package training is the pages of teachers' training: the ledger of hours that are
// due, a teacher's own account, the records, and the form that writes one training down
// for many teachers.
//
// It imports agent/training, agent/roster, agent/web/ui, schema and schema/table; what
// counts and what is wrong with a record is agent/training's matter.
package training

import (
	"cmp"
	"embed"
	"slices"
	"strconv"

	"shangu/agent/roster"
	"shangu/agent/training"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/text"
)

//go:embed *.html *.css *.js
var files embed.FS

// Path is the first of the pages, and the entry of the menu.
const Path = "/training"

// Area returns the pages.
func Area(desk *training.Desk, book *roster.Book) ui.Area {
	p := &pages{desk, book}
	return ui.Area{Name: "training", Files: files, Routes: []ui.Route{
		{Pattern: "GET " + Path, Who: ui.Recorder, Do: p.ledger},
		{Pattern: "GET /training/export", Who: ui.Recorder, Do: p.exportLedger},
		{Pattern: "GET /training/teachers/{key}", Who: ui.Recorder, Do: p.teacher},
		{Pattern: "GET /training/teachers/{key}/export", Who: ui.Recorder, Do: p.exportTeacher},
		{Pattern: "GET /training/records", Who: ui.Recorder, Do: p.records},
		{Pattern: "GET /training/records/export", Who: ui.Recorder, Do: p.exportRecords},
		{Pattern: "GET /training/new", Who: ui.Recorder, Do: p.blank},
		{Pattern: "POST /training/new", Who: ui.Recorder, Do: p.write},
		{Pattern: "GET /training/records/{key}", Who: ui.Recorder, Do: p.edit},
		{Pattern: "POST /training/records/{key}", Who: ui.Recorder, Do: p.change},
		{Pattern: "POST /training/records/{key}/cancel", Who: ui.Recorder, Do: p.cancel},
		{Pattern: "POST /training/records/{key}/restore", Who: ui.Recorder, Do: p.restore},
	}}
}

type pages struct {
	desk *training.Desk
	book *roster.Book
}

// account is a teacher's line of the ledger.
type account struct {
	*training.Account
	Key  string
	Mood string // good, wait or bad
	Say  *text.Message
}

// Has and Owes are the hours that count, and those that are due.
func (a account) Has() string  { return ui.Tenths(a.Tenths) }
func (a account) Owes() string { return ui.Tenths(a.Due) }

func accountOf(book *roster.Roster, l *training.Ledger, a *training.Account) account {
	out := account{Account: a, Key: book.Key(a.Teacher.ID), Mood: "good"}
	switch {
	case a.Missing() > 0:
		out.Mood, out.Say = "bad", text.New("training.missing", "hours", ui.Tenths(a.Missing()))
	case l.SoonShort(a):
		out.Mood, out.Say = "wait", text.New("training.short_from", "day", a.Short)
	case a.Short != 0:
		out.Say = text.New("training.short_from", "day", a.Short)
	default:
		out.Say = text.New("training.never_short")
	}
	return out
}

// book of accounts, as the ledger's page shows it.
type ledger struct {
	*training.Ledger
	Form  *ui.Form
	Lines []account
	Sorts []ui.Choice
	Leads bool
}

// Total is how many teachers there are, Need the hours due.
func (l ledger) Total() int   { return len(l.Accounts) }
func (l ledger) Need() string { return ui.Tenths(l.Window.Tenths) }

// Percent is the share of leading teachers.
func (l ledger) Percent() int {
	if len(l.Accounts) == 0 {
		return 0
	}
	return (l.Backbone*100 + len(l.Accounts)/2) / len(l.Accounts)
}

// Orders of the ledger, besides that by name.
const sortShort = "short"

func (p *pages) ledger(r *ui.Request) (ui.Answer, error) {
	d, err := p.lines(r)
	if err != nil {
		return nil, err
	}
	return ui.Show{Template: "training/ledger", Title: r.Say("training.title"), Active: "training", Data: d}, nil
}

func (p *pages) lines(r *ui.Request) (ledger, error) {
	book, err := p.book.Open()
	if err != nil {
		return ledger{}, err
	}
	l, err := p.desk.Ledger(r.Today)
	if err != nil {
		return ledger{}, err
	}
	sort := r.URL.Query().Get("sort")
	d := ledger{Ledger: l, Form: r.NewForm("sort", sort), Leads: r.May(ui.Leader), Sorts: []ui.Choice{
		{Text: r.Say("training.sort_name")}, {Value: sortShort, Text: r.Say("training.sort_short")},
	}}
	for _, a := range l.Accounts {
		d.Lines = append(d.Lines, accountOf(book, l, a))
	}
	if sort == sortShort {
		slices.SortStableFunc(d.Lines, func(a, b account) int {
			return cmp.Or(cmp.Compare(b.Missing(), a.Missing()), cmp.Compare(a.Short, b.Short))
		})
	}
	return d, nil
}

// entry is one line of a teacher's account.
type entry struct {
	training.Entry
	Title, More string
	Level       text.Label
	Result      text.Label
	Path        string // of the page where it is changed
	Here        bool
}

// Time is its hours.
func (e entry) Time() string { return ui.Tenths(e.Tenths) }

// statement is a teacher's account as a page shows it.
type statement struct {
	account
	Window schema.HoursWindow
	Now    []entry // in the window
	Before []entry // earlier, or of no hours
	Leads  bool
}

// Need is the hours due.
func (s statement) Need() string { return ui.Tenths(s.Window.Tenths) }

func (p *pages) teacher(r *ui.Request) (ui.Answer, error) {
	s, err := p.statement(r)
	if err != nil {
		return nil, err
	}
	return ui.Show{Template: "training/teacher", Title: s.Teacher.Name, Active: "training", Data: s}, nil
}

func (p *pages) statement(r *ui.Request) (*statement, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	l, err := p.desk.Ledger(r.Today)
	if err != nil {
		return nil, err
	}
	a := l.Account(book.ByKey(r.PathValue("key")))
	if a == nil {
		return nil, text.New("training.no_teacher")
	}
	s := &statement{account: accountOf(book, l, a), Window: l.Window, Leads: r.May(ui.Leader)}
	for _, e := range a.Entries {
		out := entry{Entry: e}
		if e.Visit != nil {
			out.Title = cmp.Or(e.Visit.Topic, r.Say("visit.no_topic"))
			out.More, out.Path = schema.VisitKinds.Label(int64(e.Visit.Kind)).In(r.Lang), "/visits/"+e.Visit.Key()
		} else {
			out.Title, out.More, out.Path = e.Record.Title, e.Record.Programme, recordPath(book, e.Record)
			out.Level, out.Result = schema.TrainingLevels.Said(e.Record.Level), schema.TrainingResults.Said(e.Record.Result)
			out.Here = p.desk.Here(e.Record)
		}
		if e.In && e.Counts {
			s.Now = append(s.Now, out)
		} else {
			s.Before = append(s.Before, out)
		}
	}
	return s, nil
}

func recordPath(book *roster.Roster, t *training.Record) string {
	return "/training/records/" + book.Key(t.ID)
}

// line is one record of the list.
type line struct {
	*training.Record
	Name string // the teacher's
	Path string
	Here bool
}

// Time is its hours.
func (l line) Time() string { return ui.Tenths(l.Hours) }

// Outcome is its result in words.
func (l line) Outcome() text.Label { return schema.TrainingResults.Said(l.Result) }

// Rank is its level in words.
func (l line) Rank() text.Label { return schema.TrainingLevels.Said(l.Level) }

// listing is what the list of records shows.
type listing struct {
	Form              *ui.Form
	Lines             []line
	Total, More       int
	Years, Programmes []ui.Choice
	Leads, Empty      bool
}

// mostLines is how many records one page shows.
const mostLines = 150

func (p *pages) records(r *ui.Request) (ui.Answer, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	all, err := p.desk.All()
	if err != nil {
		return nil, err
	}
	f, chosen := choose(r, all)
	d := listing{Form: f, Total: len(chosen), Leads: r.May(ui.Leader), Empty: len(all) == 0}
	d.Years = ui.SchoolYears(r, all, func(t *training.Record) schema.Date { return t.Date })
	seen := map[string]bool{"": true}
	for _, t := range all {
		if !seen[t.Programme] {
			seen[t.Programme] = true
			d.Programmes = append(d.Programmes, ui.Choice{Value: t.Programme, Text: t.Programme})
		}
	}
	d.More = max(0, len(chosen)-mostLines)
	for _, t := range chosen[:min(len(chosen), mostLines)] {
		d.Lines = append(d.Lines, line{t, book.TeacherName(t.Teacher), recordPath(book, t), p.desk.Here(t)})
	}
	return ui.Show{Template: "training/records", Title: r.Say("training.records_title"), Active: "training", Data: d}, nil
}

// choose are the records that the address asks for: of a school year, this one if
// none is said.
func choose(r *ui.Request, all []*training.Record) (*ui.Form, []*training.Record) {
	q, year := r.URL.Query(), r.SchoolYear()
	f := r.NewForm("year", year, "programme", q.Get("programme"), "void", q.Get("void"))
	var out []*training.Record
	for _, t := range all {
		if strconv.Itoa(t.Date.SchoolYear()) == year && (q.Get("programme") == "" || q.Get("programme") == t.Programme) && (t.Void != "") == (q.Get("void") == "1") {
			out = append(out, t)
		}
	}
	return f, out
}
