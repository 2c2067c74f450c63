// Package roster is the pages of who is at the school: the classes of a date and
// who is in them, a pupil's classes through the years, the teachers; moves between
// classes, pupils who come and who leave; and what is put right of any of them.
//
// Addresses name pupils and classes by keys that tell nobody anything, and a search
// goes in the body of a form. What only some may see of a pupil stands on a page of
// its own, and opening it is written down. It imports agent/roster,
// agent/transfer, agent/intake for tables, and agent/web/ui.
package roster

import (
	"context"
	"embed"
	"fmt"
	"html/template"
	"io"

	"shangu/agent/intake"
	school "shangu/agent/roster"
	"shangu/agent/transfer"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
)

//go:embed *.html *.css
var files embed.FS

// Documents are where a pupil's or a teacher's own document is read.
type Documents interface {
	Doc(scope string, kind schema.Kind, id string) (*change.Doc, error)
}

// Tables write the roster as files.
type Tables interface {
	// RosterOn writes the roster of a date; names and numbers are masked unless
	// open is set. The file's name asks for the format.
	RosterOn(ctx context.Context, w io.Writer, file string, on schema.Date, open bool) error
	// OneRoster writes the roster of a date as a OneRoster archive.
	OneRoster(ctx context.Context, w io.Writer, v intake.OneVersion, on schema.Date) error
}

// Area returns the pages.
func Area(book *school.Book, desk *transfer.Desk, docs Documents, tables Tables) ui.Area {
	p := &pages{book, desk, docs, tables}
	return ui.Area{Name: "roster", Files: files, Funcs: template.FuncMap{
		"reason": reason, "sex": sex, "classname": className, "classyear": classYear,
	}, Routes: []ui.Route{
		{Pattern: "GET /roster", Who: ui.Recorder, Do: p.classes},
		{Pattern: "GET /roster/class/{class}", Who: ui.Recorder, Do: p.class},
		{Pattern: "GET /roster/pupil/{pupil}", Who: ui.Recorder, Do: p.pupil},
		{Pattern: "POST /roster/pupil/{pupil}", Who: ui.Recorder, Do: p.correct},
		{Pattern: "POST /roster/pupil/{pupil}/move", Who: ui.Recorder, Do: p.move},
		{Pattern: "POST /roster/pupil/{pupil}/out", Who: ui.Recorder, Do: p.out},
		{Pattern: "POST /roster/pupil/{pupil}/undo", Who: ui.Recorder, Do: p.undo},
		{Pattern: "GET /roster/pupil/{pupil}/more", Who: ui.Leader, Guarded: "pupil", Do: p.more},
		{Pattern: "POST /roster/pupil/{pupil}/more", Who: ui.Leader, Do: p.correctMore},
		{Pattern: "GET /roster/new", Who: ui.Recorder, Do: p.enter},
		{Pattern: "POST /roster/new", Who: ui.Recorder, Do: p.entered},
		{Pattern: "POST /roster/find", Who: ui.Recorder, Do: p.find},
		{Pattern: "GET /roster/teachers", Who: ui.Recorder, Do: p.teachers},
		{Pattern: "GET /roster/teacher/{teacher}", Who: ui.Recorder, Do: p.teacher},
		{Pattern: "POST /roster/teacher/{teacher}", Who: ui.Recorder, Do: p.correctTeacher},
		{Pattern: "POST /roster/class/{class}", Who: ui.Recorder, Do: p.correctClass},
		{Pattern: "GET /roster/export", Who: ui.Recorder, Do: p.export},
		{Pattern: "GET /roster/oneroster", Who: ui.Leader, Do: p.oneRoster},
	}}
}

type pages struct {
	book   *school.Book
	desk   *transfer.Desk
	docs   Documents
	tables Tables
}

// reason names a change of enrolment; "" for none.
func reason(n int) text.Label {
	if n == 0 {
		return text.Label{}
	}
	return schema.EnrolmentReasons.Label(int64(n))
}

// sex names a pupil's sex; "" while it is not known.
func sex(n int) text.Label {
	if n == schema.SexUnknown {
		return text.Label{}
	}
	return schema.Sexes.Label(int64(n))
}

func className(id string) string {
	_, name, _ := schema.ParseClassID(id)
	return name
}

// classYear is the school year of a class as people write it.
func classYear(id string) string {
	year, _, _ := schema.ParseClassID(id)
	return fmt.Sprintf("%d-%d", year, year+1)
}

