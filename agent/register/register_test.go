package register_test

import (
	"bytes"
	"slices"
	"testing"

	"shangu/agent/attend"
	"shangu/agent/register"
	"shangu/agent/roster"
	"shangu/agent/store"
	"shangu/agent/store/storetest"
	"shangu/schema"
	"shangu/schema/text"
)

var _ register.Store = (*store.Store)(nil)

const class = "2026/一年级（2）班"

var (
	october = schema.DateOf(2026, 10, 1)
	monday  = schema.DateOf(2026, 10, 12)
	today   = schema.DateOf(2026, 11, 2)
)

type school struct {
	t    *testing.T
	s    *store.Store
	desk *register.Desk
}

func newSchool(t *testing.T) *school {
	t.Helper()
	return newComputer(t, storetest.Open(t))
}

// newComputer is one of the school's.
func newComputer(t *testing.T, s *store.Store) *school {
	t.Helper()
	c := &school{t, s, register.NewDesk(s, s, roster.NewBook(s, []byte("secret of addresses")), attend.NewBook(s))}
	c.save(storetest.Class(class, schema.DateOf(2026, 9, 1), "张0", "张1")...)
	c.save(storetest.Edit(schema.KindPupil, storetest.Pupil(2), schema.PupilName, "张2"), storetest.Place(2, class, monday+1))
	return c
}

func (c *school) save(edits ...store.Edit) {
	c.t.Helper()
	if _, err := c.s.Save(c.t.Context(), "王", edits); err != nil {
		c.t.Fatal(err)
	}
}

func (c *school) roll(on schema.Date, session schema.Session, marks ...int) {
	c.t.Helper()
	c.save(storetest.Sheet(class, on, session, schema.SheetTaken, storetest.Marks(marks...)))
}

// term takes the rolls of two days: pupil 2 comes on the second.
func (c *school) term() {
	c.roll(monday, schema.SessionAM, 0, 104, 1, 6)
	c.roll(monday, schema.SessionPM, 0, 104)
	c.roll(monday+1, schema.SessionAM, 1, 2, 2, 5)
	c.save(storetest.Sheet(class, monday+1, schema.SessionPM, schema.SheetNoSchool, nil),
		visit("v1", monday), visit("v2", october-1))
}

func visit(id string, on schema.Date) store.Edit {
	e := storetest.Edit(schema.KindVisit, id, schema.VisitDate, schema.Int(int64(on)))
	for n, v := range map[schema.FieldNum]schema.Value{schema.VisitHelper: schema.Str("2199109015"), schema.VisitKind: schema.Int(1), schema.VisitMode: schema.Int(1), schema.VisitHours: schema.Int(25)} {
		e.Fields = append(e.Fields, store.FieldEdit{Key: schema.Key{Num: n}, Value: v})
	}
	return e
}

func (c *school) month() *register.Figures {
	c.t.Helper()
	f, err := c.desk.Month(october, today)
	if err != nil {
		c.t.Fatal(err)
	}
	return f
}

func TestMonth(t *testing.T) {
	c := newSchool(t)
	c.term()
	f := c.month()
	if len(f.Classes) != 1 || f.School.Hosted != 1 || f.School.Hours != 25 {
		t.Fatalf("%+v", f)
	}
	var sum register.Sum
	sum.Add(&f.Classes[0])
	// October 2026 has 22 weekdays; without a calendar all are school days.
	if sum.Sheets != (register.Sheets{Due: 44, Taken: 3, NoSchool: 1}) {
		t.Errorf("sheets: %+v", sum.Sheets)
	}
	if sum.Pupils != 3 || sum.Sessions != 7 || sum.Absent != 4 || sum.Unexcused != 1 || sum.By[schema.StatusSick] != 2 || sum.By[schema.StatusLate] != 1 || sum.By[schema.StatusPresent] != 2 || sum.Symptoms[1] != 2 {
		t.Errorf("%+v", sum)
	}
	if rate, ok := sum.Rate(); !ok || rate != 4285 {
		t.Errorf("rate %d", rate)
	}
	if f, err := c.desk.Month(october, monday); err != nil || f.Classes[0].Sheets[schema.SessionPM].Due != 8 {
		t.Errorf("a month that goes on: %+v, %v", f, err)
	}
}

