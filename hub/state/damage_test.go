package state

import (
	"errors"
	"os"
	"path/filepath"
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
