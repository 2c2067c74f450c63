package store

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"shangu/sync/change"
	"shangu/sync/disk"
	"shangu/sync/frame"
	"shangu/sync/seal"
)

// Names in the store's directory.
const (
	dirDocs     = "docs"
	dirJournal  = "journal" // one directory for each epoch
	dirMeta     = "meta"
	fileEpoch   = "epoch.json"
	fileBoot    = "boot.json"
	fileHome    = "school.json"
	fileClosed  = "closed.json"
	fileLock    = "store.lock"
	fileBallast = "ballast"
	fileOpen    = "open" // there while the store is open, and after a crash: see openMarker
)

// maxFile is the size of the largest small file, in bytes.
const maxFile = 8 << 20

// hexBytes reads and writes 16 bytes as hex in JSON.
type hexBytes [16]byte

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h[:])), nil }
func (h *hexBytes) UnmarshalText(b []byte) error {
	if len(b) != 2*len(h) {
		return fmt.Errorf("%d characters, expected %d", len(b), 2*len(h))
	}
	_, err := hex.Decode(h[:], b)
	return err
}

// identity names the chain that is written to, and those before it.
type identity struct {
	Device hexBytes `json:"device"`
	Epoch  hexBytes `json:"epoch"`
	// Safe counts the entries of earlier epochs that the hub holds.
	Safe uint64 `json:"safe"`
	// Aside are earlier epochs whose journals are kept.
	Aside []hexBytes `json:"aside,omitempty"`
	// Parted says where the chains of epochs in Aside ended. Of those that
	// v0.3.0 left it says nothing: see earlier.
	Parted []parted `json:"parted,omitempty"`
}

func (i identity) chain() change.ChainID { return frame.ChainOf(i.Device, i.Epoch) }

// mint draws the random bits of a new epoch.
func mint(rand io.Reader) (e hexBytes, err error) {
	if _, err := io.ReadFull(rand, e[:]); err != nil {
		return e, fmt.Errorf("mint epoch: %w", err)
	}
	return e, nil
}

// boot counts the starts.
type boot struct {
	Boot uint32 `json:"boot"`
}

type home struct {
	School string `json:"school"`
}

// files reads and writes small durable files.
type files struct {
	fs  disk.FS
	dir string
	// relief gives held-back room free for a write that found none; nil: there
	// is nothing to give. False: nothing was left.
	relief func() bool
	key    seal.Key
}

// load returns what put kept. A file of before there was a key is sealed on the
// way.
func (f files) load(name string) ([]byte, error) {
	path := filepath.Join(f.dir, name)
	b, err := disk.ReadFile(f.fs, path, maxFile)
	if err != nil {
		return nil, err
	}
	if !seal.Sealed(b) && !f.key.IsZero() {
		// It is the same content either way: where this fails, the next start
		// tries again.
		_ = f.put(name, b)
		return b, nil
	}
	return f.key.OpenFile(filepath.Base(path), b)
}

// read returns false when there is no such file.
func (f files) read(name string, v any) (bool, error) {
	b, err := f.load(name)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		return false, fmt.Errorf("read %s: %w", name, err)
	}
	return true, nil
}

// readKept reads a file of writeKept's, or its copy if it was damaged or lost,
// and makes good what was wrong.
func (f files) readKept(name string, v any) (bool, error) {
	second := name + seal.CopyEnding
	known, err := f.read(name, v)
	c, e := f.load(second)
	if e == nil && !json.Valid(c) {
		e = os.ErrInvalid
	}
	switch {
	case (err != nil || !known) && e == nil:
		if err := json.Unmarshal(c, v); err != nil {
			return false, fmt.Errorf("read %s: %w", second, err)
		}
		return true, f.put(name, c)
	case err == nil && known:
		// The copy is for another day: where this fails, the next start tries again.
		if b, err := f.load(name); err == nil && (e != nil || !bytes.Equal(b, c)) {
			_ = f.put(second, b)
		}
	}
	return known, err
}

func (f files) write(name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return f.put(name, b)
}

// writeKept keeps in two copies what nothing else tells.
func (f files) writeKept(name string, v any) error {
	if err := f.write(name, v); err != nil {
		return err
	}
	return f.write(name+seal.CopyEnding, v)
}

// put replaces a file, on held-back room if there is no other.
func (f files) put(name string, b []byte) error {
	b, err := f.key.SealFile(filepath.Base(name), b)
	if err != nil {
		return err
	}
	err = disk.WriteTo(f.fs, filepath.Join(f.dir, name), b)
	for disk.IsFull(err) && f.relief != nil && f.relief() {
		err = disk.WriteTo(f.fs, filepath.Join(f.dir, name), b)
	}
	return err
}

func (f files) journal(epoch hexBytes) string {
	return filepath.Join(f.dir, dirJournal, hex.EncodeToString(epoch[:]))
}

// metaName is the file of a value of SetMeta.
func metaName(name string) (string, error) {
	ok := name != "" && !strings.HasPrefix(name, ".") && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == ""
	if !ok {
		return "", fmt.Errorf("meta: name %q has characters other than a-z 0-9 . _ -", name)
	}
	return filepath.Join(dirMeta, name), nil
}

// SetMeta keeps a value durably beside the documents: what cannot be rebuilt
// and must not be lost with them. Values are small.
func (s *Store) SetMeta(name string, value []byte) error {
	file, err := metaName(name)
	if err != nil {
		return err
	}
	if err := s.files.put(file, value); err != nil {
		return fmt.Errorf("set meta %s: %w", name, err)
	}
	return nil
}

// Meta returns what SetMeta kept; nil when there is nothing of that name.
func (s *Store) Meta(name string) ([]byte, error) {
	file, err := metaName(name)
	if err != nil {
		return nil, err
	}
	b, err := s.files.load(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return b, err
}
