package state

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"testing"

	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/session"
)

// Whoever was told of a revocation finds it, whatever was read at that moment.
func TestARevocationIsSeenAtOnceBesideReaders(t *testing.T) {
	s, l := open(t), &raftLog{}
	pens := make([]*pen, 40)
	for i := range pens {
		pens[i] = newPen(schoolA, i)
	}
	l.begin(pens...)
	s.must(t, l.entries...)
	for i, p := range pens {
		stop := make(chan struct{})
		var readers sync.WaitGroup
		for range 3 {
			readers.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					s.known.forget() // so that each look is one into the store
					if _, ok, err := s.Device(p.device); err != nil || !ok {
						t.Error(ok, err)
						return
					}
				}
			})
		}
		l.commit(t, s, EncodeRevoke(Revoke{Device: p.device, Now: hubNow, Account: "op"}))
		for range 50 {
			if d, ok, err := s.Device(p.device); err != nil || !ok || d.Revoked == 0 {
				t.Fatalf("device %d after it was revoked: %+v %v %v", i, d, ok, err)
			}
		}
		close(stop)
		readers.Wait()
		if err := s.admit(p.caller()); !errors.Is(err, session.ErrRevoked) {
			t.Fatal(err)
		}
	}
}

func TestWhatReadersKnowGoesWithARestore(t *testing.T) {
	l, a := &raftLog{}, open(t)
	p := newPen(schoolA, 1)
	l.begin()
	a.must(t, l.entries...)
	n, err := a.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	var early bytes.Buffer
	if _, err := n.WriteTo(&early); err != nil {
		t.Fatal(err)
	}
	n.Close()

	whole := &raftLog{}
	whole.begin(p)
	a.must(t, whole.entries[len(l.entries):]...)
	l = whole
	p.save("", schema.KindVisit, "v1", visit(schema.DateOf(2026, 9, 1), "", "x")...)
	if _, err := l.ingest(t, a, p.push(t)); err != nil {
		t.Fatal(err)
	}
	for range 2 { // from the store, and known
		if id, err := a.Chain(p.caller(), p.chain[:8]); err != nil || id != p.chain {
			t.Fatal(id, err)
		}
	}
	if _, err := a.Chain(newPen(schoolA, 2).caller(), p.chain[:8]); !errors.Is(err, session.ErrRefused) {
		t.Fatal("a device that never enrolled:", err)
	}
	if err := a.Restore(&early); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Chain(p.caller(), p.chain[:8]); !errors.Is(err, session.ErrRefused) {
		t.Fatal("a device of later:", err)
	}
}

// The common feed is passed over only where it has nothing.
func TestTheCommonFeedAfterReopening(t *testing.T) {
	dir, l := t.TempDir(), &raftLog{}
	p := newPen(schoolA, 1)
	l.begin(p)
	s := openAt(t, dir, Options{})
	calendars := func(s *State, cursor uint64) (n int, d session.Delta) {
		t.Helper()
		d, err := s.Pull(p.caller(), p.chain, cursor, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for _, doc := range d.Docs {
			if doc.Kind == schema.KindCalendar {
				n++
			}
		}
		return n, d
	}
	s.must(t, l.entries...)
	n, d := calendars(s, 0)
	if n != 1 {
		t.Fatalf("%d calendars", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, dir, Options{})
	defer s.Close()
	if n, _ := calendars(s, 0); n != 1 {
		t.Fatalf("opened again: %d calendars", n)
	}
	if n, _ := calendars(s, d.Cursor); n != 0 {
		t.Fatalf("past all: %d calendars", n)
	}
	l.commit(t, s, EncodeAuthor(Author{"admin", hubNow, []Change{{Scope: schema.DistrictScope, Kind: schema.KindCalendar, ID: "2027", Latest: true,
		Fields: []change.Field{{Key: schema.Key{Num: schema.CalendarDay, Sub: "2027-09-01"}, Value: schema.Int(1)}}}}}))
	if n, _ := calendars(s, d.Cursor); n != 1 {
		t.Fatalf("a new one: %d calendars", n)
	}
}

// Where the nodes are is read once, and anew after each command that moves one.
func TestNodesAreFoundWhereTheyMovedTo(t *testing.T) {
	l, s := &raftLog{}, open(t)
	l.begin()
	s.must(t, l.entries...)
	at := func(want ...string) {
		t.Helper()
		for range 2 { // from the store, and known
			ns, err := s.Nodes()
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, n := range ns {
				got = append(got, n.ID+" "+n.API)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("nodes %v, want %v", got, want)
			}
		}
	}
	move := func(id, api string) { l.commit(t, s, EncodeSetNode(Node{ID: id, API: api}, hubNow, "op")) }
	at()
	move("n1", "a:1")
	at("n1 a:1")
	move("n2", "b:1")
	move("n1", "a:2")
	at("n1 a:2", "n2 b:1")
	l.commit(t, s, EncodeDropNode("n2", hubNow, "op"))
	at("n1 a:2")
}
