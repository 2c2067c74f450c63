package state

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"shangu/sync/seal"
)

func scrubbed(t *testing.T, s *State) (Digested, []Flaw, error) {
	t.Helper()
	return s.Scrub(t.Context(), func(context.Context) error { return nil })
}

// A document that is changed, gone, of another name or too many is found, by
// who sees it and month; the audit trail alone knows of none of that.
func TestDocumentsAreHeldAgainstTheirDigests(t *testing.T) {
	told := story(t, rand.New(rand.NewPCG(3, 3)))
	taken, _ := sheetLog(t, 3)
	for name, harm := range map[string]func(txn *badger.Txn, key, v []byte) error{
		"gone": func(txn *badger.Txn, key, _ []byte) error { return txn.Delete(key) },
		"changed": func(txn *badger.Txn, key, v []byte) error {
			if key[0] == keyLeaf { // in all marks: some sheets have keys of their own by now
				return txn.Set(key, bytes.ReplaceAll(v, []byte("G"), []byte("H")))
			}
			v[len(v)-1] ^= 1
			return txn.Set(key, v)
		},
		"of another name": func(txn *badger.Txn, key, v []byte) error { return txn.Set(append(key, 'x'), v) },
		"cut short":       func(txn *badger.Txn, key, v []byte) error { return txn.Set(key, v[:placeSize+1]) },
	} {
		harmed := func(t *testing.T, l *raftLog, first byte) {
			s := open(t)
			s.must(t, l.entries...)
			sound, flaws, err := scrubbed(t, s)
			if err != nil || len(flaws) != 0 || sound.Scopes < 3 || sound.Documents < 10 {
				t.Fatalf("a sound state: %+v %v %v", sound, flaws, err)
			}
			if p := proven(t, s); p.Digested != sound {
				t.Errorf("two checks of one state read %+v and %+v", p.Digested, sound)
			}
			err = s.db.Update(func(txn *badger.Txn) error {
				it := txn.NewIterator(badger.IteratorOptions{Prefix: nameKey(first, schoolA)})
				it.Rewind()
				key := it.Item().KeyCopy(nil)
				v, err := it.Item().ValueCopy(nil)
				it.Close()
				return errors.Join(err, harm(txn, key, v))
			})
			if err != nil {
				t.Fatal(err)
			}
			_, flaws, err = scrubbed(t, s)
			if err != nil || len(flaws) == 0 || !strings.Contains(flaws[0].Why, schoolA) {
				t.Errorf("the scrub found %v (%v)", flaws, err)
			}
			if p, err := s.VerifyTrail(); err != nil || len(p.Problems) == 0 {
				t.Errorf("the proof found %v (%v)", p.Problems, err)
			}
		}
		t.Run(name, func(t *testing.T) { harmed(t, told, keyDoc) })
		t.Run(name+", in a leaf", func(t *testing.T) { harmed(t, taken, keyLeaf) })
	}
}

// rot changes one byte in the midst of every table of a state that may be open.
func rot(t *testing.T, dir string) {
	t.Helper()
	tables, err := filepath.Glob(filepath.Join(dir, "db-*", "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("%d tables in %s (%v)", len(tables), dir, err)
	}
	for _, name := range tables {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		var b [1]byte
		_, err = f.ReadAt(b[:], 200)
		b[0] ^= 4
		if err == nil {
			_, err = f.WriteAt(b[:], 200)
		}
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// The bytes of a table change on the disk under a state that is open.
func TestAScrubFindsRottenBlocks(t *testing.T) {
	for name, key := range map[string]seal.Key{"plain": {}, "sealed": seal.Key([]byte("a key of thirty-two bytes, sealed"[:32]))} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			o := Options{Key: key, Blocks: 1} // a block in memory is sound, whatever becomes of its bytes on the disk
			s, err := Open(dir, o)
			if err != nil {
				t.Fatal(err)
			}
			var l raftLog
			l.begin(newPen(schoolA, 1))
			s.must(t, l.entries...)
			// Closed and opened, it is in a table.
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if s, err = Open(dir, o); err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if _, flaws, err := scrubbed(t, s); err != nil || len(flaws) != 0 {
				t.Fatalf("before: %v %v", flaws, err)
			}
			rot(t, dir)
			if _, _, err := scrubbed(t, s); !errors.Is(err, ErrDamaged) {
				t.Errorf("the scrub of rotten blocks: %v", err)
			}
		})
	}
}
