// Package lan is whether other computers of the school may use the pages, by which
// addresses, and the certificate by which they know this one. DESIGN.md says what it
// protects from and what not.
//
// It keeps one sealed file: on or off, the port, the key and the certificate. The key
// is made here and leaves the file for this process alone. Who is let in by the door
// that opens on these addresses is agent/web's business. The package imports
// schema/text and sync/seal.
package lan

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"shangu/schema/text"
	"shangu/sync/seal"
)

// Ports that are tried, the first that is free is kept.
const (
	firstPort = 8730
	ports     = 20
)

// Options are what a Network needs from outside.
type Options struct {
	Path      string // of its file
	Files     seal.Files
	Rand      io.Reader
	Built     time.Time // of the program: no certificate ends before ten years after it
	Now       func() time.Time
	Addresses func() ([]netip.Prefix, error) // Addresses if nil
	Free      func(port int) bool            // whether a port of this machine is
}

// file is what is kept.
type file struct {
	On   bool   `json:"on"`
	Port int    `json:"port,omitempty"`
	Key  []byte `json:"key,omitempty"`  // PKCS 8
	Cert []byte `json:"cert,omitempty"` // DER
}

// Network is the setting and what follows from it. It may be used by many at once.
type Network struct {
	o       Options
	changed chan struct{}

	mu      sync.Mutex
	f       file
	key     *ecdsa.PrivateKey
	cert    *x509.Certificate
	doors   []netip.Prefix // by which others come in, while it is on
	trouble *text.Message
}

// Open reads the setting. Where it cannot be read the network is off, and the error
// says why: the caller may go on.
func Open(o Options) (*Network, error) {
	if o.Addresses == nil {
		o.Addresses = Addresses
	}
	n := &Network{o: o, changed: make(chan struct{}, 1)}
	raw, err := o.Files.Read(o.Path)
	if errors.Is(err, os.ErrNotExist) {
		return n, nil
	}
	if err == nil {
		err = n.read(raw)
	}
	if err != nil {
		n.f, n.key, n.cert = file{}, nil, nil
		return n, fmt.Errorf("open network setting: %w", err)
	}
	return n, nil
}

func (n *Network) read(raw []byte) (err error) {
	if err := json.Unmarshal(raw, &n.f); err != nil || n.f.Key == nil {
		return err
	}
	key, err := x509.ParsePKCS8PrivateKey(n.f.Key)
	if err != nil {
		return err
	}
	var ok bool
	if n.key, ok = key.(*ecdsa.PrivateKey); !ok {
		return errors.New("a key of another kind")
	}
	n.cert, err = x509.ParseCertificate(n.f.Cert)
	return err
}

// write keeps f; the caller holds mu.
func (n *Network) write() error {
	raw, err := json.Marshal(n.f)
	if err == nil {
		err = n.o.Files.Write(n.o.Path, raw, 0o600)
	}
	if err != nil {
		return fmt.Errorf("keep network setting: %w", err)
	}
	return nil
}

// Switch lets other computers in, or out again. The door follows by Changed.
func (n *Network) Switch(on bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	was := n.f
	n.f.On = on
	if on && n.f.Port == 0 {
		for p := firstPort; p < firstPort+ports && n.f.Port == 0; p++ {
			if n.o.Free(p) {
				n.f.Port = p
			}
		}
		if n.f.Port == 0 {
			n.f = was
			return text.New("lan.no_port", "first", firstPort, "last", firstPort+ports-1)
		}
	}
	err := n.write()
	if err == nil && on {
		err = n.settle()
	}
	if err != nil {
		n.f = was
		return err
	}
	n.trouble = nil
	select {
	case n.changed <- struct{}{}:
	default:
	}
	return nil
}

// Changed tells that somebody switched.
func (n *Network) Changed() <-chan struct{} { return n.changed }

// Doors are the addresses, with their subnets, that are to be open now; none while
// it is off. It looks at the machine's interfaces and has the certificate made anew if
// there is a new address.
func (n *Network) Doors() (doors []netip.Prefix, port int, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.f.On {
		n.doors = nil
		return nil, 0, nil
	}
	if err := n.settle(); err != nil {
		return nil, 0, err
	}
	return slices.Clone(n.doors), n.f.Port, nil
}

// settle brings addresses and certificate up to date. The caller holds mu.
func (n *Network) settle() error {
	all, err := n.o.Addresses()
	if err != nil {
		return fmt.Errorf("read addresses: %w", err)
	}
	n.doors = private(all)
	return n.certify(n.doors, names())
}

// Trouble notes what keeps the door shut, nil if nothing does.
func (n *Network) Trouble(m *text.Message) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.trouble = m
}

// Certificate is for a tls.Config.
func (n *Network) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cert == nil || !n.f.On {
		return nil, errors.New("lan: no certificate")
	}
	return &tls.Certificate{Certificate: [][]byte{n.cert.Raw}, PrivateKey: n.key, Leaf: n.cert}, nil
}

// Here reports whether a host, as a browser names it without the port, is this
// machine.
func (n *Network) Here(host string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return slices.ContainsFunc(n.doors, func(p netip.Prefix) bool { return p.Addr() == a.Unmap() })
	}
	return len(n.doors) > 0 && slices.Contains(names(), strings.ToLower(host))
}
