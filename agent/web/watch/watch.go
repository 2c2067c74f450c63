// Package watch is the pages of the watch: what today's rolls gave rise to, cases
// of pupils who stay away with their steps, and the list of pupils who are
// watched closely. What is found, and what may be saved, is agent/watch's to say.
package watch

import (
	"embed"

	"shangu/agent/roster"
	"shangu/agent/watch"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/text"
)

//go:embed *.html *.css
var files embed.FS

// Area returns the pages. Cases are guarded: they say things about a family.
func Area(desk *watch.Desk, book *roster.Book) ui.Area {
	p := &pages{desk, book}
	return ui.Area{Name: "watch", Files: files, Routes: []ui.Route{
		{Pattern: "GET /watch", Who: ui.Recorder, Do: p.overview},
		{Pattern: "GET /watch/cases", Who: ui.Recorder, Do: p.cases},
		{Pattern: "POST /watch/open", Who: ui.Recorder, Do: p.open},
		{Pattern: "GET /watch/new", Who: ui.Recorder, Do: p.classes},
		{Pattern: "GET /watch/new/{class}", Who: ui.Recorder, Do: p.byHand},
		{Pattern: "POST /watch/new/{class}", Who: ui.Recorder, Do: p.openByHand},
		{Pattern: "GET /watch/case/{pupil}/{opened}", Who: ui.Recorder, Guarded: "case", Do: p.show},
		{Pattern: "POST /watch/case/{pupil}/{opened}/step", Who: ui.Recorder, Do: p.step},
		{Pattern: "POST /watch/case/{pupil}/{opened}/void", Who: ui.Recorder, Do: p.void},
		{Pattern: "POST /watch/case/{pupil}/{opened}/close", Who: ui.Recorder, Do: p.close},
		{Pattern: "POST /watch/case/{pupil}/{opened}/reopen", Who: ui.Recorder, Do: p.reopen},
		{Pattern: "GET /watch/list", Who: ui.Recorder, Do: p.list},
		{Pattern: "GET /watch/list/{class}", Who: ui.Leader, Do: p.listClass},
		{Pattern: "POST /watch/list/{class}", Who: ui.Leader, Do: p.setList},
	}}
}

type pages struct {
	desk *watch.Desk
	book *roster.Book
}

const (
	lineLen = 200
	noteLen = 2000
	nameLen = 60
)

// checkedDays is how many daily checks for clusters are shown.
const checkedDays = 5

// overview is what the first page shows.
type overview struct {
	Alarms []alarm
	Checks []watch.Checked
	Found  []found
	Cases  []caseLine
	Gone   []found
}

type alarm struct {
	Date  schema.Date
	Text  *text.Message
	Names []string
}

// found is a pupil that a rule speaks of.
type found struct {
	Key, Name, Class string
	Rule             int
	Why              *text.Message
	Days             []schema.Date
	Has              string // the path of the pupil's open case, "" if none
}

func (p *pages) overview(r *ui.Request) (ui.Answer, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	var v overview
	if v.Checks, err = p.desk.Sickness(r.Today, checkedDays); err != nil {
		return nil, err
	}
	limits := watch.SickLimitsOf(book)
	if len(v.Checks) > 0 {
		for _, c := range v.Checks[0].Clusters {
			a := alarm{Date: v.Checks[0].Date, Text: c.Say(book, limits)}
			for _, id := range c.Who() {
				if pupil := book.Pupil(id); pupil != nil {
					a.Names = append(a.Names, pupil.Name)
				}
			}
			v.Alarms = append(v.Alarms, a)
		}
	}
	open, gone, err := p.desk.Absences(r.Today)
	if err != nil {
		return nil, err
	}
	all, err := p.desk.Cases()
	if err != nil {
		return nil, err
	}
	has := map[string]string{}
	for _, c := range all {
		if c.Closed == 0 {
			has[c.PupilID] = casePath(book, c)
			v.Cases = append(v.Cases, p.line(book, c, r.Today))
		}
	}
	for _, f := range open {
		v.Found = append(v.Found, foundOf(book, f, ""))
	}
	for _, f := range gone {
		v.Gone = append(v.Gone, foundOf(book, f, has[f.Pupil.ID]))
	}
	return ui.Show{Template: "watch/overview", Title: r.Say("watch.title"), Active: "watch", Data: v}, nil
}

func foundOf(book *roster.Roster, f watch.Finding, has string) found {
	ids := map[int]string{
		schema.CaseRun: "watch.why_run", schema.CaseCount: "watch.why_count", schema.CaseUnknown: "watch.why_unknown",
		schema.CaseWatched: "watch.why_watched", schema.CaseGone: "watch.why_gone",
	}
	return found{
		Key: book.Key(f.Pupil.ID), Name: f.Pupil.Name, Class: f.Class.Name, Rule: f.Rules[0],
		Why: text.New(ids[f.Rules[0]], "n", len(f.Days)), Days: f.Days, Has: has,
	}
}

// pupil finds the pupil whose key stands in an address or a form.
func (p *pages) pupil(book *roster.Roster, key string) (*roster.Pupil, error) {
	if pupil := book.Pupil(book.ByKey(key)); pupil != nil {
		return pupil, nil
	}
	return nil, text.New("page.none")
}

func (p *pages) class(book *roster.Roster, r *ui.Request) (*roster.Class, error) {
	if class := book.Class(book.ByKey(r.PathValue("class"))); class != nil {
		return class, nil
	}
	return nil, text.New("page.none")
}

// classTile leads to something to be done for a class.
type classTile struct {
	Path, Name string
	Pupils     int
}

func (p *pages) tiles(r *ui.Request, path string) ([]classTile, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	var out []classTile
	for _, c := range book.Classes(r.Today) {
		out = append(out, classTile{path + book.Key(c.ID), c.Name, len(book.Pupils(c.ID, r.Today))})
	}
	return out, nil
}
