package store

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/disk"
	"shangu/sync/session"
)

// Documents that were closed well are believed without being read; and looked at
// once there is time.
func TestClosedWellIsBelieved(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	for day := range 20 {
		save(t, s, sheet(day, 1, 4, 5), sheet(day, 2))
	}
	confirmAll(t, s)
	save(t, s, sheet(3, 1, 0, 6), sheet(40, 2))
	if s.trusted {
		t.Fatal("a new store has been closed well")
	}
	want, days, seen := s.Digest().Root(), maps.Clone(s.seen.days), s.seen.clone()
	s = reopen(t, s)
	if !s.trusted {
		t.Fatal("it was closed well, and is not believed")
	}
	if s.Digest().Root() != want || !maps.Equal(s.seen.days, days) || !s.seen.equal(seen) {
		t.Fatalf("%v, expected %v", s.seen, seen)
	}
	if err := s.Recheck(); err != nil || s.trusted || s.Status().Rebuilt != "" {
		t.Fatalf("sound documents: %v, rebuilt %q", err, s.Status().Rebuilt)
	}
	sound(t, s)
}

// The note of an orderly end holds for one start, and for the files that it lists.
func TestClosedHoldsOnce(t *testing.T) {
	files := map[string]stamp{"a": {1, 2}}
	c := &closed{Boot: 4, Files: files}
	for name, got := range map[string]bool{
		"the next start":      c.fits(5, map[string]stamp{"a": {1, 2}}),
		"the one after":       !c.fits(6, files),
		"the same":            !c.fits(4, files),
		"a file has changed":  !c.fits(5, map[string]stamp{"a": {1, 3}}),
		"a file is missing":   !c.fits(5, map[string]stamp{}),
		"there is one more":   !c.fits(5, map[string]stamp{"a": {1, 2}, "b": {}}),
		"there was no end":    !(*closed)(nil).fits(5, files),
		"there were no files": !(&closed{Boot: 4}).fits(5, nil),
	} {
		if !got {
			t.Error(name)
		}
	}
	// On a real directory: an image of an orderly end, put back under a store
	// that was started once more since and then lost power, is not believed.
	s := open(t, t.TempDir(), Options{})
	save(t, s, sheet(0, 1, 4))
	dir := s.files.dir
	s = reopen(t, s)
	save(t, s, sheet(1, 1, 4))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	note, err := os.ReadFile(filepath.Join(dir, fileClosed))
	if err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, Options{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, fileClosed), note, 0o600); err != nil {
		t.Fatal(err)
	}
	if s = open(t, dir, Options{}); s.trusted {
		t.Fatal("an end two starts ago is believed")
	}
}

// What has changed under the documents is found at the start, whether or not a
// file's size or time tells.
func TestRotAfterAnOrderlyEndIsFound(t *testing.T) {
	for name, hide := range map[string]bool{"seen": false, "hidden": true} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir(), Options{})
			for day := range 30 {
				save(t, s, sheet(day, 1, 4, 0, 5), sheet(day, 2))
			}
			want := s.Digest().Root()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			tables, err := filepath.Glob(filepath.Join(s.files.dir, dirDocs, "*.sst"))
			if err != nil || len(tables) == 0 {
				t.Fatalf("%d tables: %v", len(tables), err)
			}
			for _, name := range tables {
				st, err := os.Stat(name)
				if err != nil {
					t.Fatal(err)
				}
				b, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				b[len(b)/3] ^= 1
				if err := os.WriteFile(name, b, 0o600); err != nil {
					t.Fatal(err)
				}
				when := st.ModTime()
				if !hide {
					when = when.Add(time.Second)
				}
				if err := os.Chtimes(name, when, when); err != nil {
					t.Fatal(err)
				}
			}
			s = open(t, s.files.dir, Options{})
			if s.trusted {
				t.Fatal("believed")
			}
			if s.Status().Rebuilt == "" || s.Digest().Root() != want {
				t.Fatalf("rebuilt: %q", s.Status().Rebuilt)
			}
			sound(t, s)
		})
	}
}

