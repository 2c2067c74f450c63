package training_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"shangu/agent/form"
	"shangu/agent/roster"
	"shangu/agent/store"
	"shangu/agent/store/storetest"
	"shangu/agent/training"
	"shangu/agent/visit"
	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/session"
)

const home, other = "2199109015", "2199109016"

var today = schema.DateOf(2026, 10, 12)

type school struct {
	t      testing.TB
	s      *store.Store
	desk   *training.Desk
	visits *visit.Desk
}

func newSchool(t testing.TB) *school {
	t.Helper()
	s := storetest.OpenAs(t, home)
	book := roster.NewBook(s, nil)
	visits := visit.NewDesk(s, s, book)
	c := &school{t, s, training.NewDesk(s, s, visits, book), visits}
	for i, name := range []string{"安老师", "白老师", "程老师"} {
		c.teacher(fmt.Sprint("T", i+1), name, i == 1)
	}
	return c
}

func (c *school) teacher(id, name string, backbone bool) {
	c.save(schema.KindTeacher, id, schema.TeacherName, schema.Str(name), schema.TeacherBackbone, schema.Bool(backbone))
}

func (c *school) save(kind schema.Kind, id string, kv ...any) {
	c.t.Helper()
	storetest.Save(c.t, c.s, storetest.Edit(kind, id, kv...))
}

func facts(on schema.Date, tenths int) training.Facts {
	return training.Facts{Date: on, Programme: "启航", Title: "新教师研修", Level: 2, Mode: 1, Hours: tenths, Cost: training.Unsaid}
}

func (c *school) write(f training.Facts, teachers ...string) {
	c.t.Helper()
	var who []training.Pick
	for _, t := range teachers {
		who = append(who, training.Pick{Teacher: t})
	}
	if err := c.desk.Write(c.t.Context(), "王", c.desk.Ticket(), f, who, today); err != nil {
		c.t.Fatal(err)
	}
}

func (c *school) account(id string, on schema.Date) *training.Account {
	c.t.Helper()
	l, err := c.desk.Ledger(on)
	if err != nil {
		c.t.Fatal(err)
	}
	return l.Account(id)
}

func (c *school) all() []*training.Record {
	c.t.Helper()
	all, err := c.desk.All()
	if err != nil {
		c.t.Fatal(err)
	}
	return all
}

