package roster_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"shangu/agent/roster"
	"shangu/agent/store"
	"shangu/agent/store/storetest"
	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/session"
)

var _ roster.Documents = (*store.Store)(nil)

const home = "2199109015"

type school struct {
	t *testing.T
	s *store.Store
	b *roster.Book
}

func newSchool(t *testing.T) *school {
	t.Helper()
	s := storetest.OpenAs(t, home)
	return &school{t, s, roster.NewBook(s, nil)}
}

func (s *school) set(kind schema.Kind, id string, kv ...any) {
	s.t.Helper()
	storetest.Save(s.t, s.s, storetest.Edit(kind, id, kv...))
}

func (s *school) open() *roster.Roster {
	s.t.Helper()
	r, err := s.b.Open()
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

func day(s string) schema.Date {
	d, ok := schema.ParseDate(s)
	if !ok {
		panic(s)
	}
	return d
}

func names(list []*roster.Pupil) string {
	var out []string
	for _, p := range list {
		out = append(out, p.Name)
	}
	return strings.Join(out, " ")
}

func (s *school) pupil(n int, name, class, from string, kv ...any) string {
	id := fmt.Sprintf("L990109201609%02d%04d", n, n)
	s.set(schema.KindPupil, id, append([]any{schema.PupilName, name}, kv...)...)
	s.place(id, class, from)
	return id
}

func (s *school) place(id, class, from string, kv ...any) {
	s.set(schema.KindEnrolment, schema.EnrolmentID(id, class, day(from)), append([]any{schema.EnrolmentFrom, day(from)}, kv...)...)
}

func TestASchoolOnADate(t *testing.T) {
	s := newSchool(t)
	s.set(schema.KindClass, "2026/二年级（1）班", schema.ClassName, "二年级（1）班", schema.ClassOrder, 201)
	s.set(schema.KindClass, "2026/一年级（10）班", schema.ClassName, "一年级（10）班", schema.ClassOrder, 110)
	s.set(schema.KindClass, "2026/一年级（2）班", schema.ClassName, "一年级（2）班", schema.ClassOrder, 102)
	s.set(schema.KindClass, "2025/一年级（2）班", schema.ClassName, "一年级（2）班", schema.ClassOrder, 102)
	one, two := "2026/一年级（2）班", "2026/二年级（1）班"
	s.pupil(1, "沈梦", one, "2026-09-01")
	s.pupil(2, "阿依", one, "2026-09-01")
	zhang := s.pupil(3, "张小明", one, "2026-09-01")
	s.pupil(4, "李四", two, "2026-09-01", schema.PupilBoarder, true)
	r := s.open()

	var classes []string
	for _, c := range r.Classes(day("2026-10-12")) {
		classes = append(classes, c.Name)
	}
	if got := strings.Join(classes, " "); got != "一年级（2）班 一年级（10）班 二年级（1）班" {
		t.Errorf("classes: %s", got)
	}
	if got := names(r.Pupils(one, day("2026-10-12"))); got != "阿依 沈梦 张小明" {
		t.Errorf("pupils without rows: %s", got)
	}
	if got := r.Pupils(one, day("2026-08-31")); len(got) != 0 {
		t.Errorf("before the first day: %s", names(got))
	}
	if p := r.Pupil(zhang); p == nil || p.Initials != "zxm" || r.ClassOn(p, day("2026-10-12")).ID != one {
		t.Errorf("%+v", p)
	}
	if got := r.Sessions(one, day("2026-10-12")); !slices.Equal(got, []schema.Session{schema.SessionAM, schema.SessionPM}) {
		t.Errorf("sessions of day pupils: %v", got)
	}
	if got := r.Sessions(two, day("2026-10-12")); len(got) != 3 {
		t.Errorf("sessions where boarders are: %v", got)
	}
	if s.open() != r {
		t.Error("read again though nothing changed")
	}

	// A pupil changes class, and another gets a place in the list.
	s.place(zhang, one, "2026-09-01", schema.EnrolmentTo, day("2026-10-11"), schema.EnrolmentOut, schema.EnrolMoved)
	s.place(zhang, two, "2026-10-12", schema.EnrolmentIn, schema.EnrolMoved, schema.EnrolmentRow, 1)
	now := s.open()
	if now == r {
		t.Fatal("a change was not seen")
	}
	if got := names(now.Pupils(one, day("2026-10-12"))); got != "阿依 沈梦" {
		t.Errorf("after the move: %s", got)
	}
	if got := names(now.Pupils(one, day("2026-10-11"))); got != "阿依 沈梦 张小明" {
		t.Errorf("the day before the move: %s", got)
	}
	if got := names(now.Pupils(two, day("2026-10-12"))); got != "张小明 李四" {
		t.Errorf("by rows: %s", got)
	}
	if got := names(r.Pupils(one, day("2026-10-12"))); got != "阿依 沈梦 张小明" {
		t.Errorf("a Roster changed under its reader: %s", got)
	}
	if got := names(now.Everybody()); got != "阿依 李四 沈梦 张小明" {
		t.Errorf("everybody: %s", got)
	}

	// A sheet is no matter of the roster.
	s.set(schema.KindSheet, schema.SheetID{Date: day("2026-10-12"), Session: schema.SessionAM, Class: one}.String(), schema.SheetState, schema.SheetTaken)
	if s.open() != now {
		t.Error("read again for a sheet")
	}
	s.set(schema.KindPupil, zhang, schema.FieldVoid, "录错")
	if got := names(s.open().Pupils(two, day("2026-10-12"))); got != "李四" {
		t.Errorf("with a voided pupil: %s", got)
	}
}

func TestDays(t *testing.T) {
	s := newSchool(t)
	r := s.open()
	if r.Day(day("2026-10-12")) != schema.DaySchool || r.Day(day("2026-10-11")) != schema.DayHoliday {
		t.Error("a week without a calendar")
	}
	s.set(schema.KindCalendar, "2026", schema.Key{Num: schema.CalendarDay, Sub: "2026-10-12"}, schema.DaySnow, schema.Key{Num: schema.CalendarDay, Sub: "2026-10-11"}, schema.DayMakeUp)
	r = s.open()
	if r.Day(day("2026-10-12")) != schema.DaySnow || r.Day(day("2026-10-11")) != schema.DayMakeUp || r.Day(day("2026-10-13")) != schema.DaySchool {
		t.Error("the school's own exceptions are not seen")
	}
	if got := r.Threshold(schema.SettingSickDay); got != 3 {
		t.Errorf("a setting that nobody set: %d", got)
	}
}

// A district that lists the school days of a term leaves out the holidays; one that
// lists holidays and make-up days leaves out the school days.
func TestListedDays(t *testing.T) {
	s := newSchool(t)
	set := func(kv ...any) {
		doc := &change.Doc{Scope: schema.DistrictScope, Kind: schema.KindCalendar, ID: "2026"}
		for i := 0; i < len(kv); i += 2 {
			doc.Cells = append(doc.Cells, change.Cell{Key: schema.Key{Num: schema.CalendarDay, Sub: kv[i].(string)}, Value: schema.Int(int64(kv[i+1].(int))), Version: change.Ref{Seq: 1}})
		}
		if err := s.s.Absorb(session.Delta{Docs: []*change.Doc{doc}}); err != nil {
			t.Fatal(err)
		}
	}
	set("2026-09-30", schema.DaySchool, "2026-10-08", schema.DaySchool, "2026-10-10", schema.DayMakeUp)
	r := s.open()
	for on, want := range map[string]int{"2026-09-30": schema.DaySchool, "2026-10-01": schema.DayHoliday, "2026-10-08": schema.DaySchool, "2026-10-09": schema.DaySchool, "2026-10-10": schema.DayMakeUp, "2026-09-29": schema.DaySchool} {
		if got := r.Day(day(on)); got != want {
			t.Errorf("%s is %d, want %d", on, got, want)
		}
	}
}
