package store_test

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"shangu/agent/store"
	"shangu/agent/store/storetest"
	"shangu/schema"
	"shangu/schema/schooltest"
	"shangu/sync/disk"
	"shangu/sync/seal"
)

var sealKey = seal.Key{1, 2, 3}

// shows lists the files below dir in which one of the words stands.
func shows(t *testing.T, dir string, words []string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, w := range words {
			if bytes.Contains(b, []byte(w)) {
				found = append(found, path)
				break
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// A store of before there was a key is sealed as it is opened, wherever the
// power fails in between, and nothing of it can be read without the key.
func TestOldStoreIsSealed(t *testing.T) {
	const code = "3199000001"
	device := [16]byte{7}
	school := schooltest.New(7, schooltest.Shape{Code: code, Classes: 12, Pupils: 300})
	var words []string
	for _, p := range school.Pupils {
		words = append(words, p.Name, p.ID)
	}
	old := filepath.Join(t.TempDir(), "old")
	if err := storetest.Fill(t.Context(), old, device, storetest.Years{School: code, Days: 20, Confirm: true}); err != nil {
		t.Fatal(err)
	}
	if len(shows(t, old, words)) < 2 {
		t.Fatal("a plain store does not show its pupils: this test sees nothing")
	}
	look := func(s *store.Store) map[schema.Kind]int { return maps.Clone(s.Status().Kinds) }
	plain, err := store.Open(old, store.Options{Device: device})
	if err != nil {
		t.Fatal(err)
	}
	want, tip := look(plain), plain.Status().Tip
	if err := plain.Close(); err != nil {
		t.Fatal(err)
	}
	sealed := filepath.Join(t.TempDir(), "sealed")
	if err := os.CopyFS(sealed, os.DirFS(old)); err != nil {
		t.Fatal(err)
	}
	check := func(t *testing.T, dir string) {
		t.Helper()
		s, err := store.Open(dir, store.Options{Device: device, Key: sealKey})
		if err != nil {
			t.Fatal(err)
		}
		if got := look(s); !maps.Equal(got, want) || s.Status().Tip != tip || s.Status().Rebuilt != "" {
			t.Errorf("%v to %d, expected %v to %d; rebuilt %q", got, s.Status().Tip, want, tip, s.Status().Rebuilt)
		}
		if v, err := s.Verify(false); err != nil || len(v.Problems) > 0 {
			t.Errorf("%+v, %v", v, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if found := shows(t, dir, words); len(found) > 0 {
			t.Errorf("pupils can be read in %q", found)
		}
		for _, left := range []string{"docs.plain", "docs.sealing"} {
			if _, err := os.Stat(filepath.Join(dir, left)); err == nil {
				t.Errorf("%s is left", left)
			}
		}
	}
	t.Run("at once", func(t *testing.T) { check(t, sealed); check(t, sealed) })
	for name, docs := range map[string]map[string]string{ // name of a directory: where it comes from
		"cut in the copy":         {"docs": old},
		"cut between the renames": {"docs.plain": old, "docs.sealing": sealed},
		"cut before the removal":  {"docs.plain": old, "docs": sealed},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			if err := os.CopyFS(dir, os.DirFS(old)); err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(filepath.Join(dir, "docs")); err != nil {
				t.Fatal(err)
			}
			for as, from := range docs {
				if err := os.CopyFS(filepath.Join(dir, as), os.DirFS(filepath.Join(from, "docs"))); err != nil {
					t.Fatal(err)
				}
			}
			// A copy in the making has no memtable in reserve.
			spares, err := filepath.Glob(filepath.Join(dir, "docs.sealing", "*.mem"))
			for _, s := range spares {
				if st, e := os.Stat(s); e == nil && st.Size() == 0 {
					err = errors.Join(err, os.Remove(s))
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(docs) == 1 { // a copy that is not whole
				if err := os.CopyFS(filepath.Join(dir, "docs.sealing"), os.DirFS(filepath.Join(sealed, "journal"))); err != nil {
					t.Fatal(err)
				}
			}
			check(t, dir)
		})
	}
	t.Run("wrong key", func(t *testing.T) {
		before := content(t, sealed)
		for name, k := range map[string]seal.Key{"another": {9}, "none": {}} {
			if s, err := store.Open(sealed, store.Options{Device: device, Key: k}); !errors.Is(err, seal.ErrKey) {
				t.Errorf("%s: %v", name, err)
				if err == nil {
					s.Close()
				}
			}
		}
		if !maps.Equal(before, content(t, sealed)) {
			t.Error("a wrong key changed the data")
		}
	})
	if plain, err := disk.PlainTables(filepath.Join(sealed, "docs")); err != nil || plain {
		t.Errorf("plain %v, %v", plain, err)
	}
}

// content is what every file below dir holds, but for the lock.
func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || d.Name() == "store.lock" {
			return err
		}
		b, err := os.ReadFile(path)
		out[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
