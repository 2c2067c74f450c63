package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"shangu/sync/identity"
	"shangu/sync/seal"
)

// Node is one hub node's own identity.
type Node struct {
	ID  string
	Key *identity.Key
	// Certificate is the node's, signed by the district's CA; the chain holds
	// the leaf alone, since agents and nodes know the CA.
	Certificate tls.Certificate
	// Browser is a self-signed certificate over a P-256 key for programs that
	// do not take Ed25519, as browsers do not.
	Browser tls.Certificate
}

const (
	nodeKeyFile     = "node.key"
	nodeCertFile    = "node.crt"
	browserFile     = "browser.pem"
	browserLifetime = 397 * 24 * time.Hour // the longest that browsers take
)

// OpenNodeKey reads a node's key from its secrets folder, or makes one.
func OpenNodeKey(dir string, random io.Reader, files identity.Files) (*identity.Key, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open node key: %w", err)
	}
	return identity.OpenKey(filepath.Join(dir, nodeKeyFile), random, seal.Twice{Files: files, Sound: identity.CheckKey})
}

// SaveNodeCertificate keeps a certificate that a join bundle brought.
func SaveNodeCertificate(dir string, der []byte, files identity.Files) error {
	b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := files.Write(filepath.Join(dir, nodeCertFile), b, 0o600); err != nil {
		return fmt.Errorf("save node certificate: %w", err)
	}
	return nil
}

// OpenNode opens a node's identity in its secrets folder: key and certificates
// are made when missing, and made anew when id or hosts have changed. Every
// node can do so, since every node holds the CA's key.
func (s *Secrets) OpenNode(dir, id string, hosts []string, now time.Time, random io.Reader, files identity.Files) (*Node, error) {
	key, err := OpenNodeKey(dir, random, files)
	if err != nil {
		return nil, err
	}
	// One that cannot be read is made anew, as one that is not there.
	leaf, err := readCertificate(filepath.Join(dir, nodeCertFile), files)
	if err != nil || !s.serves(leaf, key, id, hosts) {
		der, err := s.IssueNode(key.Public(), id, hosts, random)
		if err != nil {
			return nil, err
		}
		if err := SaveNodeCertificate(dir, der, files); err != nil {
			return nil, err
		}
		if leaf, err = x509.ParseCertificate(der); err != nil {
			return nil, fmt.Errorf("read node certificate: %w", err)
		}
	}
	n := &Node{ID: id, Key: key, Certificate: tls.Certificate{
		Certificate: [][]byte{leaf.Raw}, PrivateKey: key.Signer(), Leaf: leaf}}
	n.Browser, err = openBrowser(filepath.Join(dir, browserFile), hosts, now, random, files)
	return n, err
}

// serves reports whether leaf is ours, over key, and names id and all hosts.
func (s *Secrets) serves(leaf *x509.Certificate, key *identity.Key, id string, hosts []string) bool {
	subject, err := SubjectOf(leaf)
	if err != nil || subject.Node != id || subject.Device != key.Device() || leaf.CheckSignatureFrom(s.CA) != nil {
		return false
	}
	dns, ips := names(hosts)
	for _, n := range dns {
		if !slices.Contains(leaf.DNSNames, n) {
			return false
		}
	}
	for _, ip := range ips {
		if !slices.ContainsFunc(leaf.IPAddresses, func(x net.IP) bool { return x.Equal(ip) }) {
			return false
		}
	}
	return true
}

func readCertificate(path string, files identity.Files) (*x509.Certificate, error) {
	b, err := files.Read(path)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("read certificate %s: %w", path, ErrCertificate)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read certificate %s: %w: %v", path, ErrCertificate, err)
	}
	return c, nil
}

// openBrowser reads the certificate for browsers, or makes one when there is
// none, or it ends within a month, or it lacks a host. It is a convenience:
// one that cannot be read is replaced.
func openBrowser(path string, hosts []string, now time.Time, random io.Reader, files identity.Files) (tls.Certificate, error) {
	dns, ips := names(append([]string{"localhost", "127.0.0.1"}, hosts...))
	if b, err := files.Read(path); err == nil {
		c, err := tls.X509KeyPair(b, b)
		if err == nil && now.Before(c.Leaf.NotAfter.AddDate(0, -1, 0)) && now.After(c.Leaf.NotBefore) &&
			slices.Equal(c.Leaf.DNSNames, dns) && len(c.Leaf.IPAddresses) == len(ips) {
			return c, nil
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), random)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make browser key: %w", err)
	}
	serial, err := newSerial(random)
	if err != nil {
		return tls.Certificate{}, err
	}
	t := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "shangu hub"}, DNSNames: dns, IPAddresses: ips,
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(browserLifetime - 24*time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true}
	cert, err := x509.CreateCertificate(random, t, t, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("sign browser certificate: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("encode browser key: %w", err)
	}
	b := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
	if err := files.Write(path, b, 0o600); err != nil {
		return tls.Certificate{}, fmt.Errorf("save browser certificate: %w", err)
	}
	return tls.X509KeyPair(b, b)
}
