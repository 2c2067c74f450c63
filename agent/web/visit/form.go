package visit

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"shangu/agent/form"
	"shangu/agent/roster"
	"shangu/agent/visit"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/text"
)

// names of the form's fields, by what they are in a visit.
var names = map[schema.FieldNum]string{
	schema.VisitDate: "date", schema.VisitEnd: "end", schema.VisitAgreement: "agreement", schema.VisitHelper: "helper",
	schema.VisitDirection: "direction", schema.VisitKind: "kind", schema.VisitMode: "mode", schema.VisitTopic: "topic",
	schema.VisitVisitors: "visitors", schema.VisitVisitorNames: "names", schema.VisitHours: "hours", schema.VisitPupils: "pupils",
	schema.VisitTeachers: "staff", schema.VisitNote: "note", schema.VisitClasses: "classes", schema.VisitDropped: "link",
	schema.VisitCredits: "teachers", schema.VisitHelperCredits: "teachers", schema.VisitHelperNote: "helper_note",
}

// Bounds of what is typed; longer ones are for the schema to say.
const (
	maxHeads = 100000
	maxHours = 10000 // tenths: a thousand hours
	maxLine  = 200
	maxNote  = 2000
)

// written is what the form shows.
type written struct {
	Form                                          *ui.Form
	Action                                        string
	Back                                          string
	Agreements, Schools, Classes, Teachers, Links []ui.Choice
	Kinds, Modes, Directions                      *schema.CodeList
	Sync                                          int // the kind that has classes and a link
	Trouble                                       string
}

func (p *pages) blank(r *ui.Request) (ui.Answer, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	f := r.NewForm("ticket", p.desk.Ticket(), "date", r.Today.String(), "mode", "1")
	// Most schools have one agreement, and it is the one.
	if alive := visit.Agreements(book, r.Today); len(alive) == 1 {
		f.Set("agreement", alive[0].ID)
	}
	return p.form(r, book, f, nil, "", 0), nil
}

// form shows the form for a new visit, or for one that was written down already.
func (p *pages) form(r *ui.Request, book *roster.Roster, f *ui.Form, was *visit.Visit, trouble string, code int) ui.Answer {
	d := written{
		Form: f, Action: "/visits/new", Back: Path, Kinds: schema.VisitKinds, Modes: schema.VisitModes, Directions: schema.VisitDirections,
		Sync: schema.VisitSync, Trouble: trouble,
		Links: []ui.Choice{{Value: strconv.Itoa(int(visit.LinkHeld)), Text: r.Say("visit.link_held")}, {Value: strconv.Itoa(int(visit.LinkDropped)), Text: r.Say("visit.link_dropped")}},
	}
	title := r.Say("visit.new")
	on := r.Today
	if was != nil {
		d.Back = Path + "/" + was.Key()
		d.Action, title, on = d.Back+"/edit", r.Say("visit.edit_title"), was.Date
	}
	if typed, ok := schema.ParseDate(f.Value("date")); ok {
		on = typed
	}
	for _, a := range book.Agreements() {
		if a.Lead == book.Home {
			continue
		}
		more := r.Say("visit.from_to", "from", a.From.Text(), "to", a.To.Text())
		d.Agreements = append(d.Agreements, ui.Choice{Value: a.ID, Text: a.ID + " " + book.SchoolName(a.Lead) + " " + more})
		d.Schools = append(d.Schools, ui.Choice{Value: a.Lead, Text: book.SchoolName(a.Lead)})
	}
	if was != nil && was.Agreement != "" && !slices.ContainsFunc(d.Agreements, func(c ui.Choice) bool { return c.Value == was.Agreement }) {
		d.Agreements = append(d.Agreements, ui.Choice{Value: was.Agreement, Text: was.Agreement})
	}
	var known []string
	for _, c := range book.Classes(on) {
		known = append(known, c.Name)
	}
	if was != nil {
		for _, c := range was.Classes {
			if !slices.Contains(known, c) {
				known = append(known, c)
			}
		}
	}
	for _, c := range known {
		d.Classes = append(d.Classes, ui.Choice{Value: c, Text: c})
	}
	var credited map[string]int
	if was != nil {
		credited = was.Credits
	}
	d.Teachers = teachers(book, credited)
	return ui.Show{Template: "visit/form", Title: title, Active: "visits", Data: d, Code: code}
}

