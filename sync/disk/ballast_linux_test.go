package disk

import (
	"os"
	"path/filepath"
	"testing"
)

func TestBallastHoldsRoomAndGivesItBack(t *testing.T) {
	b := NewBallast(filepath.Join(t.TempDir(), "ballast"))
	steps := []struct{ hold, release, size int64 }{
		{3 << 20, 0, 3 << 20}, {1 << 20, 0, 3 << 20}, {0, 1 << 20, 2 << 20}, {4 << 20, 0, 4 << 20}, {0, 9 << 20, 0}, {0, 1, 0},
	}
	for i, s := range steps {
		had := b.Size()
		if err := b.Hold(s.hold); err != nil {
			t.Fatal(i, err)
		}
		if n, err := b.Release(s.release); err != nil || s.hold == 0 && n != had-s.size {
			t.Fatal(i, n, err)
		}
		if b.Size() != s.size {
			t.Errorf("step %d: %d bytes held, want %d", i, b.Size(), s.size)
		}
	}
}

func TestBallastIsThereOnASmallDisk(t *testing.T) {
	dir := smallDisk(t, "4m")
	b := NewBallast(filepath.Join(dir, "ballast"))
	if err := b.Hold(3 << 20); err != nil {
		t.Fatal(err)
	}
	if free, _ := Free(dir); free > 1<<20 {
		t.Fatalf("%d bytes are free beside the ballast", free)
	}
	if err := b.Hold(5 << 20); !IsFull(err) || b.Size() != 3<<20 {
		t.Errorf("more than there is: %v, %d held", err, b.Size())
	}
	fill := filepath.Join(dir, "fill")
	if err := os.WriteFile(fill, make([]byte, 2<<20), 0o600); !IsFull(err) {
		t.Fatalf("the disk is not full: %v", err)
	}
	if n, err := b.Release(1 << 20); err != nil || n != 1<<20 {
		t.Fatal(n, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "saved"), make([]byte, 1<<20), 0o600); err != nil {
		t.Errorf("released room cannot be written to: %v", err)
	}
}

func TestEmptyFileHasItsRoom(t *testing.T) {
	dir := smallDisk(t, "4m")
	name := filepath.Join(dir, "next")
	ok, err := MakeEmpty(name, 2<<20)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "fill"), make([]byte, 4<<20), 0o600); !IsFull(err) {
		t.Fatalf("the disk is not full: %v", err)
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || st.Size() != 0 {
		t.Fatalf("%d bytes long, %v", st.Size(), err)
	}
	if err := f.Truncate(2 << 20); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, 2<<20), 0); err != nil {
		t.Errorf("no room in it: %v", err)
	}
	if _, err := MakeEmpty(filepath.Join(dir, "more"), 1<<20); !IsFull(err) {
		t.Errorf("room where there is none: %v", err)
	}
}
