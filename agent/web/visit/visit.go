// Package visit is the pages on which visits of helper schools are written down,
// looked up, confirmed, printed with their short code and taken away as a workbook.
//
// It imports agent/visit, agent/roster, agent/web/ui, schema and schema/table; what
// is saved and what is wrong with it is agent/visit's matter.
package visit

import (
	"cmp"
	"embed"
	"slices"
	"strconv"

	"shangu/agent/roster"
	"shangu/agent/visit"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/text"
)

//go:embed *.html *.css *.js
var files embed.FS

// Path is the first of the pages, and the entry of the menu.
const Path = "/visits"

// Area returns the pages.
func Area(desk *visit.Desk, book *roster.Book) ui.Area {
	p := &pages{desk, book}
	return ui.Area{Name: "visit", Files: files, Routes: []ui.Route{
		{Pattern: "GET " + Path, Who: ui.Signed, Do: p.list},
		{Pattern: "GET /visits/export", Who: ui.Recorder, Do: p.export},
		{Pattern: "GET /visits/paper", Who: ui.Signed, Do: p.paper},
		{Pattern: "POST /visits/paper", Who: ui.Signed, Do: p.checkPaper},
		{Pattern: "GET /visits/new", Who: ui.Recorder, Do: p.blank},
		{Pattern: "POST /visits/new", Who: ui.Recorder, Do: p.write},
		{Pattern: "GET /visits/{key}", Who: ui.Signed, Do: p.show},
		{Pattern: "GET /visits/{key}/edit", Who: ui.Recorder, Do: p.edit},
		{Pattern: "POST /visits/{key}/edit", Who: ui.Recorder, Do: p.change},
		{Pattern: "POST /visits/{key}/cancel", Who: ui.Recorder, Do: p.cancel},
		{Pattern: "POST /visits/{key}/restore", Who: ui.Recorder, Do: p.restore},
		{Pattern: "POST /visits/{key}/confirm", Who: ui.Recorder, Do: p.confirm},
		{Pattern: "POST /visits/{key}/withdraw", Who: ui.Recorder, Do: p.withdraw},
	}}
}

// Entry is the list's place in the menu, with how many visits wait there for this
// school's confirmation.
func Entry(desk *visit.Desk) ui.Entry {
	return ui.Entry{ID: "visits", Path: Path, Text: "visit.menu", Who: ui.Signed, Count: func() int {
		all, _ := desk.All() // what cannot be read is told on the page itself
		n := 0
		for _, v := range all {
			if v.ForUs() {
				n++
			}
		}
		return n
	}}
}

type pages struct {
	desk *visit.Desk
	book *roster.Book
}

// count is a number of heads as people write it, "" where nobody did.
func count(n int) string {
	if n == visit.Unsaid {
		return ""
	}
	return strconv.Itoa(n)
}

// line is one visit of a list.
type line struct {
	*visit.Visit
	Other string // the other school's name
	Here  bool   // something of it is on this computer alone
}

// State names how far it is confirmed, for message ids.
func (l line) State() string {
	if l.ForUs() {
		return "mine"
	}
	return stateName(l.Visit.State())
}

// Mood chooses the colour of State.
func (l line) Mood() string {
	return [...]string{"wait", "good", "wait", "note"}[l.Visit.State()]
}

// Safe reports whether what this school has said of it is at the district.
func (l line) Safe() bool { return !l.Here && (l.Own || l.Confirmed != 0) }

// What, How and Way are the visit's kind, mode and direction in words.
func (l line) What() text.Label { return schema.VisitKinds.Label(int64(l.Kind)) }
func (l line) How() text.Label  { return schema.VisitModes.Said(l.Mode) }
func (l line) Way() text.Label  { return schema.VisitDirections.Said(l.Direction) }

// Time, Came, Pupils and Staff are its numbers as people write them, "" where nobody
// did.
func (l line) Time() string   { return ui.Tenths(l.Hours) }
func (l line) Came() string   { return count(l.Visitors) }
func (l line) Pupils() string { return count(l.PupilsMet) }
func (l line) Staff() string  { return count(l.TeachersMet) }

func stateName(s visit.State) string {
	return [...]string{"waits", "confirmed", "changed", "voided"}[s]
}

// month is the visits of one month.
type month struct {
	First schema.Date
	Name  string // in the reader's words
	Lines []line
}

// Year is the year that the month lies in.
func (m month) Year() int { y, _, _ := m.First.Parts(); return y }

// bond is an agreement and how long ago a visit under it was last confirmed.
type bond struct {
	*roster.Agreement
	Name string // of the lead
	Days int    // since the last day of the last confirmed visit, or since it began
	Last schema.Date
	Mood string // good, wait or bad
	Say  *text.Message
}

// listing is what the list shows.
type listing struct {
	Form                              *ui.Form
	Months                            []month
	More                              int // visits that are too many to show
	Total                             int
	Waits                             int // for this school's confirmation
	Bonds                             []bond
	Years, OfYear, Agreements, States []ui.Choice

	Leader bool
	Empty  bool // nothing was ever written down
	Helps  bool // this school helps others, and nobody helps it
}

// mostLines is how many visits one page shows.
const mostLines = 100

