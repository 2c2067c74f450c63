package roll_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"shangu/agent/attend"
	"shangu/agent/leave"
	"shangu/agent/roll"
	"shangu/agent/roster"
	"shangu/agent/store"
	"shangu/agent/store/storetest"
	"shangu/schema"
	"shangu/schema/text"
)

const class = "2026/一年级（2）班"

var day = schema.DateOf(2026, 10, 12)

type school struct {
	t      *testing.T
	s      *store.Store
	desk   *roll.Desk
	leaves *leave.Desk
	now    schema.Date
}

func newSchool(t *testing.T) *school {
	t.Helper()
	s := storetest.Open(t)
	c := &school{t: t, s: s, now: day}
	today := func() schema.Date { return c.now }
	book := roster.NewBook(s, []byte("sixteen bytes at least"))
	c.leaves = leave.NewDesk(s, s, book, today)
	c.desk = roll.NewDesk(roll.Parts{Store: s, Saver: s, Roster: book, Days: attend.NewBook(s), Leaves: c.leaves, Today: today})
	storetest.Save(t, s, storetest.Class(class, schema.DateOf(2026, 9, 1), "阿依", "李四", "张小明")...)
	return c
}

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
	s = c.save("王", roll.Wish{Take: true, Marks: []roll.Typed{{storetest.Pupil(1), present, sick}, {storetest.Pupil(2), present, absent}}})
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
	s = c.save("李", roll.Wish{Marks: []roll.Typed{{storetest.Pupil(1), sick, present}, {storetest.Pupil(2), absent, present}}})
	if s.State != roll.AllPresent || s.Taker != "王" {
		t.Errorf("taken back: %+v", s)
	}
}

// Two people on one sheet: who types over what he has not seen is told, and
// nothing of his save is kept; the same mark twice and other pupils are no matter.
func TestTwoOnOneSheet(t *testing.T) {
	c := newSchool(t)
	c.save("王", roll.Wish{Take: true, Marks: []roll.Typed{{storetest.Pupil(1), present, sick}}})
	before := c.entries()
	_, err := c.desk.Save(t.Context(), "李", am(), roll.Wish{Marks: []roll.Typed{{storetest.Pupil(0), present, absent}, {storetest.Pupil(1), present, absent}}})
	stale, ok := errors.AsType[*roll.StaleError](err)
	if !ok || len(stale.Pupils) != 1 || stale.Pupils[0] != storetest.Pupil(1) || stale.Sheet.Rows[1].Mark != sick || stale.Sheet.Rows[1].By != "王" {
		t.Fatalf("%+v, %v", stale, err)
	}
	if m := text.Of(err); m == nil || m.ID() != "roll.stale" {
		t.Errorf("no sentence: %v", err)
	}
	if c.entries() != before {
		t.Error("half a save was kept")
	}
	s := c.save("李", roll.Wish{Marks: []roll.Typed{{storetest.Pupil(0), present, absent}, {storetest.Pupil(1), present, sick}}})
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
	c.save("王", roll.Wish{Take: true, Marks: []roll.Typed{{storetest.Pupil(1), present, sick}}})
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
	c.save("王", roll.Wish{Take: true, Marks: []roll.Typed{{storetest.Pupil(1), present, sick}}})
	left := storetest.Edit(schema.KindEnrolment, schema.EnrolmentID(storetest.Pupil(1), class, schema.DateOf(2026, 9, 1)), schema.EnrolmentTo, schema.Int(int64(day-1)))
	if _, err := c.s.Save(t.Context(), "王", []store.Edit{left}); err != nil {
		t.Fatal(err)
	}
	s := c.open()
	if s.Count.Roll != 2 || s.Count.Absent != 0 || len(s.Rows) != 3 || !s.Rows[2].Gone || s.Rows[2].Mark != sick {
		t.Errorf("%+v", s)
	}
}

