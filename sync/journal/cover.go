package journal

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"shangu/sync/seal"
)

// cover seals records and opens them. The zero cover leaves them plain.
//
// A sealed payload is a nonce, what it hides, and a tag, by AES-256-GCM under
// the journal's key; the record's header but for the checksum is authenticated
// with it. Nonces are drawn for each write: after a torn save another one
// begins at the same place with the same seq, so nothing that is counted or
// follows from the place would do. The checksum is over the sealed bytes, so
// that all of recovery works as it does on plain ones.
type cover struct {
	aead   cipher.AEAD
	key    [seal.IDSize]byte
	random io.Reader
}

func newCover(k seal.Key, random io.Reader) cover {
	if k.IsZero() {
		return cover{}
	}
	return cover{k.AEAD("journal"), k.ID(), random}
}

func (c cover) sealed() bool { return c.aead != nil }

// header begins a segment whose records c covers.
func (c cover) header(h header) header {
	h.sealed, h.key = c.sealed(), c.key
	return h
}

// before and after are the bytes that c puts around what it seals.
func (c cover) before() int {
	if c.sealed() {
		return seal.NonceSize
	}
	return 0
}

func (c cover) after() int {
	if c.sealed() {
		return seal.TagSize
	}
	return 0
}

// seal seals the payload of a record that newRecord laid out.
func (c cover) seal(b []byte) error {
	if !c.sealed() {
		return nil
	}
	nonce := b[recordHeader : recordHeader+seal.NonceSize]
	if _, err := io.ReadFull(c.random, nonce); err != nil {
		return fmt.Errorf("draw nonce: %w", err)
	}
	plain := b[recordHeader+seal.NonceSize : len(b)-seal.TagSize]
	c.aead.Seal(plain[:0], nonce, plain, b[4:recordHeader])
	return nil
}

// errForged: a record whose checksum is right is not what was sealed.
var errForged = errors.New("its checksum is right, but it is not what was sealed")

// open returns the payload of a record whose header is head, in buf's room if
// it has enough.
func (c cover) open(head, payload, buf []byte) ([]byte, error) {
	if !c.sealed() {
		return payload, nil
	}
	if len(payload) < seal.Overhead {
		return nil, errForged
	}
	plain, err := c.aead.Open(buf[:0], payload[:seal.NonceSize], payload[seal.NonceSize:], head[4:recordHeader])
	if err != nil {
		return nil, errForged
	}
	return plain, nil
}

// cover says how a segment's records are read. It fails with seal.ErrKey when
// they are sealed under another key than the journal's.
func (h header) cover(own cover) (cover, error) {
	switch {
	case !h.sealed:
		return cover{}, nil
	case !own.sealed() || h.key != own.key:
		return cover{}, fmt.Errorf("%w: %x", seal.ErrKey, h.key)
	}
	return own, nil
}

// again lays out a record of another segment, to be finished under c.
func (c cover) again(r record) []byte {
	b := make([]byte, recordHeader+c.before(), recordHeader+len(r.payload)+seal.Overhead+align)
	b = append(append(b, r.payload...), make([]byte, c.after())...)
	binary.BigEndian.PutUint32(b[4:], uint32(len(b)-recordHeader))
	binary.BigEndian.PutUint64(b[8:], r.first)
	binary.BigEndian.PutUint32(b[24:], r.count)
	for len(b)%align != 0 {
		b = append(b, 0)
	}
	return b
}
