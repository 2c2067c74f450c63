package state

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// zeroTables writes zeros over the end of every table, as a power cut may
// leave them, and returns how many there were.
func zeroTables(t *testing.T, dir string) int {
	t.Helper()
	tables, err := filepath.Glob(filepath.Join(dir, "db-*", "*.sst"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range tables {
		st, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(make([]byte, 256), max(0, st.Size()-256)); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return len(tables)
}

func TestADamagedStateIsRebuiltOrLeft(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, dir string){
		"zeros at the end of its tables": func(t *testing.T, dir string) {
			if zeroTables(t, dir) == 0 {
				t.Fatal("the state has no table")
			}
		},
		"no manifest that can be read": func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, "db-1", "MANIFEST"), []byte("nothing of ours"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, err := Open(dir, Options{})
			if err != nil {
				t.Fatal(err)
			}
			var l raftLog
			p := newPen(schoolA, 1)
			l.begin(p)
			s.must(t, l.entries...)
			want := string(dump(t, s))
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			harm(t, dir)

			if _, err := Open(dir, Options{}); !errors.Is(err, ErrDamaged) {
				t.Fatalf("the only copy: %v", err)
			}
			if s, err = Open(dir, Options{Rebuild: true}); err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if index, _ := s.Applied(); index != 0 {
				t.Errorf("the state in its place is at %d", index)
			}
			if kept, err := os.ReadDir(filepath.Join(dir, damaged)); err != nil || len(kept) == 0 {
				t.Errorf("what was damaged is not kept: %v", err)
			}
			s.must(t, l.entries...)
			if got := string(dump(t, s)); got != want {
				t.Error("rebuilt from the log the state is another")
			}
		})
	}
}

// Files of the state are cut short, garbled, zeroed or deleted at random. It
// opens, at some earlier entry of the log, or is refused in words; either way
// the log makes of it what it was.
func TestARandomlyDamagedStateHealsFromTheLog(t *testing.T) {
	seeds, first := 20, uint64(0)
	if n, err := strconv.ParseUint(os.Getenv("SHANGU_DRILL_SEED"), 10, 64); err == nil {
		seeds, first = 60, n
	}
	if os.Getenv("SHANGU_DRILL_LONG") != "" {
		seeds = 4000
	}
	refused, behind := 0, 0
	for seed := first; seed < first+uint64(seeds); seed++ {
		rnd := rand.New(rand.NewPCG(seed, 0xda4a))
		dir := t.TempDir()
		s, err := Open(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var l raftLog
		p := newPen(schoolA, 1)
		l.begin(p)
		s.must(t, l.entries...)
		want := string(dump(t, s))
		last, _ := s.Applied()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		said := harmOne(t, rnd, filepath.Join(dir, "db-1"))
		s, err = Open(dir, Options{})
		if errors.Is(err, ErrDamaged) {
			refused++
			s, err = Open(dir, Options{Rebuild: true})
		}
		if err != nil {
			t.Fatalf("seed %d, %s: %v", seed, said, err)
		}
		if index, _ := s.Applied(); index < last {
			behind++
		}
		s.must(t, l.entries...)
		if got := string(dump(t, s)); got != want {
			t.Errorf("seed %d, %s: the state is another", seed, said)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("drill: trials=%d lost=0 saw=refused in words and emptied %d, behind the log and caught up %d", seeds, refused, behind)
}

// harmOne harms one file of a directory and says how.
func harmOne(t *testing.T, rnd *rand.Rand, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in %s: %v", dir, err)
	}
	name := files[rnd.IntN(len(files))]
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	at := rnd.IntN(len(b) + 1)
	how := rnd.IntN(4)
	switch how {
	case 0:
		err = os.Truncate(name, int64(at))
	case 1:
		for range 1 + rnd.IntN(50) {
			if len(b) > 0 {
				b[rnd.IntN(len(b))] ^= byte(1 + rnd.IntN(255))
			}
		}
		err = os.WriteFile(name, b, 0o600)
	case 2:
		clear(b[at:])
		err = os.WriteFile(name, b, 0o600)
	default:
		err = os.Remove(name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s %s at %d", filepath.Base(name), []string{"cut short", "garbled", "zeroed", "deleted"}[how], at)
}
