package identity

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"strings"

	"filippo.io/age"
)

const sealingHRP = "age-secret-key-" // as age writes identities

// Sealing makes the X25519 identity that files for the holder of a key are
// sealed to: it follows from the key, so there is nothing more to keep, to lose
// or to back up. info tells the uses of one key apart.
func Sealing(k *Key, info string) (*age.X25519Identity, error) {
	scalar, err := sealingScalar(k, info)
	if err != nil {
		return nil, err
	}
	id, err := age.ParseX25519Identity(strings.ToUpper(bech32(sealingHRP, scalar)))
	if err != nil {
		return nil, fmt.Errorf("derive sealing key: %w", err)
	}
	return id, nil
}

func sealingScalar(k *Key, info string) ([]byte, error) {
	scalar, err := hkdf.Key(sha256.New, k.private.Seed(), nil, info, 32)
	if err != nil {
		return nil, fmt.Errorf("derive sealing key: %w", err)
	}
	return scalar, nil
}

// KeyOf is the key pair of a private half.
func KeyOf(private ed25519.PrivateKey) *Key { return &Key{private: private} }

// DeviceSealing is the info of the identity that a school's machine opens
// replies with.
const DeviceSealing = "shangu device sealing v1"

// bech32 is the encoding of BIP 173, in which age takes identities; it exports
// no other door for a key that it has not drawn itself.
func bech32(hrp string, data []byte) string {
	const letters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	var values []byte
	acc, bits := 0, 0
	for _, b := range data {
		for acc, bits = acc<<8|int(b), bits+8; bits >= 5; {
			bits -= 5
			values = append(values, byte(acc>>bits)&31)
		}
		acc &= 1<<bits - 1
	}
	if bits > 0 {
		values = append(values, byte(acc<<(5-bits))&31)
	}
	sum := 1
	mix := func(v byte) {
		top := sum >> 25
		sum = sum&0x1ffffff<<5 ^ int(v)
		for i, g := range []int{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if top>>i&1 == 1 {
				sum ^= g
			}
		}
	}
	for i := range len(hrp) {
		mix(hrp[i] >> 5)
	}
	mix(0)
	for i := range len(hrp) {
		mix(hrp[i] & 31)
	}
	for _, v := range values {
		mix(v)
	}
	for range 6 {
		mix(0)
	}
	sum ^= 1
	for i := range 6 {
		values = append(values, byte(sum>>(5*(5-i)))&31)
	}
	var out strings.Builder
	out.WriteString(hrp)
	out.WriteByte('1')
	for _, v := range values {
		out.WriteByte(letters[v])
	}
	return out.String()
}
