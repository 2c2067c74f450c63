package bundle

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"

	"filippo.io/age"
)

// DeviceIdentity is what a machine opens replies with. It follows from the
// machine's key, so there is nothing more to keep, to lose or to back up; the
// hub learns its recipient from each bundle, under the machine's signature.
func DeviceIdentity(key ed25519.PrivateKey) (*age.X25519Identity, error) {
	secret, err := hkdf.Key(sha256.New, key.Seed(), nil, "shangu bundle device v1", 32)
	if err != nil {
		return nil, fmt.Errorf("derive identity: %w", err)
	}
	id, err := age.ParseX25519Identity(bech32("AGE-SECRET-KEY-", secret))
	if err != nil {
		return nil, fmt.Errorf("derive identity: %w", err)
	}
	return id, nil
}

const bech32Letters = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"

// bech32 writes bytes as age writes its keys (BIP 173, in capitals): age has no
// other way in for a key that was derived.
func bech32(prefix string, data []byte) string {
	var groups []byte // five bits each
	acc, bits := uint(0), 0
	for _, b := range data {
		acc = acc<<8 | uint(b)
		for bits += 8; bits >= 5; {
			bits -= 5
			groups = append(groups, byte(acc>>bits)&31)
		}
	}
	if bits > 0 {
		groups = append(groups, byte(acc<<(5-bits))&31)
	}
	var sum []byte // what the checksum is over
	lower := []byte(prefix)
	for i, c := range lower {
		if c >= 'A' && c <= 'Z' {
			lower[i] = c + 'a' - 'A'
		}
		sum = append(sum, lower[i]>>5)
	}
	sum = append(sum, 0)
	for _, c := range lower {
		sum = append(sum, c&31)
	}
	sum = append(append(sum, groups...), 0, 0, 0, 0, 0, 0)
	check := uint32(1)
	for _, v := range sum {
		top := check >> 25
		check = check&0x1ffffff<<5 ^ uint32(v)
		for i, g := range [5]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if top>>i&1 == 1 {
				check ^= g
			}
		}
	}
	check ^= 1
	for i := range 6 {
		groups = append(groups, byte(check>>(5*(5-i)))&31)
	}
	out := append([]byte(prefix), '1')
	for _, g := range groups {
		out = append(out, bech32Letters[g])
	}
	return string(out)
}