// Whoever has planned leave begins with its mark; taking the roll records it, and
// who came in spite of it is present.
func TestLeaveOnASheet(t *testing.T) {
	c := newSchool(t)
	plan := func(i int, status schema.Status) {
		t.Helper()
		l := leave.Leave{ID: c.s.NewID(), From: day, To: day, Status: status, Pupils: []string{storetest.Pupil(i)}}
		if status == schema.StatusSick {
			l.Symptom = 1
		}
		if err := c.leaves.Plan(t.Context(), "李", l); err != nil {
			t.Fatal(err)
		}
	}
	plan(0, schema.StatusLeave)
	plan(1, schema.StatusSick)
	plan(2, schema.StatusOfficial)
	s := c.open()
	if s.State != roll.NotTaken || s.Where != roll.Nowhere || s.Count.Absent != 2 || !s.Rows[1].Expected || s.Rows[1].Mark != sick || s.Rows[1].By != "李" {
		t.Fatalf("%+v", s)
	}
	leaveMark := schema.Mark{Status: schema.StatusLeave}
	s = c.save("王", roll.Wish{Marks: []roll.Typed{{storetest.Pupil(0), leaveMark, present}}})
	if s.Rows[0].Mark != present || s.Rows[0].Expected || !s.Rows[1].Expected || s.State != roll.NotTaken {
		t.Errorf("who came: %+v", s.Rows[0])
	}
	// Marked otherwise and taken back: present, not on leave again.
	c.save("王", roll.Wish{Marks: []roll.Typed{{storetest.Pupil(2), s.Rows[2].Mark, absent}}})
	if s = c.save("王", roll.Wish{Marks: []roll.Typed{{storetest.Pupil(2), absent, present}}}); s.Rows[2].Mark != present {
		t.Errorf("taken back: %+v", s.Rows[2])
	}
	s = c.save("王", roll.Wish{Take: true})
	if s.State != roll.Taken || s.Count.Absent != 1 || s.Rows[1].Mark != sick || s.Rows[1].Expected || s.Rows[1].By != "王" {
		t.Errorf("taken: %+v", s)
	}
	doc, err := c.s.Doc("", schema.KindSheet, am().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 2} {
		if v := doc.Lookup(schema.Key{Num: schema.SheetMark, Sub: storetest.Pupil(i)}); !v.IsNil() {
			t.Errorf("pupil %d keeps a mark: %v", i, v)
		}
	}
	// Taken back afterwards, a mark does not return from the leave.
	if s = c.save("王", roll.Wish{Marks: []roll.Typed{{storetest.Pupil(1), sick, present}}}); s.State != roll.AllPresent {
		t.Errorf("%+v", s)
	}
}

