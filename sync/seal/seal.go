// Package seal keeps what lies on a disk unreadable to whoever has the disk
// and not the key: small files, records of a log, streams. It holds no key of
// its own: installer/host/vault gives one data key for each data directory, and
// everything here is sealed under keys derived from it.
//
// A zero Key seals nothing. Simulators and tests of other things work so; the
// programs never do. What was written before there was a key is still read.
//
// It imports sync/disk and age. DESIGN.md has the formats, and what sealing
// does and does not protect from.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// KeySize is a key's length in bytes.
const KeySize = 32

// Key is a data directory's key. The zero Key stands for none.
type Key [KeySize]byte

// Errors of this package. Neither says that anything is damaged: what they are
// about must be left as it is.
var (
	// ErrKey: it is sealed under another key, or there is no key to open it with.
	ErrKey = errors.New("seal: sealed under another key")
	// ErrForged: the key is right and the bytes are not what was sealed.
	ErrForged = errors.New("seal: not what was sealed")
)

// NewKey draws a key.
func NewKey(random io.Reader) (k Key, err error) {
	if _, err := io.ReadFull(random, k[:]); err != nil {
		return Key{}, fmt.Errorf("make key: %w", err)
	}
	return k, nil
}

// IsZero reports whether k stands for no key.
func (k Key) IsZero() bool { return k == Key{} }

// String is what logs and %v show of a key: nothing that helps.
func (k Key) String() string {
	if k.IsZero() {
		return "no key"
	}
	return "key " + hex.EncodeToString(k.id())
}

// GoString keeps %#v from printing the key.
func (k Key) GoString() string { return k.String() }

// IDSize is the length of a key's id in bytes.
const IDSize = 8

// id tells keys apart and gives nothing of them away.
func (k Key) id() []byte {
	id := k.Derive("id")
	return id[:IDSize]
}

// ID tells keys apart and gives nothing of them away.
func (k Key) ID() [IDSize]byte { return [IDSize]byte(k.id()) }

// Derive makes the key for one use. A zero key stays zero.
func (k Key) Derive(use string) Key {
	if k.IsZero() {
		return k
	}
	// A SHA-256 output of one block cannot fail.
	b, _ := hkdf.Key(sha256.New, k[:], nil, "shangu at rest v1 "+use, KeySize)
	return Key(b)
}

// Overhead is what sealing a record adds to it in bytes: nonce and tag.
const Overhead = NonceSize + TagSize

// Sizes of AES-256-GCM in bytes.
const (
	NonceSize = 12
	TagSize   = 16
)

// AEAD is AES-256-GCM under the key for one use.
func (k Key) AEAD(use string) cipher.AEAD { return gcm(k.Derive(use)) }

// gcm cannot fail with a key of 32 bytes.
func gcm(k Key) cipher.AEAD {
	block, _ := aes.NewCipher(k[:])
	aead, _ := cipher.NewGCM(block)
	return aead
}
