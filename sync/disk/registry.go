package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
)

// ErrRegistry: what Badger's files are sealed with is not in its registry of keys.
var ErrRegistry = errors.New("keys are missing in the registry")

// Badger's registry of keys: 16 bytes of its own and registryText, sealed; then
// for each key its length, CRC32C, and a protobuf whose first field is its number.
const registryHead = 16 + len(registryText)

// checkRegistry finds that a key is missing. Badger makes one of the same number
// in its place, and ends the process over what it then unseals.
func checkRegistry(dir string, tables map[uint64]badger.TableManifest) error {
	known := map[uint64]bool{0: true} // 0 is for what is not sealed
	b, err := os.ReadFile(filepath.Join(dir, badger.KeyRegistryFileName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil && len(b) < registryHead {
		return ErrRegistry
	}
	for b = b[min(len(b), registryHead):]; len(b) > 0; {
		if len(b) < 8 {
			return ErrRegistry
		}
		n, sum := int64(binary.BigEndian.Uint32(b)), binary.BigEndian.Uint32(b[4:])
		if b = b[8:]; n < 2 || n > int64(len(b)) || crc32.Checksum(b[:n], castagnoli) != sum {
			return ErrRegistry
		}
		id, used := binary.Uvarint(b[1:n])
		if b[0] != 1<<3 || used <= 0 {
			return ErrRegistry
		}
		known[id] = true
		b = b[n:]
	}
	for id, t := range tables {
		if !known[t.KeyID] {
			return fmt.Errorf("%w: number %d, of table %d", ErrRegistry, t.KeyID, id)
		}
	}
	var logs []string
	for _, kind := range []string{"*.mem", "*.vlog"} {
		found, err := filepath.Glob(filepath.Join(dir, kind))
		if err != nil {
			return err
		}
		logs = append(logs, found...)
	}
	for _, name := range logs {
		id, err := logKey(name)
		if err != nil {
			return err
		}
		if !known[id] {
			return fmt.Errorf("%w: number %d, of %s", ErrRegistry, id, filepath.Base(name))
		}
	}
	return nil
}

// openRegistry reads the keys that tables are sealed with.
func openRegistry(dir string, key []byte) (*badger.KeyRegistry, error) {
	plain, err := PlainTables(dir)
	if err != nil {
		return nil, err
	}
	if plain {
		key = nil // of before there was one
	}
	return badger.OpenKeyRegistry(badger.KeyRegistryOptions{Dir: dir, ReadOnly: true, EncryptionKey: key})
}

// logKey is the number of the key that a log of Badger's is sealed with, which
// it begins with.
func logKey(name string) (uint64, error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var head [8]byte
	if _, err := f.ReadAt(head[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	return binary.BigEndian.Uint64(head[:]), nil
}