func TestOneTrainingOfMany(t *testing.T) {
	c := newSchool(t)
	ticket := c.desk.Ticket()
	who := []training.Pick{{"T1", "云教培001"}, {"T3", ""}}
	for range 2 { // a form that is sent twice
		if err := c.desk.Write(t.Context(), "王", ticket, facts(today, 200), who, today); err != nil {
			t.Fatal(err)
		}
	}
	all := c.all()
	if len(all) != 2 || all[0].Title != "新教师研修" || all[0].By != "王" || !c.desk.Here(all[0]) {
		t.Fatalf("%+v", all)
	}
	if a, b := c.account("T1", today), c.account("T2", today); a.Tenths != 200 || a.Entries[0].Record.Certificate != "云教培001" || b.Tenths != 0 {
		t.Errorf("%+v %+v", a, b)
	}
	for name, other := range map[string][]training.Pick{"another certificate": {{"T1", "云教培002"}, {"T3", ""}}, "one more": append(who, training.Pick{Teacher: "T2"})} {
		if err := c.desk.Write(t.Context(), "王", ticket, facts(today, 200), other, today); !errors.Is(err, training.ErrTwice) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(c.all()); n != 2 {
		t.Errorf("%d records", n)
	}
}

func TestWhatIsWrong(t *testing.T) {
	c := newSchool(t)
	one := []training.Pick{{Teacher: "T1"}}
	for name, try := range map[string]struct {
		do    func(*training.Facts)
		who   []training.Pick
		field schema.FieldNum
		id    string
	}{
		"no date":        {func(f *training.Facts) { f.Date = 0 }, one, schema.TrainingDate, "training.no_date"},
		"tomorrow":       {func(f *training.Facts) { f.Date = today + 1 }, one, schema.TrainingDate, "training.future"},
		"not over":       {func(f *training.Facts) { f.End = today + 1 }, one, schema.TrainingEnd, "training.future"},
		"ends before":    {func(f *training.Facts) { f.End = today - 1 }, one, schema.TrainingEnd, "form.ends_before"},
		"no title":       {func(f *training.Facts) { f.Title = "" }, one, schema.TrainingTitle, "training.no_title"},
		"no hours":       {func(f *training.Facts) { f.Hours = training.Unsaid }, one, schema.TrainingHours, "training.no_hours"},
		"no programme":   {func(f *training.Facts) { f.Programme = "远航" }, one, schema.TrainingProgramme, "training.no_programme"},
		"nobody":         {func(f *training.Facts) {}, nil, schema.TrainingTeacher, "training.nobody"},
		"a stranger":     {func(f *training.Facts) {}, []training.Pick{{Teacher: "T9"}}, schema.TrainingTeacher, "training.teacher_gone"},
		"long paper":     {func(f *training.Facts) {}, []training.Pick{{"T1", strings.Repeat("证", 61)}}, schema.TrainingCertificate, "schema.too_long"},
		"a dear lecture": {func(f *training.Facts) { f.Cost = 1 << 50 }, one, schema.TrainingCost, "schema.range"},
	} {
		f := facts(today, 200)
		try.do(&f)
		err := c.desk.Write(t.Context(), "王", c.desk.Ticket(), f, try.who, today)
		wrong, ok := errors.AsType[form.Wrong](err)
		if !ok || wrong[try.field] == nil || wrong[try.field].ID() != try.id {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(c.all()) != 0 {
		t.Error("something was saved")
	}
}

func TestTheDistrictsProgrammes(t *testing.T) {
	c := newSchool(t)
	c.write(facts(today, 200), "T1")
	list := func() string { p, _ := c.desk.Programmes(); return strings.Join(p, " ") }
	if got := list(); !strings.Contains(got, "启航") || !strings.Contains(got, "校本教研") {
		t.Errorf("to begin with: %s", got)
	}
	if err := c.s.Absorb(session.Delta{Docs: []*change.Doc{{Scope: schema.DistrictScope, Kind: schema.KindProgramme, ID: "远航", Cells: []change.Cell{
		{Key: schema.Key{Num: schema.ProgrammeGroup}, Value: schema.Str("五航"), Version: change.Ref{Seq: 1}}}}}}); err != nil {
		t.Fatal(err)
	}
	if got := list(); got != "远航" {
		t.Errorf("the district's: %s", got)
	}
	// What was written down under the old list can still be changed.
	was := c.all()[0]
	f := was.Facts
	f.Hours = 100
	if err := c.desk.Change(t.Context(), "王", was, was.Seen, f, today); err != nil {
		t.Error(err)
	}
}

func TestChangedAndCancelled(t *testing.T) {
	c := newSchool(t)
	c.write(facts(today, 200), "T1")
	was := c.all()[0]
	f := was.Facts
	f.Hours, f.Certificate = 150, "云教培009"
	if err := c.desk.Change(t.Context(), "李", was, was.Seen, f, today); err != nil {
		t.Fatal(err)
	}
	now := c.all()[0]
	if now.Hours != 150 || now.Certificate != "云教培009" || now.By != "李" || c.account("T1", today).Tenths != 150 {
		t.Errorf("%+v", now)
	}
	if err := c.desk.Change(t.Context(), "王", now, was.Seen, f, today); !errors.Is(err, training.ErrStale) {
		t.Errorf("over what somebody else has written: %v", err)
	}
	if err := c.desk.Cancel(t.Context(), "李", now, "记错人"); err != nil {
		t.Fatal(err)
	}
	if now = c.all()[0]; now.Counts() || c.account("T1", today).Tenths != 0 || len(c.account("T1", today).Entries) != 0 {
		t.Errorf("%+v", now)
	}
	if err := c.desk.Change(t.Context(), "王", now, now.Seen, f, today); err == nil {
		t.Error("a cancelled record was changed")
	}
	if err := c.desk.Cancel(t.Context(), "李", now, ""); err != nil || c.account("T1", today).Tenths != 150 {
		t.Errorf("back again: %v", err)
	}
}

// Hours of the host's teachers count as the host wrote them down; those of the
// helper's as the helper confirmed them; nobody's twice.
func TestVisitsCreditHours(t *testing.T) {
	c := newSchool(t)
	v := visit.Facts{
		Date: today - 3, End: today - 1, Helper: other, Kind: schema.VisitResident, Visitors: visit.Unsaid, Hours: 120, PupilsMet: visit.Unsaid,
		TeachersMet: visit.Unsaid, Credits: map[string]int{"T1": 120, "T2": 45},
	}
	saved, err := c.visits.Write(t.Context(), "王", c.visits.Ticket(), v, today)
	if err != nil {
		t.Fatal(err)
	}
	cell := func(n schema.FieldNum, sub string, v schema.Value) change.Cell {
		return change.Cell{Key: schema.Key{Num: n, Sub: sub}, Value: v, Version: change.Ref{Seq: 1}}
	}
	if err := c.s.Absorb(session.Delta{Docs: []*change.Doc{{Scope: other, Kind: schema.KindVisit, ID: "v", Cells: []change.Cell{
		cell(schema.VisitDate, "", schema.Int(int64(today-9))), cell(schema.VisitHelper, "", schema.Str(home)), cell(schema.VisitKind, "", schema.Int(1)),
		cell(schema.VisitCredits, "T1", schema.Int(990)), cell(schema.VisitConfirmed, "", schema.Int(int64(today-8))), cell(schema.VisitHelperCredits, "T2", schema.Int(30)),
	}}}}); err != nil {
		t.Fatal(err)
	}
	c.write(facts(today, 200), "T1")
	one, two := c.account("T1", today), c.account("T2", today)
	if one.Tenths != 320 || two.Tenths != 75 {
		t.Errorf("%d and %d", one.Tenths, two.Tenths)
	}
	if e := one.Entries[1]; e.Visit == nil || e.On != today-1 || !e.Counts || !e.In {
		t.Errorf("%+v", e)
	}
	if _, err := c.visits.Cancel(t.Context(), "王", saved.Key(), "没来"); err != nil || c.account("T1", today).Tenths != 200 {
		t.Errorf("of a visit that does not count: %v", err)
	}
}

func TestTheLedger(t *testing.T) {
	c := newSchool(t)
	c.save(schema.KindSetting, schema.SettingTrainingHours, schema.SettingValue, schema.Int(20))
	c.save(schema.KindSetting, schema.SettingTrainingYears, schema.SettingValue, schema.Int(2))
	c.write(facts(today-700, 150), "T1", "T2") // leaves on today-700 in two years
	c.write(facts(today-10, 60), "T1")
	failed := facts(today-5, 500)
	failed.Result = schema.TrainingFailed
	c.write(failed, "T2")
	stay := facts(today-20, 210)
	stay.End, stay.Result = today-15, schema.TrainingExcellent
	c.write(stay, "T3")
	l, err := c.desk.Ledger(today)
	if err != nil {
		t.Fatal(err)
	}
	one, two, three := l.Account("T1"), l.Account("T2"), l.Account("T3")
	if one.Tenths != 210 || one.Missing() != 0 || one.Short != l.Window.Leaves(today-700) || !l.SoonShort(one) || one.Share() != 100 {
		t.Errorf("%+v", one)
	}
	if two.Tenths != 150 || two.Missing() != 50 || two.Short != today || l.SoonShort(two) || two.Share() != 75 || two.Entries[0].Counts {
		t.Errorf("%+v", two)
	}
	if three.Short != l.Window.Leaves(today-15) || l.SoonShort(three) {
		t.Errorf("%+v", three)
	}
	if l.Reached != 2 || l.Soon != 1 || l.Backbone != 1 || l.Accounts[0] != one || len(l.Accounts) != 3 {
		t.Errorf("%+v", l)
	}
	if again, _ := c.desk.Ledger(today); again != l {
		t.Error("made again though nothing changed")
	}
	if next, _ := c.desk.Ledger(today + 1); next == l {
		t.Error("the same on another day")
	}
	c.save(schema.KindTeacher, "T3", schema.FieldVoid, schema.Str("调走"))
	if l, _ = c.desk.Ledger(today); len(l.Accounts) != 2 || l.Account("T3") != nil {
		t.Error("a teacher who has left has an account")
	}
}

// On the day that the ledger names a teacher falls short, and not the day before,
// whatever was written down: seen by opening the ledger on those days.
func TestTheDayIsTheDay(t *testing.T) {
	c := newSchool(t)
	c.save(schema.KindSetting, schema.SettingTrainingHours, schema.SettingValue, schema.Int(10))
	c.save(schema.KindSetting, schema.SettingTrainingYears, schema.SettingValue, schema.Int(1))
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		id := fmt.Sprint("R", n)
		c.teacher(id, "任老师", false)
		for range rapid.IntRange(0, 6).Draw(t, "records") {
			f := facts(today-schema.Date(rapid.IntRange(0, 500).Draw(t, "ago")), rapid.IntRange(0, 120).Draw(t, "tenths"))
			f.End = min(today, f.Date+schema.Date(rapid.IntRange(0, 20).Draw(t, "days")))
			f.Result = rapid.IntRange(0, 4).Draw(t, "result")
			c.write(f, id)
		}
		a := c.account(id, today)
		switch {
		case a.Short == 0:
			t.Fatal("nothing lasts for ever")
		case a.Short == today && a.Missing() == 0, a.Short > today && a.Missing() > 0:
			t.Fatalf("short on %v, with %d missing today", a.Short, a.Missing())
		}
		if on := c.account(id, a.Short); on.Missing() == 0 {
			t.Fatalf("not short on %v", a.Short)
		}
		if a.Short > today {
			if before := c.account(id, a.Short-1); before.Missing() > 0 {
				t.Fatalf("short on %v, the day before %v", a.Short-1, a.Short)
			}
		}
	})
}
