package identity

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha512"
	"testing"
)

// Both sides come to the same, and nobody else does.
func TestBothSidesAgree(t *testing.T) {
	for range 20 {
		device, _ := NewKey(rand.Reader)
		hub, _ := NewKey(rand.Reader)
		other, _ := NewKey(rand.Reader)
		id, err := Sealing(hub, "district")
		if err != nil {
			t.Fatal(err)
		}
		one, err := device.Agree(id.Recipient().String())
		if err != nil {
			t.Fatal(err)
		}
		two, err := AgreeWith(hub, "district", device.Public())
		if err != nil || !bytes.Equal(one, two) || len(one) != 32 {
			t.Fatalf("%x, %x, %v", one, two, err)
		}
		third, _ := other.Agree(id.Recipient().String())
		fourth, _ := AgreeWith(hub, "another use", device.Public())
		if bytes.Equal(one, third) || bytes.Equal(one, fourth) {
			t.Error("another key agrees too")
		}
	}
}

// The Edwards point's u is that of the same scalar on the Montgomery curve.
func TestAPublicKeyInBothForms(t *testing.T) {
	k, _ := NewKey(rand.Reader)
	u, err := montgomery(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	h := sha512.Sum512(k.private.Seed())
	x, err := ecdh.X25519().NewPrivateKey(h[:32])
	if err != nil || !bytes.Equal(x.PublicKey().Bytes(), u) {
		t.Errorf("%x, want %x, %v", u, x.PublicKey().Bytes(), err)
	}
}

func TestWhatDoesNotAgree(t *testing.T) {
	k, _ := NewKey(rand.Reader)
	for _, r := range []string{"", "age1", "age1qqqqqq", "xge1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqs3290gq"} {
		if _, err := k.Agree(r); err == nil {
			t.Errorf("%q", r)
		}
	}
	one := append([]byte{1}, make([]byte, 31)...) // y = 1: the neutral point
	minus := append([]byte{0xec}, bytes.Repeat([]byte{0xff}, 31)...)
	minus[31] = 0x7f // y = -1: order two
	for _, bad := range []ed25519.PublicKey{nil, one, minus, bytes.Repeat([]byte{0xff}, 32)} {
		if _, err := AgreeWith(k, "x", bad); err == nil {
			t.Errorf("%x", bad)
		}
	}
}
