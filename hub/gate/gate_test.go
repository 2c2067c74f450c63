package gate

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"shangu/hub/authority"
	"shangu/hub/state"
	"shangu/schema/text"
	"shangu/sync/identity"
	"shangu/sync/link"
	"shangu/sync/session"
)

func TestSchoolDayReachesHubOnce(t *testing.T) {
	d := newDistrict(t)
	n := d.open()
	s := newSchool(d.enrolled(n, schoolA))
	s.day(t)
	l := s.link(nil, n.url)
	r, err := s.sync(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	if r.Pushed != 25 || s.confirmed != s.tips[25] {
		t.Errorf("pushed %d entries, confirmed %d", r.Pushed, s.confirmed.Seq)
	}
	if r, err = s.sync(t.Context(), l); err != nil || r.Requests != 1 {
		t.Errorf("a session with nothing new: %+v, %v", r, err)
	}
	rows, err := d.state.Summary()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row.School == schoolA && (row.Sheets != 24 || row.Visits != 1 || row.Quarantined != 0) {
			t.Errorf("the hub counts %+v", row)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.beats) == 0 || d.beats[0].Version != "1.0.0" {
		t.Errorf("heartbeats heard: %+v", d.beats)
	}
}

func TestEnrolment(t *testing.T) {
	d := newDistrict(t)
	n := d.open()
	token := d.token(schoolA)
	v := newDevice(t)
	if err := v.enrol(token, n.url); err != nil {
		t.Fatal(err)
	}
	if v.cr.School != schoolA || v.cr.Cluster != d.secrets.Cluster {
		t.Errorf("credentials for %s of %x", v.cr.School, v.cr.Cluster)
	}
	first := v.cr.Certificate
	if err := v.enrol(token, n.url); err != nil || !bytes.Equal(first, v.cr.Certificate) {
		t.Errorf("the same machine with the same token again: %v", err)
	}

	refused := func(name string, err, want error, id string) {
		t.Helper()
		if !errors.Is(err, want) || text.Of(err) == nil || text.Of(err).ID() != id {
			t.Errorf("%s: %v (%T), want %s", name, err, err, id)
		}
	}
	other := newDevice(t)
	refused("another machine", other.enrol(token, n.url), link.ErrToken, "authority.token_used")
	late := d.token(schoolA)
	d.now.Store(time.Now().Add(2 * time.Hour).Unix())
	refused("an expired token", other.enrol(late, n.url), link.ErrToken, "authority.token_expired")
	if err := v.enrol(token, n.url); err != nil {
		t.Errorf("the machine that used the token, after its expiry: %v", err)
	}
	d.now.Store(0)
	unknown, err := identity.NewToken(identity.RoleSchool, schoolA, d.secrets.Pin(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	refused("an unknown token", other.enrol(unknown, n.url), link.ErrToken, "authority.token_unknown")
	d.mustDo(state.EncodeRevoke(state.Revoke{Device: v.key.Device(), Now: 1, Account: "op"}))
	refused("a revoked machine", v.enrol(token, n.url), session.ErrRevoked, "authority.device_revoked")
	refused("a revoked machine with a new token", v.enrol(d.token(schoolA), n.url), session.ErrRevoked, "authority.device_revoked")

	wrong, err := identity.NewToken(identity.RoleSchool, schoolA, [32]byte{1}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.enrol(wrong, n.url); !errors.Is(err, link.ErrNotHub) {
		t.Errorf("a token of another district: %v", err)
	}
}

func TestEnrolmentIsRateLimited(t *testing.T) {
	d := newDistrict(t)
	now := time.Now().Unix()
	d.now.Store(now) // a clock that stands still gives nothing back
	n := d.open()
	v := newDevice(t)
	unknown, err := identity.NewToken(identity.RoleSchool, schoolA, d.secrets.Pin(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for ; tried < 1000; tried++ {
		if err = v.enrol(unknown, n.url); errors.Is(err, session.ErrBusy) {
			break
		}
	}
	retry, ok := errors.AsType[*session.RetryError](err)
	if !ok || retry.After < time.Minute || text.Of(err).ID() != "authority.too_many" {
		t.Fatalf("after %d guesses: %v", tried, err)
	}
	if tried < 5 || tried > 50 {
		t.Errorf("%d guesses were answered", tried)
	}
}

func TestRevocation(t *testing.T) {
	d := newDistrict(t)
	n := d.open()
	v := d.enrolled(n, schoolA)
	open := v.link(nil, n.url)
	if _, err := open.Exchange(t.Context(), v.hello()); err != nil {
		t.Fatal(err)
	}
	if err := open.Rest(); err != nil {
		t.Fatal(err)
	}
	if _, err := open.Exchange(t.Context(), v.hello()); err != nil {
		t.Fatal(err)
	}
	if yes, no := n.resumed(); yes != 1 || no != 1 {
		t.Fatalf("%d resumed, %d not", yes, no)
	}
	d.mustDo(state.EncodeRevoke(state.Revoke{Device: v.key.Device(), Now: 1, Account: "op"}))
	check := func(name string) {
		t.Helper()
		_, err := open.Exchange(t.Context(), v.hello())
		if !errors.Is(err, session.ErrRevoked) || text.Of(err).ID() != "gate.revoked" {
			t.Errorf("%s: %v", name, err)
		}
	}
	check("on the open connection")
	yes, _ := n.resumed()
	if err := open.Rest(); err != nil {
		t.Fatal(err)
	}
	check("with its ticket")
	if now, _ := n.resumed(); now != yes {
		t.Error("a revoked device's ticket was taken")
	}
}

func TestUnknownDevice(t *testing.T) {
	d := newDistrict(t)
	n := d.open()
	v := newDevice(t)
	// A certificate of this CA that the state has no record of, as after a
	// restore from an older backup.
	der, err := d.secrets.IssueDevice(v.key.Public(), schoolA, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	known := d.enrolled(n, schoolA).cr
	v.cr = &link.Credentials{School: schoolA, Certificate: der, CA: known.CA, Receipt: known.Receipt, Cluster: known.Cluster}
	_, err = v.link(nil, n.url).Exchange(t.Context(), v.hello())
	if !errors.Is(err, session.ErrRefused) || text.Of(err).ID() != "gate.unknown_device" {
		t.Errorf("%v", err)
	}
}

func TestSchoolIsTheRecordsNotTheCertificates(t *testing.T) {
	d := newDistrict(t)
	var got session.Caller
	n := d.open()
	v := d.enrolled(n, schoolB)
	n.gate.converse = func(_ context.Context, _ session.Hub, _ session.District, c session.Caller, _ int64, _ []byte) session.Answer {
		got = c
		return session.Answer{Body: []byte{0x90}}
	}
	if _, err := v.link(nil, n.url).Exchange(t.Context(), v.hello()); err != nil {
		t.Fatal(err)
	}
	if got != (session.Caller{Device: v.key.Device(), School: schoolB}) {
		t.Errorf("caller %+v", got)
	}
}

func TestTicketsWorkOnEveryNodeAndAfterRestart(t *testing.T) {
	d := newDistrict(t)
	a, b := d.open(), d.open()
	v := d.enrolled(a, schoolA)
	for i, url := range []string{a.url, b.url, a.url} {
		l := v.link(nil, url) // each a new start of the agent
		if _, err := l.Exchange(t.Context(), v.hello()); err != nil {
			t.Fatal(i, err)
		}
		if err := l.Rest(); err != nil {
			t.Fatal(err)
		}
	}
	yesA, noA := a.resumed()
	yesB, noB := b.resumed()
	if yesA != 1 || noA != 1 || yesB != 1 || noB != 0 {
		t.Errorf("node a: %d resumed, %d not; node b: %d, %d", yesA, noA, yesB, noB)
	}
}

// A line that breaks off in a handshake costs no ticket; a ticket that the hub
// finds fault with is dropped, and the next session does without.
func TestTicketsOutliveTheLine(t *testing.T) {
	d := newDistrict(t)
	n := d.open()
	v := d.enrolled(n, schoolA)
	session := func(way func(*link.Config)) error {
		l := v.link(way, n.url)
		_, err := l.Exchange(t.Context(), v.hello())
		return errors.Join(err, l.Rest())
	}
	if err := session(nil); err != nil {
		t.Fatal(err)
	}
	broken := func(c *link.Config) {
		c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			near, far := net.Pipe()
			go func() {
				io.ReadFull(far, make([]byte, 100))
				far.Close()
			}()
			return near, nil
		}
	}
	if err := session(broken); !errors.Is(err, link.ErrNoAnswer) {
		t.Fatalf("over a broken line: %v", err)
	}
	if err := session(nil); err != nil {
		t.Fatal(err)
	}
	if yes, no := n.resumed(); yes != 1 || no != 1 {
		t.Errorf("after a broken handshake: %d sessions resumed, %d not", yes, no)
	}
	b, err := os.ReadFile(v.state)
	if err != nil {
		t.Fatal(err)
	}
	var kept map[string]json.RawMessage
	var state []byte
	if err := errors.Join(json.Unmarshal(b, &kept), json.Unmarshal(kept["session"], &state)); err != nil {
		t.Fatal(err)
	}
	state[headSize-1] ^= 1 // the secret's last byte
	if kept["session"], err = json.Marshal(state); err != nil {
		t.Fatal(err)
	}
	if b, err = json.Marshal(kept); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(v.state, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := session(nil); !errors.Is(err, link.ErrNoAnswer) {
		t.Errorf("with a damaged secret: %v", err)
	}
	for range 2 {
		if err := session(nil); err != nil {
			t.Fatal(err)
		}
	}
	if yes, no := n.resumed(); yes != 2 || no != 2 {
		t.Errorf("after a damaged secret: %d sessions resumed, %d not", yes, no)
	}
}

func TestTicketsAgeAndAreRenewed(t *testing.T) {
	d := newDistrict(t)
	d.now.Store(time.Now().Unix())
	n := d.open()
	v := d.enrolled(n, schoolA)
	session := func(want bool) {
		t.Helper()
		before, _ := n.resumed()
		l := v.link(func(c *link.Config) { c.Now = d.clock }, n.url)
		if _, err := l.Exchange(t.Context(), v.hello()); err != nil {
			t.Fatal(err)
		}
		if err := l.Rest(); err != nil {
			t.Fatal(err)
		}
		if after, _ := n.resumed(); (after > before) != want {
			t.Fatalf("at day %d: resumed is %v", (d.now.Load()-time.Now().Unix())/86400, !want)
		}
	}
	later := func(days int64) { d.now.Add(days * 86400) }
	session(false)
	later(2)
	session(true) // and keeps its ticket
	later(4)
	session(true) // day 6 of the first ticket: renewed
	later(5)
	session(true) // day 11: only with the renewed one
	later(8)
	session(false)
}

func TestForeignTickets(t *testing.T) {
	d := newDistrict(t)
	n := d.open()
	tickets := n.gate.newTickets()
	random := make([]byte, 77)
	if _, err := rand.Read(random); err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{nil, {0}, random, make([]byte, maxTicket+1)} {
		waited := false
		c := &connection{tickets: tickets, config: &tls.Config{}, wait: func() error { waited = true; return nil }}
		if ss, err := c.unwrap(b, tls.ConnectionState{}); ss != nil || err != nil || !waited {
			t.Errorf("%d bytes: %v, %v; has waited its turn: %v", len(b), ss, err, waited)
		}
	}
}

func TestFollowersForward(t *testing.T) {
	d := newDistrict(t)
	leader, follower := d.open(), d.open()
	token := d.token(schoolA)
	v := newDevice(t)
	if err := v.enrol(token, follower.url); err != nil {
		t.Fatal("enrol at a follower:", err)
	}
	s := newSchool(v)
	s.day(t)
	l := s.link(nil, follower.url)
	if r, err := s.sync(t.Context(), l); err != nil || r.Pushed != 25 {
		t.Fatalf("sync through a follower: %+v, %v", r, err)
	}
	d.lead(follower)
	if _, err := s.sync(t.Context(), l); err != nil {
		t.Fatal("after the follower became leader:", err)
	}
	d.lead(nil)
	_, err := s.sync(t.Context(), l)
	if !errors.Is(err, session.ErrNoLeader) || text.Of(err).ID() != "gate.no_leader" {
		t.Errorf("without a leader: %v", err)
	}
	if retry, ok := errors.AsType[*session.RetryError](err); !ok || retry.After < retryLeast || retry.After > 2*retryLeast {
		t.Errorf("without a leader: %v, retry %v", err, retry)
	}
	d.lead(leader)
	d.mustDo(state.EncodeRevoke(state.Revoke{Device: v.key.Device(), Now: 1, Account: "op"}))
	if _, err := s.sync(t.Context(), l); !errors.Is(err, session.ErrRevoked) {
		t.Errorf("revoked, through a follower: %v", err)
	}
}

func TestOtherHubIsTried(t *testing.T) {
	d := newDistrict(t)
	n := d.open()
	v := d.enrolled(n, schoolA)
	dead := deadAddress(t)
	l := v.link(nil, dead, n.url)
	for range 2 {
		if _, err := l.Exchange(t.Context(), v.hello()); err != nil {
			t.Fatal(err)
		}
	}
	_, err := v.link(nil, dead).Exchange(t.Context(), v.hello())
	if !errors.Is(err, link.ErrNoAnswer) || text.Of(err).ID() != "link.no_answer" {
		t.Errorf("only a dead address: %v", err)
	}
}

// deadAddress is a hub's address where nobody listens.
func deadAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "https://" + l.Addr().String()
}

func TestNodesCallEachOther(t *testing.T) {
	d := newDistrict(t)
	a, b := d.open(), d.open()
	got, err := a.gate.peers.Forward(t.Context(), b.addr, []byte("x"))
	if err != nil || string(got) != "served x" {
		t.Errorf("%q, %v", got, err)
	}
	// A device's certificate opens none of the nodes' doors.
	v := d.enrolled(a, schoolA)
	leaf, err := x509.ParseCertificate(v.cr.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs: d.secrets.Roots(), ServerName: identity.ServerName,
		Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw}, PrivateKey: v.key.Signer()}}}}}
	defer client.CloseIdleConnections()
	for _, path := range []string{pathCall, pathSync} {
		resp, err := client.Post(b.url+path, "", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s with a device's certificate: %d", path, resp.StatusCode)
		}
	}
	// Nor is a device a server for a node.
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw}, PrivateKey: v.key.Signer()}}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			c.(*tls.Conn).Handshake()
			c.Close()
		}
	}()
	if _, err := a.gate.peers.Forward(t.Context(), l.Addr().String(), nil); err == nil {
		t.Error("a node took a device for a node")
	}
}

