package bundle

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"filippo.io/age"

	"shangu/schema/text"
	"shangu/sync/identity"
)

// Pack is a school pack: what a school's machine needs to begin, in one file,
// with a link or without. Whoever has it can let one machine in, so it is handed
// over like a key.
//
//	bytes  meaning
//	14     "shangu pack 1\n"
//	4      length of the content, big-endian
//	n      content, JSON of this struct
//	64     signature of the district's CA over all before
type Pack struct {
	District  string   `json:"district"` // its name
	School    string   `json:"school"`   // code
	Name      string   `json:"name"`     // the school's
	Token     string   `json:"token"`
	Expires   int64    `json:"expires"` // the token's, unix seconds
	Made      int64    `json:"made"`    // hub's unix seconds
	Hubs      []string `json:"hubs"`    // URLs of the hub's nodes
	CA        []byte   `json:"ca"`      // certificate, DER
	Receipt   []byte   `json:"receipt"` // Ed25519 key that signs receipts and replies
	Cluster   []byte   `json:"cluster"` // 16 bytes
	Recipient string   `json:"recipient"`
}

// MaxPackFile bounds a pack in bytes.
const MaxPackFile = 64 << 10

const packMagic = "shangu pack 1\n"

// Marshal encodes p. sign signs with the key of the district's CA.
func (p *Pack) Marshal(sign func(message []byte) []byte) ([]byte, error) {
	body, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode school pack: %w", err)
	}
	b := append(binary.BigEndian.AppendUint32([]byte(packMagic), uint32(len(body))), body...)
	return append(b, sign(b)...), nil
}

// ClusterID is the district's id.
func (p *Pack) ClusterID() [16]byte { return [16]byte(p.Cluster) }

// ReadPack decodes a school pack and checks that it is as its district made it:
// signed by the CA that its own token pins.
func ReadPack(b []byte) (*Pack, error) {
	if !bytes.HasPrefix(b, []byte(packMagic)) {
		return nil, text.Wrap(ErrForeign, "bundle.no_pack")
	}
	bad := func(err error) (*Pack, error) {
		return nil, text.Wrap(errors.Join(ErrAltered, err), "bundle.bad_pack")
	}
	head := len(packMagic) + 4
	if len(b) > MaxPackFile || len(b) < head+ed25519.SignatureSize {
		return bad(fmt.Errorf("%d bytes", len(b)))
	}
	end := len(b) - ed25519.SignatureSize
	if n := binary.BigEndian.Uint32(b[len(packMagic):]); int64(n) != int64(end-head) {
		return bad(fmt.Errorf("content of %d bytes", n))
	}
	var p Pack
	if err := json.Unmarshal(b[head:end], &p); err != nil {
		return bad(err)
	}
	t, err := identity.ParseTokenFor(identity.RoleSchool, p.Token)
	if err != nil {
		return bad(err)
	}
	ca, err := x509.ParseCertificate(p.CA)
	if err != nil {
		return bad(err)
	}
	key, ok := ca.PublicKey.(ed25519.PublicKey)
	switch {
	case !ok || identity.Pin(ca) != t.Pin || !ed25519.Verify(key, b[:end], b[end:]):
		return bad(errors.New("its signature is not right"))
	case t.School != p.School || len(p.Cluster) != 16 || len(p.Receipt) != ed25519.PublicKeySize:
		return bad(errors.New("its parts do not go together"))
	}
	if _, err := age.ParseX25519Recipient(p.Recipient); err != nil {
		return bad(err)
	}
	return &p, nil
}
