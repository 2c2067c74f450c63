package gate

import (
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"shangu/hub/authority"
	"shangu/schema/text"
	"shangu/sync/identity"
	"shangu/sync/link"
	"shangu/sync/seal"
)

// A school's clock says 1970 when its battery is dead, and may say anything
// when somebody set it by hand.
func TestDeadClocks(t *testing.T) {
	d := newDistrict(t)
	n := d.open()
	for name, at := range map[string]time.Time{
		"1970": time.Unix(0, 0), "2099": time.Date(2099, 12, 31, 0, 0, 0, 0, time.UTC),
	} {
		t.Run(name, func(t *testing.T) {
			now := func() time.Time { return at }
			v := newDevice(t)
			var err error
			v.cr, err = link.Enrol(t.Context(), link.Config{Hubs: []string{n.url}, Key: v.key, Now: now}, d.token(schoolA))
			if err != nil {
				t.Fatal("enrol:", err)
			}
			yes, no := n.resumed()
			for range 2 {
				l := v.link(func(c *link.Config) { c.Now = now }, n.url)
				if _, err := l.Exchange(t.Context(), v.hello()); err != nil {
					t.Fatal(err)
				}
				if err := l.Rest(); err != nil {
					t.Fatal(err)
				}
			}
			// The clock is set right: the ticket from the wrong time is no obstacle.
			if _, err := v.link(nil, n.url).Exchange(t.Context(), v.hello()); err != nil {
				t.Fatal("after the clock was set:", err)
			}
			if y, f := n.resumed(); y-yes < 1 || f-no > 2 {
				t.Errorf("%d resumed, %d not", y-yes, f-no)
			}
		})
	}
}

// A hub whose clock has died takes its schools' certificates all the same.
func TestHubsClockWasDead(t *testing.T) {
	d := newDistrict(t)
	d.now.Store(86400) // 1970-01-02
	n := d.open()
	v := d.enrolled(n, schoolA)
	if _, err := v.link(nil, n.url).Exchange(t.Context(), v.hello()); err != nil {
		t.Error(err)
	}
	d.now.Store(0)
	if _, err := v.link(nil, n.url).Exchange(t.Context(), v.hello()); err != nil {
		t.Error("after the hub's clock was set:", err)
	}
}

func TestAnotherDistrictsHub(t *testing.T) {
	ours, theirs := newDistrict(t), newDistrict(t)
	v := ours.enrolled(ours.open(), schoolA)
	_, err := v.link(nil, theirs.open().url).Exchange(t.Context(), v.hello())
	if !errors.Is(err, link.ErrNotHub) || text.Of(err).ID() != "link.not_hub" {
		t.Errorf("%v", err)
	}
}

// A node whose address changes gets a new certificate by itself; the old one
// still serves agents, who ask for a name.
func TestNodeCertificateFollowsItsAddress(t *testing.T) {
	d := newDistrict(t)
	dir := t.TempDir()
	open := func(id string, hosts ...string) *authority.Node {
		t.Helper()
		n, err := d.secrets.OpenNode(dir, id, hosts, time.Now(), rand.Reader, seal.Files{})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	a := open("n1", "10.0.0.1:8443", "hub.example:8443")
	b := open("n1", "10.0.0.1:8443")
	if string(a.Certificate.Certificate[0]) != string(b.Certificate.Certificate[0]) {
		t.Error("a certificate that still fits was replaced")
	}
	c := open("n1", "10.0.0.2:8443")
	if err := c.Certificate.Leaf.VerifyHostname("10.0.0.2"); err != nil {
		t.Error(err)
	}
	if err := c.Certificate.Leaf.VerifyHostname(identity.ServerName); err != nil {
		t.Error(err)
	}
	if c.Key.Device() != a.Key.Device() {
		t.Error("the key changed with the address")
	}
}
