package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"shangu/schema"
	"shangu/sync/disk"
	"shangu/sync/session"
)

func note(s string) FieldEdit {
	return FieldEdit{Key: schema.Key{Num: schema.SheetNote}, Value: schema.Str(s)}
}

func TestSaveSyncAndSee(t *testing.T) {
	h := newModelHub()
	a := open(t, t.TempDir(), Options{Device: [16]byte{1}})
	b := open(t, t.TempDir(), Options{Device: [16]byte{2}})
	for _, s := range []*Store{a, b} {
		if err := s.SetHome(homeSchool); err != nil {
			t.Fatal(err)
		}
	}
	for day := range 60 {
		save(t, a, sheet(day, 1, 4, 5))
	}
	save(t, b, sheet(0, 1, 6), sheet(0, 2)) // conflicts with a's: both took the roll
	bad := sheet(1, 2)
	bad.Fields = append(bad.Fields, FieldEdit{Key: schema.Key{Num: schema.SheetNote}, Value: badNote})
	save(t, b, bad, sheet(2, 2))
	drain(t, &h, a, b)
	if st := a.Status(); st.Safe != 60 || st.Conflicts != 1 || st.Quarantined != 1 || st.Receipt.Tip.Seq != 60 {
		t.Fatalf("%+v", st)
	}
	if d, err := b.Doc("", bad.Kind, bad.ID); err != nil || d != nil {
		t.Fatal("a quarantined entry is still shown")
	}
	if d, err := a.Doc("", schema.KindSheet, sheet(2, 2).ID); err != nil || d == nil || d.Scope != "" {
		t.Fatal("b's sheet did not come to a")
	}
	// Nothing moves any more, and it is all there after a start.
	a, b = reopen(t, a), reopen(t, b)
	if st := a.Status(); st.Pending != 0 || st.Safe != 60 || st.Rebuilt != "" {
		t.Fatalf("%+v", st)
	}
	drain(t, &h, a, b)
	// The confirmed base is what further edits build on.
	save(t, a, sheet(5, 1, 0, 6))
	save(t, b, sheet(6, 1, 2))
	drain(t, &h, a, b)
	if st := b.Status(); st.Conflicts != 1 {
		t.Fatalf("edits of what both have made a conflict: %+v", st)
	}
}

// Power cuts, lost messages and lost documents at any moment: every save that
// was confirmed reaches the hub, once, and all agree in the end.
func TestPowerCutsAndLostMessages(t *testing.T) {
	seeds := uint64(20)
	if testing.Short() {
		seeds = 10
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { cutRun(t, seed) })
	}
}

func cutRun(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 0xcafe))
	now := time.Unix(1_790_000_000, 0)
	h := newModelHub()
	h.full = seed%2 == 0
	var stores [2]*Store
	var sims [2]*disk.Sim
	reopen := func(i int) {
		sims[i].Boot()
		for try := 0; ; try++ {
			s, err := Open("d", Options{
				Device: [16]byte{byte(i + 1)}, Disk: sims[i], InMemory: true, SegmentSize: 8 << 10,
				Now: func() time.Time { return now }, Rand: rand2{rnd},
			})
			if err == nil && s.SetHome(homeSchool) == nil {
				stores[i] = s
				return
			}
			if try > 3 {
				t.Fatalf("store %d does not open: %v", i, err)
			}
			sims[i].Boot()
		}
	}
	crash := func(i int) {
		sims[i].Cut()
		_ = stores[i].Close() // the power is off: whatever it says
		reopen(i)
	}
	for i := range stores {
		sims[i] = disk.NewSim(seed*2 + uint64(i))
		reopen(i)
	}
	saved := map[string]bool{}
	for range 120 {
		now = now.Add(time.Duration(rnd.IntN(4000)) * time.Second)
		i := rnd.IntN(2)
		s := stores[i]
		switch n := rnd.IntN(20); {
		case n < 12:
			var edits []Edit
			for range 1 + rnd.IntN(4) {
				e := sheet(rnd.IntN(40), 1+rnd.IntN(2), rnd.IntN(7), rnd.IntN(7), rnd.IntN(7))
				e.Fields = append(e.Fields, note(fmt.Sprint(rnd.IntN(5))))
				if rnd.IntN(12) == 0 {
					e.Fields[len(e.Fields)-1].Value = badNote
				}
				edits = append(edits, e)
			}
			mine := sheet(len(saved), 3+i) // nobody else writes it
			edits = append(edits, mine)
			if rnd.IntN(4) == 0 {
				sims[i].CutAfter(1 + rnd.IntN(3))
			}
			if _, err := s.Save(ctx, "a", edits); err == nil {
				saved[mine.ID] = true
			} else {
				crash(i)
			}
		case n < 18:
			l := &link{hub: &h, device: s.o.Device, now: now.Unix()}
			if rnd.IntN(2) == 0 {
				l.lose = func() bool { return rnd.IntN(5) == 0 }
			}
			if rnd.IntN(4) == 0 {
				sims[i].CutAfter(1 + rnd.IntN(12))
			}
			if _, err := l.sync(s); err != nil {
				crash(i)
			}
		default:
			crash(i)
		}
	}
	for i := range sims {
		crash(i)
	}
	drain(t, &h, stores[0], stores[1])
	for id := range saved {
		if h.docs[keyOf("", schema.KindSheet, id)] == nil {
			t.Fatalf("%s was saved and is not at the hub", id)
		}
	}
	var entries int
	for _, c := range h.chains {
		entries += len(c.tips) - 1
	}
	if len(saved) < 10 || entries < 50 {
		t.Fatalf("only %d saves and %d entries: the run tests nothing", len(saved), entries)
	}
}

