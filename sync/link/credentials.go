package link

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"

	"shangu/schema/text"
	"shangu/sync/identity"
)

// Credentials is what enrolment gave a device: public things all, but useless
// with another key than the device's.
type Credentials struct {
	School      string   `json:"school"`
	Certificate []byte   `json:"certificate"` // DER
	CA          []byte   `json:"ca"`          // DER
	Receipt     []byte   `json:"receipt_key"` // Ed25519 public key
	Cluster     [16]byte `json:"-"`
	// Recipient is whom files for the district are sealed to, as age writes
	// it; empty when the hub was older than that.
	Recipient string `json:"recipient,omitempty"`

	ClusterHex string `json:"cluster"`
}

// ReceiptKey is the district's receipt key.
func (c *Credentials) ReceiptKey() ed25519.PublicKey { return ed25519.PublicKey(c.Receipt) }

// Save keeps c in a file.
func (c *Credentials) Save(path string, files identity.Files) error {
	f := *c
	f.ClusterHex = identity.FormatDevice(c.Cluster)
	b, err := json.MarshalIndent(&f, "", "  ")
	if err != nil {
		return fmt.Errorf("encode credentials: %w", err)
	}
	if err := files.Write(path, b, 0o600); err != nil {
		return fmt.Errorf("save credentials: %w", err)
	}
	return nil
}

// LoadCredentials reads what Save wrote. It fails with os.ErrNotExist before
// enrolment, and with ErrCredentials when the file is damaged.
func LoadCredentials(path string, files identity.Files) (*Credentials, error) {
	b, err := files.Read(path)
	if err != nil {
		return nil, fmt.Errorf("load credentials: %w", err)
	}
	var c Credentials
	err = json.Unmarshal(b, &c)
	if err == nil {
		c.Cluster, err = identity.ParseDevice(c.ClusterHex)
	}
	if err == nil && len(c.Receipt) != ed25519.PublicKeySize {
		err = fmt.Errorf("receipt key of %d bytes", len(c.Receipt))
	}
	if err != nil {
		return nil, text.Wrap(errors.Join(ErrCredentials, err), "link.credentials", "path", path)
	}
	return &c, nil
}

// parse reads the certificates and checks that they belong to key.
func (c *Credentials) parse(key *identity.Key) (ca, leaf *x509.Certificate, err error) {
	if ca, err = x509.ParseCertificate(c.CA); err == nil {
		leaf, err = x509.ParseCertificate(c.Certificate)
	}
	if err == nil {
		err = leaf.CheckSignatureFrom(ca)
	}
	if err == nil && identity.DeviceOfCertificate(leaf) != key.Device() {
		err = errors.New("the certificate is over another key")
	}
	if err != nil {
		return nil, nil, text.Wrap(errors.Join(ErrCredentials, err), "link.credentials", "path", "")
	}
	return ca, leaf, nil
}
