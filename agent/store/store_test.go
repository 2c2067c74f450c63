package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/disk"
	"shangu/sync/frame"
	"shangu/sync/session"
)

var ctx = context.Background()

const homeSchool = "2199109001"

func open(t testing.TB, dir string, o Options) *Store {
	t.Helper()
	if o.Device == ([16]byte{}) {
		o.Device = [16]byte{7}
	}
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func reopen(t testing.TB, s *Store) *Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, s.files.dir, s.o)
}

var pupils = []string{"L990109201501010001", "L990109201501010002", "L990109201501010003"}

// sheet is the roll of a class, all present but for some marks.
func sheet(day int, class int, marks ...int) Edit {
	id := schema.SheetID{
		Date: schema.DateOf(2026, 9, 1) + schema.Date(day), Session: schema.SessionAM,
		Class: schema.ClassID(2026, fmt.Sprintf("一年级（%d）班", class)),
	}
	e := Edit{Kind: schema.KindSheet, ID: id.String(), Fields: []FieldEdit{
		{Key: schema.Key{Num: schema.SheetState}, Value: schema.Int(schema.SheetTaken)},
		{Key: schema.Key{Num: schema.SheetRoll}, Value: schema.Int(40)},
	}}
	for i, status := range marks {
		e.Fields = append(e.Fields, mark(i, status))
	}
	return e
}

func mark(pupil, status int) FieldEdit {
	v := schema.Nil
	if status > 0 {
		v = schema.Mark{Status: schema.Status(status)}.Encode()
	}
	return FieldEdit{Key: schema.Key{Num: schema.SheetMark, Sub: pupils[pupil]}, Value: v}
}

