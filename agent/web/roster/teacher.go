package roster

import (
	"fmt"

	school "shangu/agent/roster"
	"shangu/agent/transfer"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/text"
)

type teachers struct {
	Teachers []staff
	Tab      string
}

// staff is a teacher of the list.
type staff struct {
	*school.Teacher
	Key string
}

func (p *pages) teachers(r *ui.Request) (ui.Answer, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	v := teachers{Tab: "teachers"}
	for _, t := range book.Teachers() {
		v.Teachers = append(v.Teachers, staff{t, book.Key(t.ID)})
	}
	return ui.Show{Template: "roster/teachers", Title: r.Say("roster.teachers"), Active: "roster", Data: v}, nil
}

// person is what the page of a teacher shows.
type person struct {
	Teacher *school.Teacher
	Key     string
	Classes []ui.Choice // that the teacher leads, by path
	Form    *ui.Form
	Sexes   *schema.CodeList
	Tab     string
}

// teacherOf finds the teacher of an address.
func (p *pages) teacherOf(r *ui.Request) (*school.Roster, *school.Teacher, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, nil, err
	}
	t := book.Teacher(book.ByKey(r.PathValue("teacher")))
	if t == nil {
		return nil, nil, text.New("page.none")
	}
	return book, t, nil
}

func (p *pages) teacher(r *ui.Request) (ui.Answer, error) {
	book, t, err := p.teacherOf(r)
	if err != nil {
		return nil, err
	}
	doc, err := p.docs.Doc("", schema.KindTeacher, t.ID)
	if err != nil {
		return nil, fmt.Errorf("read teacher: %w", err)
	}
	birth := ""
	if n, ok := doc.Value(schema.TeacherBirth).Int(); ok {
		birth = fmt.Sprint(n)
	}
	return p.showTeacher(r, book, t, r.NewForm(
		"name", t.Name, "sex", fmt.Sprint(t.Sex), "birth", birth, "subject", t.Subject, "rank", t.Title,
		"post", doc.Value(schema.TeacherPost).Text(), "mountain", flag(t.Mountain), "backbone", flag(t.Backbone),
	)), nil
}

func (p *pages) showTeacher(r *ui.Request, book *school.Roster, t *school.Teacher, f *ui.Form) ui.Answer {
	v := person{Teacher: t, Key: book.Key(t.ID), Form: f, Sexes: schema.Sexes, Tab: "teachers"}
	for _, c := range book.Classes(r.Today) {
		if c.Head == t.ID {
			v.Classes = append(v.Classes, ui.Choice{Value: "/roster/class/" + book.Key(c.ID), Text: c.Name})
		}
	}
	return show(r, f, "roster/teacher", t.Name, v)
}

// Years of birth, as schema has them.
const firstYear, lastYear = 1900, 2100

// correctTeacher saves what is put right of a teacher.
func (p *pages) correctTeacher(r *ui.Request) (ui.Answer, error) {
	book, t, err := p.teacherOf(r)
	if err != nil {
		return nil, err
	}
	f := r.Typed()
	facts := transfer.Facts{
		schema.TeacherName:     schema.Str(f.Needed("name", maxWord)),
		schema.TeacherSex:      number(f.Int("sex", 0, 9)),
		schema.TeacherBirth:    number(f.Int("birth", firstYear, lastYear)),
		schema.TeacherSubject:  schema.Said(f.Text("subject", maxWord)),
		schema.TeacherTitle:    schema.Said(f.Text("rank", maxWord)),
		schema.TeacherPost:     schema.Said(f.Text("post", maxWord)),
		schema.TeacherMountain: schema.Bool(f.Value("mountain") == "1"),
		schema.TeacherBackbone: schema.Bool(f.Value("backbone") == "1"),
	}
	if !f.OK() {
		return p.showTeacher(r, book, t, f), nil
	}
	if err := p.desk.Correct(r.Context(), r.Name(), schema.KindTeacher, t.ID, facts); err != nil {
		return nil, err
	}
	return ui.See("/roster/teachers"), nil
}
