package service

import (
	"os"
	"path/filepath"
	"testing"
)

// The key is put into the data directory as soon as it is made.
func TestTheDataDirectoryIsPrivate(t *testing.T) {
	above := filepath.Join(t.TempDir(), "above")
	dir := filepath.Join(above, "agent")
	for _, was := range []os.FileMode{0, 0o755} { // there is none; there is one that others may read
		if was != 0 {
			if err := os.Chmod(dir, was); err != nil {
				t.Fatal(err)
			}
		}
		if err := MakeDir(dir); err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]os.FileMode{above: 0o755, dir: 0o700} {
			st, err := os.Stat(path)
			if err != nil || st.Mode().Perm() != want {
				t.Errorf("was %o: %s: %v, %v, want %o", was, path, st.Mode(), err, want)
			}
		}
	}
	if err := os.WriteFile(filepath.Join(above, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := MakeDir(filepath.Join(above, "file", "agent")); err == nil {
		t.Error("made a directory in a file")
	}
}