// asOf is the date that a page is about: today unless the form asks for another.
func asOf(r *ui.Request) (on schema.Date, f *ui.Form) {
	f = r.NewForm("on", r.Today.String())
	if typed := r.FormValue("on"); typed != "" {
		f = r.NewForm("on", typed)
	}
	if on = f.Date("on"); on == 0 {
		on = r.Today
	}
	return on, f
}

// Count is how many pupils a class has, and of which sort.
type Count struct {
	Class *school.Class
	Key   string
	Head  string // the class teacher's name
	school.Heads
}

func (c *Count) add(o Count) {
	c.All, c.Boys, c.Girls, c.In = c.All+o.All, c.Boys+o.Boys, c.Girls+o.Girls, c.In+o.In
}

func count(r *school.Roster, c *school.Class, on schema.Date) Count {
	out := Count{Class: c, Key: r.Key(c.ID), Heads: r.Heads(c.ID, on)}
	if t := r.Teacher(c.Head); t != nil {
		out.Head = t.Name
	}
	return out
}

type overview struct {
	Form    *ui.Form
	On      schema.Date
	Past    bool // it is not today
	Classes []Count
	Total   Count
	Heads   bool // class teachers are known
	Any     bool // the school has pupils at some time
	Leads   bool // whoever looks may have names in files
	Tab     string
}

func (p *pages) classes(r *ui.Request) (ui.Answer, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	on, f := asOf(r)
	v := overview{Form: f, On: on, Past: on != r.Today, Any: len(book.Everybody()) > 0, Leads: r.May(ui.Leader), Tab: "classes"}
	for _, c := range book.Classes(on) {
		n := count(book, c, on)
		v.Total.add(n)
		v.Heads = v.Heads || n.Head != ""
		v.Classes = append(v.Classes, n)
	}
	return show(r, f, "roster/classes", r.Say("roster.title"), v), nil
}

// show is a page that is about what a form asks for.
func show(r *ui.Request, f *ui.Form, template, title string, data any) ui.Show {
	a := ui.Show{Template: template, Title: title, Active: "roster", Data: data}
	if !f.OK() {
		a.Code = 422
	}
	return a
}

// row is a pupil of a list.
type row struct {
	*school.Pupil
	Key   string
	Class *school.Class // nil: in none
}

// maxFound is how many pupils a search shows.
const maxFound = 50

type found struct {
	Form *ui.Form
	Rows []row
	More bool
	Tab  string
}

// find looks for pupils. What is looked for is a name, and does not go into the
// address.
func (p *pages) find(r *ui.Request) (ui.Answer, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	f := r.Typed()
	v := found{Form: f}
	typed := f.Text("who", 60)
	for _, pupil := range book.Find(typed, maxFound+1) {
		v.Rows = append(v.Rows, row{Pupil: pupil, Key: book.Key(pupil.ID), Class: book.ClassOn(pupil, r.Today)})
	}
	if v.More = len(v.Rows) > maxFound; v.More {
		v.Rows = v.Rows[:maxFound]
	}
	return show(r, f, "roster/found", r.Say("roster.found"), v), nil
}

func (p *pages) export(r *ui.Request) (ui.Answer, error) {
	on, f := asOf(r)
	if !f.OK() {
		return nil, text.New("page.bad_date", "date", r.FormValue("on"))
	}
	open, err := r.Open("roster")
	if err != nil {
		return nil, err
	}
	name := "roster-" + on.String() + ".xlsx"
	return ui.Download{Name: name, Type: ui.TypeXLSX, Write: func(w io.Writer) error {
		return p.tables.RosterOn(r.Context(), w, name, on, open)
	}}, nil
}

func (p *pages) oneRoster(r *ui.Request) (ui.Answer, error) {
	on, f := asOf(r)
	if !f.OK() {
		return nil, text.New("page.bad_date", "date", r.FormValue("on"))
	}
	v := intake.One11
	if r.FormValue("v") == string(intake.One12) {
		v = intake.One12
	}
	if err := r.Note("oneroster"); err != nil {
		return nil, err
	}
	return ui.Download{Name: "oneroster-" + on.String() + ".zip", Type: "application/zip", Write: func(w io.Writer) error {
		return p.tables.OneRoster(r.Context(), w, v, on)
	}}, nil
}