// teachers are those of the school, and who has left it and was credited.
func teachers(book *roster.Roster, credited map[string]int) []ui.Choice {
	var out []ui.Choice
	for _, t := range book.Teachers() {
		out = append(out, ui.Choice{Value: book.Key(t.ID), Text: t.Name, Find: t.Initials, More: t.Subject})
	}
	for id := range credited {
		if book.Teacher(id) == nil {
			out = append(out, ui.Choice{Value: book.Key(id), Text: id})
		}
	}
	return out
}

// credited reads which teachers were chosen and the hours typed beside them; those of
// the visit where none were.
func credited(f *ui.Form, book *roster.Roster, was map[string]int, hours int) map[string]int {
	out := map[string]int{}
	ids := map[string]string{}
	for _, t := range book.Teachers() {
		ids[book.Key(t.ID)] = t.ID
	}
	for id := range was {
		ids[book.Key(id)] = id
	}
	for _, key := range f.Values("teachers") {
		id, typed := ids[key], "teachers-"+key
		switch {
		case id == "":
			_ = f.Refuse("teachers", text.New("visit.teacher_gone"))
		case f.Value(typed) == "":
			out[id] = hours
		default:
			out[id] = f.Decimal(typed, 0, maxHours)
			if w := f.Wrong(typed); w != "" {
				_ = f.Refuse("teachers", text.New("visit.bad_hours", "teacher", book.TeacherName(id), "max", ui.Tenths(maxHours)))
			}
		}
	}
	for key, id := range ids {
		if f.Value("teachers-"+key) != "" && !f.Has("teachers", key) {
			_ = f.Refuse("teachers", text.New("visit.not_chosen", "teacher", book.TeacherName(id)))
		}
	}
	return out
}

// number reads a field of digits, or visit.Unsaid.
func number(f *ui.Form, name string, read func(string, int, int) int, max int) int {
	if strings.TrimSpace(f.Value(name)) == "" {
		return visit.Unsaid
	}
	return read(name, 0, max)
}

// facts reads the form.
func facts(f *ui.Form, book *roster.Roster, was *visit.Visit) visit.Facts {
	choice := func(name string) int { n, _ := strconv.Atoi(f.Value(name)); return max(n, 0) }
	v := visit.Facts{
		Date: f.Date("date"), End: f.Date("end"), Agreement: f.Value("agreement"), Helper: schema.Fold(f.Value("helper")),
		Direction: choice("direction"), Kind: choice("kind"), Mode: choice("mode"), Topic: f.Text("topic", maxLine),
		Visitors: number(f, "visitors", f.Int, maxHeads), Names: people(f.Value("names")), Hours: number(f, "hours", f.Decimal, maxHours),
		PupilsMet: number(f, "pupils", f.Int, maxHeads), TeachersMet: number(f, "staff", f.Int, maxHeads),
		Note: f.Text("note", maxNote), Classes: f.Values("classes"), Link: visit.Link(min(choice("link"), int(visit.LinkDropped))),
	}
	// Who is named has come; the number says how many when nobody else does.
	if v.Visitors == visit.Unsaid && len(v.Names) > 0 {
		v.Visitors = len(v.Names)
	}
	var credits map[string]int
	if was != nil {
		credits = was.Credits
	}
	v.Credits = credited(f, book, credits, v.Hours)
	return v
}

// people are names with anything between them that people put there.
func people(s string) []string {
	return strings.FieldsFunc(s, func(c rune) bool { return strings.ContainsRune("、，,；;\n\r\t ", c) || c == '\u3000' })
}

