package state

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"shangu/schema"
	"shangu/schema/schooltest"
	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/session"
)

// sheetLog is a log of many packs: whole school days, two devices of one school
// on the same days, sheets that are changed in the pack that brought them and
// later, days long gone, and in some a pack that is cut into parts.
func sheetLog(t *testing.T, seed uint64) (*raftLog, []*pen) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 78))
	pens := []*pen{newPen(schoolA, 1), newPen(schoolA, 2), newPen(schoolB, 1)}
	l := &raftLog{}
	l.begin(pens...)
	school := schooltest.New(seed, schooltest.Shape{Classes: 4, Pupils: 120})
	dates := schooltest.SchoolDays(12)
	days := school.Term(seed, dates, schooltest.Plan{Exceptions: 60, Trainings: 6, Visits: 6})
	for i := range days {
		p := pens[r.IntN(len(pens))]
		p.day(&days[i])
		for range r.IntN(6) {
			d := dates[i]
			switch r.IntN(4) {
			case 0:
				d = dates[r.IntN(i+1)]
			case 1:
				d += schema.Date(r.IntN(2)) // a day nobody has had yet
			}
			id := schema.SheetID{Date: d, Session: schema.Session(1 + r.IntN(2)), Class: schema.ClassID(2026, fmt.Sprintf("一年级（%d）班", 1+r.IntN(3)))}.String()
			p.save("", schema.KindSheet, id, set(schema.SheetState, schema.Int(schema.SheetTaken)), mark(pupils[r.IntN(len(pupils))], schema.StatusLeave))
		}
		if seed%4 == 0 && i == len(days)/2 {
			for n := range 1400 {
				id := schema.SheetID{Date: dates[i] + 2, Session: schema.SessionPM, Class: schema.ClassID(2025, fmt.Sprintf("二年级（%d）班", n+1))}.String()
				fields := []change.Field{set(schema.SheetState, schema.Int(schema.SheetTaken))}
				for _, pupil := range slices.Sorted(slices.Values(pupils)) {
					fields = append(fields, mark(pupil, schema.StatusLeave))
				}
				p.save("", schema.KindSheet, id, fields...)
			}
		}
		if len(p.wait) > 0 {
			l.add(EncodeIngest(hubNow, []session.Push{p.push(t)}, nil))
		}
	}
	return l, pens
}

