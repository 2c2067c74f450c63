package attend_test

import (
	"runtime"
	"testing"
	"time"

	"shangu/agent/attend"
	"shangu/agent/store"
	"shangu/agent/store/storetest"
	"shangu/schema"
	"shangu/schema/schooltest"
)

var _ attend.Documents = (*store.Store)(nil)

const class = "2026/一年级（2）班"

var day = schema.DateOf(2026, 10, 12)

func open(t testing.TB, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(dir, store.Options{Device: [16]byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func save(t *testing.T, s *store.Store, on schema.Date, session schema.Session, state int, marks map[int]schema.Mark) {
	t.Helper()
	storetest.Save(t, s, storetest.Sheet(class, on, session, state, marks))
}

func TestDaysAreReadOnce(t *testing.T) {
	s := open(t, t.TempDir())
	b := attend.NewBook(s)
	read := func(on schema.Date) *attend.Day {
		d, err := b.Day(on)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if d := read(day); len(d.Sheets) != 0 || d.Taken() {
		t.Errorf("an empty day: %+v", d)
	}
	save(t, s, day, schema.SessionPM, schema.SheetTaken, nil)
	save(t, s, day, schema.SessionAM, 0, map[int]schema.Mark{2: {Status: schema.StatusSick, Symptom: 3}, 1: {Status: schema.StatusLate, Minutes: 5}})
	d := read(day)
	am := d.Sheet(class, schema.SessionAM)
	if !d.Taken() || !d.Sheet(class, schema.SessionPM).Taken() || am.Taken() || d.Sheet(class, schema.SessionEve).Taken() {
		t.Errorf("%+v", d)
	}
	if m := am.Mark(storetest.Pupil(2)); m.Status != schema.StatusSick || m.Symptom != 3 {
		t.Errorf("%+v", m)
	}
	if m := am.Mark(storetest.Pupil(1)); m.Minutes != 5 {
		t.Errorf("%+v", m)
	}
	if m := am.Mark(storetest.Pupil(3)); m.Status != schema.StatusPresent {
		t.Errorf("no mark is present: %+v", m)
	}
	save(t, s, day+1, schema.SessionAM, schema.SheetTaken, nil)
	if read(day) != d {
		t.Error("read again for a sheet of another day")
	}
	save(t, s, day, schema.SessionAM, schema.SheetTaken, nil)
	if now := read(day); now == d || !now.Sheet(class, schema.SessionAM).Taken() || am.Taken() {
		t.Error("a change was not seen, or changed what a reader held")
	}
	days, err := b.Last(5, day-30, day+10)
	if err != nil || len(days) != 2 || days[0].Date != day || days[1].Date != day+1 {
		t.Errorf("%v, %v", days, err)
	}
	if days, err = b.Last(1, day-30, day+10); err != nil || len(days) != 1 || days[0].Date != day+1 {
		t.Errorf("%v, %v", days, err)
	}
}

// A day that was dropped for others is read again.
func TestManyDays(t *testing.T) {
	s := open(t, t.TempDir())
	save(t, s, day, schema.SessionAM, schema.SheetTaken, nil)
	b := attend.NewBook(s)
	for range 2 {
		days, err := b.Days(day, day+400)
		if err != nil || len(days) != 1 {
			t.Fatalf("%v, %v", days, err)
		}
	}
}

// Sixty school days of a large school are read in well under a second, and kept in
// less than 4 MB.
func TestLargeSchool(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a large school")
	}
	dir := t.TempDir()
	if err := storetest.Fill(t.Context(), dir, [16]byte{1}, storetest.Years{School: "2199109099", Days: 60, Classes: 75, Pupils: 3000}); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	all := schooltest.SchoolDays(60)
	b := attend.NewBook(s)
	before := heap()
	start := time.Now()
	days, err := b.Days(all[0], all[59])
	if err != nil || len(days) != 60 {
		t.Fatalf("%d days, %v", len(days), err)
	}
	cold := time.Since(start)
	start = time.Now()
	if _, err := b.Days(all[0], all[59]); err != nil {
		t.Fatal(err)
	}
	warm := time.Since(start)
	kept := int64(heap()) - int64(before)
	t.Logf("60 days of 3,000 pupils: %v cold, %v warm, %d KiB", cold, warm, kept>>10)
	if kept > 4<<20 {
		t.Errorf("%d bytes are kept", kept)
	}
	runtime.KeepAlive(b)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
