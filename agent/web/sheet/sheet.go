// Package sheet is the pages on which the roll is taken: the day with its classes
// and sessions, the fortnight, and one class's sheet, which is filled in by keys.
package sheet

import (
	"embed"
	"errors"
	"html/template"

	"shangu/agent/roll"
	"shangu/agent/roster"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/text"
)

//go:embed *.html *.css *.js
var files embed.FS

// Area returns the pages.
func Area(desk *roll.Desk, book *roster.Book) ui.Area {
	p := &pages{desk, book}
	return ui.Area{Name: "sheet", Files: files, Funcs: template.FuncMap{"path": p.path}, Routes: []ui.Route{
		{Pattern: "GET /day", Who: ui.Recorder, Do: p.day},
		{Pattern: "GET /day/{date}", Who: ui.Recorder, Do: p.day},
		{Pattern: "GET /roll/{class}/{date}/{session}", Who: ui.Recorder, Do: p.show},
		{Pattern: "POST /roll/{class}/{date}/{session}", Who: ui.Recorder, Do: p.save},
	}}
}

type pages struct {
	desk *roll.Desk
	book *roster.Book
}

// stripDays is how many days are shown beside the day: a fortnight.
const stripDays = 14

// overview is what the page of a day shows.
type overview struct {
	Day   *roll.Day
	Strip []*roll.Day
	Kinds *schema.CodeList
}

func (p *pages) day(r *ui.Request) (ui.Answer, error) {
	on := r.Today
	if s := r.PathValue("date"); s != "" {
		var ok bool
		if on, ok = schema.ParseDate(s); !ok {
			return nil, text.New("page.bad_date", "date", s)
		}
	}
	strip, err := p.desk.Strip(max(on, r.Today), stripDays)
	if err != nil {
		return nil, err
	}
	day, err := p.desk.Day(on)
	if err != nil {
		return nil, err
	}
	return ui.Show{Template: "sheet/day", Title: r.Say("sheet.day_title", "day", ui.Day(on, r.Lang)), Active: "day", Data: overview{day, strip, schema.DayKinds}}, nil
}

// path is the address of a sheet.
func (p *pages) path(id schema.SheetID) (string, error) {
	book, err := p.book.Open()
	if err != nil {
		return "", err
	}
	return "/roll/" + book.Key(id.Class) + "/" + id.Date.String() + "/" + id.Session.String(), nil
}

func (p *pages) find(r *ui.Request) (id schema.SheetID, err error) {
	date, ok := schema.ParseDate(r.PathValue("date"))
	if !ok {
		return id, text.New("page.bad_date", "date", r.PathValue("date"))
	}
	session, ok := schema.ParseSession(r.PathValue("session"))
	if !ok {
		return id, text.New("page.none")
	}
	book, err := p.book.Open()
	if err != nil {
		return id, err
	}
	class := book.Class(book.ByKey(r.PathValue("class")))
	if class == nil {
		return id, text.New("page.none")
	}
	return schema.SheetID{Date: date, Session: session, Class: class.ID}, nil
}

// filled is what the page of a sheet shows.
type filled struct {
	Sheet    *roll.Sheet
	Statuses []schema.Code
	Symptoms []schema.Code
}

func (p *pages) show(r *ui.Request) (ui.Answer, error) {
	id, err := p.find(r)
	if err != nil {
		return nil, err
	}
	s, err := p.desk.Open(id)
	if err != nil {
		return nil, err
	}
	title := r.Say("sheet.title", "class", s.Class.Name, "day", ui.Day(id.Date, r.Lang), "session", sessionText(id.Session))
	return ui.Show{Template: "sheet/sheet", Title: title, Active: "day", Data: filled{s, schema.Statuses.All(), schema.Symptoms.All()}}, nil
}

func sessionText(s schema.Session) *text.Message { return text.New("sheet.session_" + s.String()) }

// typed is a row as the page's script sends it, by its place in the page: no
// names or numbers of pupils stand in the script.
type typed struct {
	Pupil string   `json:"pupil"`
	Was   markJSON `json:"was"`
	Now   markJSON `json:"now"`
}

// markJSON is a schema.Mark: [status, minutes, symptom].
type markJSON [3]int

func (m markJSON) mark() schema.Mark {
	return schema.Mark{Status: schema.Status(m[0]), Minutes: m[1], Symptom: schema.Symptom(m[2])}
}

func markOf(m schema.Mark) markJSON { return markJSON{int(m.Status), m.Minutes, int(m.Symptom)} }

type wish struct {
	Marks  []typed `json:"marks"`
	Take   bool    `json:"take"`
	Closed bool    `json:"closed"`
	Reason string  `json:"reason"`
}

// standing is a sheet after a save, for the page's script.
type standing struct {
	State roll.State          `json:"state"`
	Where roll.Where          `json:"where"`
	Marks map[string]markJSON `json:"marks"`
	Stale []string            `json:"stale,omitempty"` // pupils that somebody else has marked: nothing was saved
	Said  string              `json:"said"`
}

func stands(r *ui.Request, s *roll.Sheet) standing {
	out := standing{State: s.State, Where: s.Where, Marks: map[string]markJSON{}, Said: r.Say("sheet.saved_at", "time", r.Now.Format("15:04:05"))}
	for _, row := range s.Rows {
		out.Marks[row.Pupil.ID] = markOf(row.Mark)
	}
	return out
}

func (p *pages) save(r *ui.Request) (ui.Answer, error) {
	id, err := p.find(r)
	if err != nil {
		return nil, err
	}
	var w wish
	if err := r.JSON(&w); err != nil {
		return nil, err
	}
	do := roll.Wish{Take: w.Take, NoSchool: w.Closed, Reason: w.Reason}
	for _, t := range w.Marks {
		do.Marks = append(do.Marks, roll.Typed{Pupil: t.Pupil, Was: t.Was.mark(), Now: t.Now.mark()})
	}
	s, err := p.desk.Save(r.Context(), r.Name(), id, do)
	if stale, ok := errors.AsType[*roll.StaleError](err); ok {
		out := stands(r, stale.Sheet)
		out.Stale, out.Said = stale.Pupils, text.Of(err).In(r.Lang)
		return ui.Reply{Value: out}, nil
	}
	if err != nil {
		return nil, err
	}
	return ui.Reply{Value: stands(r, s)}, nil
}
