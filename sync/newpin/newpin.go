// Package newpin is the two codes by which the district lets somebody at a school set a
// new PIN, read over a telephone: the school's page shows a challenge, the hub answers
// it. No network is needed at the school.
//
// Both are written as receipts' codes are: 16 characters in four groups, 75 bits and a
// check character.
//
//	bits  challenge
//	10    of the device's id: which of a school's computers it is
//	5     role of the account, as the page numbers it
//	60    drawn at random
//
//	bits  response
//	75    first bits of HMAC-SHA-256(key, "shangu new pin v1", device id, challenge)
//
// The key follows, by HKDF, from what the device's key and the hub's sealing key agree
// on; see sync/identity. Why this is sound is said in agent/account/DESIGN.md. The
// package imports sync/identity and sync/receipt and does no I/O.
package newpin

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"io"

	"shangu/sync/identity"
	"shangu/sync/receipt"
)

// Widths of a challenge's parts in bits.
const (
	hintBits  = 10
	roleBits  = 5
	nonceBits = 60
)

// characters of a code, its check character included.
const characters = 16

// spell writes 15 high and 60 low bits as a code.
func spell(high uint16, low uint64) string {
	v := make([]byte, characters-1)
	for i := len(v) - 1; i > 2; i-- {
		v[i], low = byte(low&31), low>>5
	}
	for i := 2; i >= 0; i-- {
		v[i], high = byte(high&31), high>>5
	}
	return receipt.Spell(v)
}

// unspell reads what spell wrote.
func unspell(s string) (high uint16, low uint64, err error) {
	v, err := receipt.Unspell(s, characters)
	if err != nil {
		return 0, 0, err
	}
	for _, x := range v[:3] {
		high = high<<5 | uint16(x)
	}
	for _, x := range v[3 : characters-1] {
		low = low<<5 | uint64(x)
	}
	return high, low, nil
}

// Challenge is what the school's page shows.
type Challenge struct {
	Hint  uint16 // of the device, see HintOf
	Role  uint8  // of the account
	Nonce uint64
}

// HintOf is what a challenge says about the device that it is from.
func HintOf(device identity.DeviceID) uint16 {
	return binary.BigEndian.Uint16(device[:]) >> (16 - hintBits)
}

// New draws a challenge.
func New(random io.Reader, device identity.DeviceID, role uint8) (Challenge, error) {
	var b [8]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return Challenge{}, fmt.Errorf("make challenge: %w", err)
	}
	return Challenge{HintOf(device), role & (1<<roleBits - 1), binary.BigEndian.Uint64(b[:]) >> (64 - nonceBits)}, nil
}

// String writes a challenge as people read it out.
func (c Challenge) String() string { return spell(c.Hint<<roleBits|uint16(c.Role), c.Nonce) }

// Parse reads a challenge as people type it.
func Parse(s string) (Challenge, error) {
	high, low, err := unspell(s)
	return Challenge{high >> roleBits, uint8(high & (1<<roleBits - 1)), low}, err
}

// Secret is what a device and its hub answer challenges with.
type Secret [32]byte

// SecretOf derives it from what sync/identity's Agree and AgreeWith come to.
func SecretOf(agreed []byte, device identity.DeviceID) (s Secret, err error) {
	key, err := hkdf.Key(sha256.New, agreed, device[:], "shangu new pin key v1", len(s))
	if err != nil {
		return s, fmt.Errorf("derive secret: %w", err)
	}
	return Secret(key), nil
}

// mac is the response's 75 bits.
func (s Secret) mac(device identity.DeviceID, c Challenge) (high uint16, low uint64) {
	h := hmac.New(sha256.New, s[:])
	h.Write([]byte("shangu new pin v1"))
	h.Write(device[:])
	var b [10]byte
	binary.BigEndian.PutUint16(b[:], c.Hint<<roleBits|uint16(c.Role))
	binary.BigEndian.PutUint64(b[2:], c.Nonce)
	h.Write(b[:])
	sum := h.Sum(nil)
	return binary.BigEndian.Uint16(sum) >> 1, binary.BigEndian.Uint64(sum[2:]) >> (64 - nonceBits)
}

// Answer is the response to a challenge.
func (s Secret) Answer(device identity.DeviceID, c Challenge) string {
	return spell(s.mac(device, c))
}

// Fits reports whether a response answers a challenge. A response that was misread is
// an error that says where.
func (s Secret) Fits(device identity.DeviceID, c Challenge, response string) (bool, error) {
	high, low, err := unspell(response)
	if err != nil {
		return false, err
	}
	var got, want [10]byte
	put := func(b []byte, high uint16, low uint64) {
		binary.BigEndian.PutUint16(b, high)
		binary.BigEndian.PutUint64(b[2:], low)
	}
	put(got[:], high, low)
	h, l := s.mac(device, c)
	put(want[:], h, l)
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1, nil
}
