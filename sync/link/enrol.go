package link

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	"shangu/schema/text"
	"shangu/sync/frame"
	"shangu/sync/identity"
)

// Enrol presents a token to a hub and returns the device's credentials, which
// the caller saves. It trusts only a CA with the token's pin. A token that the
// hub will never take fails with ErrToken; other errors may pass with time.
// Only Hubs, Key, Built, Now, Dial, Proxy, Log and the timeouts of c are used.
func Enrol(ctx context.Context, c Config, t identity.Token) (*Credentials, error) {
	c.Hubs = append([]string(nil), c.Hubs...)
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	csr, err := c.Key.CSR(rand.Reader)
	if err != nil {
		return nil, err
	}
	body, err := frame.Marshal(&identity.Request{Secret: t.Secret, CSR: csr})
	if err != nil {
		return nil, fmt.Errorf("encode enrolment request: %w", err)
	}
	transport := c.transport(Pinned(t.Pin, newClock(c.Now, c.Built, time.Time{}).Now), func(n net.Conn, _ time.Duration) net.Conn {
		return &conn{Conn: n, stall: c.Stall, count: func(int, int) {}}
	})
	defer transport.CloseIdleConnections()
	var failure error
	for _, hub := range c.Hubs {
		answer, err := post(ctx, transport, hub+"/v1/enroll", body, identity.MaxGrant)
		if err == nil {
			return accept(answer, t, c.Key)
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("enrol: %w", context.Cause(ctx))
		}
		c.Log.Info("hub did not enrol this machine", "hub", hub, "err", err.Error())
		failure = worse(failure, err)
		if !elsewhere(err) {
			break
		}
	}
	return nil, failure
}

// accept checks a grant against the token and the key that it was asked with.
func accept(answer []byte, t identity.Token, key *identity.Key) (*Credentials, error) {
	g, err := identity.DecodeGrant(answer)
	if err != nil {
		return nil, text.Wrap(errors.Join(ErrNotHub, err), "link.not_hub")
	}
	cr := &Credentials{School: g.School, Certificate: g.Certificate, CA: g.CA, Receipt: g.Receipt, Cluster: g.Cluster, Recipient: g.Recipient}
	ca, _, err := cr.parse(key)
	if err != nil {
		return nil, err
	}
	if identity.Pin(ca) != t.Pin || g.School != t.School {
		return nil, text.Wrap(ErrNotHub, "link.not_hub")
	}
	return cr, nil
}

// Pinned is the TLS configuration of a machine that knows no more of a hub
// than the pin in its token: the hub sends its CA along, and the CA's key must
// be the pinned one.
func Pinned(pin [32]byte, now func() time.Time) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, CurvePreferences: Curves(false), ServerName: identity.EnrolName, Time: now,
		// The chain is verified below, against the pin in place of a store of roots.
		InsecureSkipVerify: true,
		VerifyConnection: func(cs tls.ConnectionState) error {
			for _, ca := range cs.PeerCertificates[1:] {
				if identity.Pin(ca) != pin {
					continue
				}
				roots := x509.NewCertPool()
				roots.AddCert(ca)
				_, err := cs.PeerCertificates[0].Verify(x509.VerifyOptions{
					Roots: roots, DNSName: identity.ServerName, CurrentTime: now(),
					KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
				})
				return err
			}
			return fmt.Errorf("%w: its CA is not the token's", ErrNotHub)
		},
	}
}