// What no checksum tells of documents that were closed well is found soon after
// the start.
func TestRecheckFindsWhatNoChecksumTells(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	for day := range 30 {
		save(t, s, sheet(day, 1, 4, 0, 5), sheet(day, 2))
	}
	h := newModelHub()
	drain(t, &h, s)
	want := s.Digest().Root()
	gone := keyOf("", schema.KindSheet, sheet(3, 1).ID)
	err := s.db.Update(func(txn *badger.Txn) error {
		return txn.Delete(gone.layer(layerConfirmed))
	})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	if s = open(t, s.files.dir, Options{}); !s.trusted || s.Status().Rebuilt != "" {
		t.Fatalf("believed: %v, %q", s.trusted, s.Status().Rebuilt)
	}
	if err := s.Recheck(); err != nil {
		t.Fatal(err)
	}
	if s.Status().Rebuilt == "" || s.Digest().Root() != want {
		t.Fatalf("rebuilt: %q", s.Status().Rebuilt)
	}
	sound(t, s)
}

// A registry without the keys of its tables is damage, and no death.
func TestLostRegistryIsDamage(t *testing.T) {
	o := Options{Key: [32]byte{9}}
	for name, harm := range map[string]func(string) error{
		"deleted":   os.Remove,
		"emptied":   func(name string) error { return os.Truncate(name, 0) },
		"cut short": func(name string) error { return os.Truncate(name, 28) },
		"zeroed": func(name string) error {
			b, err := os.ReadFile(name)
			clear(b[min(28, len(b)):])
			return errors.Join(err, os.WriteFile(name, b, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir(), o)
			save(t, s, sheet(0, 1, 4, 5))
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			docs := filepath.Join(s.files.dir, dirDocs)
			if err := harm(filepath.Join(docs, "KEYREGISTRY")); err != nil {
				t.Fatal(err)
			}
			if err := disk.CheckTables(docs, dbOptions(docs, o).EncryptionKey, true); !errors.Is(err, disk.ErrRegistry) {
				t.Errorf("it says %v", err)
			}
			if s = open(t, s.files.dir, o); s.Status().Rebuilt == "" {
				t.Error("not rebuilt, or does not say so")
			}
			if d, err := s.Doc("", schema.KindSheet, sheet(0, 1).ID); err != nil || d == nil {
				t.Errorf("%v, %v", d, err)
			}
		})
	}
}

// Many documents whose later entries are still pending are confirmed: as many
// views are written as documents.
func TestConfirmingHalfOfManyLargeDocuments(t *testing.T) {
	s := open(t, t.TempDir(), Options{memTable: 512 << 10})
	var first, second []Edit
	for i := range 400 {
		e := sheet(i, 1, 4)
		e.Fields = append(e.Fields, note(strings.Repeat("字", 60)))
		first = append(first, e)
		second = append(second, sheet(i, 1, 5, 6))
	}
	save(t, s, first...)
	tip := s.journal.Tip()
	save(t, s, second...)
	chain, _ := s.Chain()
	r := session.Receipt{Chain: chain, Tip: tip, Sig: []byte{1}}
	if err := s.Confirm(r, nil, change.Clock{}); err != nil {
		t.Fatal(err)
	}
	sound(t, s)
}

// After a rebuild without a hub, what it alone has is not here. A clerk who then
// says that a pupil is present, which looks the same, is not passed over.
func TestEmptyingWhatARebuildHidesIsSaved(t *testing.T) {
	hub := newModelHub()
	hub.full = true
	s := open(t, t.TempDir(), Options{})
	if err := s.SetHome(homeSchool); err != nil {
		t.Fatal(err)
	}
	save(t, s, sheet(0, 1, 5))
	drain(t, &hub, s)
	if err := s.Rechain(s.Confirmed().Seq); err != nil { // the journal has it no more
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(s.files.dir, dirDocs)); err != nil {
		t.Fatal(err)
	}
	o := s.o
	o.Now = func() time.Time { return time.Now().Add(time.Hour) }
	s = open(t, s.files.dir, o)
	empty := sheet(0, 1, 0)
	save(t, s, empty)
	drain(t, &hub, s)
	d, err := s.Doc("", schema.KindSheet, empty.ID)
	if err != nil || d == nil || !d.Lookup(schema.Key{Num: schema.SheetMark, Sub: pupils[0]}).IsNil() {
		t.Fatalf("%v, %v: present was saved", d, err)
	}
	if s.st.Hole {
		t.Error("digests agree, and the store still thinks that something is missing")
	}
}
