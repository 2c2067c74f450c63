package roll_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"shangu/agent/roll"
	"shangu/agent/roster"
	"shangu/agent/store"
	"shangu/schema"
	"shangu/schema/text"
)

const class = "2026/一年级（2）班"

var day = schema.DateOf(2026, 10, 12)

type school struct {
	t    *testing.T
	s    *store.Store
	desk *roll.Desk
}

func newSchool(t *testing.T) *school {
	t.Helper()
	s, err := store.Open(t.TempDir(), store.Options{Device: [16]byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	c := &school{t, s, roll.NewDesk(s, s, roster.NewBook(s, nil))}
	edits := []store.Edit{edit(schema.KindClass, class, schema.ClassName, schema.Str("一年级（2）班"))}
	for i, name := range []string{"阿依", "李四", "张小明"} {
		edits = append(edits, edit(schema.KindPupil, pupil(i), schema.PupilName, schema.Str(name)),
			edit(schema.KindEnrolment, schema.EnrolmentID(pupil(i), class, schema.DateOf(2026, 9, 1)), schema.EnrolmentFrom, schema.Int(int64(schema.DateOf(2026, 9, 1)))))
	}
	if _, err := s.Save(t.Context(), "import", edits); err != nil {
		t.Fatal(err)
	}
	return c
}

func edit(kind schema.Kind, id string, n schema.FieldNum, v schema.Value) store.Edit {
	return store.Edit{Kind: kind, ID: id, Fields: []store.FieldEdit{{Key: schema.Key{Num: n}, Value: v}}}
}

func pupil(i int) string { return fmt.Sprintf("L99010920160901%04d", i) }

func am() schema.SheetID { return schema.SheetID{Date: day, Session: schema.SessionAM, Class: class} }

var present, sick, absent = schema.Mark{Status: schema.StatusPresent}, schema.Mark{Status: schema.StatusSick, Symptom: 1}, schema.Mark{Status: schema.StatusAbsent}

func (c *school) open() *roll.Sheet {
	c.t.Helper()
	s, err := c.desk.Open(am())
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

func (c *school) save(account string, w roll.Wish) *roll.Sheet {
	c.t.Helper()
	s, err := c.desk.Save(context.Background(), account, am(), w)
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

func (c *school) entries() uint64 { return c.s.Status().Tip }

func TestTakingTheRoll(t *testing.T) {
	c := newSchool(t)
	s := c.open()
	if s.State != roll.NotTaken || s.Where != roll.Nowhere || s.Count.Roll != 3 || s.Count.Present != 3 {
		t.Fatalf("untouched: %+v", s)
	}
	if s = c.save("王", roll.Wish{Take: true}); s.State != roll.AllPresent || s.Where != roll.Here || s.Taker != "王" {
		t.Errorf("all present: %+v", s)
	}
	before := c.entries()
	s = c.save("王", roll.Wish{Take: true, Marks: []roll.Typed{{pupil(1), present, sick}, {pupil(2), present, absent}}})
	if s.State != roll.Taken || s.Count.Absent != 2 || s.Count.By[schema.StatusSick] != 1 || s.Rows[1].Mark != sick || s.Rows[1].By != "王" {
		t.Errorf("two absent: %+v", s)
	}
	if got := c.entries() - before; got != 1 {
		t.Errorf("one save made %d entries", got)
	}
	before = c.entries()
	c.save("王", roll.Wish{Take: true})
	if c.entries() != before {
		t.Error("saving what is there made an entry")
	}
	s = c.save("李", roll.Wish{Marks: []roll.Typed{{pupil(1), sick, present}, {pupil(2), absent, present}}})
	if s.State != roll.AllPresent || s.Taker != "王" {
		t.Errorf("taken back: %+v", s)
	}
}

// Two people on one sheet: who types over what he has not seen is told, and
// nothing of his save is kept; the same mark twice and other pupils are no matter.
func TestTwoOnOneSheet(t *testing.T) {
	c := newSchool(t)
	c.save("王", roll.Wish{Take: true, Marks: []roll.Typed{{pupil(1), present, sick}}})
	before := c.entries()
	_, err := c.desk.Save(t.Context(), "李", am(), roll.Wish{Marks: []roll.Typed{{pupil(0), present, absent}, {pupil(1), present, absent}}})
	stale, ok := errors.AsType[*roll.StaleError](err)
	if !ok || len(stale.Pupils) != 1 || stale.Pupils[0] != pupil(1) || stale.Sheet.Rows[1].Mark != sick || stale.Sheet.Rows[1].By != "王" {
		t.Fatalf("%+v, %v", stale, err)
	}
	if m := text.Of(err); m == nil || m.ID() != "roll.stale" {
		t.Errorf("no sentence: %v", err)
	}
	if c.entries() != before {
		t.Error("half a save was kept")
	}
	s := c.save("李", roll.Wish{Marks: []roll.Typed{{pupil(0), present, absent}, {pupil(1), present, sick}}})
	if s.Count.Absent != 2 {
		t.Errorf("%+v", s.Count)
	}
}

func TestNoSchool(t *testing.T) {
	c := newSchool(t)
	if _, err := c.desk.Save(t.Context(), "王", am(), roll.Wish{NoSchool: true}); text.Of(err) == nil || text.Of(err).ID() != "roll.no_reason" {
		t.Errorf("no reason: %v", err)
	}
	if s := c.save("王", roll.Wish{NoSchool: true, Reason: "大雪"}); s.State != roll.NoSchool || s.Reason != "大雪" {
		t.Errorf("%+v", s)
	}
	if s := c.save("王", roll.Wish{Take: true}); s.State != roll.AllPresent || s.Reason != "" {
		t.Errorf("taken after all: %+v", s)
	}
	if _, err := c.desk.Open(schema.SheetID{Date: day, Session: schema.SessionAM, Class: "2026/没有"}); text.Of(err) == nil {
		t.Errorf("a class that is not there: %v", err)
	}
}

func TestADay(t *testing.T) {
	c := newSchool(t)
	c.save("王", roll.Wish{Take: true, Marks: []roll.Typed{{pupil(1), present, sick}}})
	d, err := c.desk.Day(day)
	if err != nil || d.Due != 2 || d.Taken != 1 || len(d.Classes) != 1 || len(d.Sessions) != 2 {
		t.Fatalf("%+v, %v", d, err)
	}
	if s := d.Classes[0].Slots; s[0].State != roll.Taken || s[0].Absent != 1 || s[0].Where != roll.Here || s[1].State != roll.NotTaken || s[1].Where != roll.Nowhere {
		t.Errorf("%+v", s)
	}
	strip, err := c.desk.Strip(day, 14)
	if err != nil || len(strip) != 14 || strip[13].Taken != 1 || strip[12].Due != 0 || strip[11].Due != 0 || strip[10].Due != 2 {
		t.Errorf("%v", err)
	}
}

// Who has left the class and was marked before is still on that day's sheet.
func TestAPupilWhoLeft(t *testing.T) {
	c := newSchool(t)
	c.save("王", roll.Wish{Take: true, Marks: []roll.Typed{{pupil(1), present, sick}}})
	left := edit(schema.KindEnrolment, schema.EnrolmentID(pupil(1), class, schema.DateOf(2026, 9, 1)), schema.EnrolmentTo, schema.Int(int64(day-1)))
	if _, err := c.s.Save(t.Context(), "王", []store.Edit{left}); err != nil {
		t.Fatal(err)
	}
	s := c.open()
	if s.Count.Roll != 2 || s.Count.Absent != 0 || len(s.Rows) != 3 || !s.Rows[2].Gone || s.Rows[2].Mark != sick {
		t.Errorf("%+v", s)
	}
}
