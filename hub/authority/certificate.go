package authority

import (
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"time"

	"shangu/sync/identity"
)

// ServerName is the name by which agents and nodes ask for a hub node, however
// its address changes. Every node's certificate carries it.
const ServerName = identity.ServerName

// Certificates live from before anything of ours ran until the date that RFC
// 5280 keeps for "no end" (4.1.2.5): a clock that is wrong at a school or at
// the hub must never lock anybody out. What ends a certificate is revocation,
// which the hub looks up at every request.
var (
	notBefore = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	notAfter  = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// TLSTime is the time that a node checks certificates at: its clock's, but
// never before they begin. A hub whose clock has died must not lock its
// schools out.
func TLSTime(now func() time.Time) func() time.Time {
	return func() time.Time {
		if t := now(); t.After(notBefore) {
			return t
		}
		return notBefore
	}
}

// Common names are short, since each one crosses slow links: the CA's, and
// "d." + school code for a device, "n." + id for a node.
const (
	caName       = "shangu"
	devicePrefix = "d."
	nodePrefix   = "n."
)

// ErrCertificate says that a certificate is not one that this CA issues, or
// that a request for one is malformed.
var ErrCertificate = errors.New("authority: not a usable certificate or request")

func selfSign(key ed25519.PrivateKey, random io.Reader) (*x509.Certificate, error) {
	serial, err := newSerial(random)
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: caName}, NotBefore: notBefore, NotAfter: notAfter,
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(random, t, t, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("sign CA certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

func newSerial(random io.Reader) (*big.Int, error) {
	b := make([]byte, 8)
	if _, err := io.ReadFull(random, b); err != nil {
		return nil, fmt.Errorf("draw serial number: %w", err)
	}
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b), nil
}

// issue signs a leaf. It leaves out what no reader of ours looks at: key
// identifiers, key usage and basic constraints.
func (s *Secrets) issue(t *x509.Certificate, public ed25519.PublicKey, random io.Reader) ([]byte, error) {
	serial, err := newSerial(random)
	if err != nil {
		return nil, err
	}
	t.SerialNumber, t.NotBefore, t.NotAfter = serial, notBefore, notAfter
	parent := *s.CA
	parent.SubjectKeyId = nil
	der, err := x509.CreateCertificate(random, t, &parent, public, s.key)
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	return der, nil
}

// IssueDevice signs the certificate of a school's computer. The request's own
// names count for nothing.
func (s *Secrets) IssueDevice(public ed25519.PublicKey, school string, random io.Reader) ([]byte, error) {
	return s.issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: devicePrefix + school},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, public, random)
}

// IssueNode signs the certificate of a hub node: as a server for ServerName
// and hosts (names, IP addresses, with or without port), and as a client of
// other nodes.
func (s *Secrets) IssueNode(public ed25519.PublicKey, id string, hosts []string, random io.Reader) ([]byte, error) {
	t := &x509.Certificate{
		Subject:     pkix.Name{CommonName: nodePrefix + id},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	t.DNSNames, t.IPAddresses = names(hosts)
	return s.issue(t, public, random)
}

// names splits hosts into the two forms that a certificate has.
func names(hosts []string) (dns []string, ips []net.IP) {
	dns = []string{ServerName}
	seen := map[string]bool{ServerName: true}
	for _, h := range hosts {
		if host, _, err := net.SplitHostPort(h); err == nil {
			h = host
		}
		h = strings.Trim(h, "[]")
		if h == "" || seen[h] {
			continue
		}
		seen[h] = true
		if ip := net.ParseIP(h); ip == nil {
			dns = append(dns, h)
		} else if !ip.IsUnspecified() {
			ips = append(ips, ip)
		}
	}
	return dns, ips
}

// ParseRequest reads a certificate request in DER, checks that its sender
// holds the key, and returns the key.
func ParseRequest(der []byte) (ed25519.PublicKey, error) {
	r, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrCertificate, err)
	}
	public, ok := r.PublicKey.(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%w: the key is a %T", ErrCertificate, r.PublicKey)
	}
	if err := r.CheckSignature(); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrCertificate, err)
	}
	return public, nil
}

// Subject is whom a certificate of this CA speaks for: a device with its
// school, or a node.
type Subject struct {
	Device [16]byte // of the key, in either case
	School string   // of a device
	Node   string   // id of a node
}

// SubjectOf reads a certificate that TLS has verified against the CA.
func SubjectOf(c *x509.Certificate) (Subject, error) {
	s := Subject{Device: identity.DeviceOfCertificate(c)}
	var ok bool
	if s.School, ok = strings.CutPrefix(c.Subject.CommonName, devicePrefix); ok && s.School != "" {
		return s, nil
	}
	s.School = ""
	if s.Node, ok = strings.CutPrefix(c.Subject.CommonName, nodePrefix); ok && s.Node != "" {
		return s, nil
	}
	return Subject{}, fmt.Errorf("%w: it is for %q", ErrCertificate, c.Subject.CommonName)
}
