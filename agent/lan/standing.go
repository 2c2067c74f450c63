package lan

import (
	"net"
	"strconv"
	"time"

	"shangu/schema/text"
)

// Standing is how the network stands, for the page.
type Standing struct {
	On          bool
	Trouble     *text.Message // what keeps the door shut, nil if nothing does
	URLs        []string      // by which other computers come, https://192.168.1.5:8730/, the likeliest first
	Certificate string        // its SHA-256, as browsers show it, in groups of four; "" before it was ever on
	Key         string        // of the public key: it stays when the certificate is made anew
	Until       time.Time     // the certificate's end
}

// Standing tells how the network stands.
func (n *Network) Standing() Standing {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := Standing{On: n.f.On, Trouble: n.trouble}
	for _, p := range n.doors {
		if !p.Addr().IsLoopback() {
			s.URLs = append(s.URLs, "https://"+net.JoinHostPort(p.Addr().String(), strconv.Itoa(n.f.Port))+"/")
		}
	}
	if n.cert != nil {
		s.Certificate, s.Key, s.Until = fingerprint(n.cert.Raw), fingerprint(n.cert.RawSubjectPublicKeyInfo), n.cert.NotAfter
	}
	return s
}

// Port is where the doors are, 0 before it was ever on.
func (n *Network) Port() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.f.Port
}