func TestRegister(t *testing.T) {
	c := newSchool(t)
	c.term()
	r, err := c.desk.Class(class, october, today)
	if err != nil || r == nil || len(r.Days) != 22 || len(r.Lines) != 3 || len(r.Sessions) != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	i := slices.IndexFunc(r.Days, func(d register.Column) bool { return d.Date == monday })
	if c := r.Lines[1].Cells[i]; c[0].Mark.Status != schema.StatusAbsent || c[1].State != register.Marked || c[1].Mark.Status != schema.StatusPresent {
		t.Errorf("%+v", c)
	}
	if c := r.Lines[2].Cells[i]; c[0].State != register.NotHere {
		t.Errorf("a pupil before the first day: %+v", c)
	}
	if c := r.Lines[2].Cells[i+1]; c[0].Mark.Status != schema.StatusLeave || c[1].State != register.Closed {
		t.Errorf("%+v", c)
	}
	if c := r.Lines[0].Cells[i+2]; c[0].State != register.NotTaken {
		t.Errorf("a roll that nobody took: %+v", c)
	}
	if r.List[i][0] != 2 || r.Present[i][0] != 0 || r.Present[i][1] != 1 || r.List[i+1][0] != 3 || r.List[i+1][1] != 0 {
		t.Errorf("%v of %v", r.Present, r.List)
	}
	if r.Lines[0].By[schema.StatusSick] != 2 || r.Lines[0].Absent() != 2 {
		t.Errorf("%+v", r.Lines[0].PupilFigures)
	}
	c.roll(monday, schema.SessionEve, 0, 6)
	if r, err = c.desk.Class(class, october, today); err != nil || len(r.Sessions) != 3 {
		t.Errorf("with an evening: %+v, %v", r.Sessions, err)
	}
	if r, err = c.desk.Class("2025/没有", october, today); r != nil || err != nil {
		t.Errorf("%+v, %v", r, err)
	}
}

func said(t *testing.T, err error, id string) {
	t.Helper()
	if m := text.Of(err); m == nil || m.ID() != id {
		t.Errorf("want %s, got %v", id, err)
	}
}

