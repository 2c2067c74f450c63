package authority

import (
	"crypto/tls"
	"fmt"
	"time"
)

// NodeTLS is how nodes prove themselves to each other: TLS 1.3 both ways, with
// certificates of this CA that are nodes' and no device's.
func (s *Secrets) NodeTLS(n *Node, now func() time.Time) (server, client *tls.Config) {
	base := func() *tls.Config {
		return &tls.Config{
			MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{n.Certificate}, Time: TLSTime(now),
			SessionTicketsDisabled: true, VerifyConnection: onlyNodes,
		}
	}
	server, client = base(), base()
	server.ClientAuth, server.ClientCAs = tls.RequireAndVerifyClientCert, s.Roots()
	client.RootCAs, client.ServerName = s.Roots(), ServerName
	return server, client
}

func onlyNodes(cs tls.ConnectionState) error {
	if len(cs.PeerCertificates) == 0 {
		return fmt.Errorf("%w: none was given", ErrCertificate)
	}
	subject, err := SubjectOf(cs.PeerCertificates[0])
	if err == nil && subject.Node == "" {
		err = fmt.Errorf("%w: it is a device's", ErrCertificate)
	}
	return err
}
