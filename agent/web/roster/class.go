package roster

import (
	school "shangu/agent/roster"
	"shangu/agent/transfer"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/text"
)

// list is what the page of a class shows.
type list struct {
	Form  *ui.Form
	On    schema.Date
	Past  bool
	Class *school.Class
	Key   string
	Rows  []row
	Count Count
	Facts *ui.Form
	Heads []ui.Choice // who may be the class teacher
	Leads bool
	Open  bool // the form of facts is unfolded
	Tab   string
}

// classOf finds the class of an address.
func (p *pages) classOf(r *ui.Request) (*school.Roster, *school.Class, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, nil, err
	}
	c := book.Class(book.ByKey(r.PathValue("class")))
	if c == nil {
		return nil, nil, text.New("page.none")
	}
	return book, c, nil
}

func (p *pages) class(r *ui.Request) (ui.Answer, error) {
	book, c, err := p.classOf(r)
	if err != nil {
		return nil, err
	}
	head := ""
	if book.Teacher(c.Head) != nil {
		head = book.Key(c.Head)
	}
	return p.showClass(r, book, c, r.NewForm("grade", c.Grade, "head", head)), nil
}

// showClass is a class's page; facts is what was typed into its form.
func (p *pages) showClass(r *ui.Request, book *school.Roster, c *school.Class, facts *ui.Form) ui.Show {
	on, f := asOf(r)
	v := list{
		Form: f, On: on, Past: on != r.Today, Class: c, Key: book.Key(c.ID), Count: count(book, c, on), Facts: facts, Open: !facts.OK(), Leads: r.May(ui.Leader), Tab: "classes",
	}
	for _, pupil := range book.Pupils(c.ID, on) {
		v.Rows = append(v.Rows, row{Pupil: pupil, Key: book.Key(pupil.ID), Class: c})
	}
	for _, t := range book.Teachers() {
		v.Heads = append(v.Heads, ui.Choice{Value: book.Key(t.ID), Text: t.Name})
	}
	a := show(r, f, "roster/class", c.Name, v)
	if !facts.OK() {
		a.Code = 422
	}
	return a
}

// correctClass saves what is put right of a class. Its name is not: sheets, registers and
// lists that come in know the class by it.
func (p *pages) correctClass(r *ui.Request) (ui.Answer, error) {
	book, c, err := p.classOf(r)
	if err != nil {
		return nil, err
	}
	f := r.Typed()
	facts := transfer.Facts{schema.ClassGrade: schema.Said(f.Text("grade", maxWord)), schema.ClassHead: schema.Nil}
	if key := f.Value("head"); key != "" {
		t := book.Teacher(book.ByKey(key))
		if t == nil {
			_ = f.Refuse("head", text.New("roster.no_teacher"))
		} else {
			facts[schema.ClassHead] = schema.Str(t.ID)
		}
	}
	if !f.OK() {
		return p.showClass(r, book, c, f), nil
	}
	if err := p.desk.Correct(r.Context(), r.Name(), schema.KindClass, c.ID, facts); err != nil {
		return nil, err
	}
	return ui.See("/roster/class/" + book.Key(c.ID)), nil
}

// maxWord bounds a name or a word of a form.
const maxWord = 60
