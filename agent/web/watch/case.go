package watch

import (
	"net/http"

	"shangu/agent/roster"
	"shangu/agent/watch"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/text"
)

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
