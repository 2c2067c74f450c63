package transfer_test

import (
	"errors"
	"fmt"
	"testing"

	"shangu/agent/form"
	"shangu/agent/roster"
	"shangu/agent/store"
	"shangu/agent/store/storetest"
	"shangu/agent/transfer"
	"shangu/schema"
	"shangu/schema/text"
)

const one, two, old = "2026/一年级（1）班", "2026/一年级（2）班", "2025/一年级（1）班"

var start, today = schema.DateOf(2026, 8, 1), schema.DateOf(2026, 10, 12)

type school struct {
	t    *testing.T
	s    *store.Store
	book *roster.Book
	desk *transfer.Desk
}

func newSchool(t *testing.T) *school {
	t.Helper()
	s := storetest.Open(t)
	book := roster.NewBook(s, []byte("secret"))
	c := &school{t, s, book, transfer.NewDesk(s, s, book)}
	var edits []store.Edit
	for _, id := range []string{one, two, old} {
		edits = append(edits, storetest.Edit(schema.KindClass, id, schema.ClassName, schema.Str(id[5:])))
	}
	for i, name := range []string{"阿依", "张小明"} {
		id := schema.EnrolmentID(storetest.Pupil(i), one, start)
		e := storetest.Edit(schema.KindEnrolment, id, schema.EnrolmentFrom, schema.Int(int64(start)))
		e.Fields = append(e.Fields, store.FieldEdit{Key: schema.Key{Num: schema.EnrolmentRow}, Value: schema.Int(int64(i + 1))})
		edits = append(edits, storetest.Edit(schema.KindPupil, storetest.Pupil(i), schema.PupilName, schema.Str(name)), e)
	}
	storetest.Save(t, s, edits...)
	return c
}

func (c *school) pupil(i int) *roster.Pupil {
	c.t.Helper()
	r, err := c.book.Open()
	if err != nil {
		c.t.Fatal(err)
	}
	return r.Pupil(storetest.Pupil(i))
}

// places shows a pupil's places: class, days, how each began and ended.
func (c *school) places(i int) string {
	out := ""
	for _, e := range c.pupil(i).Places() {
		to := "…"
		if e.To != 0 {
			to = e.To.String()[5:]
		}
		out += fmt.Sprintf("%s %s-%s %d/%d row %d; ", e.Class[len(e.Class)-7:len(e.Class)-6], e.From.String()[5:], to, e.In, e.Out, e.Row)
	}
	return out
}

func (c *school) is(i int, want string) {
	c.t.Helper()
	if got := c.places(i); got != want {
		c.t.Errorf("%s\nwant %s", got, want)
	}
}

