package seal

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"

	"shangu/sync/disk"
)

// A sealed file:
//
//	bytes  meaning
//	8      "SGSEAL1\n"
//	8      id of the data key
//	12     nonce
//	n      content, AES-256-GCM; the file's name is authenticated with it
//	16     tag
const (
	fileMagic  = "SGSEAL1\n"
	fileHeader = len(fileMagic) + IDSize
)

// Sealed reports whether b is a sealed file's content.
func Sealed(b []byte) bool { return bytes.HasPrefix(b, []byte(fileMagic)) }

// SealFile seals a small file's content; name keeps it from passing for
// another file. With no key it returns data.
func (k Key) SealFile(name string, data []byte) ([]byte, error) {
	if k.IsZero() {
		return data, nil
	}
	out := make([]byte, fileHeader+NonceSize, fileHeader+Overhead+len(data))
	copy(out, fileMagic)
	copy(out[len(fileMagic):], k.id())
	nonce := out[fileHeader:]
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("seal %s: %w", name, err)
	}
	return k.AEAD("file").Seal(out, nonce, data, []byte(name)), nil
}

// OpenFile returns what SealFile sealed. Content that was never sealed is
// returned as it is. It fails with ErrKey or ErrForged.
func (k Key) OpenFile(name string, b []byte) ([]byte, error) {
	if !Sealed(b) {
		return b, nil
	}
	if len(b) < fileHeader+Overhead {
		return nil, fmt.Errorf("open %s: %w", name, ErrForged)
	}
	if k.IsZero() || !bytes.Equal(b[len(fileMagic):fileHeader], k.id()) {
		return nil, fmt.Errorf("open %s: %w", name, ErrKey)
	}
	b = b[fileHeader:]
	data, err := k.AEAD("file").Open(nil, b[:NonceSize], b[NonceSize:], []byte(name))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, ErrForged)
	}
	return data, nil
}

// Files reads and writes small files of a data directory, sealed under Key.
// The zero Files reads and writes them plain.
type Files struct{ Key Key }

// Read returns a file's content. One that is still plain is sealed on the way.
func (f Files) Read(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if !Sealed(b) && !f.Key.IsZero() {
		// It is the same content either way: where this fails, on a full disk
		// say, the next start tries again.
		_ = f.Write(path, b, 0o600)
		return b, nil
	}
	return f.Key.OpenFile(filepath.Base(path), b)
}

// Write stores one file for good, as disk.WriteFile does.
func (f Files) Write(path string, data []byte, perm os.FileMode) error {
	b, err := f.Key.SealFile(filepath.Base(path), data)
	if err != nil {
		return err
	}
	return disk.WriteFile(path, b, perm)
}
