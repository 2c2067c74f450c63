package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// madeTable makes a database whose one table has several blocks, and returns its
// directory and its table's name.
func madeTable(t *testing.T, key []byte) (dir, name string) {
	t.Helper()
	dir = t.TempDir()
	o := badger.DefaultOptions(dir).WithLogger(nil).WithCompression(options.None).WithMemTableSize(1 << 20).WithValueThreshold(1 << 10).
		WithValueLogFileSize(1 << 20).WithBlockCacheSize(1 << 20).WithIndexCacheSize(1 << 20).WithEncryptionKey(key)
	db, err := badger.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(txn *badger.Txn) error {
		for i := range 500 {
			if err := txn.Set(fmt.Appendf(nil, "key %04d", i), fmt.Appendf(nil, "value %d of some length, so that blocks are filled", i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) != 1 {
		t.Fatalf("%d tables: %v", len(tables), err)
	}
	return dir, tables[0]
}

// A byte of a table that rotted is found before Badger reads it, wherever it is:
// Badger dies of some, in a goroutine of its own, and takes others for the end.
func TestCheckTablesFindsRot(t *testing.T) {
	for _, key := range [][]byte{nil, []byte("0123456789abcdef0123456789abcdef")} {
		dir, name := madeTable(t, key)
		for _, whole := range []bool{false, true} {
			if err := CheckTables(dir, key, whole); err != nil {
				t.Fatalf("key of %d bytes: sound tables: %v", len(key), err)
			}
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		sum := int(binary.BigEndian.Uint32(b[len(b)-4:]))
		blocks := len(b) - 8 - sum - int(binary.BigEndian.Uint32(b[len(b)-8-sum:]))
		if blocks < 12<<10 {
			t.Fatalf("%d bytes of blocks are too few", blocks)
		}
		rot := func(at int, whole bool) error {
			t.Helper()
			b[at] ^= 0x80
			defer func() { b[at] ^= 0x80 }()
			if err := os.WriteFile(name, b, 0o600); err != nil {
				t.Fatal(err)
			}
			return CheckTables(dir, key, whole)
		}
		// The last block's entries, count of entries, checksum and its length.
		for at := blocks - 64; at < blocks; at++ {
			if err := rot(at, false); !errors.Is(err, ErrBlock) {
				t.Errorf("key of %d bytes, %d before the end of the blocks: %v", len(key), blocks-at, err)
			}
		}
		for at := 0; at < blocks; at += 97 {
			if err := rot(at, true); !errors.Is(err, ErrBlock) {
				t.Errorf("key of %d bytes, byte %d: %v", len(key), at, err)
			}
		}
		for at := blocks; at < len(b); at += 5 {
			if err := rot(at, false); !errors.Is(err, ErrTable) {
				t.Errorf("key of %d bytes, %d after the blocks: %v", len(key), at-blocks, err)
			}
		}
	}
}
