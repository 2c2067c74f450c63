package training

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"shangu/agent/roster"
	"shangu/agent/store"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
)

// WrongError says what is wrong with a training, field by field. Nothing was saved.
type WrongError struct {
	Fields map[schema.FieldNum]*text.Message
}

func (e *WrongError) Error() string {
	for _, n := range slices.Sorted(maps.Keys(e.Fields)) {
		return e.Fields[n].Error()
	}
	return text.New("training.wrong").Error()
}

// ErrStale: somebody else has changed the record since the page was shown. Nothing
// was saved.
var ErrStale = text.New("training.stale")

// ErrTwice: the ticket's records are there already, and say something else. Nothing
// was saved.
var ErrTwice = text.New("training.twice")

// Pick is one teacher of a training that many took.
type Pick struct{ Teacher, Certificate string }

func check(r *roster.Roster, f Facts, programmes []string, was *Record, today schema.Date) map[schema.FieldNum]*text.Message {
	wrong := map[schema.FieldNum]*text.Message{}
	refuse := func(n schema.FieldNum, id string, kv ...any) {
		if wrong[n] == nil {
			wrong[n] = text.New(id, kv...)
		}
	}
	switch {
	case f.Date == 0:
		refuse(schema.TrainingDate, "training.no_date")
	case f.Date > today:
		refuse(schema.TrainingDate, "training.future", "today", today)
	}
	switch {
	case f.End != 0 && f.End < f.Date:
		refuse(schema.TrainingEnd, "training.ends_before")
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
	for _, e := range fields("-", f) {
		if m := schema.CheckField(schema.KindTraining, e.Key, e.Value); m != nil && wrong[e.Key.Num] == nil {
			wrong[e.Key.Num] = m
		}
	}
	return wrong
}

func fields(teacher string, f Facts) []store.FieldEdit {
	var out []store.FieldEdit
	set := func(n schema.FieldNum, v schema.Value) {
		out = append(out, store.FieldEdit{Key: schema.Key{Num: n}, Value: v})
	}
	word := func(n schema.FieldNum, s string) {
		v := schema.Nil
		if s != "" {
			v = schema.Str(s)
		}
		set(n, v)
	}
	num := func(n schema.FieldNum, i, none int64) {
		v := schema.Nil
		if i != none {
			v = schema.Int(i)
		}
		set(n, v)
	}
	word(schema.TrainingTeacher, teacher)
	num(schema.TrainingDate, int64(f.Date), 0)
	num(schema.TrainingEnd, int64(f.End), 0)
	word(schema.TrainingProgramme, f.Programme)
	word(schema.TrainingTitle, f.Title)
	num(schema.TrainingLevel, int64(f.Level), 0)
	num(schema.TrainingMode, int64(f.Mode), 0)
	num(schema.TrainingHours, int64(f.Hours), Unsaid)
	num(schema.TrainingResult, int64(f.Result), 0)
	word(schema.TrainingCertificate, f.Certificate)
	word(schema.TrainingProvider, f.Provider)
	num(schema.TrainingCost, f.Cost, Unsaid)
	return out
}

// Check says what is wrong with facts about to be saved, field by field; was is the
// record that is edited, nil for a new one.
func (d *Desk) Check(f Facts, was *Record, today schema.Date) (map[schema.FieldNum]*text.Message, error) {
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
// same sent again is the same training. It fails with WrongError, ErrTwice, and as
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
		for _, e := range fields(p.Teacher, one) {
			if m := schema.CheckField(schema.KindTraining, e.Key, e.Value); m != nil && wrong[e.Key.Num] == nil {
				wrong[e.Key.Num] = m
			}
		}
		e := store.Edit{Kind: schema.KindTraining, ID: idOf(ticket, p.Teacher), Fields: fields(p.Teacher, one)}
		doc, err := d.store.Doc("", e.Kind, e.ID)
		if err != nil {
			return fmt.Errorf("write training: %w", err)
		}
		if doc != nil {
			if there++; holds(doc, e.Fields) {
				same++
			}
		}
		edits = append(edits, e)
	}
	switch {
	case len(wrong) > 0:
		return &WrongError{wrong}
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

// holds reports whether a document says what edits would make it say.
func holds(doc *change.Doc, edits []store.FieldEdit) bool {
	if doc.Void() {
		return false
	}
	for _, e := range edits {
		if v := doc.Lookup(e.Key); v != e.Value && (!v.IsNil() || !e.Value.IsNil()) {
			return false
		}
	}
	return true
}

// Change saves other facts of a record. seen is its Seen when it was shown. It fails
// with WrongError, ErrStale, and as the store's Save does.
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
		return &WrongError{wrong}
	}
	_, err = d.saver.Save(ctx, account, []store.Edit{{Kind: schema.KindTraining, ID: was.ID, Fields: fields(was.Teacher, f)}})
	return err
}

// Cancel makes a record one that does not count, for a reason; with "" it counts
// again.
func (d *Desk) Cancel(ctx context.Context, account string, was *Record, reason string) error {
	void := schema.Nil
	if reason != "" {
		void = schema.Str(reason)
	}
	_, err := d.saver.Save(ctx, account, []store.Edit{{Kind: schema.KindTraining, ID: was.ID, Fields: []store.FieldEdit{{Key: schema.Key{Num: schema.FieldVoid}, Value: void}}}})
	return err
}
