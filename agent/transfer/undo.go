package transfer

import (
	"context"

	"shangu/agent/roster"
	"shangu/schema"
	"shangu/schema/text"
)

// Kind says what a change was.
type Kind uint8

// Kinds of changes.
const (
	None  Kind = iota // nothing can be taken back
	Moved             // from one class to another
	Came              // into the school
	Left              // the school
)

// Change is a pupil's latest change of the school year.
type Change struct {
	Kind   Kind
	Place  schema.Enrolment // that it began, or ended
	Before schema.Enrolment // the place before, of Moved
}

// ID names a change, so that a page that is shown twice takes it back once.
func (c Change) ID() string {
	if c.Kind == None {
		return ""
	}
	return schema.EnrolmentID(c.Place.Pupil, c.Place.Class, c.Place.From) + "/" + c.Place.To.String()
}

// Latest is what Undo would take back. The first list of a class and the step up to
// the next year are the roster's, and nothing that one pupil takes back.
func Latest(p *roster.Pupil, today schema.Date) Change {
	places := p.Places()
	if len(places) == 0 {
		return Change{}
	}
	e := places[len(places)-1]
	if year, _, _ := schema.ParseClassID(e.Class); year != today.SchoolYear() {
		return Change{}
	}
	if e.To != 0 {
		return Change{Kind: Left, Place: e}
	}
	if e.In == schema.EnrolMoved && len(places) > 1 {
		before := places[len(places)-2]
		if before.To == e.From-1 && before.Out == schema.EnrolMoved {
			return Change{Kind: Moved, Place: e, Before: before}
		}
	}
	switch e.In {
	case schema.EnrolTransferIn, schema.EnrolResumed, schema.EnrolReturned, schema.EnrolRepeated, schema.EnrolSkipped:
		return Change{Kind: Came, Place: e}
	case schema.EnrolNew:
		if e.From.Month() != yearStart(e.From) { // of the year's first list otherwise
			return Change{Kind: Came, Place: e}
		}
	}
	return Change{}
}

// yearStart is the month in which a day's school year began.
func yearStart(d schema.Date) string { return schema.DateOf(d.SchoolYear(), 8, 1).Month() }

// Undo takes a pupil's latest change back. seen is the ID of the change that the
// page showed; it fails if another has come meanwhile.
func (d *Desk) Undo(ctx context.Context, account, pupil, seen string, today schema.Date) error {
	r, err := d.book.Open()
	if err != nil {
		return err
	}
	p := r.Pupil(pupil)
	if p == nil {
		return text.New("transfer.no_pupil")
	}
	c := Latest(p, today)
	if c.Kind == None || c.ID() != seen {
		return text.New("transfer.changed", "name", p.Name)
	}
	b := d.batch()
	switch c.Kind {
	case Left:
		b.reopen(c.Place)
	case Moved:
		b.void(c.Place)
		b.reopen(c.Before)
	case Came:
		b.void(c.Place)
	}
	return b.save(ctx, account)
}
