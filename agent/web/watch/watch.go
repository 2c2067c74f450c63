// Package watch is the pages of the watch: what today's rolls gave rise to, cases
// of pupils who stay away with their steps, and the list of pupils who are
// watched closely. What is found, and what may be saved, is agent/watch's to say.
package watch

import (
	"embed"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"shangu/agent/form"
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

// caseLine is a case in a list.
type caseLine struct {
	*watch.Case
	Path, Name, Class string
	Open              int // days since it was opened
	Quiet             int // days since the last step
	Safe              bool
}

func casePath(book *roster.Roster, c *watch.Case) string {
	return "/watch/case/" + book.Key(c.PupilID) + "/" + c.Opened.String()
}

func (p *pages) line(book *roster.Roster, c *watch.Case, today schema.Date) caseLine {
	l := caseLine{Case: c, Path: casePath(book, c), Open: int(today - c.Opened), Quiet: int(today - c.Last()), Safe: p.desk.Safe(c)}
	if pupil := book.Pupil(c.PupilID); pupil != nil {
		l.Name = pupil.Name
		on := today
		if c.Closed != 0 {
			on = c.Closed
		}
		if class := book.ClassOn(pupil, on); class != nil {
			l.Class = class.Name
		}
	}
	return l
}

func (p *pages) cases(r *ui.Request) (ui.Answer, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	all, err := p.desk.Cases()
	if err != nil {
		return nil, err
	}
	var open, closed []caseLine
	for _, c := range all {
		if l := p.line(book, c, r.Today); c.Closed == 0 {
			open = append(open, l)
		} else if len(closed) < maxClosed {
			closed = append(closed, l)
		}
	}
	return ui.Show{Template: "watch/cases", Title: r.Say("watch.cases_title"), Active: "watch", Data: struct {
		Open, Closed []caseLine
		All          int
		Ends         *schema.CodeList
		Rules        *schema.CodeList
	}{open, closed, len(all) - len(open), schema.CaseEnds, schema.CaseRules}}, nil
}

// maxClosed bounds the settled cases of one page; all of them are in the table that can be exported.
const maxClosed = 200

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

// open opens a case that was proposed.
func (p *pages) open(r *ui.Request) (ui.Answer, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	pupil, err := p.pupil(book, r.PostForm.Get("pupil"))
	if err != nil {
		return nil, err
	}
	rule, _ := strconv.Atoi(r.PostForm.Get("rule"))
	return p.opened(r, book, watch.Opening{Pupil: pupil.ID, Rule: rule, On: r.Today, By: r.Name()})
}

func (p *pages) opened(r *ui.Request, book *roster.Roster, o watch.Opening) (ui.Answer, error) {
	if _, err := p.desk.Open(r.Context(), r.Name(), o); err != nil {
		return nil, err
	}
	return ui.See("/watch/case/" + book.Key(o.Pupil) + "/" + o.On.String()), nil
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

// classes asks for the class of a pupil for whom a case is opened by hand.
func (p *pages) classes(r *ui.Request) (ui.Answer, error) {
	tiles, err := p.tiles(r, "/watch/new/")
	if err != nil {
		return nil, err
	}
	return ui.Show{Template: "watch/classes", Title: r.Say("watch.new_title"), Active: "watch", Data: tiles}, nil
}

func (p *pages) byHand(r *ui.Request) (ui.Answer, error) {
	return p.showByHand(r, r.NewForm("by", r.Name()), 0)
}

func (p *pages) showByHand(r *ui.Request, f *ui.Form, code int) (ui.Answer, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	class, err := p.class(book, r)
	if err != nil {
		return nil, err
	}
	var list []ui.Choice
	for _, pupil := range book.Pupils(class.ID, r.Today) {
		list = append(list, ui.Choice{Value: book.Key(pupil.ID), Text: pupil.Name, Find: pupil.Initials})
	}
	return ui.Show{Template: "watch/hand", Title: r.Say("watch.hand_title", "class", class.Name), Active: "watch", Code: code, Data: struct {
		Form   *ui.Form
		Pupils []ui.Choice
	}{f, list}}, nil
}

func (p *pages) openByHand(r *ui.Request) (ui.Answer, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	f := r.Typed()
	o := watch.Opening{Rule: schema.CaseByHand, On: r.Today, By: f.Text("by", nameLen), Note: f.Needed("note", noteLen)}
	pupil, err := p.pupil(book, f.Needed("pupil", lineLen))
	if err != nil {
		f.Refuse("pupil", text.New("watch.choose_pupil"))
	}
	if f.OK() {
		o.Pupil = pupil.ID
		a, err := p.opened(r, book, o)
		if err == nil {
			return a, nil
		}
		if err := refuse(f, "pupil", err); err != nil {
			return nil, err
		}
	}
	return p.showByHand(r, f, http.StatusUnprocessableEntity)
}

// refuse puts a sentence beside the field that it is about, or beside another where
// it is about none.
func refuse(f *ui.Form, field string, err error) error {
	if fe, ok := errors.AsType[*form.FieldError](err); ok {
		field = fe.Field
	}
	return f.Refuse(field, err)
}

// filled is what the page of a case shows.
type filled struct {
	caseLine
	Kinds, Ends, Rules *schema.CodeList
	Step, Close, Again *ui.Form
}

func (p *pages) find(r *ui.Request) (*roster.Roster, *watch.Case, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, nil, err
	}
	pupil, err := p.pupil(book, r.PathValue("pupil"))
	if err != nil {
		return nil, nil, err
	}
	opened, _ := schema.ParseDate(r.PathValue("opened"))
	c, err := p.desk.Case(schema.CaseID(pupil.ID, opened))
	if err == nil && c == nil {
		err = text.New("page.none")
	}
	return book, c, err
}

func (p *pages) show(r *ui.Request) (ui.Answer, error) {
	return p.showCase(r, p.stepForm(r), p.closeForm(r), r.NewForm(), 0)
}

func (p *pages) stepForm(r *ui.Request) *ui.Form {
	return r.NewForm("date", r.Today.String(), "by", r.Name())
}

func (p *pages) closeForm(r *ui.Request) *ui.Form { return r.NewForm("on", r.Today.String()) }

func (p *pages) showCase(r *ui.Request, step, end, again *ui.Form, code int) (ui.Answer, error) {
	book, c, err := p.find(r)
	if err != nil {
		return nil, err
	}
	v := filled{p.line(book, c, r.Today), schema.StepKinds, schema.CaseEnds, schema.CaseRules, step, end, again}
	return ui.Show{Template: "watch/case", Title: r.Say("watch.case_title", "name", v.Name), Active: "watch", Code: code, Data: v}, nil
}

func (p *pages) step(r *ui.Request) (ui.Answer, error) {
	book, c, err := p.find(r)
	if err != nil {
		return nil, err
	}
	f := r.Typed()
	s := watch.Step{Date: f.Date("date"), Kind: f.Int("kind", 1, 99), By: f.Text("by", nameLen), Result: f.Text("result", noteLen)}
	if f.OK() {
		if err := refuse(f, "result", p.desk.AddStep(r.Context(), r.Name(), c.ID, s, r.Today)); err != nil {
			return nil, err
		}
	}
	if !f.OK() {
		return p.showCase(r, f, p.closeForm(r), r.NewForm(), http.StatusUnprocessableEntity)
	}
	return ui.See(casePath(book, c)), nil
}

// void takes back a step that was written down by mistake.
func (p *pages) void(r *ui.Request) (ui.Answer, error) {
	book, c, err := p.find(r)
	if err != nil {
		return nil, err
	}
	f := r.Typed()
	reason := f.Text("reason", lineLen)
	if !f.OK() {
		return nil, text.New("page.too_long", "max", lineLen)
	}
	if err := p.desk.VoidStep(r.Context(), r.Name(), c.ID, f.Value("step"), reason); err != nil {
		return nil, err
	}
	return ui.See(casePath(book, c)), nil
}

func (p *pages) close(r *ui.Request) (ui.Answer, error) {
	book, c, err := p.find(r)
	if err != nil {
		return nil, err
	}
	f := r.Typed()
	cl := watch.Closing{On: f.Date("on"), End: f.Int("end", 1, 99), Note: f.Text("note", noteLen)}
	if f.OK() {
		if err := refuse(f, "end", p.desk.Close(r.Context(), r.Name(), c.ID, cl, r.Today)); err != nil {
			return nil, err
		}
	}
	if !f.OK() {
		return p.showCase(r, p.stepForm(r), f, r.NewForm(), http.StatusUnprocessableEntity)
	}
	return ui.See(casePath(book, c)), nil
}

// reopen takes back that a case was closed by mistake.
func (p *pages) reopen(r *ui.Request) (ui.Answer, error) {
	book, c, err := p.find(r)
	if err != nil {
		return nil, err
	}
	f := r.Typed()
	why := f.Text("why", lineLen)
	if f.OK() {
		if err := refuse(f, "why", p.desk.Reopen(r.Context(), r.Name(), c.ID, why, r.Today)); err != nil {
			return nil, err
		}
	}
	if !f.OK() {
		return p.showCase(r, p.stepForm(r), p.closeForm(r), f, http.StatusUnprocessableEntity)
	}
	return ui.See(casePath(book, c)), nil
}

// list shows who is watched closely.
func (p *pages) list(r *ui.Request) (ui.Answer, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	watched, err := p.desk.Watched(r.Today)
	if err != nil {
		return nil, err
	}
	type row struct{ Name, Class, Path string }
	var rows []row
	for _, pupil := range watched {
		class := book.ClassOn(pupil, r.Today)
		rows = append(rows, row{pupil.Name, class.Name, "/watch/list/" + book.Key(class.ID)})
	}
	leader := r.May(ui.Leader)
	var tiles []classTile
	if leader {
		if tiles, err = p.tiles(r, "/watch/list/"); err != nil {
			return nil, err
		}
	}
	return ui.Show{Template: "watch/list", Title: r.Say("watch.list_title"), Active: "watch", Data: struct {
		Rows    []row
		Classes []classTile
		Leader  bool
	}{rows, tiles, leader}}, nil
}

// listClass is the form by which the pupils of a class are put on the list.
func (p *pages) listClass(r *ui.Request) (ui.Answer, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	class, err := p.class(book, r)
	if err != nil {
		return nil, err
	}
	var list []ui.Choice
	var chosen []string
	for _, pupil := range book.Pupils(class.ID, r.Today) {
		c := ui.Choice{Value: book.Key(pupil.ID), Text: pupil.Name, Find: pupil.Initials}
		if pupil.Watch {
			chosen = append(chosen, "pupil", c.Value)
		}
		list = append(list, c)
	}
	return ui.Show{Template: "watch/pick", Title: r.Say("watch.pick_title", "class", class.Name), Active: "watch", Data: struct {
		Form   *ui.Form
		Pupils []ui.Choice
	}{r.NewForm(chosen...), list}}, nil
}

func (p *pages) setList(r *ui.Request) (ui.Answer, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	class, err := p.class(book, r)
	if err != nil {
		return nil, err
	}
	f := r.Typed()
	change := map[string]bool{}
	for _, pupil := range book.Pupils(class.ID, r.Today) {
		if want := f.Has("pupil", book.Key(pupil.ID)); want != pupil.Watch {
			change[pupil.ID] = want
		}
	}
	if err := p.desk.SetWatched(r.Context(), r.Name(), change); err != nil {
		return nil, fmt.Errorf("set watch list: %w", err)
	}
	return ui.See("/watch/list"), nil
}
