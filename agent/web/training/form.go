package training

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"shangu/agent/form"
	"shangu/agent/roster"
	"shangu/agent/training"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/text"
)

// names of the form's fields, by what they are in a record.
var names = map[schema.FieldNum]string{
	schema.TrainingTeacher: "teachers", schema.TrainingDate: "date", schema.TrainingEnd: "end", schema.TrainingProgramme: "programme",
	schema.TrainingTitle: "title", schema.TrainingLevel: "level", schema.TrainingMode: "mode", schema.TrainingHours: "hours",
	schema.TrainingResult: "result", schema.TrainingCertificate: "certificate", schema.TrainingProvider: "provider", schema.TrainingCost: "cost",
}

// Bounds of what is typed.
const (
	maxHours = 10000 // tenths: a thousand hours
	maxLine  = 200
	maxName  = 60
	maxYuan  = 10_000_000
)

// written is what the form shows.
type written struct {
	Form                   *ui.Form
	Action, Back           string
	Name                   string // of the teacher whose record is changed, "" for a new training
	Programmes, Teachers   []ui.Choice
	Levels, Modes, Results *schema.CodeList
	Trouble                string
	Void                   string // why the record does not count
	Cancel                 bool   // it can be cancelled or brought back
}

func (p *pages) blank(r *ui.Request) (ui.Answer, error) {
	f := r.NewForm("ticket", p.desk.Ticket(), "date", r.Today.String(), "mode", "1", "level", "1")
	return p.form(r, f, nil, "", 0)
}

// form shows the form for a new training of many, or for one teacher's record.
func (p *pages) form(r *ui.Request, f *ui.Form, was *training.Record, trouble string, code int) (ui.Answer, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	programmes, err := p.desk.Programmes()
	if err != nil {
		return nil, err
	}
	d := written{Form: f, Action: "/training/new", Back: Path, Levels: schema.TrainingLevels, Modes: schema.TrainingModes, Results: schema.TrainingResults, Trouble: trouble}
	title := r.Say("training.new")
	if was != nil {
		title, d.Name, d.Void, d.Cancel = r.Say("training.edit_title"), book.TeacherName(was.Teacher), was.Void, true
		d.Action, d.Back = recordPath(book, was), "/training/records"
		if book.Teacher(was.Teacher) != nil {
			d.Back = "/training/teachers/" + book.Key(was.Teacher)
		}
		if was.Programme != "" && !slices.Contains(programmes, was.Programme) {
			programmes = append(slices.Clone(programmes), was.Programme)
		}
	} else {
		for _, t := range book.Teachers() {
			d.Teachers = append(d.Teachers, ui.Choice{Value: book.Key(t.ID), Text: t.Name, Find: t.Initials, More: t.Subject})
		}
	}
	for _, name := range programmes {
		d.Programmes = append(d.Programmes, ui.Choice{Value: name, Text: name})
	}
	return ui.Show{Template: "training/form", Title: title, Active: "training", Data: d, Code: code}, nil
}

// facts reads the form.
func facts(f *ui.Form) training.Facts {
	choice := func(name string) int { n, _ := strconv.Atoi(f.Value(name)); return max(n, 0) }
	out := training.Facts{
		Date: f.Date("date"), End: f.Date("end"), Programme: f.Value("programme"), Title: f.Text("title", maxLine), Level: choice("level"),
		Mode: choice("mode"), Result: choice("result"), Hours: training.Unsaid, Cost: training.Unsaid,
		Provider: f.Text("provider", maxLine), Certificate: f.Text("certificate", maxName),
	}
	if strings.TrimSpace(f.Value("hours")) != "" {
		out.Hours = f.Decimal("hours", 0, maxHours)
	}
	if s := schema.Fold(f.Value("cost")); s != "" {
		fen, ok := yuan(s)
		if !ok {
			_ = f.Refuse("cost", text.New("training.bad_cost", "max", maxYuan))
		}
		out.Cost = fen
	}
	return out
}

// yuan reads an amount of money with at most two decimals, in fen.
func yuan(s string) (fen int64, ok bool) {
	whole, part, dot := strings.Cut(s, ".")
	if len(part) > 2 || dot && part == "" || strings.Trim(whole+part, "0123456789") != "" {
		return 0, false
	}
	fen, err := strconv.ParseInt(whole+part+"00"[len(part):], 10, 64)
	return fen, err == nil && fen <= maxYuan*100
}

// yuanText is an amount of fen as people write it.
func yuanText(fen int64) string {
	if fen == training.Unsaid {
		return ""
	}
	s := strconv.FormatFloat(float64(fen)/100, 'f', 2, 64)
	return strings.TrimSuffix(s, ".00")
}

// picks reads which teachers were chosen, each with a certificate's number or none.
func picks(f *ui.Form, book *roster.Roster) []training.Pick {
	var out []training.Pick
	for _, key := range f.Values("teachers") {
		id := book.ByKey(key)
		out = append(out, training.Pick{Teacher: id, Certificate: f.Text("teachers-"+key, maxName)})
		if f.Wrong("teachers-"+key) != "" {
			_ = f.Refuse("teachers", text.New("training.long_certificate", "teacher", book.TeacherName(id), "max", maxName))
		}
	}
	for _, t := range book.Teachers() {
		if key := book.Key(t.ID); f.Value("teachers-"+key) != "" && !f.Has("teachers", key) {
			_ = f.Refuse("teachers", text.New("training.not_chosen", "teacher", t.Name))
		}
	}
	return out
}

