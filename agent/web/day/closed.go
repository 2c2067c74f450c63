package day

import (
	"fmt"
	"strconv"
	"strings"

	"shangu/agent/roll"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/text"
)

// Days of the school's own calendar that are listed: so far back, and all ahead.
const closedBack = 60

// closedView is what the page of closed and made-up days shows.
type closedView struct {
	Form  *ui.Form
	Kinds []ui.Choice
	Runs  []run
	Codes *schema.CodeList
	Ups   []schema.Date // make-up days of the district's calendar
	Done  int           // days that were just written down
}

// run are days in a row of one kind.
type run struct {
	From, To schema.Date
	Kind     int
	By       string
	Has      int // sheets taken on them nevertheless
}

// Days is the run as a form carries it.
func (r run) Days() string { return r.From.String() + "/" + r.To.String() }

func (p *pages) closed(r *ui.Request) (ui.Answer, error) {
	done, _ := strconv.Atoi(r.URL.Query().Get("done"))
	return p.showClosed(r, r.NewForm("from", r.Today.String(), "kind", strconv.Itoa(schema.DaySnow)), 0, done)
}

func (p *pages) showClosed(r *ui.Request, f *ui.Form, code, done int) (ui.Answer, error) {
	list, err := p.desk.Exceptions(r.Today - closedBack)
	if err != nil {
		return nil, err
	}
	v := closedView{Form: f, Codes: schema.DayKinds, Done: done}
	for _, kind := range roll.OwnKinds {
		c, _ := schema.DayKinds.ByNum(int64(kind))
		v.Kinds = append(v.Kinds, ui.Choice{Value: fmt.Sprint(kind), Text: c.Name.In(r.Lang)})
	}
	own := map[schema.Date]bool{}
	for _, e := range list {
		own[e.Date] = true
		if n := len(v.Runs) - 1; n >= 0 && v.Runs[n].To+1 == e.Date && v.Runs[n].Kind == e.Kind && v.Runs[n].By == e.By {
			v.Runs[n].To = e.Date
			v.Runs[n].Has += e.Has
			continue
		}
		v.Runs = append(v.Runs, run{e.Date, e.Date, e.Kind, e.By, e.Has})
	}
	ups, err := p.desk.MakeUps(r.Today, r.Today+closedBack)
	if err != nil {
		return nil, err
	}
	for _, on := range ups {
		if !own[on] {
			v.Ups = append(v.Ups, on)
		}
	}
	return ui.Show{Template: "day/closed", Title: r.Say("day.closed_title"), Active: "day", Data: v, Code: code}, nil
}

// wrongField is the field beside which a refusal is said.
var wrongField = map[string]string{"roll.order": "to", "roll.too_long": "to", "roll.no_kind": "kind"}

func (p *pages) close(r *ui.Request) (ui.Answer, error) {
	f := r.Typed()
	from, to := f.Date("from"), f.Date("to")
	if f.Value("to") == "" {
		to = from
	}
	kind := f.Int("kind", 1, 99)
	if f.OK() {
		n, err := p.desk.Except(r.Context(), r.Name(), from, to, kind)
		if err == nil {
			return ui.See("/closed?done=" + strconv.Itoa(n)), nil
		}
		field := "from"
		if m := text.Of(err); m != nil && wrongField[m.ID()] != "" {
			field = wrongField[m.ID()]
		}
		if err := f.Refuse(field, err); err != nil {
			return nil, err
		}
	}
	return p.showClosed(r, f, 422, 0)
}

func (p *pages) undo(r *ui.Request) (ui.Answer, error) {
	from, to, _ := strings.Cut(r.PostForm.Get("days"), "/")
	first, ok1 := schema.ParseDate(from)
	last, ok2 := schema.ParseDate(to)
	if !ok1 || !ok2 || last < first || last-first > 400 {
		return nil, text.New("page.bad_form")
	}
	var days []schema.Date
	for on := first; on <= last; on++ {
		days = append(days, on)
	}
	if err := p.desk.Undo(r.Context(), r.Name(), days); err != nil {
		return nil, err
	}
	return ui.See("/closed"), nil
}