func (c *school) ok(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// wrong holds an error against the field and the sentence that it should have.
func (c *school) wrong(err error, field, id string) {
	c.t.Helper()
	w, ok := errors.AsType[*form.FieldError](err)
	if !ok || w.Field != field || text.Of(err) == nil || text.Of(err).ID() != id {
		c.t.Errorf("%v, want %s at %s", err, id, field)
	}
}

func (c *school) undo(i int) error {
	return c.desk.Undo(c.t.Context(), "王", storetest.Pupil(i), transfer.Latest(c.pupil(i), today).ID(), today)
}

func TestAMoveAndBack(t *testing.T) {
	c := newSchool(t)
	ctx := t.Context()
	before := c.places(0)
	if l := transfer.Latest(c.pupil(0), today); l.Kind != transfer.None {
		t.Errorf("the first list can be taken back: %+v", l)
	}
	c.ok(c.desk.Move(ctx, "王", storetest.Pupil(0), two, today))
	c.is(0, "1 08-01-10-11 0/3 row 1; 2 10-12-… 3/0 row 1; ")
	c.ok(c.desk.Move(ctx, "王", storetest.Pupil(1), two, today))
	c.is(1, "1 08-01-10-11 0/3 row 2; 2 10-12-… 3/0 row 2; ")
	c.ok(c.undo(0))
	if got := c.places(0); got != before {
		t.Errorf("taken back: %s, was %s", got, before)
	}
	// The same once more, and into the class that it was taken back from.
	c.ok(c.desk.Move(ctx, "王", storetest.Pupil(0), two, today))
	c.is(0, "1 08-01-10-11 0/3 row 1; 2 10-12-… 3/0 row 3; ")
	// A place without a day was never held.
	c.ok(c.desk.Move(ctx, "王", storetest.Pupil(0), one, today))
	c.is(0, "1 08-01-10-11 0/3 row 1; 1 10-12-… 3/0 row 3; ")
}

func TestWhatAMoveRefuses(t *testing.T) {
	c := newSchool(t)
	ctx := t.Context()
	move := func(class string, from schema.Date) error {
		return c.desk.Move(ctx, "王", storetest.Pupil(0), class, from)
	}
	c.wrong(move(one, today), "class", "transfer.same_class")
	c.wrong(move("2026/没有", today), "class", "transfer.no_class")
	c.wrong(move(old, today), "from", "transfer.other_year")
	c.wrong(move(two, start-1), "from", "transfer.before")
	c.wrong(move(two, 0), "from", "transfer.when")
	if err := c.desk.Move(ctx, "王", "L990109201609019999", two, today); text.Of(err) == nil {
		t.Errorf("nobody: %v", err)
	}
	c.is(0, "1 08-01-… 0/0 row 1; ")
}

func TestOutAndInAgain(t *testing.T) {
	c := newSchool(t)
	ctx := t.Context()
	c.wrong(c.desk.Out(ctx, "王", storetest.Pupil(0), today, schema.EnrolMoved), "reason", "transfer.why")
	c.ok(c.desk.Out(ctx, "王", storetest.Pupil(0), today, schema.EnrolTransferOut))
	c.is(0, "1 08-01-10-11 0/23 row 1; ")
	c.wrong(c.desk.Move(ctx, "王", storetest.Pupil(0), two, today), "from", "transfer.not_here")
	back := transfer.New{ID: " " + storetest.Pupil(0), Class: two, From: today - 1, Reason: schema.EnrolResumed}
	_, err := c.desk.In(ctx, "王", back)
	c.wrong(err, "from", "transfer.still_here")
	back.From = today + 7
	_, err = c.desk.In(ctx, "王", back)
	c.ok(err)
	c.is(0, "1 08-01-10-11 0/23 row 1; 2 10-19-… 5/0 row 1; ")
	_, err = c.desk.In(ctx, "王", back)
	c.wrong(err, "id", "transfer.here_already")
	c.ok(c.undo(0))
	c.is(0, "1 08-01-10-11 0/23 row 1; ")
	c.ok(c.undo(0))
	c.is(0, "1 08-01-… 0/0 row 1; ")
}

func TestANewPupil(t *testing.T) {
	c := newSchool(t)
	ctx := t.Context()
	n := transfer.New{ID: "l990109201609017777", Name: "李四", Sex: 1, Boarder: true, Class: one, From: today, Reason: schema.EnrolTransferIn}
	bad := n
	bad.ID = "G99010920160901777"
	_, err := c.desk.In(ctx, "王", bad)
	c.wrong(err, "id", "schema.pupil_id_length")
	bad = n
	bad.Name = ""
	_, err = c.desk.In(ctx, "王", bad)
	c.wrong(err, "name", "page.needed")
	bad = n
	bad.Reason = schema.EnrolDied
	_, err = c.desk.In(ctx, "王", bad)
	c.wrong(err, "reason", "transfer.why")
	id, err := c.desk.In(ctx, "王", n)
	c.ok(err)
	r, _ := c.book.Open()
	p := r.Pupil(id)
	if p == nil || p.Name != "李四" || p.Sex != 1 || !p.Boarder || p.Birth != schema.DateOf(2016, 9, 1) || r.ClassOn(p, today) == nil || r.ClassOn(p, today-1) != nil {
		t.Fatalf("%+v", p)
	}
	if list := r.Pupils(one, today); len(list) != 3 || list[2] != p {
		t.Errorf("not at the end of the list: %v", list)
	}
	if got := r.Find("ls", 9); len(got) != 1 || got[0] != p {
		t.Errorf("by initials: %v", got)
	}
	if got := r.Find("小", 9); len(got) != 1 || got[0].Name != "张小明" {
		t.Errorf("by a part of the name: %v", got)
	}
}

// A page that was shown before somebody else's change takes nothing back, and a
// double click takes one change back.
func TestUndoOfWhatWasSeen(t *testing.T) {
	c := newSchool(t)
	c.ok(c.desk.Move(t.Context(), "王", storetest.Pupil(0), two, today))
	seen := transfer.Latest(c.pupil(0), today).ID()
	c.ok(c.desk.Out(t.Context(), "李", storetest.Pupil(0), today+1, schema.EnrolTransferOut))
	if err := c.desk.Undo(t.Context(), "王", storetest.Pupil(0), seen, today); text.Of(err) == nil || text.Of(err).ID() != "transfer.changed" {
		t.Errorf("%v", err)
	}
	c.is(0, "1 08-01-10-11 0/3 row 1; 2 10-12-10-12 3/23 row 1; ")
}