func (p *pages) write(r *ui.Request) (ui.Answer, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	f := r.Typed()
	what, who := facts(f), picks(f, book)
	if len(who) == 0 {
		_ = f.Refuse("teachers", text.New("training.nobody"))
	}
	if err := p.refuse(f, what, nil, r.Today); err != nil {
		return nil, err
	}
	if !f.OK() {
		return p.form(r, f, nil, r.Say("form.wrong"), http.StatusUnprocessableEntity)
	}
	ticket := f.Value("ticket")
	if !schema.IsNewID(ticket) {
		return nil, text.New("page.bad_form")
	}
	err = p.desk.Write(r.Context(), r.Name(), ticket, what, who, r.Today)
	if errors.Is(err, training.ErrTwice) {
		f.Set("ticket", p.desk.Ticket())
	}
	if err != nil {
		return p.trouble(r, f, nil, err)
	}
	return ui.See("/training/records?year=" + strconv.Itoa(what.Date.SchoolYear())), nil
}

// refuse says beside each field what is wrong with it.
func (p *pages) refuse(f *ui.Form, what training.Facts, was *training.Record, today schema.Date) error {
	wrong, err := p.desk.Check(what, was, today)
	if err != nil {
		return err
	}
	f.RefuseAll(names, wrong)
	return nil
}

// trouble shows the form again with what kept it from being saved; a failure of ours
// comes back.
func (p *pages) trouble(r *ui.Request, f *ui.Form, was *training.Record, err error) (ui.Answer, error) {
	wrong, _ := errors.AsType[form.Wrong](err)
	f.RefuseAll(names, wrong)
	m := text.Of(err)
	if m == nil {
		return nil, err
	}
	return p.form(r, f, was, m.In(r.Lang), http.StatusUnprocessableEntity)
}

func (p *pages) edit(r *ui.Request) (ui.Answer, error) {
	t, err := p.desk.Find(r.PathValue("key"))
	if err != nil {
		return nil, err
	}
	return p.form(r, p.filled(r, t), t, "", 0)
}

// filled is a form of what a record says.
func (p *pages) filled(r *ui.Request, t *training.Record) *ui.Form {
	return r.NewForm("seen", t.Seen, "date", t.Date.String(), "end", t.End.Text(), "programme", t.Programme, "title", t.Title,
		"level", ui.Code(t.Level), "mode", ui.Code(t.Mode), "result", ui.Code(t.Result), "hours", ui.Tenths(t.Hours), "cost", yuanText(t.Cost),
		"provider", t.Provider, "certificate", t.Certificate)
}

func (p *pages) change(r *ui.Request) (ui.Answer, error) {
	t, err := p.desk.Find(r.PathValue("key"))
	if err != nil {
		return nil, err
	}
	f := r.Typed()
	what := facts(f)
	if err := p.refuse(f, what, t, r.Today); err != nil {
		return nil, err
	}
	if !f.OK() {
		return p.form(r, f, t, r.Say("form.wrong"), http.StatusUnprocessableEntity)
	}
	err = p.desk.Change(r.Context(), r.Name(), t, f.Value("seen"), what, r.Today)
	if errors.Is(err, training.ErrStale) {
		f.Set("seen", t.Seen)
	}
	if err != nil {
		return p.trouble(r, f, t, err)
	}
	return p.toTeacher(t)
}

// toTeacher goes on to the account of a record's teacher.
func (p *pages) toTeacher(t *training.Record) (ui.Answer, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	if book.Teacher(t.Teacher) == nil {
		return ui.See("/training/records"), nil
	}
	return ui.See("/training/teachers/" + book.Key(t.Teacher)), nil
}

func (p *pages) cancel(r *ui.Request) (ui.Answer, error) {
	t, err := p.desk.Find(r.PathValue("key"))
	if err != nil {
		return nil, err
	}
	typed := r.Typed()
	reason := typed.Needed("reason", maxLine)
	if !typed.OK() {
		f := p.filled(r, t)
		f.Set("reason", typed.Value("reason"))
		f.Needed("reason", maxLine)
		return p.form(r, f, t, r.Say("form.wrong"), http.StatusUnprocessableEntity)
	}
	if err := p.desk.Cancel(r.Context(), r.Name(), t, reason); err != nil {
		return p.trouble(r, p.filled(r, t), t, err)
	}
	return p.toTeacher(t)
}

func (p *pages) restore(r *ui.Request) (ui.Answer, error) {
	t, err := p.desk.Find(r.PathValue("key"))
	if err != nil {
		return nil, err
	}
	if err := p.desk.Cancel(r.Context(), r.Name(), t, ""); err != nil {
		return p.trouble(r, p.filled(r, t), t, err)
	}
	return p.toTeacher(t)
}
