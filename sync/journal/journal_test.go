package journal

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"shangu/sync/change"
	"shangu/sync/disk"
	"shangu/sync/frame"
	"shangu/sync/seal"
)

var (
	testChain = change.ChainID{1, 2, 3}
	genesis   = frame.Genesis(testChain)
	testKey   = seal.Key{4, 5, 6}
)

// entry is a stand-in of n bytes that no other seq has.
func entry(seq uint64, n int) []byte {
	return append(fmt.Appendf(nil, "%d:", seq), bytes.Repeat([]byte{byte(seq)}, n)...)
}

func batch(sizes ...int) func(uint64) ([][]byte, error) {
	return func(first uint64) (out [][]byte, _ error) {
		for i, n := range sizes {
			out = append(out, entry(first+uint64(i), n))
		}
		return out, nil
	}
}

// contents reads everything, by the seq.
func contents(t testing.TB, j *Journal) (out [][]byte) {
	t.Helper()
	err := j.Read(j.First(), func(seq uint64, e []byte) bool {
		if want := j.First() + uint64(len(out)); seq != want {
			t.Fatalf("entry %d after %d", seq, want-1)
		}
		out = append(out, bytes.Clone(e))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func create(t testing.TB, fs disk.FS, dir string, size int64) *Journal {
	t.Helper()
	return createWith(t, dir, Options{FS: fs, SegmentSize: size})
}

func createWith(t testing.TB, dir string, o Options) *Journal {
	t.Helper()
	j, err := Create(dir, testChain, genesis, nil, o)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// bothWays runs a test with plain records and with sealed ones.
func bothWays(t *testing.T, f func(t *testing.T, key seal.Key)) {
	t.Run("plain", func(t *testing.T) { f(t, seal.Key{}) })
	t.Run("sealed", func(t *testing.T) { f(t, testKey) })
}

func reopen(t testing.TB, j *Journal) *Journal {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	k, err := Open(j.dir, j.chain, j.opts)
	if err != nil {
		t.Fatal(err)
	}
	if k.Tip() != j.Tip() || k.First() != j.First() {
		t.Fatalf("reopened at %d..%d, closed at %d..%d", k.First(), k.Tip().Seq, j.First(), j.Tip().Seq)
	}
	return k
}

func TestAppendReadReopen(t *testing.T) {
	for _, fs := range map[string]disk.FS{"os": disk.OS, "sim": disk.NewSim(1)} {
		j := create(t, fs, filepath.Join(t.TempDir(), "j"), 4096)
		var want [][]byte
		tip := genesis
		rnd := rand.New(rand.NewPCG(7, 7))
		for range 60 {
			sizes := make([]int, 1+rnd.IntN(5))
			for i := range sizes {
				sizes[i] = rnd.IntN(300)
			}
			got, err := j.Append(batch(sizes...))
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range sizes {
				e := entry(tip.Seq+1, n)
				want, tip = append(want, e), tip.Next(e)
			}
			if got != tip || j.Tip() != tip {
				t.Fatalf("tip %d, want %d", got.Seq, tip.Seq)
			}
			if rnd.IntN(10) == 0 {
				j = reopen(t, j)
			}
		}
		if got := contents(t, j); !slices.EqualFunc(got, want, bytes.Equal) {
			t.Fatalf("read %d entries, wrote %d", len(got), len(want))
		}
		if len(j.segments) < 4 {
			t.Fatalf("only %d segments: nothing rotated", len(j.segments))
		}
		tip = genesis
		for seq := uint64(0); seq <= uint64(len(want)); seq++ {
			if got, ok, err := j.TipAt(seq); err != nil || !ok || got != tip {
				t.Fatalf("TipAt(%d) = %d %v %v", seq, got.Seq, ok, err)
			}
			if seq < uint64(len(want)) {
				tip = tip.Next(want[seq])
			}
		}
		if _, ok, _ := j.TipAt(tip.Seq + 1); ok {
			t.Fatal("a tip beyond the end")
		}
		if err := j.Verify(nil); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBatchLargerThanASegment(t *testing.T) {
	for _, before := range []int{0, 1} {
		j := create(t, disk.OS, t.TempDir(), 4096)
		for range before {
			if _, err := j.Append(batch(10)); err != nil {
				t.Fatal(err)
			}
		}
		sizes := slices.Repeat([]int{200}, 5000)
		if _, err := j.Append(batch(sizes...)); err != nil {
			t.Fatal(err)
		}
		if _, err := j.Append(batch(1)); err != nil {
			t.Fatal(err)
		}
		j = reopen(t, j)
		if n := len(contents(t, j)); n != before+5001 {
			t.Fatalf("%d entries", n)
		}
		if err := j.Verify(nil); err != nil {
			t.Fatal(err)
		}
	}
	j := create(t, disk.NewSim(1), "j", 4096)
	if _, err := j.Append(func(uint64) ([][]byte, error) { return [][]byte{make([]byte, MaxBatch+1)}, nil }); !errors.Is(err, ErrTooLarge) {
		t.Fatal(err)
	}
	if _, err := j.Append(batch(1)); err != nil {
		t.Fatalf("after a refused batch: %v", err)
	}
}

// A journal whose oldest segments are gone says where it begins, and serves the
// rest.
func TestLostSegmentsAreNoticed(t *testing.T) {
	j := create(t, disk.OS, t.TempDir(), 2048)
	for range 100 {
		if _, err := j.Append(batch(100)); err != nil {
			t.Fatal(err)
		}
	}
	first := j.segments[3].first
	want, ok, err := j.TipAt(first - 1)
	if err != nil || !ok {
		t.Fatal(err)
	}
	for _, s := range j.segments[:3] {
		if err := os.Remove(filepath.Join(j.dir, s.name())); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if j, err = Open(j.dir, j.chain, j.opts); err != nil {
		t.Fatal(err)
	}
	if j.First() != first {
		t.Fatalf("first is %d", j.First())
	}
	if got, ok, err := j.TipAt(first - 1); err != nil || !ok || got != want {
		t.Fatal("the tip before what is there is lost")
	}
	if _, ok, err := j.TipAt(first - 2); ok || err != nil {
		t.Fatalf("a tip that is gone: %v %v", ok, err)
	}
	if err := j.Read(first-1, func(uint64, []byte) bool { return true }); !errors.Is(err, ErrBefore) {
		t.Fatal(err)
	}
	if err := j.Verify(nil); err != nil {
		t.Fatal(err)
	}
}

func TestConcurrentSavesShareSyncs(t *testing.T) {
	fs := &slowSync{FS: disk.OS, gate: make(chan struct{})}
	j := create(t, disk.OS, t.TempDir(), 1<<20)
	j.opts.FS = fs
	j.active = &slowFile{j.active, fs}
	var wg sync.WaitGroup
	const savers = 50
	seen := make(chan uint64, savers)
	save := func() {
		defer wg.Done()
		tip, err := j.Append(batch(50))
		if err != nil {
			t.Error(err)
		}
		seen <- tip.Seq
	}
	wg.Add(1)
	go save()
	<-fs.gate // the first is in its sync
	for range savers - 1 {
		wg.Add(1)
		go save()
	}
	for { // all others are queued
		j.mu.Lock()
		n := 0
		if j.queue != nil {
			n = len(j.queue.records)
		}
		j.mu.Unlock()
		if n == savers-1 {
			break
		}
	}
	go func() {
		for range fs.gate {
		}
	}()
	fs.gate <- struct{}{}
	wg.Wait()
	close(fs.gate)
	if fs.syncs != 2 {
		t.Fatalf("%d syncs for %d saves, of which all but one came together", fs.syncs, savers)
	}
	close(seen)
	var got []uint64
	for s := range seen {
		got = append(got, s)
	}
	slices.Sort(got)
	if len(slices.Compact(got)) != savers || got[savers-1] != savers {
		t.Fatalf("seqs %v", got)
	}
	j.active = j.active.(*slowFile).File
	j.opts.FS = disk.OS
	if n := len(contents(t, reopen(t, j))); n != savers {
		t.Fatalf("%d entries", n)
	}
}

// slowSync holds each Datasync until the test lets it go.
type slowSync struct {
	disk.FS
	gate  chan struct{}
	syncs int
}

type slowFile struct {
	disk.File
	fs *slowSync
}

func (f *slowFile) Datasync() error {
	f.fs.syncs++
	if f.fs.syncs == 1 {
		f.fs.gate <- struct{}{}
		<-f.fs.gate
	}
	return f.File.Datasync()
}

func TestDiskFullIsRefusedAndPasses(t *testing.T) {
	free := uint64(100 << 20)
	fs := disk.NewSim(3)
	j, err := Create("j", testChain, genesis, nil, Options{
		FS: fs, SegmentSize: 4096, MinFree: 50 << 20, Free: func() (uint64, error) { return free, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	append1 := func() error { _, err := j.Append(batch(100)); return err }
	if err := append1(); err != nil {
		t.Fatal(err)
	}
	free = 40 << 20
	if err := append1(); !errors.Is(err, ErrDiskFull) {
		t.Fatal(err)
	}
	free = 60 << 20
	if err := append1(); err != nil {
		t.Fatal(err)
	}
	// Truly full: the preallocated room is still good, a new segment is not.
	fs.Fill(true)
	n := uint64(2)
	for ; err == nil; n++ {
		err = append1()
	}
	if !errors.Is(err, ErrDiskFull) || n < 20 {
		t.Fatalf("after %d: %v", n, err)
	}
	fs.Fill(false)
	if err := append1(); err != nil {
		t.Fatalf("room again: %v", err)
	}
	if j = reopen(t, j); j.Tip().Seq != n {
		t.Fatalf("%d, want %d", j.Tip().Seq, n)
	}
	// A first batch that an empty segment has no room for.
	k := create(t, fs, "k", 1024)
	fs.Fill(true)
	if _, err := k.Append(batch(2000)); !errors.Is(err, ErrDiskFull) {
		t.Fatal(err)
	}
	fs.Fill(false)
	if _, err := k.Append(batch(2000)); err != nil {
		t.Fatal(err)
	}
	reopen(t, k)
}

func TestFailedSyncEndsTheJournal(t *testing.T) {
	fs := disk.NewSim(4)
	j := create(t, fs, "j", 4096)
	if _, err := j.Append(batch(10)); err != nil {
		t.Fatal(err)
	}
	bad := errors.New("i/o error")
	fs.FailSync(bad)
	if _, err := j.Append(batch(10)); !errors.Is(err, bad) {
		t.Fatal(err)
	}
	fs.FailSync(nil)
	if _, err := j.Append(batch(10)); !errors.Is(err, bad) {
		t.Fatalf("a journal whose sync failed took more: %v", err)
	}
	if j.Tip().Seq != 1 || len(contents(t, j)) != 1 {
		t.Fatal("an unsynced entry is visible")
	}
}

func TestBuildErrorChangesNothing(t *testing.T) {
	j := create(t, disk.NewSim(4), "j", 4096)
	bad := errors.New("no")
	if _, err := j.Append(func(uint64) ([][]byte, error) { return nil, bad }); err != bad {
		t.Fatal(err)
	}
	if tip, err := j.Append(func(uint64) ([][]byte, error) { return nil, nil }); err != nil || tip != genesis {
		t.Fatal(err)
	}
	if _, err := j.Append(batch(0)); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(batch(1)); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
}
