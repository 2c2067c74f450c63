package state

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"shangu/schema"
	"shangu/sync/change"
)

// Every mark that was ever saved is in its sheet, whatever the order of days,
// whoever writes, and whether the school's record is in memory, fetched again,
// or read after a restart: a sheet is never taken for new that is there.
func TestNoSheetIsTakenForNewThatIsThere(t *testing.T) {
	eachSeed(t, func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 77))
		pens := []*pen{newPen(schoolA, 1), newPen(schoolA, 2), newPen(schoolB, 1), newPen(schoolC, 1)}
		l := &raftLog{}
		l.begin(pens...)
		dir, o := t.TempDir(), Options{Cache: 8}
		if seed%2 == 0 {
			o.Cache = 1 // each school's record is fetched anew
		}
		s := openAt(t, dir, o)
		s.must(t, l.entries...)
		want := map[DocKey]map[string]bool{}
		days := schema.DateOf(2026, 9, 1)
		for range 40 {
			p := pens[r.IntN(len(pens))]
			for range 1 + r.IntN(12) {
				day := days + schema.Date(r.IntN(4)) // mostly the newest days, now and then far back
				if r.IntN(6) == 0 {
					day = schema.DateOf(2026, 9, 1) + schema.Date(r.IntN(20))
				}
				id := schema.SheetID{Date: day, Session: schema.Session(1 + r.IntN(2)), Class: schema.ClassID(2026, fmt.Sprintf("一年级（%d）班", 1+r.IntN(2)))}.String()
				pupil := pupils[r.IntN(len(pupils))]
				p.save("", schema.KindSheet, id,
					set(schema.SheetState, schema.Int(schema.SheetTaken)),
					change.Field{Key: schema.Key{Num: schema.SheetMark, Sub: pupil}, Value: schema.Mark{Status: schema.StatusSick, Symptom: schema.Symptom(1 + r.IntN(14))}.Encode()})
				k := DocKey{Scope: p.school, Kind: schema.KindSheet, ID: id}
				if want[k] == nil {
					want[k] = map[string]bool{}
				}
				want[k][pupil] = true
			}
			if _, err := l.ingest(t, s, p.push(t)); err != nil {
				t.Fatal(err)
			}
			days += schema.Date(r.IntN(2))
			if r.IntN(10) == 0 {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = openAt(t, dir, o)
			}
		}
		for k, marked := range want {
			d, err := s.Doc(k)
			if err != nil || d == nil {
				t.Fatalf("%v: %v", k, err)
			}
			for pupil := range marked {
				if d.Lookup(schema.Key{Num: schema.SheetMark, Sub: pupil}).IsNil() {
					t.Errorf("%v lost the mark of %s", k, pupil)
				}
			}
		}
		checkCounts(t, s)
	})
}

// A day of more sheets than any school has only costs the shortcut.
func TestADayOfTooManySheets(t *testing.T) {
	p := newPen(schoolA, 1)
	l := &raftLog{}
	l.begin(p)
	s := open(t)
	s.must(t, l.entries...)
	for round := range 2 {
		for i := range maxOfADay + 10 {
			id := schema.SheetID{Date: schema.DateOf(2026, 9, 1), Session: schema.SessionAM, Class: schema.ClassID(2026, fmt.Sprintf("一年级（%d）班", i+1))}.String()
			p.save("", schema.KindSheet, id, set(schema.SheetState, schema.Int(schema.SheetTaken)), mark(pupils[round], schema.StatusLeave))
		}
		if ack, err := l.ingest(t, s, p.push(t)); err != nil || !ack.Fits {
			t.Fatal(ack, err)
		}
	}
	rows, err := s.Summary()
	if err != nil || find(rows, schoolA).Sheets != maxOfADay+10 || find(rows, schoolA).Marks != 2*(maxOfADay+10) {
		t.Errorf("%+v %v", find(rows, schoolA), err)
	}
}

var pupils = []string{"G990109201910090934", "G990109201909200948", "G990109201903190953", "G990109201902090969"}
