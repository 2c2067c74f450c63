// Package frame owns the bytes: an entry (canonical msgpack), a document, a
// pack (a run of entries, predicted and compressed), and the guard that every
// byte from a network or a stick passes before it is decoded.
//
// It imports schema and sync/change, does no I/O and keeps no state. The byte
// formats are tables in DESIGN.md; golden vectors under testdata never change.
package frame

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/vmihailenco/msgpack/v5"

	"shangu/sync/change"
)

// Limits on what is taken from outside, in bytes unless said otherwise.
const (
	MaxEntry       = 16 << 10 // one canonical entry
	MaxPack        = 256 << 10
	MaxPackRaw     = 1 << 20 // a pack's entries in canonical bytes
	MaxPackEntries = 4096    // entries
	MaxDepth       = 16      // nesting of arrays
)

// Errors of this package. Callers test with errors.Is.
var (
	ErrFormat = errors.New("frame: malformed bytes")
	ErrLimit  = errors.New("frame: over a size limit")
	ErrChain  = errors.New("frame: entries do not continue the chain")
)

// Tip is the end of a chain: the last entry's seq and the hash over all of it.
type Tip struct {
	Seq  uint64
	Hash [sha256.Size]byte
}

// ChainOf names the chain of a device's epoch.
func ChainOf(device, epoch [16]byte) change.ChainID {
	h := sha256.New()
	h.Write([]byte("shangu chain v1"))
	h.Write(device[:])
	h.Write(epoch[:])
	return change.ChainID(h.Sum(nil)[:16])
}

// Genesis is the tip of a chain without entries.
func Genesis(chain change.ChainID) Tip {
	return Tip{Hash: sha256.Sum256(append([]byte("shangu genesis v1"), chain[:]...))}
}

// Next is the tip after one more entry, given in its canonical bytes.
func (t Tip) Next(entry []byte) Tip {
	var buf [512]byte
	b := append(append(buf[:0], t.Hash[:]...), entry...)
	return Tip{Seq: t.Seq + 1, Hash: sha256.Sum256(b)}
}

// marshal encodes v canonically: shortest integers.
func marshal(v msgpack.CustomEncoder) ([]byte, error) {
	var buf bytes.Buffer
	enc := msgpack.GetEncoder()
	defer msgpack.PutEncoder(enc)
	enc.Reset(&buf)
	enc.UseCompactInts(true)
	if err := v.EncodeMsgpack(enc); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// unmarshal guards b and decodes all of it into v.
func unmarshal(b []byte, v msgpack.CustomDecoder) error {
	if err := Guard(b); err != nil {
		return err
	}
	r := bytes.NewReader(b)
	dec := msgpack.GetDecoder()
	defer msgpack.PutDecoder(dec)
	dec.Reset(r)
	if err := v.DecodeMsgpack(dec); err != nil {
		if errors.Is(err, ErrFormat) || errors.Is(err, ErrLimit) {
			return err
		}
		return fmt.Errorf("%w: %v", ErrFormat, err)
	}
	if r.Len() != 0 {
		return fmt.Errorf("%w: %d trailing bytes", ErrFormat, r.Len())
	}
	return nil
}

// Marshal encodes a message of ours: shortest integers, array headers.
func Marshal(v msgpack.CustomEncoder) ([]byte, error) { return marshal(v) }

// Unmarshal decodes exactly one message from outside, which Guard passed
// first. Callers cap len(b) before they read it.
func Unmarshal(b []byte, v msgpack.CustomDecoder) error { return unmarshal(b, v) }
