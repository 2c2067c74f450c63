package watch

import (
	"errors"
	"net/http"
	"strconv"

	"shangu/agent/form"
	"shangu/agent/roster"
	"shangu/agent/watch"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/text"
)

// open opens a case that was proposed.
func (p *pages) open(r *ui.Request) (ui.Answer, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	pupil, err := p.pupil(book, r.PostForm.Get("pupil"))
	if err != nil {
		return nil, err
	}
	rule, _ := strconv.Atoi(r.PostForm.Get("rule"))
	return p.opened(r, book, watch.Opening{Pupil: pupil.ID, Rule: rule, On: r.Today, By: r.Name()})
}

func (p *pages) opened(r *ui.Request, book *roster.Roster, o watch.Opening) (ui.Answer, error) {
	if _, err := p.desk.Open(r.Context(), r.Name(), o); err != nil {
		return nil, err
	}
	return ui.See("/watch/case/" + book.Key(o.Pupil) + "/" + o.On.String()), nil
}

// classes asks for the class of a pupil for whom a case is opened by hand.
func (p *pages) classes(r *ui.Request) (ui.Answer, error) {
	tiles, err := p.tiles(r, "/watch/new/")
	if err != nil {
		return nil, err
	}
	return ui.Show{Template: "watch/classes", Title: r.Say("watch.new_title"), Active: "watch", Data: tiles}, nil
}

func (p *pages) byHand(r *ui.Request) (ui.Answer, error) {
	return p.showByHand(r, r.NewForm("by", r.Name()), 0)
}

func (p *pages) showByHand(r *ui.Request, f *ui.Form, code int) (ui.Answer, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	class, err := p.class(book, r)
	if err != nil {
		return nil, err
	}
	var list []ui.Choice
	for _, pupil := range book.Pupils(class.ID, r.Today) {
		list = append(list, ui.Choice{Value: book.Key(pupil.ID), Text: pupil.Name, Find: pupil.Initials})
	}
	return ui.Show{Template: "watch/hand", Title: r.Say("watch.hand_title", "class", class.Name), Active: "watch", Code: code, Data: struct {
		Form   *ui.Form
		Pupils []ui.Choice
	}{f, list}}, nil
}

func (p *pages) openByHand(r *ui.Request) (ui.Answer, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	f := r.Typed()
	o := watch.Opening{Rule: schema.CaseByHand, On: r.Today, By: f.Text("by", nameLen), Note: f.Needed("note", noteLen)}
	pupil, err := p.pupil(book, f.Needed("pupil", lineLen))
	if err != nil {
		f.Refuse("pupil", text.New("watch.choose_pupil"))
	}
	if f.OK() {
		o.Pupil = pupil.ID
		a, err := p.opened(r, book, o)
		if err == nil {
			return a, nil
		}
		if err := refuse(f, "pupil", err); err != nil {
			return nil, err
		}
	}
	return p.showByHand(r, f, http.StatusUnprocessableEntity)
}

// refuse puts a sentence beside the field that it is about, or beside another where
// it is about none.
func refuse(f *ui.Form, field string, err error) error {
	if fe, ok := errors.AsType[*form.FieldError](err); ok {
		field = fe.Field
	}
	return f.Refuse(field, err)
}