// keysOf counts the keys that Badger holds, by their first byte.
func keysOf(t *testing.T, s *State) map[byte]int {
	t.Helper()
	n := map[byte]int{}
	err := s.view("count keys", func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			n[it.Item().Key()[0]]++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Whoever reads, finds in leaves what there would be under keys of their own,
// byte for byte: that is how a node of an earlier release keeps it. So it is
// whatever is in memory, after restarts, and when a snapshot was restored.
func TestLeavesStandForKeys(t *testing.T) {
	eachSeed(t, func(t *testing.T, seed uint64) {
		l, pens := sheetLog(t, seed)
		plain := open(t)
		plain.plain = true
		for i, res := range plain.must(t, l.entries...) {
			rs, err := DecodeIngest(res)
			if l.entries[i].Data[0] != cmdIngest {
				continue
			}
			if err != nil || rs[0].Err != nil || !rs[0].Ack.Fits {
				t.Fatalf("log %d of %d: %v, %v of a pack of %d bytes", i, len(l.entries), err, rs[0].Err, len(l.entries[i].Data))
			}
		}
		dir, o := t.TempDir(), Options{Cache: 1 + int(seed%3)}
		s := openAt(t, dir, o)
		r := rand.New(rand.NewPCG(seed, 79))
		for at := 0; at < len(l.entries); {
			to := min(len(l.entries), at+1+r.IntN(4))
			s.must(t, l.entries[at:to]...)
			at = to
			if r.IntN(4) == 0 {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = openAt(t, dir, o)
			}
		}
		defer func() { s.Close() }()
		kept, all := keysOf(t, s), keysOf(t, plain)
		if kept[keyLeaf] == 0 || all[keyLeaf] != 0 || 2*(kept[keyDoc]+kept[keyLeaf]) > all[keyDoc] {
			t.Errorf("%d keys and %d leaves in place of %d keys", kept[keyDoc], kept[keyLeaf], all[keyDoc])
		}
		same(t, fmt.Sprint("seed ", seed), plain, s)
		checkCounts(t, s)
		if _, flaws, err := scrubbed(t, s); err != nil || len(flaws) != 0 {
			t.Errorf("the scrub found %v (%v)", flaws, err)
		}
		for _, scope := range []string{schoolA, schoolB} {
			for _, k := range []schema.Kind{schema.KindSheet, schema.KindVisit, schema.KindTraining} {
				if a, b := docsOf(t, plain, scope, k), docsOf(t, s, scope, k); !reflect.DeepEqual(a, b) {
					t.Errorf("%d documents %v of %s, not %d", len(b), k, scope, len(a))
				}
			}
		}
		for _, d := range docsOf(t, plain, schoolA, schema.KindSheet) {
			if got, err := s.Doc(keyOf(d)); err != nil || !reflect.DeepEqual(got, d) {
				t.Fatalf("%s: %v, %v", d.ID, got, err)
			}
		}
		for _, p := range pens {
			c := p.caller()
			sets := [2]digest.Set{}
			for i, s := range []*State{plain, s} {
				set, err := s.Buckets(c)
				if err != nil {
					t.Fatal(err)
				}
				sets[i] = set
			}
			for b := range sets[0] {
				x, err1 := plain.Bucket(c, b)
				y, err2 := s.Bucket(c, b)
				if err1 != nil || err2 != nil || !reflect.DeepEqual(x, y) {
					t.Errorf("%v: %d documents, not %d (%v, %v)", b, len(y), len(x), err1, err2)
				}
			}
			x, err1 := plain.Pull(c, change.ChainID{}, 0, 8<<20)
			y, err2 := s.Pull(c, change.ChainID{}, 0, 8<<20)
			if err1 != nil || err2 != nil || len(x.Docs) == 0 || !reflect.DeepEqual(x, y) {
				t.Errorf("%d documents pulled, not %d (%v, %v)", len(y.Docs), len(x.Docs), err1, err2)
			}
		}
		var x, y bytes.Buffer
		for s, w := range map[*State]*bytes.Buffer{plain: &x, s: &y} {
			n, err := s.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := n.WriteTo(w); err != nil {
				t.Fatal(err)
			}
			n.Close()
		}
		if !bytes.Equal(x.Bytes(), y.Bytes()) {
			t.Error("the snapshots differ")
		}
		if err := s.Restore(&y); err != nil {
			t.Fatal(err)
		}
		// It goes on from there.
		for _, p := range pens {
			p.save("", schema.KindSheet, schema.SheetID{Date: schema.DateOf(2027, 1, 5), Session: schema.SessionAM, Class: schema.ClassID(2026, "一年级（1）班")}.String(),
				set(schema.SheetState, schema.Int(schema.SheetTaken)))
			push := p.push(t)
			at := len(l.entries)
			l.add(EncodeIngest(hubNow, []session.Push{push}, nil))
			plain.must(t, l.entries[at])
			s.must(t, l.entries[at])
		}
		same(t, fmt.Sprint("restored, seed ", seed), plain, s)
	})
}

func docsOf(t *testing.T, s *State, scope string, k schema.Kind) (docs []*change.Doc) {
	t.Helper()
	if err := s.Docs(scope, k, func(d *change.Doc) error { docs = append(docs, d); return nil }); err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(docs, func(a, b *change.Doc) int { return bytes.Compare([]byte(a.ID), []byte(b.ID)) }) {
		t.Errorf("documents %v of %s are out of order", k, scope)
	}
	return docs
}

// A database of a release without leaves stays one that it can go on with; one
// that may hold leaves it does not open.
func TestAnEarlierReleaseIsNotLeftWithLeavesItCannotRead(t *testing.T) {
	l, _ := sheetLog(t, 1)
	earlier := func(dir string) error {
		db, err := badger.Open(badgerOptions(filepath.Join(dir, "db-1"), Options{MemTable: minMemTable}).WithExternalMagic(0))
		if err != nil {
			return err
		}
		return db.Close()
	}
	was, now := t.TempDir(), t.TempDir()
	if err := errors.Join(earlier(was), os.WriteFile(filepath.Join(was, current), []byte("db-1"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for dir, leaves := range map[string]bool{was: false, now: true} {
		for range 2 { // new, and opened again
			s := openAt(t, dir, Options{})
			s.must(t, l.entries...)
			if n := keysOf(t, s)[keyLeaf]; n > 0 != leaves {
				t.Errorf("%d leaves", n)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := earlier(dir); err == nil == leaves {
			t.Errorf("an earlier release opens it: %v", err)
		}
	}
}
