package roster

import (
	"errors"
	"fmt"
	"slices"

	"shangu/agent/form"
	school "shangu/agent/roster"
	"shangu/agent/transfer"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/text"
)

// who finds the pupil of an address.
func (p *pages) who(r *ui.Request) (*school.Roster, *school.Pupil, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, nil, err
	}
	pupil := book.Pupil(book.ByKey(r.PathValue("pupil")))
	if pupil == nil {
		return nil, nil, text.New("page.none")
	}
	return book, pupil, nil
}

func address(book *school.Roster, pupil string) string { return "/roster/pupil/" + book.Key(pupil) }

// card is what a pupil's page shows. Each form of the page has its own Form, so that
// what is wrong stands where it was typed.
type card struct {
	Pupil   *school.Pupil
	Key     string
	Class   *school.Class // today's; nil: in none
	ClassAt string
	Places  []schema.Enrolment // the latest first
	Facts   *ui.Form
	Move    *ui.Form
	Out     *ui.Form
	Latest  transfer.Change
	Classes []ui.Choice
	Sexes   *schema.CodeList
	Leaving []ui.Choice
	Leads   bool
	Tab     string
	Open    string // the form that is unfolded
}

// page makes a pupil's page; whichever form was typed into replaces the fresh one.
func (p *pages) page(r *ui.Request, book *school.Roster, pupil *school.Pupil) *card {
	c := &card{
		Pupil: pupil, Key: book.Key(pupil.ID), Class: book.ClassOn(pupil, r.Today), Places: pupil.Places(),
		Move: r.NewForm("from", r.Today.String()), Out: r.NewForm("out_from", r.Today.String()),
		Facts:  r.NewForm("name", pupil.Name, "sex", fmt.Sprint(pupil.Sex), "birth", pupil.Birth.Text(), "boarder", flag(pupil.Boarder)),
		Latest: transfer.Latest(pupil, r.Today), Sexes: schema.Sexes, Leaving: reasons(r, transfer.Leaving()),
		Leads: r.May(ui.Leader), Tab: "classes",
	}
	if c.Class != nil {
		c.ClassAt = book.Key(c.Class.ID)
	}
	slices.Reverse(c.Places)
	c.Classes = p.choices(book, r.Today, c.Class)
	return c
}

func flag(on bool) string {
	if on {
		return "1"
	}
	return ""
}

// choices are the classes of a day's school year, but one.
func (p *pages) choices(book *school.Roster, on schema.Date, but *school.Class) (out []ui.Choice) {
	for _, c := range book.Classes(on) {
		if c != but {
			out = append(out, ui.Choice{Value: book.Key(c.ID), Text: c.Name})
		}
	}
	return out
}

func reasons(r *ui.Request, nums []int) (out []ui.Choice) {
	for _, n := range nums {
		out = append(out, ui.Choice{Value: fmt.Sprint(n), Text: reason(n).In(r.Lang)})
	}
	return out
}

func (c *card) show(r *ui.Request, forms ...*ui.Form) ui.Answer {
	a := ui.Show{Template: "roster/pupil", Title: c.Pupil.Name, Active: "roster", Data: c}
	for _, f := range forms {
		if !f.OK() {
			a.Code = 422
		}
	}
	return a
}

func (p *pages) pupil(r *ui.Request) (ui.Answer, error) {
	book, pupil, err := p.who(r)
	if err != nil {
		return nil, err
	}
	return p.page(r, book, pupil).show(r), nil
}

// refuse puts what is wrong beside the field that it is about, whose name in the page
// begins with prefix.
func refuse(f *ui.Form, prefix string, err error) error {
	if w, ok := errors.AsType[*form.FieldError](err); ok {
		return f.Refuse(prefix+w.Field, err)
	}
	return err
}

func (p *pages) move(r *ui.Request) (ui.Answer, error) {
	book, pupil, err := p.who(r)
	if err != nil {
		return nil, err
	}
	f := r.Typed()
	from := f.Date("from")
	if f.OK() {
		err := refuse(f, "", p.desk.Move(r.Context(), r.Name(), pupil.ID, book.ByKey(f.Value("class")), from))
		if err != nil {
			return nil, err
		}
	}
	if f.OK() {
		return ui.See(address(book, pupil.ID)), nil
	}
	c := p.page(r, book, pupil)
	c.Move, c.Open = f, "move"
	return c.show(r, f), nil
}

func (p *pages) out(r *ui.Request) (ui.Answer, error) {
	book, pupil, err := p.who(r)
	if err != nil {
		return nil, err
	}
	f := r.Typed()
	from, why := f.Date("out_from"), f.Int("out_reason", 1, 99)
	if f.OK() {
		if err := refuse(f, "out_", p.desk.Out(r.Context(), r.Name(), pupil.ID, from, why)); err != nil {
			return nil, err
		}
	}
	if f.OK() {
		return ui.See(address(book, pupil.ID)), nil
	}
	c := p.page(r, book, pupil)
	c.Out, c.Open = f, "out"
	return c.show(r, f), nil
}

func (p *pages) undo(r *ui.Request) (ui.Answer, error) {
	book, pupil, err := p.who(r)
	if err != nil {
		return nil, err
	}
	if err := p.desk.Undo(r.Context(), r.Name(), pupil.ID, r.PostForm.Get("seen"), r.Today); err != nil {
		return nil, err
	}
	return ui.See(address(book, pupil.ID)), nil
}

