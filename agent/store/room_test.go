//go:build linux

package store

import (
	"errors"
	"os"
	"testing"

	"shangu/schema"
	"shangu/sync/disk"
)

func TestLowDiskTakesTheDaysAttendanceOnly(t *testing.T) {
	free := uint64(10 << 20)
	s := open(t, t.TempDir(), Options{Free: func() (uint64, error) { return free, nil }})
	save(t, s, sheet(0, 1), sheet(0, 2, 4))
	visit := Edit{Kind: schema.KindVisit, ID: s.NewID(), Fields: []FieldEdit{
		{Key: schema.Key{Num: schema.VisitDate}, Value: schema.Int(int64(schema.DateOf(2026, 9, 1)))}, {Key: schema.Key{Num: schema.VisitTopic}, Value: schema.Str("x")},
	}}
	term := make([]Edit, lowEdits+1)
	for i := range term {
		term[i] = sheet(i%100, i/100+1)
	}
	for name, edits := range map[string][]Edit{"a visit": {visit}, "a term": term, "a sheet and a visit": {sheet(1, 1), visit}} {
		if _, err := s.Save(ctx, "a", edits); !errors.Is(err, ErrDiskFull) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if st := s.Status(); st.Pending != 2 || !st.DiskLow || st.Broken != nil {
		t.Fatalf("%+v", st)
	}
	free = 1 << 30
	if st := s.Status(); st.DiskLow {
		t.Fatal("there is room, and it does not see it")
	}
	save(t, s, term...)
	sound(t, s)
}

// greed takes all room that a disk has, now and whenever some is given back.
type greed struct {
	f    *os.File
	size int64
	dir  string
}

func newGreed(t *testing.T, dir string) *greed {
	t.Helper()
	f, err := os.Create(dir + "/film.mp4")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return &greed{f: f, dir: dir}
}

func (g *greed) take(t *testing.T) {
	t.Helper()
	page := make([]byte, 64<<10)
	for n := len(page); n >= 512; {
		k, err := g.f.WriteAt(page[:n], g.size)
		g.size += int64(k)
		switch {
		case disk.IsFull(err):
			n /= 2
		case err != nil:
			t.Fatal(err)
		}
	}
}

func (g *greed) giveBack(t *testing.T) {
	t.Helper()
	if err := g.f.Truncate(0); err != nil {
		t.Fatal(err)
	}
	g.size = 0
}

// A month of attendance is saved on a disk that somebody else fills to the last
// byte before each save; then the store opens on it, and goes on when there is
// room. Badger dies of a full disk where it may, so a mistake here ends the test.
func TestMonthOnAFullDisk(t *testing.T) {
	dir := smallDisk(t, "192m")
	s := open(t, dir+"/data", Options{})
	if s.Tend(); s.room.ballast.Size() < openRoom {
		t.Fatalf("%d bytes are held back", s.room.ballast.Size())
	}
	g := newGreed(t, dir)
	var want []Edit
	for day := range 30 {
		for class := range 24 {
			g.take(t)
			e := sheet(day, class+1, 4, 5)
			save(t, s, e)
			want = append(want, e)
			if class == 0 {
				s.Tend()
			}
		}
	}
	if st := s.Status(); st.Broken != nil || !st.DiskLow || st.DiskFree > step {
		t.Fatalf("%+v", st)
	}
	if _, err := s.Save(ctx, "a", []Edit{{Kind: schema.KindVisit, ID: s.NewID()}}); !errors.Is(err, ErrDiskFull) {
		t.Fatalf("a visit: %v", err)
	}
	for start := range 3 {
		s = reopen(t, s)
		s.Tend()
		g.take(t)
		e := sheet(60+start, 1)
		save(t, s, e)
		want = append(want, e)
	}
	sound(t, s)
	g.giveBack(t)
	s.Tend()
	if st := s.Status(); st.DiskLow || s.room.ballast.Size() != ballastSize {
		t.Fatalf("%+v, %d held back", st, s.room.ballast.Size())
	}
	term := make([]Edit, 2000)
	for i := range term {
		term[i] = sheet(100+i%100, i/100+1, 4)
	}
	save(t, s, term...)
	s = reopen(t, s)
	sound(t, s)
	for _, e := range want {
		if value(t, s, e, schema.Key{Num: schema.SheetState}).IsNil() {
			t.Fatalf("%s is lost", e.ID)
		}
	}
}

// The disk fills at once while much is written: nothing dies, what was saved is
// in the journal, and the documents follow when there is room.
func TestDiskFillsDuringALargeSave(t *testing.T) {
	dir := smallDisk(t, "160m")
	s := open(t, dir+"/data", Options{})
	s.Tend()
	g := newGreed(t, dir)
	healed, full := false, false
	for round := range 4 {
		big := make([]Edit, 5000)
		for i := range big {
			big[i] = sheet(i%100, round*50+i/100+1, 4, 5, 6)
		}
		_, err := s.Save(ctx, "a", big)
		switch {
		case errors.Is(err, ErrDiskFull):
			full = true
			g.giveBack(t)
			healed = s.Tend() || healed
			if _, err := s.Save(ctx, "a", big); err != nil {
				t.Fatalf("round %d, with room: %v", round, err)
			}
		case err != nil:
			t.Fatalf("round %d: %v", round, err)
		}
		g.take(t) // while Badger writes
	}
	g.giveBack(t)
	healed = s.Tend() || healed
	if st := s.Status(); st.Docs != 4*5000 || st.Broken != nil {
		t.Fatalf("%d documents, %v", st.Docs, st.Broken)
	}
	t.Logf("refused: %v, opened again: %v", full, healed)
	sound(t, s)
}
