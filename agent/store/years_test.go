package store

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/session"
)

// childEnv names the part that a test's child process plays, and its directory.
const (
	childEnv    = "SHANGU_STORE_CHILD"
	childDirEnv = "SHANGU_STORE_DIR"
)

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "open":
		childOpen(os.Getenv(childDirEnv))
	case "save":
		childSave(os.Getenv(childDirEnv))
	default:
		os.Exit(m.Run())
	}
}

func child(part, dir string, env ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), childEnv+"="+part, childDirEnv+"="+dir), env...)
	cmd.Stderr = os.Stderr
	return cmd
}

// weight is what a child reports of itself, in bytes.
type weight struct {
	Open      time.Duration
	Docs      int
	Dirty     int64 // Private_Dirty
	Anonymous int64
	Heap      uint64
	Busy      int64 // Private_Dirty after each step of hard work, at most
}

// childOpen opens a store as the agent does, reads a day as its first page does,
// and weighs itself.
func childOpen(dir string) {
	start := time.Now()
	s, err := Open(dir, Options{Device: [16]byte{7}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	w := weight{Open: time.Since(start), Docs: s.Status().Docs}
	for _, err := range s.Docs(schema.KindSheet, yearsEnd.String()) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	runtime.GC()
	w.Dirty, w.Anonymous = smaps("Private_Dirty"), smaps("Anonymous")
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	w.Heap = m.HeapAlloc
	// A hard day: 2,000 records at once, packed, confirmed, and told again.
	edits := make([]Edit, 2000)
	for i := range edits {
		edits[i] = sheet(3000+i/12, i%12+1, 4, 0, 5)
	}
	_, err = s.Save(ctx, "a", edits)
	for err == nil && s.Status().Pending > 0 {
		var last uint64
		if _, last, err = s.Pack(256 << 10); err == nil {
			chain, _ := s.Chain()
			tip, _ := s.TipAt(last)
			err = s.Confirm(session.Receipt{Chain: chain, Tip: tip, Sig: []byte{1}}, nil, change.Clock{})
		}
		w.Busy = max(w.Busy, smaps("Private_Dirty"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(w); err != nil {
		os.Exit(1)
	}
	s.Close()
}

func smaps(field string) int64 {
	b, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == field+":" {
			n, _ := strconv.ParseInt(f[1], 10, 64)
			return n << 10
		}
	}
	return -1
}

// The last day of the five years.
var yearsEnd = schema.DateOf(2026, 9, 1) + 999

// fillYears records 1,000 school days of two sessions in 12 classes, marks for
// one pupil in twenty of 300, all confirmed by the hub.
func fillYears(t testing.TB, dir string, days int) {
	t.Helper()
	s := open(t, dir, Options{})
	ids := make([]string, 300)
	for i := range ids {
		ids[i] = fmt.Sprintf("L99010920150101%04d", i)
	}
	for day := 1000 - days; day < 1000; day += 20 {
		var edits []Edit
		for d := day; d < day+20; d++ {
			for class := range 12 {
				for _, session := range []schema.Session{schema.SessionAM, schema.SessionPM} {
					e := sheet(d, class+1)
					id, _ := schema.ParseSheetID(e.ID)
					id.Session = session
					e.ID = id.String()
					for k := range 25 {
						if (d*7+class*3+k*11+int(session))%20 == 0 {
							e.Fields = append(e.Fields, FieldEdit{
								Key:   schema.Key{Num: schema.SheetMark, Sub: ids[class*25+k]},
								Value: schema.Mark{Status: schema.Status(2 + k%5)}.Encode(),
							})
						}
					}
					edits = append(edits, e)
				}
			}
		}
		save(t, s, edits...)
		confirmAll(t, s)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func confirmAll(t testing.TB, s *Store) {
	t.Helper()
	chain, _ := s.Chain()
	r := session.Receipt{Chain: chain, Tip: s.journal.Tip(), Sig: []byte{1}}
	if err := s.Confirm(r, nil, change.Clock{}); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkFiveYears starts the store of a school with five years of records in
// a process of its own, with the agent's memory settings.
func BenchmarkFiveYears(b *testing.B) {
	dir := b.TempDir()
	start := time.Now()
	fillYears(b, dir, 1000)
	b.Logf("filled in %v, %d MiB on disk", time.Since(start).Round(time.Millisecond), diskUse(b, dir)>>20)
	var ws []weight
	for b.Loop() {
		cmd := child("open", dir, "GOMEMLIMIT=40MiB", "GOGC=50")
		out, err := cmd.Output()
		if err != nil {
			b.Fatal(err)
		}
		var w weight
		if err := json.Unmarshal(out, &w); err != nil || w.Docs < 24000 {
			b.Fatal(w, err)
		}
		ws = append(ws, w)
	}
	var worst weight
	var sum time.Duration
	for _, w := range ws {
		worst.Dirty, worst.Anonymous = max(worst.Dirty, w.Dirty), max(worst.Anonymous, w.Anonymous)
		worst.Heap, worst.Busy = max(worst.Heap, w.Heap), max(worst.Busy, w.Busy)
		sum += w.Open
	}
	b.ReportMetric(float64(sum.Microseconds())/1000/float64(len(ws)), "open-ms")
	b.ReportMetric(float64(worst.Dirty)/1e6, "private-dirty-MB")
	b.ReportMetric(float64(worst.Anonymous)/1e6, "anonymous-MB")
	b.ReportMetric(float64(worst.Heap)/1e6, "heap-MB")
	b.ReportMetric(float64(worst.Busy)/1e6, "busy-private-dirty-MB")
	b.ReportMetric(0, "ns/op")
}

func diskUse(t testing.TB, dir string) (n int64) {
	err := filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			st, err := d.Info()
			if err != nil {
				return err
			}
			n += st.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// BenchmarkImport saves 5,000 new sheets in one go.
func BenchmarkImport(b *testing.B) {
	edits := make([]Edit, 5000)
	for i := range edits {
		edits[i] = sheet(i/12, i%12+1, 0, 4)
	}
	for b.Loop() {
		s := open(b, b.TempDir(), Options{})
		start := time.Now()
		save(b, s, edits...)
		saved := time.Since(start)
		s.Status() // waits for the documents
		b.ReportMetric(float64(saved.Milliseconds()), "saved-ms")
		b.ReportMetric(float64(time.Since(start).Milliseconds()), "applied-ms")
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSaveSheet is a clerk's save: validated, journalled, synced. The
// documents follow before the next.
func BenchmarkSaveSheet(b *testing.B) {
	s := open(b, b.TempDir(), Options{})
	for i := 0; b.Loop(); i++ {
		save(b, s, sheet(i/12, i%12+1, 4, 0, 5))
	}
}

// A session costs the same however much lies behind it.
func TestSessionCostIsFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("fills two stores")
	}
	cost := func(days int) (allocs float64) {
		dir := t.TempDir()
		fillYears(t, dir, days)
		s := open(t, dir, Options{})
		n := 0
		return testing.AllocsPerRun(20, func() {
			n++
			save(t, s, sheet(2000+n, 1, 4, 5))
			if _, _, err := s.Pack(64 << 10); err != nil {
				t.Fatal(err)
			}
			confirmAll(t, s)
			if err := s.Absorb(session.Delta{Cursor: uint64(n)}); err != nil {
				t.Fatal(err)
			}
			s.Root()
			s.Digest()
			s.Status()
		})
	}
	short, long := cost(20), cost(300)
	t.Logf("allocations of a session after 20 days: %.0f, after 300: %.0f", short, long)
	if long > 1.5*short+200 {
		t.Fatalf("a session after 300 days allocates %.0f times, after 20 days %.0f", long, short)
	}
}

// childSave saves without end and says on stdout what was saved.
func childSave(dir string) {
	s, err := Open(dir, Options{Device: [16]byte{7}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	out := bufio.NewWriter(os.Stdout)
	first := int(s.Status().Tip)
	for i := first; ; i++ {
		edits := []Edit{sheet(i, 1, 4, 5)}
		if i%7 == 0 {
			edits = append(edits, sheet(i, 2), sheet(i, 3, 6))
		}
		if _, err := s.Save(ctx, "a", edits); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		for _, e := range edits {
			fmt.Fprintln(out, e.ID)
		}
		if out.Flush() != nil {
			os.Exit(0)
		}
		if i%50 == 49 {
			chain, _ := s.Chain()
			if tip, ok := s.TipAt(uint64(i)); ok {
				_ = s.Confirm(session.Receipt{Chain: chain, Tip: tip, Sig: []byte{1}}, nil, change.Clock{})
			}
		}
	}
}

// Killed at any moment, the store opens by itself with all that it said it saved.
func TestKilledWhileSaving(t *testing.T) {
	dir := t.TempDir()
	said := map[string]bool{}
	for round := range 8 {
		cmd := child("save", dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			said[lines.Text()] = true
			if n == 40+37*round {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("it ended by itself")
		}
		s := open(t, dir, Options{})
		if st := s.Status(); st.Rebuilt != "" || st.Broken != nil {
			t.Fatalf("round %d: %+v", round, st)
		}
		for id := range said {
			if d, err := s.Doc("", schema.KindSheet, id); err != nil || d == nil {
				t.Fatalf("round %d: %s was said to be saved: %v", round, id, err)
			}
		}
		sound(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(said) < 500 {
		t.Fatalf("only %d saves", len(said))
	}
}
