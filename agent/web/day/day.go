// Package day is the pages of a day and a fortnight: which rolls are taken, which
// are missing, and on which days the school is closed or makes up for it.
package day

import (
	"embed"
	"slices"

	"shangu/agent/roll"
	"shangu/agent/roster"
	"shangu/agent/watch"
	"shangu/agent/web/sheet"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/text"
)

//go:embed *.html *.css *.js
var files embed.FS

// Area returns the pages.
func Area(desk *roll.Desk, book *roster.Book, watch Watch) ui.Area {
	p := &pages{desk, book, watch}
	return ui.Area{Name: "day", Files: files, Routes: []ui.Route{
		{Pattern: "GET /day", Who: ui.Recorder, Do: p.day},
		{Pattern: "GET /day/{date}", Who: ui.Recorder, Do: p.day},
		{Pattern: "GET /fortnight/{class}", Who: ui.Recorder, Do: p.class},
		{Pattern: "GET /closed", Who: ui.Recorder, Do: p.closed},
		{Pattern: "POST /closed", Who: ui.Recorder, Do: p.close},
		{Pattern: "POST /closed/undo", Who: ui.Recorder, Do: p.undo},
	}}
}

// Watch says what a day's rolls gave rise to; agent/watch's Desk.
type Watch interface {
	Notices(on schema.Date) ([]watch.Notice, error)
}

type pages struct {
	desk  *roll.Desk
	book  *roster.Book
	watch Watch
}

// mostMissing is how many sheets that are missing are listed one by one.
const mostMissing = 12

// aheadDays is how far ahead days are told on which the calendar differs from the week.
const aheadDays = 21

// dayView is what the page of a day shows.
type dayView struct {
	Day      *roll.Day
	Kinds    *schema.CodeList
	Strip    []tile
	Last     schema.Date // of the strip
	Sessions []string    // in words
	Classes  []line
	Missing  []missing
	More     int // that are missing besides
	Ahead    []ahead
	Early    bool
	Notices  []watch.Notice
}

// tile is a day of the strip.
type tile struct {
	*roll.Day
	Mood string // off, good, wait, none
	Here bool
}

type line struct {
	Name, Path string
	Roll       int
	Slots      []slot
}

// slot is a sheet as a table shows it: a shape, a colour and words, each of which
// tells the states apart.
type slot struct {
	Path, Mood, Text, Where string
	Late                    bool
}

type missing struct{ Text, Path string }

type ahead struct {
	Date schema.Date
	Kind int
}

func (p *pages) date(r *ui.Request) (schema.Date, error) {
	s := r.PathValue("date")
	if s == "" {
		return r.Today, nil
	}
	on, ok := schema.ParseDate(s)
	if !ok {
		return 0, text.New("page.bad_date", "date", s)
	}
	return on, nil
}

func (p *pages) day(r *ui.Request) (ui.Answer, error) {
	on, err := p.date(r)
	if err != nil {
		return nil, err
	}
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	last := max(on, r.Today)
	if last-on >= roll.FortnightDays {
		last = on // of a day long past, the fortnight that ends with it
	}
	strip, err := p.desk.Strip(last, roll.FortnightDays)
	if err != nil {
		return nil, err
	}
	notices, err := p.watch.Notices(on)
	if err != nil {
		return nil, err
	}
	if on != r.Today { // who needs a case needs it today
		notices = slices.DeleteFunc(notices, func(n watch.Notice) bool { return n.Case })
	}
	v := dayView{Last: last, Notices: notices, Kinds: schema.DayKinds, Early: on > r.Today}
	for _, d := range strip {
		v.Strip = append(v.Strip, tile{d, moodOf(d), d.Date == on})
		if d.Date == on {
			v.Day = d
		}
	}
	for _, s := range v.Day.Sessions {
		v.Sessions = append(v.Sessions, sheet.Session(s).In(r.Lang))
	}
	for _, c := range v.Day.Classes {
		l := line{Name: c.Class.Name, Path: "/fortnight/" + book.Key(c.Class.ID), Roll: c.Roll}
		for _, s := range c.Slots {
			l.Slots = append(l.Slots, p.slot(r, book, v.Day.Kind, s))
		}
		v.Classes = append(v.Classes, l)
	}
	all := p.desk.Missing(strip)
	v.More = max(0, len(all)-mostMissing)
	for _, s := range all[:len(all)-v.More] {
		name := r.Say("sheet.title", "class", book.Class(s.ID.Class).Name, "day", ui.Day(s.ID.Date, r.Lang), "session", sheet.Session(s.ID.Session))
		v.Missing = append(v.Missing, missing{name, sheet.Path(book, s.ID)})
	}
	for d := r.Today + 1; d <= r.Today+aheadDays; d++ {
		if kind := book.Day(d); kind != schema.DaySchool && (kind != schema.DayHoliday || !d.Weekend()) {
			v.Ahead = append(v.Ahead, ahead{d, kind})
		}
	}
	return ui.Show{Template: "day/day", Title: r.Say("day.title", "day", ui.Day(on, r.Lang)), Active: "day", Data: v}, nil
}

func moodOf(d *roll.Day) string {
	switch {
	case d.Due == 0:
		return "off"
	case d.Taken == d.Due:
		return "good"
	case d.Taken > 0:
		return "wait"
	}
	return "none"
}

// slot puts a sheet into words, with a shape and colour for it; kind is what its day is,
// of schema.DayKinds.
func (p *pages) slot(r *ui.Request, book *roster.Roster, kind int, s roll.Slot) slot {
	out := slot{
		Path: sheet.Path(book, s.ID), Late: s.Late(r.Today),
		Text: s.Say(kind, r.Today).In(r.Lang), Where: s.Where.Say().In(r.Lang),
	}
	switch {
	case s.State == roll.Taken:
		out.Mood = "taken"
	case s.State == roll.AllPresent:
		out.Mood = "all"
	case s.State == roll.NoSchool:
		out.Mood = "closed"
	case s.Begun:
		out.Mood = "begun"
	case s.Due:
		out.Mood = "none"
	case !schema.SchoolDay(kind) && kind != schema.DayHoliday:
		out.Mood = "closed"
	default:
		out.Mood = "undue"
	}
	return out
}

// classView is what the page of a class's fortnight shows.
type classView struct {
	Kinds    *schema.CodeList
	Sessions []string
	Days     []classDay // the latest first
	Today    schema.Date
}

type classDay struct {
	roll.ClassDay
	Slots []slot
}

func (p *pages) class(r *ui.Request) (ui.Answer, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	c := book.Class(book.ByKey(r.PathValue("class")))
	if c == nil {
		return nil, text.New("page.none")
	}
	days, err := p.desk.Class(c.ID, r.Today, roll.FortnightDays)
	if err != nil {
		return nil, err
	}
	v := classView{Kinds: schema.DayKinds, Today: r.Today}
	width := 0
	for _, d := range slices.Backward(days) {
		cd := classDay{ClassDay: d}
		for _, s := range d.Slots {
			cd.Slots = append(cd.Slots, p.slot(r, book, d.Kind, s))
		}
		v.Days = append(v.Days, cd)
		width = max(width, len(cd.Slots))
	}
	for s := schema.SessionAM; int(s) <= width; s++ {
		v.Sessions = append(v.Sessions, sheet.Session(s).In(r.Lang))
	}
	for i := range v.Days {
		for len(v.Days[i].Slots) < width {
			v.Days[i].Slots = append(v.Days[i].Slots, slot{})
		}
	}
	return ui.Show{Template: "day/class", Title: r.Say("day.class_title", "class", c.Name), Active: "day", Data: v}, nil
}