func TestNodeJoins(t *testing.T) {
	d := newDistrict(t)
	n := d.open()
	log := authority.OverState(d.state, d, d.clock, "test")
	a := authority.NewAuthority(d.secrets, log, log, d.clock, rand.Reader)
	token, _, err := a.Issue(t.Context(), identity.RoleNode, "", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	join := func(pin [32]byte) (int, []byte) {
		t.Helper()
		key, err := identity.NewKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		csr, err := key.CSR(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		body, err := json.Marshal(authority.JoinRequest{Secret: token.Secret, CSR: csr, ID: "n9", Hosts: []string{"10.0.0.9:8443"}})
		if err != nil {
			t.Fatal(err)
		}
		c := &http.Client{Transport: &http.Transport{TLSClientConfig: link.Pinned(pin, time.Now), DisableKeepAlives: true}}
		resp, err := c.Post(n.url+"/v1/node/join", "", bytes.NewReader(body))
		if err != nil {
			return 0, nil
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, b
	}
	status, body := join(token.Pin)
	var bundle authority.Bundle
	if err := json.Unmarshal(body, &bundle); status != http.StatusOK || err != nil {
		t.Fatalf("%d %s", status, body)
	}
	s, err := bundle.Open(token.Pin)
	if err != nil {
		t.Fatal(err)
	}
	if s.Cluster != d.secrets.Cluster || !s.Receipt.Equal(d.secrets.Receipt) || s.Ticket != d.secrets.Ticket {
		t.Error("the bundle holds other secrets")
	}
	if status, body = join(token.Pin); status != http.StatusForbidden || !strings.HasPrefix(string(body), "authority.token_used") {
		t.Errorf("a second machine with the token: %d %s", status, body)
	}
	if status, _ = join([32]byte{9}); status != 0 {
		t.Errorf("another district's pin was answered: %d", status)
	}
	school := d.token(schoolA)
	token.Secret = school.Secret
	if status, body = join(school.Pin); status != http.StatusForbidden {
		t.Errorf("a school's token joined a node: %d %s", status, body)
	}
}

func TestBodies(t *testing.T) {
	d := newDistrict(t)
	n := d.open()
	v := d.enrolled(n, schoolA)
	l := v.link(nil, n.url)
	_, err := l.Exchange(t.Context(), make([]byte, session.MaxRequest+1))
	if !errors.Is(err, session.ErrRefused) || text.Of(err).ID() != "gate.too_large" {
		t.Errorf("an oversize body: %v", err)
	}
	answer, err := l.Exchange(t.Context(), make([]byte, session.MaxRequest))
	if err != nil {
		t.Fatal(err)
	}
	if c := code(t, answer); c == 0 {
		t.Error("zeros were taken for a request")
	}
	if answer, err = l.Exchange(t.Context(), v.hello()); err != nil || code(t, answer) != 0 {
		t.Errorf("after both: %v", err)
	}
	// Without a certificate, and without a length.
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: insecure(), DisableKeepAlives: true}}
	resp, err := c.Post(n.url+"/v1/sync", "", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a certificate: %d", resp.StatusCode)
	}
	resp, err = c.Post(n.url+"/v1/enroll", "", io.MultiReader(strings.NewReader("x")))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusLengthRequired {
		t.Errorf("without a length: %d", resp.StatusCode)
	}
}

func TestBusyHubStillHearsHeartbeats(t *testing.T) {
	d := newDistrict(t)
	n := d.open(func(c *Config) { c.Working = 1 })
	slow := newSchool(d.enrolled(n, schoolA))
	slow.day(t)
	hold := make(chan struct{})
	d.mu.Lock()
	d.hold = hold
	d.mu.Unlock()
	var done sync.WaitGroup
	done.Go(func() {
		if _, err := slow.sync(t.Context(), slow.link(nil, n.url)); err != nil {
			t.Error(err)
		}
	})
	until(t, "the first push is at work", func() bool { return n.gate.lanes.pushes.standing().inside == 1 })
	v := d.enrolled(n, schoolB)
	l := v.link(nil, n.url)
	answer, err := l.Exchange(t.Context(), v.hello())
	if err != nil || code(t, answer) != 0 {
		t.Errorf("a heartbeat: code %d, %v", code(t, answer), err)
	}
	d.mu.Lock()
	heard := len(d.beats)
	d.mu.Unlock()
	if heard != 1 {
		t.Errorf("%d heartbeats heard", heard)
	}
	second := newSchool(d.enrolled(n, schoolA))
	second.day(t)
	_, err = second.sync(t.Context(), second.link(nil, n.url))
	if retry, ok := errors.AsType[*session.RetryError](err); !ok || !errors.Is(err, session.ErrBusy) || retry.After < retryLeast {
		t.Errorf("a push beyond the places: %v", err)
	}
	close(hold)
	done.Wait()
	if answer, err = l.Exchange(t.Context(), v.hello()); err != nil || code(t, answer) != 0 {
		t.Errorf("afterwards: %v", err)
	}
}

func TestTooManyBodiesAreSentAway(t *testing.T) {
	d := newDistrict(t)
	n := d.open(func(c *Config) { c.Reading = 1 })
	v := d.enrolled(n, schoolA)
	n.gate.reading <- struct{}{}
	_, err := v.link(nil, n.url).Exchange(t.Context(), v.hello())
	<-n.gate.reading
	retry, ok := errors.AsType[*session.RetryError](err)
	if !ok || !errors.Is(err, session.ErrBusy) || retry.After < retryLeast {
		t.Errorf("%v", err)
	}
}

func TestSlowHeadersAreCut(t *testing.T) {
	d := newDistrict(t)
	n := d.open(func(c *Config) { c.HeaderTimeout = 300 * time.Millisecond })
	for name, first := range map[string]string{"handshake": "", "header": "POST /v1/sync HTTP/1.1\r\nHost: h\r\nA"} {
		c, err := net.Dial("tcp", n.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if first != "" {
			tc := tls.Client(c, insecure())
			if _, err := io.WriteString(tc, first); err != nil {
				t.Fatal(err)
			}
		}
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLongHeadersAreRefused(t *testing.T) {
	d := newDistrict(t)
	n := d.open()
	c, err := tls.Dial("tcp", n.addr, insecure())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := fmt.Fprintf(c, "GET /healthz HTTP/1.1\r\nHost: h\r\nA: %s\r\n\r\n", strings.Repeat("x", 3*maxHeader)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", resp.StatusCode)
	}
}

func TestPlainPages(t *testing.T) {
	d := newDistrict(t)
	n := d.open(func(c *Config) {
		c.Pages = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "page") })
	})
	check := func(path string, status int, part string) {
		t.Helper()
		if s, b := get(t, n.url+path); s != status || !strings.Contains(b, part) {
			t.Errorf("%s: %d %.200s", path, s, b)
		}
	}
	check("/healthz", 200, "ok")
	check("/readyz", 200, "ok")
	check("/metrics", 200, `shangu_gate_requests_total{route="healthz",status="200"} 1`)
	check("/", 200, "page")
	check("/v1/none", 404, "gate.unknown_path")
	d.lead(nil)
	check("/readyz", 503, "no leader")
	check("/healthz", 200, "ok")
}

func TestSignedTime(t *testing.T) {
	d := newDistrict(t)
	n := d.open()
	_, body := get(t, n.url+"/v1/time?nonce=00ff17")
	var a identity.Time
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		t.Fatal(err)
	}
	key := d.enrolled(n, schoolA).cr.ReceiptKey()
	if !a.Verify(key, d.secrets.Cluster, []byte{0, 0xff, 0x17}) {
		t.Error("the signature does not fit")
	}
	if a.Verify(key, d.secrets.Cluster, []byte{0, 0xff, 0x18}) {
		t.Error("the signature fits another nonce")
	}
	if off := time.Since(time.Unix(a.Unix, 0)); off < -time.Minute || off > time.Minute {
		t.Errorf("the time is off by %v", off)
	}
	if s, _ := get(t, n.url+"/v1/time?nonce=zz"); s != http.StatusBadRequest {
		t.Errorf("a bad nonce: %d", s)
	}
}

// Browsers do not take Ed25519.
func TestBrowsersGetACertificateThatTheyTake(t *testing.T) {
	d := newDistrict(t)
	n := d.open()
	var key string
	c, err := tls.Dial("tcp", n.addr, &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(cs tls.ConnectionState) error {
		key = cs.PeerCertificates[0].PublicKeyAlgorithm.String()
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if key != "Ed25519" {
		t.Errorf("a tool that takes Ed25519 got %s", key)
	}
	config, err := n.gate.tls.GetConfigForClient(&tls.ClientHelloInfo{ServerName: "hub.example",
		SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256, tls.PSSWithSHA256},
		Extensions:       []uint16{extensionTicket}}) // without a ticket it would wait for its turn
	if err != nil {
		t.Fatal(err)
	}
	if got := config.Certificates[0].Leaf.PublicKeyAlgorithm; got != x509.ECDSA {
		t.Errorf("a browser got %v", got)
	}
}

// until polls for an event that has no signal of its own.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !f() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("never: " + what)
		}
	}
}
