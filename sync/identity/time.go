package identity

import (
	"crypto/ed25519"
	"encoding/binary"
)

// Time is the hub's answer to GET /v1/time, in JSON.
type Time struct {
	Unix    int64  `json:"time"`    // seconds
	Cluster string `json:"cluster"` // 32 hex digits
	Sig     []byte `json:"sig"`     // by the district's receipt key over TimeMessage
}

// Verify reports whether the district's receipt key signed t for this nonce.
func (t *Time) Verify(key ed25519.PublicKey, cluster [16]byte, nonce []byte) bool {
	return len(key) == ed25519.PublicKeySize && ed25519.Verify(key, TimeMessage(cluster, nonce, t.Unix), t.Sig)
}

// TimeMessage is what a signed time's signature covers.
func TimeMessage(cluster [16]byte, nonce []byte, unix int64) []byte {
	b := append([]byte("shangu time v1"), cluster[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(unix))
	return append(b, nonce...)
}
