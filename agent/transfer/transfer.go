// Package transfer changes who is in which class: pupils who are new, who move,
// leave and come back, each from a day on; and it takes the latest of these back. What is
// written down wrong of a pupil, a teacher or a class it puts right.
//
// A pupil's places follow one another. Each change touches the last of them alone,
// so that what was reported of earlier days stays as it was; who has to mend
// something older takes back what came after it first. The package imports schema,
// schema/text, sync/change, agent/form, agent/roster and agent/store; it knows no page.
package transfer

import (
	"context"
	"fmt"
	"slices"

	"shangu/agent/form"
	"shangu/agent/roster"
	"shangu/agent/store"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
)

// Store is where enrolments are kept; agent/store's Store.
type Store interface {
	Doc(scope string, kind schema.Kind, id string) (*change.Doc, error)
}

// Saver keeps edits: agent/service's Agent.
type Saver interface {
	Save(ctx context.Context, account string, edits []store.Edit) (store.Saved, error)
}

// Desk is where transfers are made.
type Desk struct {
	store Store
	saver Saver
	book  *roster.Book
}

// NewDesk makes a Desk.
func NewDesk(s Store, saver Saver, book *roster.Book) *Desk { return &Desk{s, saver, book} }

// Fields that a form.FieldError may speak of.
const (
	FieldID     = "id"
	FieldName   = "name"
	FieldClass  = "class"
	FieldFrom   = "from"
	FieldReason = "reason"
)

// Entering are the reasons for which a pupil comes into a class by In, the most
// frequent first.
func Entering() []int {
	return []int{schema.EnrolTransferIn, schema.EnrolResumed, schema.EnrolReturned, schema.EnrolNew, schema.EnrolRepeated, schema.EnrolSkipped}
}

// Leaving are the reasons for which a pupil leaves the school by Out.
func Leaving() []int {
	return []int{
		schema.EnrolTransferOut, schema.EnrolSuspended, schema.EnrolLeft, schema.EnrolGraduated, schema.EnrolCompleted,
		schema.EnrolAbroad, schema.EnrolDied, schema.EnrolMissing, schema.EnrolMistaken,
	}
}

// last is a pupil's last place, ok is false if there is none.
func last(p *roster.Pupil) (e schema.Enrolment, ok bool) {
	places := p.Places()
	if len(places) == 0 {
		return e, false
	}
	return places[len(places)-1], true
}

// open finds a pupil and the place that goes on.
func (d *Desk) open(pupil string, from schema.Date) (*roster.Roster, schema.Enrolment, error) {
	r, err := d.book.Open()
	if err != nil {
		return nil, schema.Enrolment{}, err
	}
	p := r.Pupil(pupil)
	if p == nil {
		return nil, schema.Enrolment{}, text.New("transfer.no_pupil")
	}
	e, ok := last(p)
	switch {
	case !ok || e.To != 0:
		return nil, e, form.Beside(FieldFrom, "transfer.not_here", "name", p.Name)
	case from == 0:
		return nil, e, form.Beside(FieldFrom, "transfer.when")
	case from < e.From:
		return nil, e, form.Beside(FieldFrom, "transfer.before", "class", className(e.Class), "from", e.From)
	}
	return r, e, nil
}

// Move puts a pupil into another class from a day on. A pupil whose place began
// on that very day was never in it: it is void, and the new one takes its stead.
func (d *Desk) Move(ctx context.Context, account, pupil, class string, from schema.Date) error {
	r, e, err := d.open(pupil, from)
	if err != nil {
		return err
	}
	if err := into(r, class, from); err != nil {
		return err
	}
	if class == e.Class {
		return form.Beside(FieldClass, "transfer.same_class", "class", className(class))
	}
	in := schema.EnrolMoved
	if from == e.From && e.In != 0 {
		in = e.In
	}
	b := d.batch()
	b.end(e, from, schema.EnrolMoved)
	b.begin(pupil, class, from, in, r.NextRow(class))
	return b.save(ctx, account)
}

// Out ends a pupil's place: from the day on the pupil is no more on the roster.
func (d *Desk) Out(ctx context.Context, account, pupil string, from schema.Date, reason int) error {
	if !slices.Contains(Leaving(), reason) {
		return form.Beside(FieldReason, "transfer.why")
	}
	_, e, err := d.open(pupil, from)
	if err != nil {
		return err
	}
	b := d.batch()
	b.end(e, from, reason)
	return b.save(ctx, account)
}

// New is a pupil who comes.
type New struct {
	ID      string // 学籍号 as typed
	Name    string
	Sex     int         // schema.Sexes; 0 if not said
	Birth   schema.Date // 0: as the number says
	Boarder bool
	Class   string // schema.ClassID
	From    schema.Date
	Reason  int // one of Entering
}

// In puts a pupil into a class from a day on: one that the school has never had, or
// one that had left. It returns the pupil's number. What is known of one that had
// left stays; New says of such a one only class, day and reason.
func (d *Desk) In(ctx context.Context, account string, n New) (pupil string, err error) {
	r, err := d.book.Open()
	if err != nil {
		return "", err
	}
	id := schema.FoldPupilID(n.ID)
	if m := schema.CheckPupilID(id); m != nil {
		return "", &form.FieldError{Field: FieldID, Why: m}
	}
	p := r.Pupil(id)
	if p == nil && n.Name == "" {
		return "", form.Beside(FieldName, "page.needed")
	}
	if n.From == 0 {
		return "", form.Beside(FieldFrom, "transfer.when")
	}
	if !slices.Contains(Entering(), n.Reason) {
		return "", form.Beside(FieldReason, "transfer.why")
	}
	if err := into(r, n.Class, n.From); err != nil {
		return "", err
	}
	b := d.batch()
	if p != nil {
		switch e, ok := last(p); {
		case ok && e.To == 0:
			return "", form.Beside(FieldID, "transfer.here_already", "name", p.Name, "class", className(e.Class))
		case ok && n.From <= e.To:
			return "", form.Beside(FieldFrom, "transfer.still_here", "name", p.Name, "class", className(e.Class), "to", e.To)
		}
	} else {
		b.pupil(id, n)
	}
	b.begin(id, n.Class, n.From, n.Reason, r.NextRow(n.Class))
	return id, b.save(ctx, account)
}

// into says whether somebody can come into a class on a day.
func into(r *roster.Roster, class string, from schema.Date) error {
	c := r.Class(class)
	if c == nil {
		return form.Beside(FieldClass, "transfer.no_class")
	}
	if c.Year != from.SchoolYear() {
		return form.Beside(FieldFrom, "transfer.other_year", "class", c.Name, "year", fmt.Sprintf("%d-%d", c.Year, c.Year+1))
	}
	return nil
}

func className(id string) string {
	_, name, _ := schema.ParseClassID(id)
	return name
}