func TestFreezeAndCorrect(t *testing.T) {
	c := newSchool(t)
	ctx := t.Context()
	c.term()
	_, err := c.desk.Freeze(ctx, "校长", october, monday)
	said(t, err, "register.goes_on")
	_, err = c.desk.Correct(ctx, "校长", october, today, "补")
	said(t, err, "register.not_frozen")
	first, err := c.desk.Freeze(ctx, "校长", october, today)
	if err != nil || !first.Sound || first.By != "校长" || first.Frozen != today || first.Safe {
		t.Fatalf("%+v, %v", first, err)
	}
	if d := register.Compare(first.Figures, c.month()); len(d) != 0 {
		t.Errorf("frozen is not what was counted: %+v", d)
	}
	_, err = c.desk.Freeze(ctx, "校长", october, today)
	said(t, err, "register.is_frozen")
	_, err = c.desk.Correct(ctx, "校长", october, today, "补")
	said(t, err, "register.no_change")

	// Somebody looks again: it was no absence.
	if _, err := c.s.Save(ctx, "李", []store.Edit{{Kind: schema.KindSheet, ID: schema.SheetID{Date: monday, Session: schema.SessionAM, Class: class}.String(),
		Fields: []store.FieldEdit{{Key: schema.Key{Num: schema.SheetMark, Sub: storetest.Pupil(1)}, Value: schema.Mark{Status: schema.StatusLeave}.Encode()}}}}); err != nil {
		t.Fatal(err)
	}
	changes, trace, err := c.desk.Pending(october, today)
	want := []register.Change{
		{Class: class, Pupil: storetest.Pupil(1), What: register.ByStatus, Of: int(schema.StatusLeave), Old: 0, New: 1},
		{Class: class, Pupil: storetest.Pupil(1), What: register.ByStatus, Of: int(schema.StatusAbsent), Old: 1, New: 0},
	}
	if err != nil || !slices.Equal(changes, want) {
		t.Fatalf("%+v, %v", changes, err)
	}
	touched := func(list []register.Touch) bool {
		return slices.ContainsFunc(list, func(x register.Touch) bool {
			return x.By == "李" && x.Pupil == storetest.Pupil(1) && x.Sheet.Date == monday && x.Status == int(schema.StatusLeave) && x.At > 0
		})
	}
	if !touched(trace) {
		t.Errorf("nobody did it: %+v", trace)
	}
	_, err = c.desk.Correct(ctx, "校长", october, today, "")
	said(t, err, "register.no_reason")
	sheet, err := c.desk.Correct(ctx, "校长", october, today+1, "家长补了假条")
	if err != nil || !sheet.Sound || sheet.Correction != 1 || !slices.Equal(sheet.Changes, want) || !touched(sheet.Trace) || sheet.Reason != "家长补了假条" || sheet.Digest == first.Digest {
		t.Fatalf("%+v, %v", sheet, err)
	}
	if changes, _, err := c.desk.Pending(october, today+1); err != nil || len(changes) != 0 {
		t.Errorf("%+v, %v", changes, err)
	}

	// What was frozen stays, whatever the sheets say later.
	c.roll(monday+2, schema.SessionAM)
	all, err := c.desk.Reports(october)
	if err != nil || len(all) != 2 || all[0].Digest != first.Digest || !all[0].Sound || !all[1].Sound || len(register.Compare(all[0].Figures, first.Figures)) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	second, err := c.desk.Correct(ctx, "校长", october, today+2, "补点名")
	if err != nil || second.Correction != 2 || !second.Sound {
		t.Errorf("%+v, %v", second, err)
	}
	months, err := c.desk.Months(today)
	if err != nil || len(months) != 3 || months[1].Month != october || !months[1].Is || months[1].Corrections != 2 || months[0].Is {
		t.Errorf("%+v, %v", months, err)
	}
}

// A report whose figures are others than were digested says so.
func TestForgedReport(t *testing.T) {
	c := newSchool(t)
	c.term()
	first, err := c.desk.Freeze(t.Context(), "校长", october, today)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := c.s.Doc("", schema.KindReport, "2026-10")
	if err != nil {
		t.Fatal(err)
	}
	for name, was := range map[string]schema.Value{"class": doc.Lookup(schema.Key{Num: schema.ReportClass, Sub: class}), "school": doc.Value(schema.ReportSchool)} {
		key := schema.Key{Num: schema.ReportSchool}
		if name == "class" {
			key = schema.Key{Num: schema.ReportClass, Sub: class}
		}
		raw, _ := was.Bin()
		for i := range raw {
			b := []byte(raw)
			b[i] ^= 1
			c.save(store.Edit{Kind: schema.KindReport, ID: "2026-10", Fields: []store.FieldEdit{{Key: key, Value: schema.Bin(string(b))}}})
			if all, err := c.desk.Reports(october); err != nil || all[0].Sound {
				t.Fatalf("byte %d of the %s's figures was changed: %+v, %v", i, name, all[0], err)
			}
		}
		c.save(store.Edit{Kind: schema.KindReport, ID: "2026-10", Fields: []store.FieldEdit{{Key: key, Value: was}}})
	}
	all, err := c.desk.Reports(october)
	if err != nil || !all[0].Sound || !bytes.Equal(all[0].Digest[:], first.Digest[:]) {
		t.Errorf("%+v, %v", all[0], err)
	}
}
