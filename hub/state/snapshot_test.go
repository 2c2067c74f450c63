package state

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"shangu/sync/disk"
)

func TestSnapshotAndRestore(t *testing.T) {
	l := story(t, rand.New(rand.NewPCG(7, 7)))
	half := len(l.entries) / 2
	a := open(t)
	a.must(t, l.entries[:half]...)
	n, err := a.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	at := open(t)
	at.must(t, l.entries[:half]...)
	a.must(t, l.entries[half:]...) // applying goes on beside it
	var buf bytes.Buffer
	if size, err := n.WriteTo(&buf); err != nil || size != int64(buf.Len()) {
		t.Fatal(size, err)
	}
	if index, _ := at.Applied(); n.Index != index {
		t.Fatal(n.Index, index)
	}

	// Into a node that holds something else, with warm caches.
	dir := t.TempDir()
	b := openAt(t, dir, Options{})
	other := &raftLog{}
	p := newPen(schoolA, 1)
	other.begin(p)
	b.must(t, other.entries...)
	before := dump(t, b)

	// Cut or damaged anywhere, it is refused and nothing changes.
	r := rand.New(rand.NewPCG(1, 1))
	for range 12 {
		bad := bytes.Clone(buf.Bytes())
		if r.IntN(2) == 0 {
			bad = bad[:r.IntN(len(bad))]
		} else {
			bad[r.IntN(len(bad))] ^= 1 << r.IntN(8)
		}
		if err := b.Restore(bytes.NewReader(bad)); err == nil {
			// The bit was one that carries nothing.
			same(t, "a damaged snapshot that restored", at, b)
			before = dump(t, b)
		} else if !bytes.Equal(before, dump(t, b)) {
			t.Fatal("a refused snapshot changed the state")
		}
	}
	if err := b.Restore(bytes.NewReader(buf.Bytes())); err != nil {
		t.Fatal(err)
	}
	same(t, "restored", at, b)
	b.must(t, l.entries...)
	same(t, "went on after the restore", a, b)
	if err := b.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = openAt(t, dir, Options{})
	defer b.Close()
	same(t, "opened again", a, b)
	files, _ := os.ReadDir(dir)
	if len(files) != 2 {
		t.Error("left behind:", files)
	}
	i, x, err := a.NodeDigest()
	j, y, err2 := b.NodeDigest()
	if err != nil || err2 != nil || i != j || x != y {
		t.Error(i, j, x, y, err, err2)
	}
	if _, z, _ := at.NodeDigest(); z == x {
		t.Error("the digest of an older state is the same")
	}
}

func BenchmarkSnapshot(b *testing.B) {
	l, _, documents := prepared(b, 20)
	s := open(b)
	s.must(b, l.entries...)
	var size int64
	for b.Loop() {
		n, err := s.Snapshot()
		if err != nil {
			b.Fatal(err)
		}
		if size, err = n.WriteTo(discard{}); err != nil {
			b.Fatal(err)
		}
		n.Close()
	}
	b.ReportMetric(float64(documents)*float64(b.N)/b.Elapsed().Seconds(), "docs/s")
	b.ReportMetric(float64(size)/float64(documents), "B/doc")
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// Also run under Wine, where os.RemoveAll empties no directory; nor does
// t.TempDir, so this one empties its own.
func TestARestoredStateTakesThePlaceOfTheLast(t *testing.T) {
	top, err := os.MkdirTemp("", "state-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := disk.OS.Remove(top); err != nil {
			t.Error(err)
		}
	})
	l := &raftLog{}
	l.begin(newPen(schoolA, 1))
	s, err := Open(top, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.must(t, l.entries...)
	want := dump(t, s)
	var buf bytes.Buffer
	view, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	_, err = view.WriteTo(&buf)
	view.Close()
	for range 2 {
		if err == nil {
			err = s.Restore(bytes.NewReader(buf.Bytes()))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Restore(bytes.NewReader(buf.Bytes()[:buf.Len()/2])); err == nil {
		t.Error("half a snapshot was restored")
	}
	// What a restore that was cut short leaves behind goes when it is opened.
	left := filepath.Join(top, "db-9", "inner")
	err = errors.Join(s.Close(), os.MkdirAll(left, 0o700), os.WriteFile(filepath.Join(left, "file"), []byte("x"), 0o600))
	if err == nil {
		s, err = Open(top, Options{})
	}
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(dump(t, s), want) {
		t.Error("restored, the state is another")
	}
	if names, _ := filepath.Glob(filepath.Join(top, "db-*")); len(names) != 1 {
		t.Errorf("databases beside each other: %v", names)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