// correct saves what anybody who records may see of a pupil.
func (p *pages) correct(r *ui.Request) (ui.Answer, error) {
	book, pupil, err := p.who(r)
	if err != nil {
		return nil, err
	}
	f := r.Typed()
	facts := transfer.Facts{
		schema.PupilName:    schema.Str(f.Needed("name", 60)),
		schema.PupilSex:     number(f.Int("sex", 0, 9)),
		schema.PupilBirth:   number(f.Date("birth")),
		schema.PupilBoarder: schema.Bool(f.Value("boarder") == "1"),
	}
	if f.OK() {
		if err := p.desk.Correct(r.Context(), r.Name(), schema.KindPupil, pupil.ID, facts); err != nil {
			return nil, err
		}
		return ui.See(address(book, pupil.ID)), nil
	}
	c := p.page(r, book, pupil)
	c.Facts, c.Open = f, "facts"
	return c.show(r, f), nil
}

func number[N ~int | ~int32](n N) schema.Value {
	if n == 0 {
		return schema.Nil
	}
	return schema.Int(int64(n))
}

// guarded are the flags of a pupil that only some may see.
var guarded = []struct {
	Name string
	Num  schema.FieldNum
}{{"left_behind", schema.PupilLeftBehind}, {"disability", schema.PupilDisability}, {"watch", schema.PupilWatch}}

// contacts are kept where the district keeps them at all.
var contacts = []schema.FieldNum{schema.PupilGuardian, schema.PupilPhone, schema.PupilAddress, schema.PupilCitizenID}

type more struct {
	Pupil    *school.Pupil
	Key      string
	Form     *ui.Form
	Consents *schema.CodeList
	Contacts []fact
	Tab      string
}

type fact struct {
	Label text.Label
	Value string
}

// more shows what is guarded of a pupil; the frame notes who looked.
func (p *pages) more(r *ui.Request) (ui.Answer, error) {
	book, pupil, err := p.who(r)
	if err != nil {
		return nil, err
	}
	doc, err := p.docs.Doc("", schema.KindPupil, pupil.ID)
	if err != nil {
		return nil, fmt.Errorf("read pupil: %w", err)
	}
	consent, _ := doc.Value(schema.PupilConsent).Int()
	kv := []string{"consent", ""}
	if consent != 0 {
		kv[1] = fmt.Sprint(consent)
	}
	for _, g := range guarded {
		on, _ := doc.Value(g.Num).Bool()
		kv = append(kv, g.Name, flag(on))
	}
	v := more{Pupil: pupil, Key: book.Key(pupil.ID), Form: r.NewForm(kv...), Consents: schema.ConsentStates, Tab: "classes"}
	for _, n := range contacts {
		if s := doc.Value(n).Text(); s != "" {
			f, _ := schema.FieldOf(schema.KindPupil, n)
			v.Contacts = append(v.Contacts, fact{f.Label, s})
		}
	}
	return ui.Show{Template: "roster/more", Title: r.Say("roster.more_title", "name", pupil.Name), Active: "roster", Data: v}, nil
}

func (p *pages) correctMore(r *ui.Request) (ui.Answer, error) {
	book, pupil, err := p.who(r)
	if err != nil {
		return nil, err
	}
	f := r.Typed()
	facts := transfer.Facts{schema.PupilConsent: number(f.Int("consent", 0, 99))}
	for _, g := range guarded {
		facts[g.Num] = schema.Bool(f.Value(g.Name) == "1")
	}
	if err := p.desk.Correct(r.Context(), r.Name(), schema.KindPupil, pupil.ID, facts); err != nil {
		return nil, err
	}
	return ui.See(address(book, pupil.ID)), nil
}

type entering struct {
	Form    *ui.Form
	Classes []ui.Choice
	Reasons []ui.Choice
	Sexes   *schema.CodeList
	Tab     string
}

func (p *pages) enter(r *ui.Request) (ui.Answer, error) {
	return p.askNew(r, r.NewForm("from", r.Today.String(), "reason", fmt.Sprint(schema.EnrolTransferIn)))
}

func (p *pages) askNew(r *ui.Request, f *ui.Form) (ui.Answer, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	v := entering{Form: f, Classes: p.choices(book, r.Today, nil), Reasons: reasons(r, transfer.Entering()), Sexes: schema.Sexes, Tab: "new"}
	return show(r, f, "roster/new", r.Say("roster.new_title"), v), nil
}

func (p *pages) entered(r *ui.Request) (ui.Answer, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	f := r.Typed()
	n := transfer.New{
		ID: f.Needed("id", 40), Name: f.Text("name", 60), Sex: f.Int("sex", 0, 9), Birth: f.Date("birth"), Boarder: f.Value("boarder") == "1",
		Class: book.ByKey(f.Value("class")), From: f.Date("from"), Reason: f.Int("reason", 1, 99),
	}
	if f.OK() {
		id, err := p.desk.In(r.Context(), r.Name(), n)
		if err == nil {
			if book, err = p.book.Open(); err != nil {
				return nil, err
			}
			return ui.See(address(book, id)), nil
		}
		if err := refuse(f, "", err); err != nil {
			return nil, err
		}
	}
	return p.askNew(r, f)
}
