package lan_test

import (
	"crypto/rand"
	"crypto/x509"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"shangu/agent/lan"
	"shangu/sync/seal"
)

// machine is a computer whose addresses and clock can be set.
type machine struct {
	t     *testing.T
	path  string
	files seal.Files
	now   time.Time
	addrs []string
	taken []int
}

func newMachine(t *testing.T, addrs ...string) *machine {
	t.Helper()
	key, err := seal.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &machine{t: t, path: filepath.Join(t.TempDir(), "lan.json"), files: seal.Files{Key: key}, now: time.Date(2026, 10, 12, 0, 0, 0, 0, time.UTC), addrs: addrs}
}

func (m *machine) open() *lan.Network {
	m.t.Helper()
	n, err := lan.Open(lan.Options{
		Path: m.path, Files: m.files, Rand: rand.Reader, Built: time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC), Now: func() time.Time { return m.now },
		Addresses: func() (out []netip.Prefix, err error) {
			for _, a := range m.addrs {
				out = append(out, netip.MustParsePrefix(a))
			}
			return out, nil
		},
		Free: func(port int) bool { return !slices.Contains(m.taken, port) },
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return n
}

func (m *machine) doors(n *lan.Network) []string {
	m.t.Helper()
	doors, _, err := n.Doors()
	if err != nil {
		m.t.Fatal(err)
	}
	var out []string
	for _, d := range doors {
		out = append(out, d.String())
	}
	return out
}

func (m *machine) on(n *lan.Network) *x509.Certificate {
	m.t.Helper()
	if err := n.Switch(true); err != nil {
		m.t.Fatal(err)
	}
	return m.cert(n)
}

func (m *machine) cert(n *lan.Network) *x509.Certificate {
	m.t.Helper()
	m.doors(n)
	c, err := n.Certificate(nil)
	if err != nil {
		m.t.Fatal(err)
	}
	return c.Leaf
}

func TestOffUntilSwitchedOnAndStaysSo(t *testing.T) {
	m := newMachine(t, "192.168.1.5/24")
	m.taken = []int{8730}
	n := m.open()
	if s := n.Standing(); s.On || len(m.doors(n)) != 0 || s.Certificate != "" {
		t.Errorf("at first: %+v", s)
	}
	if _, err := n.Certificate(nil); err == nil || n.Here("192.168.1.5") {
		t.Error("it answers while it is off")
	}
	first := m.on(n)
	s := n.Standing()
	if !s.On || len(s.URLs) != 1 || s.URLs[0] != "https://192.168.1.5:8731/" || len(strings.Fields(s.Certificate)) != 16 {
		t.Errorf("switched on: %+v", s)
	}
	if raw, err := os.ReadFile(m.path); err != nil || !seal.Sealed(raw) {
		t.Errorf("the key lies there unsealed: %v", err)
	}
	// After a restart it is on, at the same port and with the same certificate.
	m.taken = []int{8730, 8731}
	n = m.open()
	if again := m.cert(n); !again.Equal(first) || n.Standing().URLs[0] != s.URLs[0] {
		t.Errorf("after a restart: %+v", n.Standing())
	}
	if err := n.Switch(false); err != nil || len(m.doors(n)) != 0 || n.Here("192.168.1.5") {
		t.Errorf("switched off: %v", err)
	}
	if m.open().Standing().On {
		t.Error("it is on again after a restart")
	}
}

func TestOnlyPrivateAddressesOpen(t *testing.T) {
	m := newMachine(t, "8.8.8.8/24", "10.1.2.3/8", "fe80::1/64", "172.32.0.1/16", "fd00::5/64", "169.254.7.7/16", "2001:db8::1/64", "127.0.0.1/8", "192.168.0.9/24")
	n := m.open()
	m.on(n)
	want := []string{"127.0.0.1/8", "10.1.2.3/8", "169.254.7.7/16", "192.168.0.9/24", "fd00::5/64"}
	if got := m.doors(n); !slices.Equal(got, want) {
		t.Errorf("doors %v", got)
	}
	for host, here := range map[string]bool{"10.1.2.3": true, "[fd00::5]": true, "fd00::5": true, "localhost": true, "127.0.0.1": true, "8.8.8.8": false, "10.1.2.4": false, "evil.example": false, "": false} {
		if n.Here(host) != here {
			t.Errorf("%q is here: %v", host, !here)
		}
	}
	if s := n.Standing(); s.URLs[len(s.URLs)-1] != "https://[fd00::5]:8730/" {
		t.Errorf("%v", s.URLs)
	}
}

// A new address means a new certificate of the same key; an address that was there
// before means none.
func TestTheKeyOutlivesAddresses(t *testing.T) {
	m := newMachine(t, "192.168.1.5/24")
	n := m.open()
	first, was := m.on(n), n.Standing()
	m.addrs = []string{"10.0.0.7/8"}
	second, is := m.cert(n), n.Standing()
	if first.Equal(second) || is.Certificate == was.Certificate || is.Key != was.Key {
		t.Errorf("a new address: %+v, %+v", was, is)
	}
	if err := second.VerifyHostname("10.0.0.7"); err != nil {
		t.Error(err)
	}
	m.addrs = []string{"192.168.1.5/24"}
	if back := m.cert(n); !back.Equal(second) {
		t.Error("the old address again, and another certificate")
	}
	if err := second.VerifyHostname("192.168.1.5"); err != nil {
		t.Error(err)
	}
}

// However wrong the computer's clock, phones that know the time take the certificate
// as one that is good now.
func TestDeadClocks(t *testing.T) {
	for _, now := range []time.Time{time.Unix(0, 0), time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 10, 12, 0, 0, 0, 0, time.UTC), time.Date(2199, 1, 1, 0, 0, 0, 0, time.UTC)} {
		m := newMachine(t, "192.168.1.5/24")
		m.now = now
		c := m.on(m.open())
		if c.NotBefore.After(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)) || c.NotAfter.Before(time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC)) || c.NotAfter.After(time.Date(2081, 1, 1, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("at %v: from %v to %v", now, c.NotBefore, c.NotAfter)
		}
		if c.PublicKeyAlgorithm != x509.ECDSA || c.IsCA {
			t.Errorf("%v, a CA: %v", c.PublicKeyAlgorithm, c.IsCA)
		}
	}
}

func TestADamagedSettingIsOff(t *testing.T) {
	m := newMachine(t, "192.168.1.5/24")
	m.on(m.open())
	for _, damage := range []string{"", "{", `{"on":true,"key":"AAAA"}`} {
		if err := os.WriteFile(m.path, []byte(damage), 0o600); err != nil {
			t.Fatal(err)
		}
		n, err := lan.Open(lan.Options{Path: m.path, Files: m.files, Rand: rand.Reader, Now: time.Now, Free: func(int) bool { return true }})
		if err == nil || n == nil || n.Standing().On {
			t.Errorf("%q: %v", damage, err)
			continue
		}
		if err := n.Switch(true); err != nil {
			t.Errorf("%q: cannot be switched on again: %v", damage, err)
		}
	}
}

func TestNoPortIsFree(t *testing.T) {
	m := newMachine(t)
	for p := 8730; p < 8750; p++ {
		m.taken = append(m.taken, p)
	}
	n := m.open()
	if err := n.Switch(true); err == nil || n.Standing().On {
		t.Errorf("switched on without a port: %v", err)
	}
}
