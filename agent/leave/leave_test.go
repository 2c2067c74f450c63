package leave_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/xuri/excelize/v2"

	"shangu/agent/leave"
	"shangu/agent/roster"
	"shangu/agent/store"
	"shangu/agent/store/storetest"
	"shangu/schema"
	"shangu/schema/text"
)

var today = schema.DateOf(2026, 10, 12)

type school struct {
	t    *testing.T
	s    *store.Store
	desk *leave.Desk
	now  schema.Date
}

func newSchool(t *testing.T) *school {
	t.Helper()
	s := storetest.Open(t)
	var edits []store.Edit
	for i, name := range []string{"阿依", "李四", "张小明"} {
		edits = append(edits, storetest.Edit(schema.KindPupil, storetest.Pupil(i), schema.PupilName, name))
	}
	storetest.Save(t, s, edits...)
	c := &school{t: t, s: s, now: today}
	c.desk = leave.NewDesk(s, s, roster.NewBook(s, []byte("sixteen bytes at least")), func() schema.Date { return c.now })
	return c
}

func (c *school) plan(l leave.Leave) string {
	c.t.Helper()
	if l.ID == "" {
		l.ID = c.s.NewID()
	}
	if err := c.desk.Plan(c.t.Context(), "王", l); err != nil {
		c.t.Fatal(err)
	}
	return l.ID
}

func (c *school) on(d schema.Date, s schema.Session) map[string]*leave.Leave {
	c.t.Helper()
	m, err := c.desk.On(d, s)
	if err != nil {
		c.t.Fatal(err)
	}
	return m
}

func refused(t *testing.T, err error, id string) {
	t.Helper()
	if m := text.Of(err); m == nil || m.ID() != id {
		t.Errorf("%v, want %s", err, id)
	}
}

func TestLeaveOverDays(t *testing.T) {
	c := newSchool(t)
	id := c.plan(leave.Leave{From: today, To: today + 2, Status: schema.StatusSick, Symptom: 1, Pupils: []string{storetest.Pupil(1)}, Reason: "水痘"})
	for d, want := range map[schema.Date]int{today - 1: 0, today: 1, today + 2: 1, today + 3: 0} {
		if got := c.on(d, schema.SessionPM); len(got) != want {
			t.Errorf("%v: %d on leave", d, len(got))
		}
	}
	if l := c.on(today, schema.SessionAM)[storetest.Pupil(1)]; l.Mark() != (schema.Mark{Status: schema.StatusSick, Symptom: 1}) || l.By != "王" || l.Reason != "水痘" {
		t.Errorf("%+v", l)
	}
	if err := c.desk.End(t.Context(), "李", id, today); err != nil {
		t.Fatal(err)
	}
	if len(c.on(today, schema.SessionAM)) != 1 || len(c.on(today+1, schema.SessionAM)) != 0 {
		t.Error("it did not end")
	}
	refused(t, c.desk.End(t.Context(), "李", id, today+1), "leave.ends_after")
	refused(t, c.desk.End(t.Context(), "李", id, today-1), "leave.ends_before")
	refused(t, c.desk.Void(t.Context(), "李", id, ""), "leave.no_reason")
	if err := c.desk.Void(t.Context(), "李", id, "写错了人"); err != nil {
		t.Fatal(err)
	}
	if len(c.on(today, schema.SessionAM)) != 0 {
		t.Error("a voided leave counts")
	}
	refused(t, c.desk.Void(t.Context(), "李", id, "又一次"), "leave.none")
	refused(t, c.desk.Plan(t.Context(), "李", leave.Leave{ID: id, From: today, To: today, Status: schema.StatusSick, Pupils: []string{storetest.Pupil(1)}}), "leave.none")
}

// The same form twice makes one leave; changed in between it changes the leave.
func TestOneForm(t *testing.T) {
	c := newSchool(t)
	l := leave.Leave{ID: c.s.NewID(), From: today, To: today, Status: schema.StatusOfficial, Pupils: []string{storetest.Pupil(0), storetest.Pupil(2)}}
	c.plan(l)
	before := c.s.Status().Tip
	c.plan(l)
	if c.s.Status().Tip != before {
		t.Error("the second made an entry")
	}
	l.Pupils, l.Session = []string{storetest.Pupil(2), storetest.Pupil(2)}, schema.SessionPM
	c.plan(l)
	if got := c.on(today, schema.SessionPM); len(got) != 1 || got[storetest.Pupil(2)] == nil || len(c.on(today, schema.SessionAM)) != 0 {
		t.Errorf("%v", got)
	}
}