// rand2 reads bits from a seeded source.
type rand2 struct{ *rand.Rand }

func (r rand2) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return len(b), nil
}

// Documents that fall back to an earlier state, whole disks that do, and hubs
// restored from backups: all heal.
func TestFallingBack(t *testing.T) {
	seeds := uint64(8)
	if testing.Short() {
		seeds = 3
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { fallRun(t, seed) })
	}
}

func fallRun(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 0xfa11))
	h := newModelHub()
	kept := h.backup()
	var stores [2]*Store
	root := t.TempDir()
	start := func(i int) {
		s, err := Open(filepath.Join(root, fmt.Sprint(i)), Options{Device: [16]byte{byte(i + 1)}, SegmentSize: 4 << 10})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.SetHome(homeSchool); err != nil {
			t.Fatal(err)
		}
		stores[i] = s
	}
	stop := func(i int) {
		if err := stores[i].Close(); err != nil {
			t.Fatal(err)
		}
	}
	// copyDir replaces one directory by a copy of another.
	copyDir := func(from, to string) {
		if err := os.RemoveAll(to); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range stores {
		start(i)
	}
	var rechained, rewound int
	for range 60 {
		i := rnd.IntN(2)
		dir, image := filepath.Join(root, fmt.Sprint(i)), filepath.Join(root, fmt.Sprintf("image%d", i))
		switch n := rnd.IntN(30); {
		case n < 14:
			var edits []Edit
			for range 1 + rnd.IntN(6) {
				edits = append(edits, sheet(rnd.IntN(40), 1+rnd.IntN(2), rnd.IntN(7), rnd.IntN(7), rnd.IntN(7)))
			}
			save(t, stores[i], edits...)
		case n < 22:
			l := &link{hub: &h, device: [16]byte{byte(i + 1)}, now: time.Now().Unix(), lose: func() bool { return rnd.IntN(8) == 0 }}
			r, err := l.sync(stores[i])
			if err != nil && !errors.Is(err, errLost) {
				t.Fatal(err)
			}
			if r.Rechain {
				rechained++
			}
			if r.Rewound {
				rewound++
			}
		case n < 24: // an image of the whole disk
			stop(i)
			copyDir(dir, image)
			start(i)
		case n < 26: // the disk falls back to its image
			if _, err := os.Stat(image); err != nil {
				continue
			}
			stop(i)
			copyDir(image, dir)
			start(i)
		case n < 28: // the documents alone fall back to it
			if _, err := os.Stat(image); err != nil {
				continue
			}
			stop(i)
			copyDir(filepath.Join(image, dirDocs), filepath.Join(dir, dirDocs))
			start(i)
		case n < 29:
			kept = h.backup()
		default:
			h = kept.backup()
		}
	}
	t.Logf("%d new epochs, %d rewinds", rechained, rewound)
	drain(t, &h, stores[0], stores[1])
	for i := range stores {
		stop(i)
		start(i)
	}
	drain(t, &h, stores[0], stores[1])
	for i := range stores {
		stop(i)
	}
}

var _ session.Hub = (*modelHub)(nil)
