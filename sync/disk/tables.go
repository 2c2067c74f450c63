package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/table"
)

// CheckTables looks at the end of each of Badger's tables in a directory:
// index, its length, checksum, its length. Badger takes the process down, in a
// goroutine of its own, when a power cut left something else there: zeros pass
// its checksum, and lengths that it does not expect end the process at once. A
// key that is missing in the registry does the same. So whoever opens a database
// looks first. Tables that the manifest
// does not list yet are what a killed process left half written: Badger drops
// them. A manifest that cannot be read is Badger's to report.
func CheckTables(dir string) error {
	f, err := os.Open(filepath.Join(dir, badger.ManifestFilename))
	if errors.Is(err, fs.ErrNotExist) {
		return checkRegistry(dir, nil)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	manifest, _, err := badger.ReplayManifestFile(f, 0, badger.DefaultOptions(dir).WithLogger(nil))
	if err != nil {
		return nil
	}
	if err := checkRegistry(dir, manifest.Tables); err != nil {
		return fmt.Errorf("check keys: %w", err)
	}
	for _, id := range slices.Sorted(maps.Keys(manifest.Tables)) {
		name := table.NewFilename(id, dir)
		if err := checkTable(name); err != nil {
			return fmt.Errorf("check %s: %w", filepath.Base(name), err)
		}
	}
	return nil
}

func checkTable(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	at := st.Size()
	// back reads a length before at and what it measures before that.
	back := func(limit int64) ([]byte, error) {
		var b [4]byte
		if at < 4 {
			return nil, ErrTable
		}
		if _, err := f.ReadAt(b[:], at-4); err != nil {
			return nil, err
		}
		n := int64(binary.BigEndian.Uint32(b[:]))
		if at -= 4 + n; n == 0 || n > limit || at < 0 {
			return nil, ErrTable
		}
		out := make([]byte, n)
		_, err := f.ReadAt(out, at)
		return out, err
	}
	checksum, err := back(16)
	if err != nil {
		return err
	}
	index, err := back(st.Size())
	if err != nil {
		return err
	}
	// A protobuf with the sum as its second field; the first, the kind of sum,
	// is left out because it is 0 for CRC32C.
	sum, n := binary.Uvarint(checksum[1:])
	if checksum[0] != 2<<3 || n != len(checksum)-1 || sum != uint64(crc32.Checksum(index, castagnoli)) {
		return ErrTable
	}
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrTable: a table ends in something else than its index.
var ErrTable = errors.New("the table has no index")

// NotDamage reports whether an error says more of the machine, at this moment,
// than of what is on the disk.
func NotDamage(err error) bool {
	for _, e := range []error{fs.ErrPermission, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EIO} {
		if errors.Is(err, e) {
			return true
		}
	}
	return IsFull(err)
}

// MoveAside keeps a directory that is damaged under another name, in place of
// one kept so before.
func MoveAside(dir, aside string) error {
	if err := OS.Remove(aside); err != nil {
		return err
	}
	if err := OS.Rename(dir, aside); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return OS.SyncDir(filepath.Dir(dir))
}
