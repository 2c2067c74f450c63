package training

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"shangu/agent/form"
	"shangu/agent/roster"
	"shangu/agent/store"
	"shangu/schema"
	"shangu/schema/text"
)

// ErrStale: somebody else has changed the record since the page was shown. Nothing
// was saved.
var ErrStale = text.New("training.stale")

// ErrTwice: the ticket's records are there already, and say something else. Nothing
// was saved.
var ErrTwice = text.New("training.twice")

// Pick is one teacher of a training that many took.
type Pick struct{ Teacher, Certificate string }

func check(r *roster.Roster, f Facts, programmes []string, was *Record, today schema.Date) form.Wrong {
	wrong := form.Wrong{}
	refuse := func(n schema.FieldNum, id string, kv ...any) { wrong.Refuse(n, text.New(id, kv...)) }
	switch {
	case f.Date == 0:
		refuse(schema.TrainingDate, "training.no_date")
	case f.Date > today:
		refuse(schema.TrainingDate, "training.future", "today", today)
	}
	switch {
	case f.End != 0 && f.End < f.Date:
		refuse(schema.TrainingEnd, "form.ends_before")
	case f.End > today:
		refuse(schema.TrainingEnd, "training.future", "today", today)
	}
	if f.Title == "" {
		refuse(schema.TrainingTitle, "training.no_title")
	}
	if f.Hours == Unsaid {
		refuse(schema.TrainingHours, "training.no_hours")
	}
	// A record keeps the programme it was written down under, whatever became of that.
	if f.Programme != "" && (was == nil || was.Programme != f.Programme) && !slices.Contains(programmes, f.Programme) {
		refuse(schema.TrainingProgramme, "training.no_programme", "programme", f.Programme)
	}
	wrong.Check(edit("", "-", f))
	return wrong
}

// edit makes a record say facts of a teacher.
func edit(id, teacher string, f Facts) store.Edit {
	e := store.Edit{Kind: schema.KindTraining, ID: id}
	e.Set(schema.TrainingTeacher, schema.Said(teacher))
	e.Set(schema.TrainingDate, schema.SaidNumber(f.Date, 0))
	e.Set(schema.TrainingEnd, schema.SaidNumber(f.End, 0))
	e.Set(schema.TrainingProgramme, schema.Said(f.Programme))
	e.Set(schema.TrainingTitle, schema.Said(f.Title))
	e.Set(schema.TrainingLevel, schema.SaidNumber(f.Level, 0))
	e.Set(schema.TrainingMode, schema.SaidNumber(f.Mode, 0))
	e.Set(schema.TrainingHours, schema.SaidNumber(f.Hours, Unsaid))
	e.Set(schema.TrainingResult, schema.SaidNumber(f.Result, 0))
	e.Set(schema.TrainingCertificate, schema.Said(f.Certificate))
	e.Set(schema.TrainingProvider, schema.Said(f.Provider))
	e.Set(schema.TrainingCost, schema.SaidNumber(f.Cost, Unsaid))
	return e
}

// Check says what is wrong with facts about to be saved, field by field; was is the
// record that is edited, nil for a new one.
func (d *Desk) Check(f Facts, was *Record, today schema.Date) (form.Wrong, error) {
	r, err := d.book.Open()
	if err != nil {
		return nil, err
	}
	programmes, err := d.Programmes()
	if err != nil {
		return nil, err
	}
	return check(r, f, programmes, was, today), nil
}

// Write saves one training of many teachers under a ticket, all of it or nothing. The
// same sent again is the same training. It fails with form.Wrong, ErrTwice, and as
// the store's Save does.
func (d *Desk) Write(ctx context.Context, account, ticket string, f Facts, picks []Pick, today schema.Date) error {
	wrong, err := d.Check(f, nil, today)
	if err != nil {
		return err
	}
	r, err := d.book.Open()
	if err != nil {
		return err
	}
	if len(picks) == 0 {
		wrong[schema.TrainingTeacher] = text.New("training.nobody")
	}
	var edits []store.Edit
	there, same := 0, 0
	for _, p := range picks {
		if r.Teacher(p.Teacher) == nil {
			wrong[schema.TrainingTeacher] = text.New("training.teacher_gone")
			break
		}
		one := f
		one.Certificate = p.Certificate
		e := edit(idOf(ticket, p.Teacher), p.Teacher, one)
		wrong.Check(e)
		doc, err := d.store.Doc("", e.Kind, e.ID)
		if err != nil {
			return fmt.Errorf("write training: %w", err)
		}
		if doc != nil {
			if there++; !doc.Void() && e.Held(doc) {
				same++
			}
		}
		edits = append(edits, e)
	}
	switch {
	case len(wrong) > 0:
		return wrong
	case same == len(edits):
		return nil
	case there > 0:
		return ErrTwice
	}
	_, err = d.saver.Save(ctx, account, edits)
	return err
}

// idOf is the id of a teacher's record of a training that was sent under a ticket.
func idOf(ticket, teacher string) string {
	sum := sha256.Sum256([]byte(ticket + "\n" + teacher))
	return ticket + "-" + hex.EncodeToString(sum[:4])
}

// Change saves other facts of a record. seen is its Seen when it was shown. It fails
// with form.Wrong, ErrStale, and as the store's Save does.
func (d *Desk) Change(ctx context.Context, account string, was *Record, seen string, f Facts, today schema.Date) error {
	switch {
	case was.Void != "":
		return text.New("training.voided")
	case was.Seen != seen:
		return ErrStale
	}
	wrong, err := d.Check(f, was, today)
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		return wrong
	}
	_, err = d.saver.Save(ctx, account, []store.Edit{edit(was.ID, was.Teacher, f)})
	return err
}

// Cancel makes a record one that does not count, for a reason; with "" it counts
// again.
func (d *Desk) Cancel(ctx context.Context, account string, was *Record, reason string) error {
	e := store.Edit{Kind: schema.KindTraining, ID: was.ID}
	e.Set(schema.FieldVoid, schema.Said(reason))
	_, err := d.saver.Save(ctx, account, []store.Edit{e})
	return err
}
