package disk

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestWriteFileReplacesWholeAndLeavesNothingBeside(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "epoch")
	for _, want := range []string{"first", "the second, longer", ""} {
		if err := WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != want {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
	}
	if names, _ := OS.List(dir); !slices.Equal(names, []string{"epoch"}) {
		t.Fatalf("left behind: %v", names)
	}
	if err := WriteFile(filepath.Join(dir, "missing", "x"), nil, 0o600); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("into a missing directory: %v", err)
	}
}

func TestWriteFileThatFailsKeepsTheOldContent(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "taken") // a directory: renaming a file over it fails
	if err := os.MkdirAll(filepath.Join(target, "child"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(target, []byte("x"), 0o600); err == nil {
		t.Fatal("replaced a directory")
	}
	if names, _ := OS.List(dir); !slices.Equal(names, []string{"taken"}) {
		t.Fatalf("left behind: %v", names)
	}
}

func TestFreeAndPreallocate(t *testing.T) {
	dir := t.TempDir()
	if n, err := Free(dir); err != nil || n == 0 {
		t.Fatalf("free: %d, %v", n, err)
	}
	f, err := OS.Open(filepath.Join(dir, "f"), true)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("head"), 0); err != nil {
		t.Fatal(err)
	}
	if err := Preallocate(f, 200_001); err != nil {
		t.Fatal(err)
	}
	if err := f.Datasync(); err != nil {
		t.Fatal(err)
	}
	b, err := ReadFile(OS, filepath.Join(dir, "f"), 1<<20)
	if err != nil || len(b) != 200_001 || !bytes.HasPrefix(b, []byte("head\x00")) || b[200_000] != 0 {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	if _, err := ReadFile(OS, filepath.Join(dir, "f"), 100); err == nil {
		t.Fatal("read more than the limit")
	}
}

func TestSyncDirMakesDirectories(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b", "c")
	if err := OS.SyncDir(dir); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		t.Fatal(err)
	}
	t.Chdir(dir)
	if err := errors.Join(OS.SyncDir(""), OS.SyncDir("."), OS.SyncDir("d")); err != nil {
		t.Fatal(err)
	}
}

// On a stick too a file that was written is whole or what it was, by either way
// of writing it.
func TestSimFilesOnAStickAreWholeUnderCuts(t *testing.T) {
	old, young := bytes.Repeat([]byte("old"), 700), bytes.Repeat([]byte("young"), 900)
	for name, write := range map[string]func(s *Sim, b []byte) error{
		"WriteTo": func(s *Sim, b []byte) error { return WriteTo(s, "d/f", b) },
		"Put": func(s *Sim, b []byte) error {
			return Put(s, "d/f", func(w io.Writer) error {
				_, err := w.Write(b)
				return err
			}, nil)
		},
	} {
		said := 0
		for seed := range uint64(400) {
			s := NewSim(seed)
			s.FAT(true)
			if err := write(s, old); err != nil {
				t.Fatal(err)
			}
			s.CutAfter(1 + int(seed%10))
			err := write(s, young)
			s.Boot()
			got, rerr := ReadFile(s, "d/f", 1<<20)
			if rerr != nil {
				t.Fatalf("%s, seed %d: %v", name, seed, rerr)
			}
			switch {
			case err == nil && bytes.Equal(got, young):
				said++
			case err == nil:
				t.Errorf("%s, seed %d: said to be written, %d bytes are there", name, seed, len(got))
			}
		}
		if said == 0 {
			t.Errorf("%s: nothing was written before a cut", name)
		}
	}
}

// A write through WriteTo is all or nothing whenever the power fails, and
// durable once it returned.
func TestSimWriteToIsAtomicUnderCuts(t *testing.T) {
	old, young := bytes.Repeat([]byte("old"), 700), bytes.Repeat([]byte("young"), 900)
	var kept, replaced int
	for seed := range uint64(600) {
		s := NewSim(seed)
		if err := WriteTo(s, "d/f", old); err != nil {
			t.Fatal(err)
		}
		s.CutAfter(1 + int(seed%8))
		err := WriteTo(s, "d/f", young)
		s.Boot()
		got, rerr := ReadFile(s, "d/f", 1<<20)
		if rerr != nil {
			t.Fatalf("seed %d: %v", seed, rerr)
		}
		switch {
		case bytes.Equal(got, young):
			replaced++
		case bytes.Equal(got, old) && err != nil:
			kept++
		default:
			t.Fatalf("seed %d: %d bytes of neither, write said %v", seed, len(got), err)
		}
	}
	if kept == 0 || replaced == 0 {
		t.Fatalf("one-sided: kept %d, replaced %d", kept, replaced)
	}
}

