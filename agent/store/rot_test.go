package store

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/dgraph-io/badger/v4/fb"

	"shangu/sync/seal"
)

// rotCounts makes the count of entries of a block of each table absurd, and
// leaves size and time of the file as they were. block says which one: the last,
// or the first.
func rotCounts(t *testing.T, dir string, sealed, last bool) {
	t.Helper()
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
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
		at := len(b) - 4 - int(binary.BigEndian.Uint32(b[len(b)-4:]))
		end := at - 4 - int(binary.BigEndian.Uint32(b[at-4:]))
		if !last {
			var first fb.BlockOffset
			index := fb.GetRootAsTableIndex(b[end:at-4], 0)
			if index.OffsetsLength() < 2 || !index.Offsets(&first, 0) {
				t.Fatalf("%d blocks", index.OffsetsLength())
			}
			end = int(first.Len())
		}
		if sealed {
			end -= 16 // of the counter that it is sealed with
		}
		b[end-4-6-4] ^= 0x7f // length of the checksum, checksum, count
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, st.ModTime(), st.ModTime()); err != nil {
			t.Fatal(err)
		}
	}
}

// A count of entries that rotted takes Badger down, in a goroutine of its own
// when it is the last block's, or wherever the block is read. It is found at the
// first start, after an orderly end and after a crash.
func TestCountsThatRotKillNoStart(t *testing.T) {
	for name, c := range map[string]struct {
		key           seal.Key
		last, crashed bool
	}{
		"last block":           {last: true},
		"last block, crashed":  {last: true, crashed: true},
		"last block, sealed":   {key: seal.Key{7}, last: true},
		"first block":          {},
		"first block, crashed": {crashed: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir(), Options{Key: c.key})
			for day := range 30 {
				save(t, s, sheet(day, 1, 4, 0, 5), sheet(day, 2))
			}
			want := s.Digest().Root()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			rotCounts(t, filepath.Join(s.files.dir, dirDocs), !c.key.IsZero(), c.last)
			if c.crashed {
				if err := os.Remove(filepath.Join(s.files.dir, fileClosed)); err != nil {
					t.Fatal(err)
				}
			}
			s = open(t, s.files.dir, Options{Key: c.key})
			if s.Status().Rebuilt == "" || s.Digest().Root() != want {
				t.Fatalf("rebuilt: %q", s.Status().Rebuilt)
			}
			sound(t, s)
		})
	}
}