func (p *pages) list(r *ui.Request) (ui.Answer, error) {
	all, err := p.desk.All()
	if err != nil {
		return nil, err
	}
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	f, chosen := p.chosen(r, book, all)
	d := listing{
		Form: f, Total: len(chosen), Empty: len(all) == 0, Leader: r.May(ui.Leader), Bonds: bonds(book, all, r.Today),
		Years: ui.SchoolYears(r, all, func(v *visit.Visit) schema.Date { return v.Date }), OfYear: months(r, f.Value("year")), Agreements: agreements(all), States: states(r),
	}
	d.Helps = len(book.Agreements()) > 0 && len(visit.Agreements(book, r.Today)) == 0
	for _, v := range all {
		if v.ForUs() {
			d.Waits++
		}
	}
	if len(chosen) > mostLines {
		d.More = len(chosen) - mostLines
		chosen = chosen[:mostLines]
	}
	for _, v := range chosen {
		y, m, _ := v.Date.Parts()
		first := schema.DateOf(y, m, 1)
		if n := len(d.Months); n == 0 || d.Months[n-1].First != first {
			d.Months = append(d.Months, month{First: first, Name: r.Say("page.month" + strconv.Itoa(m))})
		}
		at := &d.Months[len(d.Months)-1]
		at.Lines = append(at.Lines, p.line(book, v))
	}
	return ui.Show{Template: "visit/list", Title: r.Say("visit.title"), Active: "visits", Data: d}, nil
}

func (p *pages) line(book *roster.Roster, v *visit.Visit) line {
	other := v.Helper
	if !v.Own {
		other = v.Host
	}
	return line{v, book.SchoolName(other), p.desk.Here(v)}
}

// chosen are the visits that the address asks for: of a school year, the newest if
// none is said.
func (p *pages) chosen(r *ui.Request, book *roster.Roster, all []*visit.Visit) (*ui.Form, []*visit.Visit) {
	q, year := r.URL.Query(), r.SchoolYear()
	f := r.NewForm("year", year, "month", q.Get("month"), "agreement", q.Get("agreement"), "state", q.Get("state"))
	var out []*visit.Visit
	for _, v := range all {
		state := q.Get("state")
		fits := state == stateName(v.State()) || state == "" && v.Void == "" || state == "mine" && v.ForUs() || state == "here" && p.desk.Here(v)
		// What waits for this school waits whatever year it is of.
		inYear := state == "mine" || strconv.Itoa(v.Date.SchoolYear()) == year
		if fits && inYear && (q.Get("month") == "" || q.Get("month") == v.Date.Month()) && (q.Get("agreement") == "" || q.Get("agreement") == v.Agreement) {
			out = append(out, v)
		}
	}
	return f, out
}

func months(r *ui.Request, year string) []ui.Choice {
	y, _ := strconv.Atoi(year)
	var out []ui.Choice
	for i := range 12 {
		first := schema.DateOf(y, 8+i, 1)
		_, m, _ := first.Parts()
		out = append(out, ui.Choice{Value: first.Month(), Text: r.Say("visit.month", "month", r.Say("page.month"+strconv.Itoa(m)))})
	}
	return out
}

func agreements(all []*visit.Visit) []ui.Choice {
	var out []ui.Choice
	seen := map[string]bool{"": true}
	for _, v := range all {
		if !seen[v.Agreement] {
			seen[v.Agreement] = true
			out = append(out, ui.Choice{Value: v.Agreement, Text: v.Agreement})
		}
	}
	slices.SortFunc(out, func(a, b ui.Choice) int { return cmp.Compare(a.Value, b.Value) })
	return out
}

func states(r *ui.Request) []ui.Choice {
	var out []ui.Choice
	for _, s := range []string{"here", "waits", "mine", "changed", "confirmed", "voided"} {
		out = append(out, ui.Choice{Value: s, Text: r.Say("visit.state_" + s)})
	}
	return out
}

// bonds are the agreements that help this school today, with what a month without a
// visit means by the district's thresholds.
func bonds(book *roster.Roster, all []*visit.Visit, today schema.Date) []bond {
	var out []bond
	for _, a := range visit.Agreements(book, today) {
		b := bond{Agreement: a, Name: book.SchoolName(a.Lead), Mood: "good"}
		since := a.From
		for _, v := range all {
			if v.Own && v.Agreement == a.ID && v.State() == visit.Confirmed && v.Last() > b.Last {
				b.Last, since = v.Last(), v.Last()
			}
		}
		b.Days = int(today - since)
		switch days := int64(b.Days); {
		case since == 0:
			b.Mood, b.Say = "wait", text.New("visit.bond_never")
		case days >= book.Threshold(schema.SettingExit):
			b.Mood, b.Say = "bad", text.New("visit.bond_exit", "days", days)
		case days >= book.Threshold(schema.SettingPlan):
			b.Mood, b.Say = "bad", text.New("visit.bond_plan", "days", days)
		case days >= book.Threshold(schema.SettingWarn):
			b.Mood, b.Say = "wait", text.New("visit.bond_warn", "days", days)
		case b.Last == 0:
			b.Mood, b.Say = "wait", text.New("visit.bond_none", "days", days)
		default:
			b.Say = text.New("visit.bond_good", "days", days)
		}
		out = append(out, b)
	}
	return out
}