// The simulated disk must be cruel enough to be worth testing against.
func TestSimLosesTearsAndReorders(t *testing.T) {
	var lost, torn, reordered, grown, unnamed int
	for seed := range uint64(500) {
		s := NewSim(seed)
		f, err := s.Open("d/f", true)
		if err != nil {
			t.Fatal(err)
		}
		if err := Preallocate(f, 8*sector); err != nil {
			t.Fatal(err)
		}
		if err := f.Datasync(); err != nil {
			t.Fatal(err)
		}
		if seed%2 == 0 {
			if err := s.SyncDir("d"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := f.WriteAt(bytes.Repeat([]byte{1}, 12*sector), 0); err != nil {
			t.Fatal(err)
		}
		s.Boot()
		if _, err := f.Size(); !errors.Is(err, ErrCut) {
			t.Fatalf("a handle outlived the cut: %v", err)
		}
		b, err := ReadFile(s, "d/f", 1<<20)
		if err != nil {
			if seed%2 == 0 {
				t.Fatalf("seed %d: a synced name is gone: %v", seed, err)
			}
			unnamed++
			continue
		}
		if len(b) > 8*sector {
			grown++
		}
		holes := 0
		for i := 0; i+sector <= len(b); i += sector {
			ones := bytes.Count(b[i:i+sector], []byte{1})
			switch {
			case ones == 0:
				lost++
				holes++
			case ones < sector:
				torn++
			case holes > 0:
				reordered++
			}
		}
	}
	if lost == 0 || torn == 0 || reordered == 0 || grown == 0 || unnamed == 0 {
		t.Fatalf("lost %d, torn %d, reordered %d, grown %d, unnamed %d", lost, torn, reordered, grown, unnamed)
	}
}

func TestSimKeepsWhatWasSynced(t *testing.T) {
	for seed := range uint64(200) {
		s := NewSim(seed)
		f, err := s.Open("d/f", true)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte("synced"), 700); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Datasync(), s.SyncDir("d")); err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte("not"), 2000); err != nil {
			t.Fatal(err)
		}
		s.FailSync(os.ErrInvalid)
		if err := f.Datasync(); !errors.Is(err, os.ErrInvalid) {
			t.Fatal(err)
		}
		s.Boot()
		b, err := ReadFile(s, "d/f", 1<<20)
		if err != nil || len(b) < 706 || string(b[700:706]) != "synced" {
			t.Fatalf("seed %d: %q, %v", seed, b, err)
		}
	}
}

func TestLockIsForOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	l, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(path); !errors.Is(err, ErrLocked) {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if l, err = Lock(path); err != nil {
		t.Fatal(err)
	}
	l.Close()
}

// Also run under Wine, where os.RemoveAll does not empty a directory; nor does
// t.TempDir, so this one empties its own.
func TestADirectoryMovedAsideTakesThePlaceOfTheLast(t *testing.T) {
	top, err := os.MkdirTemp("", "disk-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := OS.Remove(top); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(top); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("still there: %v", err)
		}
	})
	dir, aside := filepath.Join(top, "docs"), filepath.Join(top, "docs.damaged")
	for _, content := range []string{"first", "second", "third"} {
		inner := filepath.Join(dir, "a", "b")
		if err := os.MkdirAll(inner, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{filepath.Join(dir, content), filepath.Join(inner, content)} {
			if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := MoveAside(dir, aside); err != nil {
			t.Fatal(err)
		}
		if names, _ := OS.List(top); !slices.Equal(names, []string{"docs.damaged"}) {
			t.Fatalf("beside it: %v", names)
		}
		if names, _ := OS.List(aside); !slices.Equal(names, []string{"a", content}) {
			t.Fatalf("%s: %v", content, names)
		}
	}
	if err := MoveAside(dir, aside); err != nil {
		t.Errorf("a directory that is not there: %v", err)
	}
}
