package lan

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// A certificate is good from long before any clock that works, for phones look at
// their own clock and this machine's may be dead; and for ten years.
var notBefore = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

const years = 10

// mostNames bounds the addresses of a certificate: the ones of now and those that the
// machine had before, so that one which comes back to an earlier address keeps its
// certificate, and what people noted of it.
const mostNames = 24

// certify makes key and certificate where there is none for the addresses and names.
// The caller holds mu.
func (n *Network) certify(doors []netip.Prefix, names []string) error {
	want := make([]net.IP, len(doors))
	for i, p := range doors {
		want[i] = p.Addr().AsSlice()
	}
	if n.cert != nil && n.covers(want, names) {
		return nil
	}
	if n.cert != nil {
		for _, ip := range n.cert.IPAddresses {
			if len(want) < mostNames && !slices.ContainsFunc(want, ip.Equal) {
				want = append(want, ip)
			}
		}
	}
	key := n.key
	if key == nil {
		var err error
		if key, err = ecdsa.GenerateKey(elliptic.P256(), n.o.Rand); err != nil {
			return fmt.Errorf("make key: %w", err)
		}
	}
	serial := make([]byte, 16)
	if _, err := io.ReadFull(n.o.Rand, serial); err != nil {
		return fmt.Errorf("make certificate: %w", err)
	}
	serial[0] = serial[0]&0x7f | 1
	end := n.o.Now()
	if end.Before(n.o.Built) || end.Year() > 2070 {
		end = n.o.Built
	}
	if end.Before(notBefore.AddDate(6, 0, 0)) {
		end = notBefore.AddDate(6, 0, 0)
	}
	ask := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial), Subject: pkix.Name{CommonName: "shangu school"},
		NotBefore: notBefore, NotAfter: end.AddDate(years, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IPAddresses: want, DNSNames: names,
	}
	der, err := x509.CreateCertificate(n.o.Rand, ask, ask, key.Public(), key)
	if err != nil {
		return fmt.Errorf("make certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("make certificate: %w", err)
	}
	was := n.f
	if n.f.Key, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		return fmt.Errorf("keep key: %w", err)
	}
	n.f.Cert = der
	if err := n.write(); err != nil {
		n.f = was
		return err
	}
	n.key, n.cert = key, cert
	return nil
}

func (n *Network) covers(ips []net.IP, names []string) bool {
	for _, ip := range ips {
		if !slices.ContainsFunc(n.cert.IPAddresses, ip.Equal) {
			return false
		}
	}
	for _, name := range names {
		if !slices.Contains(n.cert.DNSNames, name) {
			return false
		}
	}
	return true
}

// fingerprint is a SHA-256 in groups of four digits, as people compare it.
func fingerprint(b []byte) string {
	sum := sha256.Sum256(b)
	s := strings.ToUpper(hex.EncodeToString(sum[:]))
	var groups []string
	for ; s != ""; s = s[4:] {
		groups = append(groups, s[:4])
	}
	return strings.Join(groups, " ")
}