func save(t testing.TB, s *Store, edits ...Edit) Saved {
	t.Helper()
	r, err := s.Save(ctx, "李老师", edits)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func value(t testing.TB, s *Store, e Edit, k schema.Key) schema.Value {
	t.Helper()
	d, err := s.Doc(e.Scope, e.Kind, e.ID)
	if err != nil {
		t.Fatal(err)
	}
	return d.Lookup(k)
}

// sound checks a store against itself.
func sound(t testing.TB, s *Store) {
	t.Helper()
	v, err := s.Verify(false)
	if err != nil || len(v.Problems) > 0 {
		t.Fatalf("verify: %v %v", err, v.Problems)
	}
}

func TestSaveIsSeenAndSurvives(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	e := sheet(0, 1, 4, 5)
	if r := save(t, s, e); r != (Saved{First: 1, Last: 1, Entries: 1, New: 1}) {
		t.Fatalf("%+v", r)
	}
	if r := save(t, s, e); r != (Saved{Same: 1}) {
		t.Fatalf("saved again: %+v", r)
	}
	r := save(t, s, sheet(0, 1, 4, 6), sheet(1, 1), e)
	if r != (Saved{First: 2, Last: 4, Entries: 3, New: 1, Changed: 2}) {
		t.Fatalf("%+v", r)
	}
	want := s.Digest()
	for range 2 {
		if got := value(t, s, e, mark(1, 0).Key); got != (schema.Mark{Status: 5}.Encode()) {
			t.Fatalf("%x", got)
		}
		if s.Digest().Root() != want.Root() || want.Root() == (digest.Sum{}) {
			t.Fatal("digests changed")
		}
		if st := s.Status(); st.Pending != 4 || st.Docs != 2 || st.Safe != 0 || st.Rebuilt != "" {
			t.Fatalf("%+v", st)
		}
		sound(t, s)
		s = reopen(t, s)
	}
}

func TestBasesAreWhatTheWriterSaw(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	save(t, s, sheet(0, 1, 4))
	seen := change.Ref{Chain: s.ident.chain(), Seq: 1}
	again := sheet(0, 1, 5)
	save(t, s, again)
	stale := mark(0, 6)
	stale.Base = &seen
	again.Fields = []FieldEdit{stale}
	save(t, s, again)
	var bases []uint64
	err := readEntries(s.journal, 1, 3, func(e *change.Entry, _ []byte) error {
		bases = append(bases, e.Fields[len(e.Fields)-1].Base.Seq)
		return nil
	})
	if err != nil || fmt.Sprint(bases) != "[0 1 1]" {
		t.Fatal(bases, err)
	}
}

func TestSaveRefuses(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	if err := s.SetHome(homeSchool); err != nil {
		t.Fatal(err)
	}
	good, bad := sheet(0, 1), sheet(0, 2)
	bad.Fields[1].Value = schema.Str("forty")
	_, err := s.Save(ctx, "a", []Edit{good, bad})
	var invalid *InvalidError
	if !errors.Is(err, ErrInvalid) || !errors.As(err, &invalid) || invalid.Edit != 1 || len(invalid.Messages) == 0 {
		t.Fatal(err)
	}
	foreign := sheet(0, 1)
	foreign.Scope = "2199109002"
	if _, err := s.Save(ctx, "a", []Edit{good, foreign}); !errors.Is(err, ErrScope) {
		t.Fatal(err)
	}
	twice := sheet(0, 1, 4)
	twice.Fields = append(twice.Fields, mark(0, 5))
	if _, err := s.Save(ctx, "a", []Edit{good, twice}); !errors.Is(err, ErrInvalid) {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := s.Save(gone, "a", []Edit{good}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if st := s.Status(); st.Pending != 0 || st.Docs != 0 {
		t.Fatalf("a refused save left something: %+v", st)
	}
	good.Scope = homeSchool
	save(t, s, good)
	if d, err := s.Doc("", good.Kind, good.ID); err != nil || d == nil || d.Scope != "" {
		t.Fatal("the own code is not the own school")
	}
	if err := s.SetHome("2199109002"); !errors.Is(err, ErrScope) {
		t.Fatal(err)
	}
}

func TestDocsYieldsTheViewInOrder(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	for day := range 20 {
		save(t, s, sheet(day, 1, 4), sheet(day, 2))
	}
	var ids []string
	for d, err := range s.Docs(schema.KindSheet, "2026-09-1") {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, d.ID)
	}
	if len(ids) != 20 || ids[0] != sheet(9, 1).ID || ids[19] != sheet(18, 2).ID {
		t.Fatalf("%d: %v", len(ids), ids)
	}
	for range s.Docs(schema.KindVisit, "") {
		t.Fatal("a visit")
	}
}

func TestLoopsEndBeforeTheStoreCloses(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	for day := range 30 {
		save(t, s, sheet(day, 1))
	}
	closed := make(chan error)
	n := 0
	for _, err := range s.Docs(schema.KindSheet, "") {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 1 {
			go func() { closed <- s.Close() }()
		}
		select {
		case <-closed:
			t.Fatal("closed under a reader")
		default:
		}
	}
	if err := <-closed; err != nil || n != 30 {
		t.Fatal(n, err)
	}
	if _, err := s.Doc("", schema.KindSheet, ""); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	for _, err := range s.Docs(schema.KindSheet, "") {
		if !errors.Is(err, ErrClosed) {
			t.Fatal(err)
		}
	}
	if _, err := s.Save(ctx, "a", nil); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
}

// Whatever happens to Badger's files, everything saved is there again.
func TestDocumentsAreRebuilt(t *testing.T) {
	damages := map[string]func(t *testing.T, docs string){
		"missing": func(t *testing.T, docs string) {
			if err := os.RemoveAll(docs); err != nil {
				t.Fatal(err)
			}
		},
		"no manifest": func(t *testing.T, docs string) {
			if err := os.Remove(filepath.Join(docs, "MANIFEST")); err != nil {
				t.Fatal(err)
			}
		},
		"manifest is garbage": func(t *testing.T, docs string) {
			if err := os.WriteFile(filepath.Join(docs, "MANIFEST"), []byte("garbage"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"tables zeroed": func(t *testing.T, docs string) {
			files, err := filepath.Glob(filepath.Join(docs, "*.sst"))
			if err != nil || len(files) == 0 {
				t.Fatalf("no tables: %v", err)
			}
			for _, f := range files {
				st, _ := os.Stat(f)
				if err := os.WriteFile(f, make([]byte, st.Size()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		},
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir(), Options{})
			for day := range 50 {
				save(t, s, sheet(day, 1, 4, 0, 5), sheet(day, 2))
			}
			want := s.Digest().Root()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			damage(t, filepath.Join(s.files.dir, dirDocs))
			// As after a crash: tables are checked as they are opened.
			if err := os.WriteFile(filepath.Join(s.files.dir, fileOpen), []byte("0"), 0o600); err != nil {
				t.Fatal(err)
			}
			s = open(t, s.files.dir, Options{})
			if s.Status().Rebuilt == "" {
				t.Fatal("not rebuilt, or does not say so")
			}
			if s.Digest().Root() != want || s.Status().Docs != 100 {
				t.Fatal("something is lost")
			}
			sound(t, s)
			if s = reopen(t, s); s.Status().Rebuilt != "" {
				t.Fatal("rebuilt again: ", s.Status().Rebuilt)
			}
		})
	}
}

// Badger may die of what it reads, and takes the process along. The store that
// died twice in opening its documents does without them.
func TestDeathsInOpeningLeadToARebuild(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	save(t, s, sheet(0, 1, 4))
	for deaths, rebuilt := range []bool{false, false, true} {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(s.files.dir, fileOpen), fmt.Append(nil, deaths), 0o600); err != nil {
			t.Fatal(err)
		}
		s = open(t, s.files.dir, Options{})
		if got := s.Status(); got.Rebuilt != "" != rebuilt || got.Docs != 1 {
			t.Fatalf("after %d: %+v", deaths, got)
		}
		if b, err := os.ReadFile(filepath.Join(s.files.dir, fileOpen)); err != nil || string(b) != "0" {
			t.Fatalf("%q %v", b, err)
		}
	}
}

func TestOneProcessAtATime(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	save(t, s, sheet(0, 1))
	if _, err := Open(s.files.dir, s.o); !errors.Is(err, ErrInUse) {
		t.Fatal(err)
	}
	save(t, s, sheet(0, 2))
	if st := reopen(t, s).Status(); st.Rebuilt != "" || st.Docs != 2 {
		t.Fatalf("%+v", st)
	}
}

func TestVerifyFindsAndRepairs(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	for day := range 10 {
		save(t, s, sheet(day, 1, 4))
	}
	want := s.Digest().Root()
	sound(t, s)
	// A view that its entries do not make.
	e := sheet(3, 1)
	b := s.batch()
	k := keyOf("", e.Kind, e.ID)
	s.mu.Lock()
	l, err := b.get(k)
	if err != nil {
		t.Fatal(err)
	}
	bent := *l.view
	bent.Cells = bent.Cells[:1]
	b.put(k.layer(layerView), &bent)
	if err := b.flush(); err != nil {
		t.Fatal(err)
	}
	s.mu.Unlock()
	if v, err := s.Verify(false); err != nil || len(v.Problems) != 1 || v.Repaired {
		t.Fatalf("%+v %v", v, err)
	}
	if v, err := s.Verify(true); err != nil || !v.Repaired || v.Entries != 10 {
		t.Fatalf("%+v %v", v, err)
	}
	sound(t, s)
	if s.Digest().Root() != want {
		t.Fatal("repaired to something else")
	}
	save(t, s, sheet(20, 1))
	sound(t, reopen(t, s))
}

func TestStartsAreCountedAndIdsNeverRepeat(t *testing.T) {
	s := open(t, t.TempDir(), Options{Version: "1.2"})
	ids := map[string]bool{}
	for n := uint32(1); n <= 4; n++ {
		if h := s.Heartbeat(); h.Boot != n || h.Version != "1.2" || h.DiskFree == 0 {
			t.Fatalf("%+v", h)
		}
		for range 3 {
			ids[s.NewID()] = true
		}
		s = reopen(t, s)
	}
	if len(ids) != 12 {
		t.Fatalf("%d ids", len(ids))
	}
}

func TestMetaSurvivesEverything(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	if b, err := s.Meta("hubs"); b != nil || err != nil {
		t.Fatal(b, err)
	}
	if err := s.SetMeta("hubs", []byte("https://hub")); err != nil {
		t.Fatal(err)
	}
	if err := s.SetMeta("../x", nil); err == nil {
		t.Fatal("a name that leaves the directory")
	}
	s.Close()
	if err := os.RemoveAll(filepath.Join(s.files.dir, dirDocs)); err != nil {
		t.Fatal(err)
	}
	if b, err := open(t, s.files.dir, s.o).Meta("hubs"); string(b) != "https://hub" || err != nil {
		t.Fatal(b, err)
	}
}

// A store that wakes up on another device is a copy: it writes to a chain of its
// own, and nothing that the hub has not confirmed is lost.
func TestCopyOnAnotherDeviceGetsAnEpoch(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	save(t, s, sheet(0, 1, 4))
	save(t, s, sheet(0, 1, 5))
	chain, epoch := s.Chain()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c := open(t, s.files.dir, Options{Device: [16]byte{8}})
	if ch, ep := c.Chain(); ch == chain || ep == epoch || ch != frame.ChainOf([16]byte{8}, ep) {
		t.Fatal("the chain is not its own")
	}
	if st := c.Status(); st.Pending != 2 || st.Docs != 1 {
		t.Fatalf("%+v", st)
	}
	if got := value(t, c, sheet(0, 1), mark(0, 0).Key); got != (schema.Mark{Status: 5}.Encode()) {
		t.Fatal("lost a mark")
	}
	sound(t, c)
	sound(t, reopen(t, c))
}

func TestSalvageKeepsWhatCanBeRead(t *testing.T) {
	sim := disk.NewSim(5)
	s := open(t, "d", Options{Disk: sim, InMemory: true})
	for day := range 10 {
		save(t, s, sheet(day, 1, 4))
	}
	old, _ := s.Chain()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range sim.Names() {
		if filepath.Ext(name) == ".seg" {
			sim.Damage(name, func(b []byte) []byte { b[72+300] ^= 1; return b })
		}
	}
	if _, err := Open("d", s.o); !errors.Is(err, ErrDamaged) {
		t.Fatal(err)
	}
	s.o.Salvage = true
	s = open(t, "d", s.o)
	if st := s.Status(); st.Pending != 9 || st.Docs != 9 || st.Chain == old {
		t.Fatalf("%+v", st)
	}
	sound(t, s)
	s.o.Salvage = false
	sound(t, reopen(t, s))
}

func TestForeignReceiptsAreRefused(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	save(t, s, sheet(0, 1))
	chain, _ := s.Chain()
	tip, _ := s.TipAt(1)
	wrong := tip
	wrong.Hash[3] ^= 1
	for name, r := range map[string]session.Receipt{
		"other chain": {Chain: change.ChainID{9}, Tip: tip},
		"other hash":  {Chain: chain, Tip: wrong},
		"too far":     {Chain: chain, Tip: frame.Tip{Seq: 2}},
	} {
		if err := s.Confirm(r, nil, change.Clock{}); !errors.Is(err, ErrReceipt) {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if err := s.Rewind(tip); !errors.Is(err, ErrReceipt) {
		t.Fatal("rewound to what was never confirmed")
	}
	if st := s.Status(); st.Pending != 1 || st.Broken != nil {
		t.Fatalf("%+v", st)
	}
}
