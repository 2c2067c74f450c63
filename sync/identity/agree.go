package identity

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/sha512"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// What a machine and the holder of a sealing identity both know, without a word
// between them: X25519 of the one's key and the other's. The machine's is its Ed25519
// key in the form of X25519 (RFC 7748, 4.1), so that a certificate is all that the
// other side needs; the two uses of one key are sound together, as long as what is
// agreed goes through a key derivation of its own, which is the caller's to do.

// Agree is the machine's side: its key, and the recipient that files are sealed to, as
// age writes it.
func (k *Key) Agree(recipient string) ([]byte, error) {
	raw, err := unbech32("age", recipient)
	if err != nil {
		return nil, fmt.Errorf("agree: %w", err)
	}
	h := sha512.Sum512(k.private.Seed()) // as Ed25519 makes its scalar of a seed
	return agree(h[:32], raw)
}

// AgreeWith is the other side: the key that a sealing identity follows from, its info,
// and the machine's public key.
func AgreeWith(k *Key, info string, machine ed25519.PublicKey) ([]byte, error) {
	scalar, err := sealingScalar(k, info)
	if err != nil {
		return nil, err
	}
	u, err := montgomery(machine)
	if err != nil {
		return nil, fmt.Errorf("agree: %w", err)
	}
	return agree(scalar, u)
}

func agree(scalar, public []byte) ([]byte, error) {
	own, err := ecdh.X25519().NewPrivateKey(scalar)
	if err != nil {
		return nil, fmt.Errorf("agree: %w", err)
	}
	other, err := ecdh.X25519().NewPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("agree: %w", err)
	}
	secret, err := own.ECDH(other) // refuses points of low order
	if err != nil {
		return nil, fmt.Errorf("agree: %w", err)
	}
	return secret, nil
}

var prime = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))

// montgomery is the u of an Ed25519 key's point: (1+y)/(1-y). It works on public keys
// alone, so its time tells nothing.
func montgomery(public ed25519.PublicKey) ([]byte, error) {
	if len(public) != ed25519.PublicKeySize {
		return nil, errors.New("no Ed25519 key")
	}
	le := make([]byte, 32)
	for i, b := range public {
		le[31-i] = b
	}
	le[0] &= 0x7f // the sign of x
	y := new(big.Int).SetBytes(le)
	one := big.NewInt(1)
	below := new(big.Int).Sub(one, y)
	below.Mod(below, prime)
	if y.Cmp(prime) >= 0 || below.Sign() == 0 {
		return nil, errors.New("no point")
	}
	u := new(big.Int).Add(one, y)
	u.Mul(u, below.ModInverse(below, prime)).Mod(u, prime)
	out := make([]byte, 32)
	u.FillBytes(out)
	for i := range 16 {
		out[i], out[31-i] = out[31-i], out[i]
	}
	return out, nil
}

// unbech32 reads what bech32 wrote. age has checked the recipient before; the check
// sum is compared all the same.
func unbech32(hrp, s string) ([]byte, error) {
	const letters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	prefix, rest, ok := strings.Cut(s, "1")
	if !ok || prefix != hrp || len(rest) <= 6 {
		return nil, errors.New("no recipient")
	}
	var out []byte
	acc, bits := 0, 0
	for _, r := range rest[:len(rest)-6] {
		v := strings.IndexRune(letters, r)
		if v < 0 {
			return nil, errors.New("no recipient")
		}
		if acc, bits = (acc<<5|v)&0xfff, bits+5; bits >= 8 {
			bits -= 8
			out = append(out, byte(acc>>bits))
		}
	}
	if bech32(hrp, out) != s {
		return nil, errors.New("no recipient: its check sum is wrong")
	}
	return out, nil
}
