package report

import (
	"io"
	"strconv"

	"shangu/agent/register"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/text"
)

// classTile leads to a class's register.
type classTile struct {
	Path, Name string
	Pupils     int
}

// classes lists the registers of a month.
func (p *pages) classes(r *ui.Request) (ui.Answer, error) {
	m, err := monthIn(r)
	if err != nil {
		return nil, err
	}
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	v := struct {
		Month   string
		Classes []classTile
		Leader  bool
	}{Month: m.Month(), Leader: r.May(ui.Leader)}
	on := min(register.End(m), r.Today)
	for _, c := range book.Classes(m) {
		v.Classes = append(v.Classes, classTile{"/reports/" + m.Month() + "/registers/" + book.Key(c.ID), c.Name, len(book.Pupils(c.ID, on))})
	}
	return ui.Show{Template: "report/classes", Title: monthTitle(r, "register.registers_title", m), Active: "reports", Data: v}, nil
}

// Cells of a register as its page shows them.
type (
	headCell struct {
		Day     int
		Weekday string
		Off     bool // no day of lessons by the calendar
	}
	signCell struct {
		Sign  string
		Class string // of style
	}
	lineView struct {
		Name   string
		Cells  []signCell
		Totals []string
	}
	registerView struct {
		Month, School, Path string
		Class               string
		Days                []headCell
		Sessions            []string
		Lines               []lineView
		Present             []string
		Totals              []string
		Sums                []string
		Legend              string
		Percent             string
		Prev, Next          string // of the classes, for turning pages
		Many                bool   // more pupils than large type leaves room for
		Leader              bool
	}
)

func (p *pages) register(r *ui.Request) (ui.Answer, error) {
	m, err := monthIn(r)
	if err != nil {
		return nil, err
	}
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	id := book.ByKey(r.PathValue("class"))
	reg, err := p.desk.Class(id, m, r.Today)
	if err != nil {
		return nil, err
	}
	if reg == nil {
		return nil, text.New("page.none")
	}
	v := viewOf(r, reg)
	base := "/reports/" + m.Month() + "/registers/"
	v.Month, v.School, v.Path, v.Leader = m.Month(), book.Name, base+book.Key(id), r.May(ui.Leader)
	classes := book.Classes(m)
	for i, c := range classes {
		if c.ID != id {
			continue
		}
		if i > 0 {
			v.Prev = base + book.Key(classes[i-1].ID)
		}
		if i+1 < len(classes) {
			v.Next = base + book.Key(classes[i+1].ID)
		}
	}
	return ui.Show{Template: "report/register", Title: monthTitle(r, "register.register_title", m, "class", reg.Class.Name), Active: "reports", Data: v}, nil
}

// roomy is how many pupils fit on a page in larger type.
const roomy = 40

func viewOf(r *ui.Request, reg *register.Register) registerView {
	v := registerView{Class: reg.Class.Name, Legend: register.Legend(r.Lang), Many: len(reg.Lines) > roomy}
	for _, d := range reg.Days {
		_, _, day := d.Date.Parts()
		v.Days = append(v.Days, headCell{day, r.Say("register.weekday" + strconv.Itoa(int(d.Date.Weekday()))), !schema.SchoolDay(d.Kind)})
	}
	for _, s := range reg.Sessions {
		v.Sessions = append(v.Sessions, r.Say("register.session_"+s.String()))
	}
	for i := range reg.Lines {
		line := &reg.Lines[i]
		out := lineView{Name: line.Pupil.Name}
		for _, day := range line.Cells {
			for _, c := range day {
				out.Cells = append(out.Cells, signCell{c.Sign().In(r.Lang), style(c)})
			}
		}
		for _, s := range register.Totals {
			out.Totals = append(out.Totals, count(line.By[s]))
		}
		v.Lines = append(v.Lines, out)
	}
	for i := range reg.Days {
		for j := range reg.Sessions {
			if reg.List[i][j] == 0 {
				v.Present = append(v.Present, "")
				continue
			}
			v.Present = append(v.Present, strconv.Itoa(reg.Present[i][j]))
		}
	}
	for _, s := range register.Totals {
		v.Totals = append(v.Totals, schema.Statuses.Label(int64(s)).In(r.Lang))
		v.Sums = append(v.Sums, count(reg.Sum.By[s]))
	}
	v.Percent = rowOf("", "", reg.Sum).Percent
	return v
}

// style is the class of a cell's style: what colour adds to its sign.
func style(c register.Cell) string {
	switch {
	case c.State != register.Marked || c.Mark.Status == schema.StatusPresent:
		return ""
	case c.Mark.Status.Unexcused():
		return "bad"
	case !c.Mark.Status.Present():
		return "wait"
	}
	return "act"
}

func count(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func (p *pages) registersFile(r *ui.Request) (ui.Answer, error) {
	m, err := monthIn(r)
	if err != nil {
		return nil, err
	}
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	id := ""
	if key := r.PathValue("class"); key != "" {
		if id = book.ByKey(key); book.Class(id) == nil {
			return nil, text.New("page.none")
		}
	}
	open, err := r.Open("registers")
	if err != nil {
		return nil, err
	}
	return ui.Download{Name: "registers-" + m.Month() + ".xlsx", Type: ui.TypeXLSX, Write: func(w io.Writer) error {
		return p.desk.WriteRegisters(w, m, r.Today, id, open)
	}}, nil
}
