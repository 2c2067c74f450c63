package disk

import (
	"crypto/aes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/fb"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/badger/v4/y"
)

// CheckTables looks at Badger's tables in a directory, of which key is the master
// key (empty: they are plain; those of before there was a key are found to be).
// It looks at the end of each, index, its length, checksum, its length, and at
// the last block, which Badger reads as it opens a table; with whole, at every
// block. Badger takes the process down, in a
// goroutine of its own, when a power cut or rot left something else there: zeros
// pass its checksum, lengths and counts that it does not expect end the process
// at once. A
// key that is missing in the registry does the same. So whoever opens a database
// looks first. Tables that the manifest
// does not list yet are what a killed process left half written: Badger drops
// them. A manifest that cannot be read is Badger's to report.
func CheckTables(dir string, key []byte, whole bool) error {
	f, err := os.Open(filepath.Join(dir, badger.ManifestFilename))
	if errors.Is(err, fs.ErrNotExist) {
		return checkRegistry(dir, nil)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	magic, ok := MagicOf(dir)
	if !ok {
		return nil
	}
	manifest, _, err := badger.ReplayManifestFile(f, magic, badger.DefaultOptions(dir).WithLogger(nil))
	if err != nil {
		return nil
	}
	if err := checkRegistry(dir, manifest.Tables); err != nil {
		return fmt.Errorf("check keys: %w", err)
	}
	keys, err := openRegistry(dir, key)
	if err != nil {
		return fmt.Errorf("check keys: %w", err)
	}
	for _, id := range slices.Sorted(maps.Keys(manifest.Tables)) {
		name := table.NewFilename(id, dir)
		made := manifest.Tables[id]
		sealed, err := keys.DataKey(made.KeyID)
		if err == nil {
			// Ours are never compressed; of others the end tells what there is to tell.
			err = checkTable(name, sealed.GetData(), whole, made.Compression == options.None)
		}
		if err != nil {
			return fmt.Errorf("check %s: %w", filepath.Base(name), err)
		}
	}
	return nil
}

// MagicOf is the number that the head of the manifest in dir has for those who
// use Badger; false when there is no manifest, or none that is whole so far.
func MagicOf(dir string) (magic uint16, ok bool) {
	f, err := os.Open(filepath.Join(dir, badger.ManifestFilename))
	if err != nil {
		return 0, false
	}
	defer f.Close()
	var head [8]byte // "Bdgr", the number, Badger's version
	if _, err := io.ReadFull(f, head[:]); err != nil {
		return 0, false
	}
	return binary.BigEndian.Uint16(head[4:]), true
}

// checkTable looks at a table. Blocks are looked at where they are plain: not
// compressed.
func checkTable(name string, key []byte, whole, plain bool) (err error) {
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
	sum, err := back(maxSum)
	if err != nil {
		return err
	}
	index, err := back(st.Size())
	if err != nil {
		return err
	}
	if !summed(index, sum) {
		return ErrTable
	}
	if !plain {
		return nil
	}
	if index, err = unseal(index, key); err != nil {
		return err
	}
	defer func() {
		// What fits its sum and is no index can only be reached by a wrong key.
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrTable, p)
		}
	}()
	blocks := fb.GetRootAsTableIndex(index, 0)
	n := blocks.OffsetsLength()
	i := 0
	if !whole {
		i = max(0, n-1)
	}
	var block fb.BlockOffset
	for ; i < n && blocks.Offsets(&block, i); i++ {
		from, n := int64(block.Offset()), int64(block.Len())
		if from+n > at {
			return fmt.Errorf("block %d: %w", i, ErrBlock)
		}
		b := make([]byte, n)
		if _, err := f.ReadAt(b, from); err != nil {
			return fmt.Errorf("block %d: %w", i, err)
		}
		if b, err = unseal(b, key); err != nil || !checkBlock(b) {
			return fmt.Errorf("block %d: %w", i, errors.Join(ErrBlock, err))
		}
	}
	return nil
}

// maxSum is more than a checksum takes, in bytes.
const maxSum = 16

// checkBlock reports whether a block is what was written: entries, where each
// begins, how many there are; the checksum over these, and its length.
func checkBlock(b []byte) bool {
	if len(b) < 4 {
		return false
	}
	at := len(b) - 4
	n := binary.BigEndian.Uint32(b[at:])
	return n > 0 && n <= maxSum && int(n) <= at && summed(b[:at-int(n)], b[at-int(n):at])
}

// summed reports whether sum is of b: a protobuf with the sum as its second
// field; the first, the kind of sum, is left out because it is 0 for CRC32C.
func summed(b, sum []byte) bool {
	if sum[0] != 2<<3 {
		return false
	}
	want, n := binary.Uvarint(sum[1:])
	return n == len(sum)-1 && want == uint64(crc32.Checksum(b, castagnoli))
}

// unseal is what Badger sealed, the counter it began with at its end. Without a
// key it was not.
func unseal(b, key []byte) ([]byte, error) {
	if len(key) == 0 {
		return b, nil
	}
	if len(b) < aes.BlockSize {
		return nil, ErrTable
	}
	at := len(b) - aes.BlockSize
	return y.XORBlockAllocate(b[:at], key, b[at:])
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrBlock: a block of a table is not what was written.
var ErrBlock = errors.New("a block of the table is damaged")

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