// Whoever is ill goes on no outing.
func TestOneBeforeTheGroup(t *testing.T) {
	c := newSchool(t)
	one := c.plan(leave.Leave{From: today, To: today, Status: schema.StatusSick, Pupils: []string{storetest.Pupil(1)}})
	group := c.plan(leave.Leave{From: today - 1, To: today + 1, Status: schema.StatusOfficial, Pupils: []string{storetest.Pupil(0), storetest.Pupil(1)}})
	got := c.on(today, schema.SessionAM)
	if got[storetest.Pupil(1)].ID != one || got[storetest.Pupil(0)].ID != group || c.on(today+1, schema.SessionAM)[storetest.Pupil(1)].ID != group {
		t.Errorf("%v", got)
	}
	all, err := c.desk.All()
	if err != nil || len(all) != 2 || all[0].ID != group {
		t.Errorf("%v, %v", all, err)
	}
	c.now = today + leave.Kept + 2
	if all, _ = c.desk.All(); len(all) != 0 {
		t.Errorf("long over: %v", all)
	}
}

func TestBadLeave(t *testing.T) {
	c := newSchool(t)
	c.plan(leave.Leave{From: today, To: today + 1, Status: schema.StatusLeave, Pupils: []string{storetest.Pupil(1)}})
	good := leave.Leave{From: today, To: today, Status: schema.StatusLeave, Pupils: []string{storetest.Pupil(0)}}
	for want, spoil := range map[string]func(*leave.Leave){
		"leave.no_pupils": func(l *leave.Leave) { l.Pupils = nil },
		"leave.no_pupil":  func(l *leave.Leave) { l.Pupils = []string{storetest.Pupil(7)} },
		"leave.too_many": func(l *leave.Leave) {
			for i := range leave.MaxPupils + 1 {
				l.Pupils = append(l.Pupils, storetest.Pupil(i))
			}
		},
		"leave.no_status": func(l *leave.Leave) { l.Status = schema.StatusAbsent },
		"leave.no_from":   func(l *leave.Leave) { l.From = 0 },
		"leave.order":     func(l *leave.Leave) { l.To = today - 1 },
		"leave.too_long":  func(l *leave.Leave) { l.To = today + leave.MaxDays },
		"leave.overlap":   func(l *leave.Leave) { l.Pupils, l.From, l.To = []string{storetest.Pupil(1)}, today+1, today+4 },
	} {
		l := good
		l.ID = c.s.NewID()
		spoil(&l)
		refused(t, c.desk.Plan(t.Context(), "王", l), want)
	}
}

// The table of leave masks who it is about and says nothing of reasons, unless asked
// otherwise.
func TestLeaveAsATable(t *testing.T) {
	c := newSchool(t)
	c.plan(leave.Leave{From: today, To: today + 2, Status: schema.StatusSick, Symptom: 1, Pupils: []string{storetest.Pupil(1), storetest.Pupil(2)}, Reason: "家里的事"})
	for _, open := range []bool{false, true} {
		var b bytes.Buffer
		if err := c.desk.Write(&b, open); err != nil {
			t.Fatal(err)
		}
		f, err := excelize.OpenReader(&b)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := f.GetRows("请假")
		if err != nil || len(rows) != 4 {
			t.Fatalf("%v, %v", rows, err)
		}
		want := []string{"2026-10-12", "2026-10-14", "全天", "病假", "发热", schema.MaskID(storetest.Pupil(2)), "张**", "", "", "王"}
		if open {
			want[5], want[6], want[8] = storetest.Pupil(2), "张小明", "家里的事"
		}
		if !slices.Equal(rows[3], want) {
			t.Errorf("open %v: %q, want %q", open, rows[3], want)
		}
		f.Close()
	}
}
