package authority

import (
	"crypto/ed25519"

	"filippo.io/age"

	"shangu/sync/identity"
)

// The district's sealing identity is derived from the CA's key: whoever holds
// one of the district's secrets holds all of them, every node comes to the same
// identity without being told, and districts that are older than it have it too.
const sealingInfo = "shangu district sealing v1"

// sealing makes the X25519 identity that files for the hub are sealed to.
func sealing(ca ed25519.PrivateKey) (*age.X25519Identity, error) {
	return identity.Sealing(identity.KeyOf(ca), sealingInfo)
}

// Recipient is whom files for the district are sealed to: a public key as age
// writes it ("age1...").
func (s *Secrets) Recipient() string { return s.Sealing.Recipient().String() }

// Vouch signs a message with the CA's key, which tokens pin. The message begins
// with words that nothing else signed by it does.
func (s *Secrets) Vouch(message []byte) []byte { return ed25519.Sign(s.key, message) }

// Agree is the secret that the district and a device both know; see identity.AgreeWith.
func (s *Secrets) Agree(device ed25519.PublicKey) ([]byte, error) {
	return identity.AgreeWith(identity.KeyOf(s.key), sealingInfo, device)
}
