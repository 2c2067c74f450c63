package leave

import (
	"cmp"
	"fmt"

	"shangu/agent/leave"
	"shangu/agent/roster"
	"shangu/agent/web/sheet"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/text"
)

// newView is what the form of a leave shows: first whose class, then the rest.
type newView struct {
	Form     *ui.Form
	Classes  []ui.Choice
	Class    *roster.Class // nil until it is chosen
	Pupils   []ui.Choice
	Statuses []ui.Choice
	Symptoms []ui.Choice
	Sessions []ui.Choice
	Sick     int64 // the status with which a symptom goes
}

func (p *pages) blank(r *ui.Request) (ui.Answer, error) {
	q := r.URL.Query()
	from := r.Today.String()
	if d, ok := schema.ParseDate(q.Get("from")); ok {
		from = d.String()
	}
	f := r.NewForm("id", p.newID(), "class", q.Get("class"), "pupil", q.Get("pupil"), "from", from, "to", from)
	return p.form(r, f, 0)
}

// form shows a form that was filled in so far.
func (p *pages) form(r *ui.Request, f *ui.Form, code int) (ui.Answer, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	v := newView{Form: f, Sick: int64(schema.StatusSick), Symptoms: ui.Codes(schema.Symptoms, r.Lang)}
	for _, c := range book.Classes(r.Today) {
		v.Classes = append(v.Classes, ui.Choice{Value: book.Key(c.ID), Text: c.Name})
	}
	for _, s := range leave.Statuses {
		v.Statuses = append(v.Statuses, ui.Choice{Value: fmt.Sprint(int(s)), Text: schema.Statuses.Label(int64(s)).In(r.Lang)})
	}
	for s := schema.SessionAM; s <= schema.SessionEve; s++ {
		v.Sessions = append(v.Sessions, ui.Choice{Value: fmt.Sprint(int(s)), Text: sheet.Session(s).In(r.Lang)})
	}
	if v.Class = book.Class(book.ByKey(f.Value("class"))); v.Class != nil {
		for i, pupil := range book.Pupils(v.Class.ID, p.on(r, v.Class)) {
			v.Pupils = append(v.Pupils, ui.Choice{Value: book.Key(pupil.ID), Text: pupil.Name, Find: pupil.Initials, More: fmt.Sprint(i + 1)})
		}
	}
	return ui.Show{Template: "leave/new", Title: r.Say("leave.new"), Active: "day", Data: v, Code: code}, nil
}

// on is the day whose class list is shown: today's, or where the class is of another
// school year, its last.
func (p *pages) on(r *ui.Request, c *roster.Class) schema.Date {
	if c.Year == r.Today.SchoolYear() {
		return r.Today
	}
	return schema.DateOf(c.Year+1, 7, 1)
}

// beside is the field beside which a refusal is said; any other stands above the form.
var beside = map[string]string{
	"leave.no_pupils": "pupil", "leave.no_pupil": "pupil", "leave.too_many": "pupil", "leave.overlap": "pupil",
	"leave.no_status": "status", "leave.no_from": "from", "leave.order": "to", "leave.too_long": "to",
}

func (p *pages) plan(r *ui.Request) (ui.Answer, error) {
	f := r.Typed()
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	l := leave.Leave{
		ID: cmp.Or(f.Value("id"), p.newID()), From: f.Date("from"), To: f.Date("to"), Reason: f.Text("reason", 200),
		Status: schema.Status(f.Int("status", 1, 9)), Symptom: schema.Symptom(f.Int("symptom", 1, 255)),
		Session: schema.Session(f.Int("session", 1, 3)),
	}
	l.To = cmp.Or(l.To, l.From)
	for _, key := range f.Values("pupil") {
		l.Pupils = append(l.Pupils, cmp.Or(book.ByKey(key), key))
	}
	if f.OK() {
		err := p.desk.Plan(r.Context(), r.Name(), l)
		if err == nil {
			return ui.See("/leave"), nil
		}
		where := "save"
		if m := text.Of(err); m != nil {
			where = cmp.Or(beside[m.ID()], where)
		}
		if err := f.Refuse(where, err); err != nil {
			return nil, err
		}
	}
	return p.form(r, f, 422)
}
