package link

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"shangu/schema/text"
	"shangu/sync/frame"
	"shangu/sync/identity"
)

// HeaderFill is a header of enrolment whose content means nothing: with it the
// request fills a packet, and so does the answer, in which the hub sends it back.
// What follows first contact may be all small or not; a line that swallows large
// packets is found out there and then, while a person expects to wait.
const HeaderFill = "Fill"

// FillBytes is the length of what fills a packet of any size that is common.
const FillBytes = 1500

// Enrol presents a token to a hub and returns the device's credentials, which
// the caller saves. It trusts only a CA with the token's pin. A token that the
// hub will never take fails with ErrToken; other errors may pass with time.
// Hybrid and Monthly of c are not used, but what it costs is counted.
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
	l := &Link{c: c, state: openState(c.State, identity.FormatDevice(c.Key.Device()), c.Files, c.Log)}
	l.clock = newClock(c.Now, c.Built, l.state.trusted(), l.state.behind())
	config := Pinned(t.Pin, l.clock.Now)
	config.DynamicRecordSizingDisabled = true // records of 1,200 bytes would each be a packet
	transport := c.transport(config, l.dial)
	l.http = transport
	defer func() {
		if err := l.Rest(); err != nil {
			c.Log.Warn("link state was not kept", "err", err.Error())
		}
	}()
	var failure error
	for _, hub := range c.Hubs {
		answer, err := l.insist(ctx, hub, false, func() ([]byte, error) {
			fill := ""
			if !l.state.narrow(l.clock.Now()) {
				fill = strings.Repeat("0", FillBytes)
			}
			return post(ctx, transport, hub+"/v1/enroll", body, fill, identity.MaxGrant)
		})
		if err == nil {
			return Accept(answer, t, c.Key)
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

// Accept checks a grant against the token and the key that it was asked with.
func Accept(answer []byte, t identity.Token, key *identity.Key) (*Credentials, error) {
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
			if !hubLike(cs.PeerCertificates) {
				return fmt.Errorf("%w: its certificate is no hub's", ErrPortal)
			}
			return fmt.Errorf("%w: its CA is not the token's", ErrNotHub)
		},
	}
}