// A day that has not come has no roll; one that is over is changed by who means to,
// and says why.
func TestDaysBeforeAndAfter(t *testing.T) {
	c := newSchool(t)
	refused := func(w roll.Wish, id string) {
		t.Helper()
		if _, err := c.desk.Save(t.Context(), "王", am(), w); text.Of(err) == nil || text.Of(err).ID() != id {
			t.Errorf("%v, want %s", err, id)
		}
	}
	c.now = day - 1
	if !c.open().Early {
		t.Error("not early")
	}
	refused(roll.Wish{Take: true}, "roll.early")
	c.now = day + 1
	if s := c.save("王", roll.Wish{Take: true, Marks: []roll.Typed{{storetest.Pupil(1), present, sick}}}); !s.Over || s.State != roll.Taken {
		t.Errorf("taken late: %+v", s)
	}
	change := roll.Wish{Marks: []roll.Typed{{storetest.Pupil(1), sick, absent}}}
	refused(change, "roll.over")
	change.Over, change.Why = true, "家长来电更正"
	if s := c.save("李", change); s.Rows[1].Mark != absent || s.Why != change.Why {
		t.Errorf("%+v", s)
	}
	steps, err := c.desk.Trail(am())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range steps {
		name := ""
		if s.Pupil != nil {
			name = s.Pupil.Name
		}
		got = append(got, fmt.Sprintf("%s %d %s %s>%s", s.By, s.Field, name, schema.Words(schema.KindSheet, s.Field, s.Was).ZH, schema.Words(schema.KindSheet, s.Field, s.Now).ZH))
	}
	want := []string{"王 1  >已点名", "王 2  >王", "王 4 李四 >病假（发热）", "李 4 李四 病假（发热）>旷课", "李 7  >家长来电更正"}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

func TestNote(t *testing.T) {
	c := newSchool(t)
	if s := c.save("王", roll.Wish{Note: &roll.Noted{Now: "下雪"}}); s.Note != "下雪" || s.State != roll.NotTaken || s.Where != roll.Here {
		t.Errorf("%+v", s)
	}
	_, err := c.desk.Save(t.Context(), "李", am(), roll.Wish{Note: &roll.Noted{Now: "停电"}})
	if stale, ok := errors.AsType[*roll.StaleError](err); !ok || !stale.Note || text.Of(err).ID() != "roll.stale_note" {
		t.Errorf("%v", err)
	}
	if s := c.save("李", roll.Wish{Note: &roll.Noted{Was: "下雪", Now: ""}}); s.Note != "" {
		t.Errorf("%q", s.Note)
	}
}

// A sheet that was closed or taken by mistake is open again.
func TestReopen(t *testing.T) {
	c := newSchool(t)
	c.save("王", roll.Wish{NoSchool: true, Reason: "大雪"})
	if s := c.save("王", roll.Wish{Reopen: true}); s.State != roll.NotTaken || s.Reason != "" || s.Taker != "" {
		t.Errorf("%+v", s)
	}
}

// The school closes for snow over days, and undoes it.
func TestClosed(t *testing.T) {
	c := newSchool(t)
	friday := day + 4
	n, err := c.desk.Except(t.Context(), "王", friday-1, friday+3, schema.DaySnow)
	if err != nil || n != 3 {
		t.Fatalf("%d days, %v", n, err)
	}
	if n, err = c.desk.Except(t.Context(), "王", friday, friday, schema.DayRoad); err != nil || n != 1 {
		t.Fatalf("another reason: %d, %v", n, err)
	}
	if n, err = c.desk.Except(t.Context(), "王", friday+1, friday+1, schema.DayMakeUp); err != nil || n != 1 {
		t.Fatalf("made up: %d, %v", n, err)
	}
	list, err := c.desk.Exceptions(day)
	if err != nil || len(list) != 4 || list[0].Date != friday-1 || list[0].Kind != schema.DaySnow || list[1].Kind != schema.DayRoad || list[2].Kind != schema.DayMakeUp || list[0].By != "王" {
		t.Fatalf("%+v, %v", list, err)
	}
	if d, _ := c.desk.Day(friday); d.Due != 0 || d.Kind != schema.DayRoad {
		t.Errorf("%+v", d)
	}
	if d, _ := c.desk.Day(friday + 1); d.Due != 2 {
		t.Errorf("%+v", d)
	}
	if got, _ := c.desk.MakeUps(day, day+14); len(got) != 1 || got[0] != friday+1 {
		t.Errorf("%v", got)
	}
	if err := c.desk.Undo(t.Context(), "王", []schema.Date{friday - 1, friday, friday + 1, friday + 3}); err != nil {
		t.Fatal(err)
	}
	if list, _ = c.desk.Exceptions(day); len(list) != 0 {
		t.Errorf("%+v", list)
	}
	if d, _ := c.desk.Day(friday); d.Due != 2 {
		t.Errorf("%+v", d)
	}
	for want, days := range map[string][2]schema.Date{"roll.order": {day, day - 1}, "roll.no_from": {0, day}, "roll.too_long": {day, day + 60}, "roll.far": {day + 500, day + 500}, "roll.closed_already": {friday + 1, friday + 2}} {
		if _, err := c.desk.Except(t.Context(), "王", days[0], days[1], schema.DaySnow); text.Of(err) == nil || text.Of(err).ID() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := c.desk.Except(t.Context(), "王", friday, friday, schema.DaySchool); text.Of(err) == nil {
		t.Errorf("a kind that no school can name: %v", err)
	}
}

// A class's fortnight, and what is missing of the school's.
func TestMissing(t *testing.T) {
	c := newSchool(t)
	c.now = day + 1
	c.save("王", roll.Wish{Take: true})
	days, err := c.desk.Class(class, day+1, 3)
	if err != nil || len(days) != 3 || days[1].Slots[0].State != roll.AllPresent || days[2].Slots[0].State != roll.NotTaken {
		t.Fatalf("%+v, %v", days, err)
	}
	strip, err := c.desk.Strip(day+1, 4)
	if err != nil {
		t.Fatal(err)
	}
	missing := c.desk.Missing(strip)
	if len(missing) != 1 || missing[0].ID != (schema.SheetID{Date: day, Session: schema.SessionPM, Class: class}) {
		t.Errorf("%+v", missing)
	}
	if _, err := c.desk.Class("2026/没有", day, 3); text.Of(err) == nil {
		t.Errorf("%v", err)
	}
}
