package transfer

import (
	"context"
	"fmt"

	"shangu/agent/store"
	"shangu/schema"
	"shangu/sync/change"
)

// batch gathers the edits of one change: all are saved, or none.
type batch struct {
	d     *Desk
	edits []store.Edit
	err   error
}

func (d *Desk) batch() *batch { return &batch{d: d} }

// set is a field and what it is to hold.
type set struct {
	n schema.FieldNum
	v schema.Value
}

// edit makes fields of a document hold values; the base of each is what is there.
func (b *batch) edit(kind schema.Kind, id string, fields ...set) {
	if b.err != nil {
		return
	}
	var doc *change.Doc
	if doc, b.err = b.d.store.Doc("", kind, id); b.err != nil {
		b.err = fmt.Errorf("read %v: %w", kind, b.err)
		return
	}
	e := store.Edit{Kind: kind, ID: id}
	for _, f := range fields {
		e.SetOver(doc, schema.Key{Num: f.n}, f.v)
	}
	b.edits = append(b.edits, e)
}

func (b *batch) enrolment(e schema.Enrolment, fields ...set) {
	b.edit(schema.KindEnrolment, schema.EnrolmentID(e.Pupil, e.Class, e.From), fields...)
}

// end ends a place on the day before from. A place that would have no day is void.
func (b *batch) end(e schema.Enrolment, from schema.Date, reason int) {
	if from <= e.From {
		b.void(e)
		return
	}
	b.enrolment(e, set{schema.EnrolmentTo, number(from - 1)}, set{schema.EnrolmentOut, number(reason)})
}

func (b *batch) void(e schema.Enrolment) {
	b.enrolment(e, set{schema.FieldVoid, schema.Str(schema.EnrolmentReasons.Label(schema.EnrolMistaken).ZH)})
}

func (b *batch) reopen(e schema.Enrolment) {
	b.enrolment(e, set{schema.EnrolmentTo, schema.Nil}, set{schema.EnrolmentOut, schema.Nil})
}

func (b *batch) begin(pupil, class string, from schema.Date, in, row int) {
	b.enrolment(schema.Enrolment{Pupil: pupil, Class: class, From: from},
		set{schema.EnrolmentFrom, number(from)}, set{schema.EnrolmentTo, schema.Nil}, set{schema.EnrolmentIn, number(in)},
		set{schema.EnrolmentOut, schema.Nil}, set{schema.EnrolmentRow, number(row)}, set{schema.FieldVoid, schema.Nil})
}

func (b *batch) pupil(id string, n New) {
	fields := []set{{schema.PupilName, schema.Str(n.Name)}, {schema.FieldVoid, schema.Nil}, {schema.PupilBoarder, schema.Bool(n.Boarder)}}
	if n.Sex != 0 {
		fields = append(fields, set{schema.PupilSex, number(n.Sex)})
	}
	if n.Birth == 0 {
		born, _ := schema.PupilBirthOf(id)
		n.Birth, _ = schema.ParseDate(born)
	}
	if n.Birth != 0 {
		fields = append(fields, set{schema.PupilBirth, number(n.Birth)})
	}
	b.edit(schema.KindPupil, id, fields...)
}

func number[N ~int | ~int32 | ~int64](n N) schema.Value { return schema.Int(int64(n)) }

func (b *batch) save(ctx context.Context, account string) error {
	if b.err != nil {
		return b.err
	}
	_, err := b.d.saver.Save(ctx, account, b.edits)
	return err
}