func (p *pages) write(r *ui.Request) (ui.Answer, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	f := r.Typed()
	v := facts(f, book, nil)
	if err := p.refuse(f, v, nil, r.Today); err != nil {
		return nil, err
	}
	if !f.OK() {
		return p.form(r, book, f, nil, r.Say("form.wrong"), http.StatusUnprocessableEntity), nil
	}
	ticket := f.Value("ticket")
	if !schema.IsNewID(ticket) {
		return nil, text.New("page.bad_form")
	}
	saved, err := p.desk.Write(r.Context(), r.Name(), ticket, v, r.Today)
	if errors.Is(err, visit.ErrTwice) {
		f.Set("ticket", p.desk.Ticket())
	}
	if err != nil {
		return p.trouble(r, book, f, nil, err)
	}
	return ui.See(Path + "/" + saved.Key()), nil
}

// refuse says beside each field what is wrong with it.
func (p *pages) refuse(f *ui.Form, v visit.Facts, was *visit.Visit, today schema.Date) error {
	wrong, err := p.desk.Check(v, was, today)
	if err != nil {
		return err
	}
	f.RefuseAll(names, wrong)
	return nil
}

// said is what kept a form from being saved, and beside its fields what is wrong with
// them; nil for a failure of ours.
func said(f *ui.Form, err error) *text.Message {
	wrong, _ := errors.AsType[form.Wrong](err)
	f.RefuseAll(names, wrong)
	return text.Of(err)
}

// trouble shows the form again with what kept it from being saved; a failure of ours
// comes back.
func (p *pages) trouble(r *ui.Request, book *roster.Roster, f *ui.Form, was *visit.Visit, err error) (ui.Answer, error) {
	m := said(f, err)
	if m == nil {
		return nil, err
	}
	return p.form(r, book, f, was, m.In(r.Lang), http.StatusUnprocessableEntity), nil
}

// find is the visit of the address, which this school wrote down.
func (p *pages) find(r *ui.Request) (*roster.Roster, *visit.Visit, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, nil, err
	}
	v, err := p.desk.Find(r.PathValue("key"))
	return book, v, err
}

func (p *pages) edit(r *ui.Request) (ui.Answer, error) {
	book, v, err := p.find(r)
	if err != nil {
		return nil, err
	}
	if !v.Own {
		return nil, text.New("visit.not_host")
	}
	helper := v.Helper
	if slices.ContainsFunc(book.Agreements(), func(a *roster.Agreement) bool { return a.ID == v.Agreement && a.Lead == helper }) {
		helper = "" // it follows the agreement
	}
	f := r.NewForm("seen", v.Seen, "date", v.Date.String(), "end", v.End.Text(), "agreement", v.Agreement, "helper", helper,
		"direction", ui.Code(v.Direction), "kind", ui.Code(v.Kind), "mode", ui.Code(v.Mode), "topic", v.Topic, "visitors", count(v.Visitors),
		"names", strings.Join(v.Names, "、"), "hours", ui.Tenths(v.Hours), "pupils", count(v.PupilsMet), "staff", count(v.TeachersMet),
		"note", v.Note, "link", ui.Code(int(v.Link)))
	for _, c := range v.Classes {
		f.Add("classes", c)
	}
	fill(f, book, v.Credits, v.Hours)
	return p.form(r, book, f, v, "", 0), nil
}

// fill puts credited teachers into a form; hours that are the visit's own stay
// unsaid, so that they follow it.
func fill(f *ui.Form, book *roster.Roster, credits map[string]int, hours int) {
	for id, n := range credits {
		key := book.Key(id)
		f.Add("teachers", key)
		if n != hours {
			f.Set("teachers-"+key, ui.Tenths(n))
		}
	}
}

func (p *pages) change(r *ui.Request) (ui.Answer, error) {
	book, v, err := p.find(r)
	if err != nil {
		return nil, err
	}
	f := r.Typed()
	now := facts(f, book, v)
	if err := p.refuse(f, now, v, r.Today); err != nil {
		return nil, err
	}
	if !f.OK() {
		return p.form(r, book, f, v, r.Say("form.wrong"), http.StatusUnprocessableEntity), nil
	}
	_, err = p.desk.Change(r.Context(), r.Name(), v.Key(), f.Value("seen"), now, r.Today)
	if errors.Is(err, visit.ErrStale) {
		f.Set("seen", v.Seen)
	}
	if err != nil {
		return p.trouble(r, book, f, v, err)
	}
	return ui.See(Path + "/" + v.Key()), nil
}
