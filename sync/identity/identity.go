// Package identity says who a machine is: its key pair, its device id, the
// pin of the district's CA, and the text of the tokens that a school or a hub
// node is let in with.
//
// It imports schema/text and sync/disk, keeps no state and speaks to no
// network.
package identity

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
)

// DeviceID names a machine: the first 16 bytes of SHA-256 over the DER
// SubjectPublicKeyInfo of its key.
type DeviceID = [16]byte

// Key is a machine's Ed25519 key pair. It never leaves the machine.
type Key struct {
	private ed25519.PrivateKey
}

// ErrKeyFile says that a key file holds no Ed25519 key. The file is left as it
// is: overwriting it would make the machine a stranger to its hub.
var ErrKeyFile = errors.New("identity: the file holds no usable key")

// NewKey makes a key from the given randomness.
func NewKey(random io.Reader) (*Key, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	return &Key{private: ed25519.NewKeyFromSeed(seed)}, nil
}

// Files reads and writes small files, one for good: all of it or nothing.
// seal.Files are some, plain or sealed.
type Files interface {
	// Read fails with os.ErrNotExist when there is no such file.
	Read(path string) ([]byte, error)
	Write(path string, data []byte, perm os.FileMode) error
}

// OpenKey reads the key at path, or makes one and writes it there with mode
// 0600 if there is no such file.
func OpenKey(path string, random io.Reader, files Files) (*Key, error) {
	data, err := files.Read(path)
	if err == nil {
		k, err := ParseKey(data)
		if err != nil {
			return nil, fmt.Errorf("open key %s: %w", path, err)
		}
		if err := os.Chmod(path, 0o600); err != nil {
			return nil, fmt.Errorf("open key: %w", err)
		}
		return k, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("open key: %w", err)
	}
	k, err := NewKey(random)
	if err != nil {
		return nil, err
	}
	data, err = k.PEM()
	if err != nil {
		return nil, err
	}
	if err := files.Write(path, data, 0o600); err != nil {
		return nil, fmt.Errorf("write key: %w", err)
	}
	return k, nil
}

// CheckKey reports what is wrong with a key's file.
func CheckKey(data []byte) error {
	_, err := ParseKey(data)
	return err
}

// ParseKey reads what PEM wrote.
func ParseKey(data []byte) (*Key, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, ErrKeyFile
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrKeyFile, err)
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%w: it holds a %T", ErrKeyFile, key)
	}
	return &Key{private: private}, nil
}

// PEM is the key as PKCS #8 in PEM.
func (k *Key) PEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// Signer is the private half, for TLS and signatures.
func (k *Key) Signer() crypto.Signer { return k.private }

// Private is the private half in the form that session.Receipt signs with.
func (k *Key) Private() ed25519.PrivateKey { return k.private }

// Public is the public half.
func (k *Key) Public() ed25519.PublicKey { return k.private.Public().(ed25519.PublicKey) }

// Device is the id of the machine that holds k.
func (k *Key) Device() DeviceID { return DeviceOf(k.Public()) }

// CSR is a request for a certificate over k, in DER. It names nothing: who the
// machine is to be follows from the token that comes with it.
func (k *Key) CSR(random io.Reader) ([]byte, error) {
	der, err := x509.CreateCertificateRequest(random, &x509.CertificateRequest{Subject: pkix.Name{}}, k.private)
	if err != nil {
		return nil, fmt.Errorf("make certificate request: %w", err)
	}
	return der, nil
}

// spkiPrefix is what precedes the 32 key bytes in the DER SubjectPublicKeyInfo
// of every Ed25519 key (RFC 8410).
const spkiPrefix = "\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"

// DeviceOf is the id of the machine with this public key.
func DeviceOf(public ed25519.PublicKey) DeviceID {
	return deviceOfSPKI(append([]byte(spkiPrefix), public...))
}

// DeviceOfCertificate is the id of the machine that a certificate was issued to.
func DeviceOfCertificate(c *x509.Certificate) DeviceID {
	return deviceOfSPKI(c.RawSubjectPublicKeyInfo)
}

func deviceOfSPKI(der []byte) DeviceID {
	sum := sha256.Sum256(der)
	return DeviceID(sum[:16])
}

// Pin is what a token says about the district's CA: SHA-256 of its
// SubjectPublicKeyInfo.
func Pin(ca *x509.Certificate) [32]byte { return sha256.Sum256(ca.RawSubjectPublicKeyInfo) }

// FormatDevice is a device id as people see it: 32 hex digits.
func FormatDevice(id DeviceID) string { return hex.EncodeToString(id[:]) }

// ParseDevice reads what FormatDevice wrote.
func ParseDevice(s string) (id DeviceID, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(id) {
		return id, fmt.Errorf("parse device id: %q is not 32 hex digits", s)
	}
	return DeviceID(b), nil
}

// ServerName is the name by which agents ask for a hub node in TLS, however
// its address changes.
const ServerName = "hub.shangu"

// EnrolName is the name that a machine without a certificate asks for: the
// hub then sends its CA along, whose pin is all that such a machine knows.
const EnrolName = "in.hub.shangu"
