package gate

import (
	"crypto/tls"
	"slices"

	"shangu/hub/authority"
	"shangu/sync/identity"
	"shangu/sync/link"
)

// extensionTicket is pre_shared_key of RFC 8446, in which a client hello brings
// a ticket.
const extensionTicket = 41

// tlsConfig serves three sorts of clients, told apart by the name that they
// ask for: agents and nodes know the CA and get the leaf alone; a machine that
// enrols gets the CA along, for its token's pin, and is not asked for a
// certificate; anybody else is a browser or a tool.
func (g *Gate) tlsConfig() *tls.Config {
	t := g.newTickets()
	base := &tls.Config{
		MinVersion: tls.VersionTLS13, CurvePreferences: link.Curves(g.c.Hybrid), Time: authority.TLSTime(g.c.Now),
	}
	agents := base.Clone()
	agents.Certificates = []tls.Certificate{g.c.Node.Certificate}
	agents.ClientAuth, agents.ClientCAs = tls.VerifyClientCertIfGiven, g.c.Secrets.Roots()

	full := g.c.Node.Certificate
	full.Certificate = append(slices.Clone(full.Certificate), g.c.Secrets.CA.Raw)
	strangers := base.Clone()
	strangers.Certificates = []tls.Certificate{full}
	strangers.DynamicRecordSizingDisabled = true // link.HeaderFill is to fill a packet

	browsers := base.Clone()
	browsers.Certificates = []tls.Certificate{g.c.Node.Browser}

	tools := agents.Clone()
	tools.Certificates = strangers.Certificates

	outer := base.Clone()
	outer.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		config := tools
		switch {
		case h.ServerName == identity.ServerName:
			config = agents
		case h.ServerName == identity.EnrolName:
			config = strangers
		case !slices.Contains(h.SignatureSchemes, tls.Ed25519):
			config = browsers
		}
		config = config.Clone()
		c := &connection{tickets: t, config: config, wait: func() error { return g.pressure.wait(h.Context()) }}
		if !slices.Contains(h.Extensions, extensionTicket) {
			if err := c.wait(); err != nil {
				return nil, err
			}
		}
		config.WrapSession, config.UnwrapSession = c.wrap, c.unwrap
		return config, nil
	}
	return outer
}
