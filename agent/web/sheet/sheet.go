// Package sheet is the page on which the roll of a class is taken: by keys on a
// computer, by taps on a phone; and how the sheet came to be what it is.
//
// Pages and scripts name pupils and classes by the roster's keys alone.
package sheet

import (
	"embed"
	"io"
	"time"

	"shangu/agent/roll"
	"shangu/agent/roster"
	"shangu/agent/watch"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/text"
)

//go:embed *.html *.css *.js
var files embed.FS

// Area returns the pages.
func Area(desk *roll.Desk, book *roster.Book, watch Watch) ui.Area {
	p := &pages{desk, book, watch}
	return ui.Area{Name: "sheet", Files: files, Routes: []ui.Route{
		{Pattern: "GET /roll/{class}/{date}/{session}", Who: ui.Recorder, Do: p.show},
		{Pattern: "POST /roll/{class}/{date}/{session}", Who: ui.Recorder, Do: p.save},
		{Pattern: "GET /roll/{class}/{date}/{session}/now", Who: ui.Recorder, Do: p.now, Quiet: true},
		{Pattern: "GET /roll/{class}/{date}/{session}/trail", Who: ui.Recorder, Do: p.trail},
		{Pattern: "GET /roll/{class}/{date}/{session}/trail/xlsx", Who: ui.Recorder, Do: p.trailFile},
	}}
}

// Watch says what rolls give rise to at once; agent/watch's Desk.
type Watch interface {
	Alarms(on schema.Date) ([]watch.Notice, error)
}

type pages struct {
	desk  *roll.Desk
	book  *roster.Book
	watch Watch
}

// alarms are those of a sheet's class and day, in words.
func (p *pages) alarms(r *ui.Request, id schema.SheetID) ([]string, error) {
	all, err := p.watch.Alarms(id.Date)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, n := range all {
		if n.Class == id.Class {
			out = append(out, n.Text.In(r.Lang)+r.Say("watch.alarm_now"))
		}
	}
	return out, nil
}

// Path is the address of a sheet.
func Path(r *roster.Roster, id schema.SheetID) string {
	return "/roll/" + r.Key(id.Class) + "/" + id.Date.String() + "/" + id.Session.String()
}

// Session is what a part of the day is called.
func Session(s schema.Session) *text.Message { return text.New("sheet.session_" + s.String()) }

// find reads which sheet an address names.
func (p *pages) find(r *ui.Request) (*roster.Roster, schema.SheetID, error) {
	var id schema.SheetID
	date, ok := schema.ParseDate(r.PathValue("date"))
	if !ok {
		return nil, id, text.New("page.bad_date", "date", r.PathValue("date"))
	}
	session, ok := schema.ParseSession(r.PathValue("session"))
	if !ok {
		return nil, id, text.New("page.none")
	}
	book, err := p.book.Open()
	if err != nil {
		return nil, id, err
	}
	id = schema.SheetID{Date: date, Session: session, Class: book.ByKey(r.PathValue("class"))}
	if c := book.Class(id.Class); c == nil || c.Year != date.SchoolYear() {
		return nil, id, text.New("page.none")
	}
	return book, id, nil
}

func title(r *ui.Request, c *roster.Class, id schema.SheetID) string {
	return r.Say("sheet.title", "class", c.Name, "day", ui.Day(id.Date, r.Lang), "session", Session(id.Session))
}

// row is a pupil's line.
type row struct {
	Key, Name, Initials string
	Mark                mark
	By                  string
	Expected, Gone      bool
}

// filled is what the page of a sheet shows.
type filled struct {
	Sheet    *roll.Sheet
	Path     string
	Class    string // key
	Rows     []row
	Statuses []schema.Code
	Symptoms []schema.Code
	Minutes  []int
	Kinds    *schema.CodeList
	DayKind  int // of Kinds
	School   bool
	Reasons  []string // message ids: why there is no school most often
	Alarms   []string // what the class's day gives rise to at once
}

var reasons = []string{"sheet.reason_snow", "sheet.reason_road", "sheet.reason_power", "sheet.reason_meeting", "sheet.reason_outing"}

// minutes are those that a tap gives: what most pupils are late by.
var minutes = []int{5, 10, 15, 20, 30, 45}

func (p *pages) show(r *ui.Request) (ui.Answer, error) {
	book, id, err := p.find(r)
	if err != nil {
		return nil, err
	}
	s, err := p.desk.Open(id)
	if err != nil {
		return nil, err
	}
	v := filled{
		Sheet: s, Path: Path(book, id), Class: r.PathValue("class"), Statuses: schema.Statuses.All(), Symptoms: schema.Symptoms.All(),
		Minutes: minutes, Kinds: schema.DayKinds, DayKind: book.Day(id.Date), Reasons: reasons,
	}
	v.School = schema.SchoolDay(v.DayKind)
	if v.Alarms, err = p.alarms(r, id); err != nil {
		return nil, err
	}
	for _, w := range s.Rows {
		v.Rows = append(v.Rows, row{
			Key: book.Key(w.Pupil.ID), Name: w.Pupil.Name, Initials: w.Pupil.Initials, Mark: markOf(w.Mark),
			By: by(w, id.Date), Expected: w.Expected, Gone: w.Gone,
		})
	}
	return ui.Show{Template: "sheet/sheet", Title: title(r, s.Class, id), Active: "day", Data: v}, nil
}

// by is who made a mark and when, as short as can be.
func by(w roll.Row, on schema.Date) string {
	if w.By == "" {
		return ""
	}
	return w.By + " " + clock(w.At, on)
}

// clock is a time: of the day itself, or with the day where it is another.
func clock(at int64, on schema.Date) string {
	t := time.Unix(at, 0).In(schema.Zone)
	if schema.DateAt(t) == on {
		return t.Format("15:04")
	}
	return t.Format("01-02 15:04")
}

// step is one line of a trail.
type step struct{ Time, By, What, Was, Now string }

func (p *pages) trail(r *ui.Request) (ui.Answer, error) {
	book, id, err := p.find(r)
	if err != nil {
		return nil, err
	}
	steps, err := p.desk.Trail(id)
	if err != nil {
		return nil, err
	}
	v := trail{Path: Path(book, id), Names: r.May(ui.Leader)}
	for _, s := range steps {
		what, was, now := s.Words()
		l := step{clock(s.At, id.Date), s.By, what.In(r.Lang), was.In(r.Lang), now.In(r.Lang)}
		v.Steps = append(v.Steps, l)
	}
	return ui.Show{Template: "sheet/trail", Title: r.Say("sheet.trail_title", "sheet", title(r, book.Class(id.Class), id)), Active: "day", Data: v}, nil
}

// trailFile is the trail as a table, with names for leaders alone.
func (p *pages) trailFile(r *ui.Request) (ui.Answer, error) {
	_, id, err := p.find(r)
	if err != nil {
		return nil, err
	}
	open, err := r.Open("trail")
	if err != nil {
		return nil, err
	}
	return ui.Download{Name: "trail-" + id.Date.String() + "-" + id.Session.String() + ".xlsx", Type: ui.TypeXLSX, Write: func(w io.Writer) error {
		return p.desk.WriteTrail(w, id, open)
	}}, nil
}

// trail is what the page of a trail shows.
type trail struct {
	Path  string
	Names bool // may stand in a table that is taken away
	Steps []step
}
