// Package leave is the pages of planned leave: who is away now and soon, a leave
// written down for one pupil or for a group, ended early or voided.
package leave

import (
	"cmp"
	"embed"
	"slices"
	"strings"
	"time"

	"shangu/agent/leave"
	"shangu/agent/roster"
	"shangu/agent/web/sheet"
	"shangu/agent/web/ui"
	"shangu/schema"
)

//go:embed *.html *.css *.js
var files embed.FS

// Area returns the pages; newID makes the id of a document.
func Area(desk *leave.Desk, book *roster.Book, newID func() string) ui.Area {
	p := &pages{desk, book, newID}
	return ui.Area{Name: "leave", Files: files, Routes: []ui.Route{
		{Pattern: "GET /leave", Who: ui.Recorder, Do: p.list},
		{Pattern: "GET /leave/new", Who: ui.Recorder, Do: p.blank},
		{Pattern: "POST /leave/new", Who: ui.Recorder, Do: p.plan},
		{Pattern: "GET /leave/{id}", Who: ui.Recorder, Do: p.show},
		{Pattern: "POST /leave/{id}/end", Who: ui.Recorder, Do: p.end},
		{Pattern: "POST /leave/{id}/void", Who: ui.Recorder, Do: p.void},
	}}
}

type pages struct {
	desk  *leave.Desk
	book  *roster.Book
	newID func() string
}

// item is a leave in words.
type item struct {
	*leave.Leave
	Who     string // the pupil, or how many
	Class   string
	Names   []string
	Kind    string
	When    string // the part of the day, "" for all of it
	Written string // when it was written down
}

// maxNames is how many names stand in a list before it says how many there are.
const maxNames = 3

func (p *pages) item(r *ui.Request, book *roster.Roster, l *leave.Leave) item {
	out := item{Leave: l, Kind: schema.Words(schema.KindSheet, schema.SheetMark, l.Mark().Encode()).In(r.Lang)}
	if l.Session != 0 {
		out.When = sheet.Session(l.Session).In(r.Lang)
	}
	out.Written = time.Unix(l.At, 0).In(schema.Zone).Format("01-02 15:04")
	var classes []string
	pupils := make([]*roster.Pupil, 0, len(l.Pupils))
	for _, id := range l.Pupils {
		if pupil := book.Pupil(id); pupil != nil {
			pupils = append(pupils, pupil)
		}
	}
	slices.SortFunc(pupils, func(a, b *roster.Pupil) int {
		return cmp.Or(strings.Compare(a.Initials, b.Initials), strings.Compare(a.Name, b.Name))
	})
	for _, pupil := range pupils {
		out.Names = append(out.Names, pupil.Name)
		if c := book.ClassOn(pupil, l.From); c != nil && !slices.Contains(classes, c.Name) {
			classes = append(classes, c.Name)
		}
	}
	comma := r.Say("leave.comma")
	out.Class = strings.Join(classes, comma)
	out.Who = strings.Join(out.Names[:min(len(out.Names), maxNames)], comma)
	if len(out.Names) > maxNames {
		out.Who = r.Say("leave.who_more", "names", out.Who, "n", len(l.Pupils))
	}
	return out
}

// listView is what the list shows.
type listView struct {
	Now, Coming, Over []item
	Back              int // days that leave which is over stays in the list
}

// overBack is how long leave that is over stays in the list.
const overBack = 14

func (p *pages) list(r *ui.Request) (ui.Answer, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	all, err := p.desk.All()
	if err != nil {
		return nil, err
	}
	v := listView{Back: overBack}
	for _, l := range all {
		switch {
		case l.To < r.Today-overBack:
		case l.To < r.Today:
			v.Over = append(v.Over, p.item(r, book, l))
		case l.From <= r.Today:
			v.Now = append(v.Now, p.item(r, book, l))
		default:
			v.Coming = append(v.Coming, p.item(r, book, l))
		}
	}
	slices.Reverse(v.Over)
	return ui.Show{Template: "leave/list", Title: r.Say("leave.title"), Active: "day", Data: v}, nil
}

// oneView is what the page of one leave shows.
type oneView struct {
	item
	End, Void *ui.Form
	Running   bool // it can still end early
}

func (p *pages) show(r *ui.Request) (ui.Answer, error) {
	return p.one(r, r.NewForm("to", r.Today.String()), r.NewForm(), 0)
}

func (p *pages) one(r *ui.Request, end, void *ui.Form, code int) (ui.Answer, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	l, err := p.desk.Get(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	v := oneView{item: p.item(r, book, l), End: end, Void: void, Running: l.To > l.From}
	return ui.Show{Template: "leave/one", Title: r.Say("leave.one_title", "who", v.Who, "kind", v.Kind), Active: "day", Data: v, Code: code}, nil
}

func (p *pages) end(r *ui.Request) (ui.Answer, error) {
	f := r.Typed()
	last := f.Date("to")
	if f.OK() {
		if err := f.Refuse("to", p.desk.End(r.Context(), r.Name(), r.PathValue("id"), last)); err != nil {
			return nil, err
		}
	}
	if f.OK() {
		return ui.See("/leave"), nil
	}
	return p.one(r, f, r.NewForm(), 422)
}

func (p *pages) void(r *ui.Request) (ui.Answer, error) {
	f := r.Typed()
	reason := f.Text("reason", 200)
	if f.OK() {
		if err := f.Refuse("reason", p.desk.Void(r.Context(), r.Name(), r.PathValue("id"), reason)); err != nil {
			return nil, err
		}
	}
	if f.OK() {
		return ui.See("/leave"), nil
	}
	return p.one(r, r.NewForm("to", r.Today.String()), f, 422)
}
