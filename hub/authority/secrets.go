// Package authority is the district's word on who may speak: its certificate
// authority, the secrets that every hub node holds, the certificates of nodes
// and devices, and enrolment by one-time tokens.
//
// It imports sync/identity, sync/seal and schema/text, and reads the cluster's state and
// writes its log through two small interfaces. Secrets live in files of mode
// 0600 on each node; they never enter the log.
package authority

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"filippo.io/age"

	"shangu/schema/text"
	"shangu/sync/identity"
	"shangu/sync/seal"
)

// Secrets is what makes a district: whoever holds it can issue certificates
// and receipts in its name. Every node of the cluster has the same.
type Secrets struct {
	Cluster [16]byte
	Name    string            // the district's, as people read it
	CA      *x509.Certificate // signs nodes and devices; tokens pin its key
	Receipt ed25519.PrivateKey
	Ticket  [32]byte // root of the keys that seal TLS session tickets
	// Sealing opens what is sealed to the district: bundles on sticks and the
	// recovery copies of devices' data keys. It follows from the CA's key.
	Sealing *age.X25519Identity

	key ed25519.PrivateKey // the CA's
}

// ErrSecrets says that the secrets on this node are missing or unusable.
var ErrSecrets = errors.New("authority: no usable secrets")

const secretsFile = "cluster.json"

// New makes the secrets of a new district.
func New(name string, random io.Reader) (*Secrets, error) {
	s := &Secrets{Name: name}
	for _, b := range [][]byte{s.Cluster[:], s.Ticket[:]} {
		if _, err := io.ReadFull(random, b); err != nil {
			return nil, fmt.Errorf("make secrets: %w", err)
		}
	}
	ca, err := identity.NewKey(random)
	if err != nil {
		return nil, fmt.Errorf("make secrets: %w", err)
	}
	receipt, err := identity.NewKey(random)
	if err != nil {
		return nil, fmt.Errorf("make secrets: %w", err)
	}
	s.key, s.Receipt = ca.Private(), receipt.Private()
	if s.CA, err = selfSign(s.key, random); err != nil {
		return nil, fmt.Errorf("make secrets: %w", err)
	}
	if s.Sealing, err = sealing(s.key); err != nil {
		return nil, fmt.Errorf("make secrets: %w", err)
	}
	return s, nil
}

// secretsForm is the file, and the secret part of a join bundle. Keys are
// Ed25519 seeds; bytes are base64.
type secretsForm struct {
	Version int    `json:"version"`
	Name    string `json:"name"`
	Cluster []byte `json:"cluster"`
	CA      []byte `json:"ca"`
	CAKey   []byte `json:"ca_key"`
	Receipt []byte `json:"receipt_key"`
	Ticket  []byte `json:"ticket_key"`
}

// Marshal encodes all of s, keys included.
func (s *Secrets) Marshal() ([]byte, error) {
	b, err := json.MarshalIndent(secretsForm{Version: 1, Name: s.Name, Cluster: s.Cluster[:], CA: s.CA.Raw,
		CAKey: s.key.Seed(), Receipt: s.Receipt.Seed(), Ticket: s.Ticket[:]}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode secrets: %w", err)
	}
	return b, nil
}

// ParseSecrets reads what Marshal wrote and checks that the parts belong together.
func ParseSecrets(b []byte) (*Secrets, error) {
	var f secretsForm
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrSecrets, err)
	}
	if f.Version != 1 {
		return nil, fmt.Errorf("%w: version %d", ErrSecrets, f.Version)
	}
	if len(f.Cluster) != 16 || len(f.Ticket) != 32 || len(f.CAKey) != ed25519.SeedSize || len(f.Receipt) != ed25519.SeedSize {
		return nil, fmt.Errorf("%w: a key has the wrong length", ErrSecrets)
	}
	ca, err := x509.ParseCertificate(f.CA)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrSecrets, err)
	}
	s := &Secrets{Name: f.Name, CA: ca, key: ed25519.NewKeyFromSeed(f.CAKey), Receipt: ed25519.NewKeyFromSeed(f.Receipt)}
	copy(s.Cluster[:], f.Cluster)
	copy(s.Ticket[:], f.Ticket)
	if public, ok := ca.PublicKey.(ed25519.PublicKey); !ok || !public.Equal(s.key.Public()) {
		return nil, fmt.Errorf("%w: the CA's key is not that of its certificate", ErrSecrets)
	}
	if s.Sealing, err = sealing(s.key); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrSecrets, err)
	}
	return s, nil
}

// Save writes s into the secrets folder dir.
func (s *Secrets) Save(dir string, files identity.Files) error {
	b, err := s.Marshal()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("save secrets: %w", err)
	}
	if err := kept(files).Write(filepath.Join(dir, secretsFile), b, 0o600); err != nil {
		return fmt.Errorf("save secrets: %w", err)
	}
	return nil
}

// Load reads the secrets from the folder dir. It fails with ErrSecrets if
// there are none, and with os.ErrNotExist beneath it.
func Load(dir string, files identity.Files) (*Secrets, error) {
	path := filepath.Join(dir, secretsFile)
	b, err := kept(files).Read(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, text.Wrap(errors.Join(ErrSecrets, err), "authority.no_secrets", "path", path)
	case errors.Is(err, ErrSecrets):
		return nil, text.Wrap(err, "authority.bad_secrets", "path", path)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrSecrets, err)
	}
	return ParseSecrets(b)
}

// kept keeps the secrets in two copies: a district whose only node lost them
// would be one that nobody can enter.
func kept(files identity.Files) seal.Twice {
	return seal.Twice{Files: files, Sound: func(b []byte) error {
		_, err := ParseSecrets(b)
		return err
	}}
}

// Pin is what tokens say about the CA.
func (s *Secrets) Pin() [32]byte { return identity.Pin(s.CA) }

// Roots is the pool that holds the district's CA alone.
func (s *Secrets) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.CA)
	return pool
}
