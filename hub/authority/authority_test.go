package authority

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"shangu/hub/state"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
	"shangu/sync/identity"
	"shangu/sync/seal"
)

const school = "3199000001"

// hub is the real state, with a lock and a counter in place of raft.
type hub struct {
	*state.State
	t     *testing.T
	mu    sync.Mutex
	index uint64
}

func (h *hub) Propose(_ context.Context, cmd []byte) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.index++
	r, err := h.ApplyBatch([]state.LogEntry{{Index: h.index, Term: 1, Data: cmd}})
	if err != nil {
		return nil, err
	}
	return r[0], nil
}

func open(t *testing.T) (*Authority, *hub) {
	t.Helper()
	s, err := New("山谷区", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	st, err := state.Open(t.TempDir(), state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	h := &hub{State: st, t: t}
	if _, err := h.Propose(t.Context(), state.EncodeInit(state.Init{Cluster: s.Cluster})); err != nil {
		t.Fatal(err)
	}
	b, err := h.Propose(t.Context(), state.EncodeAuthor(state.Author{Account: "t", Now: 1, Changes: []state.Change{{
		Scope: schema.DistrictScope, Kind: schema.KindSchool, ID: school,
		Fields: []change.Field{{Key: schema.Key{Num: schema.SchoolName}, Value: schema.Str("学校")}}}}}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := state.DecodeAuthor(b); err != nil {
		t.Fatal(err)
	}
	log := OverState(h, h, time.Now, "t")
	return NewAuthority(s, log, log, time.Now, rand.Reader), h
}

func request(t *testing.T, token identity.Token) *identity.Request {
	t.Helper()
	k, err := identity.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := k.CSR(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &identity.Request{Secret: token.Secret, CSR: csr}
}

func TestOneTokenLetsOneMachineIn(t *testing.T) {
	a, _ := open(t)
	token, expires, err := a.Issue(t.Context(), identity.RoleSchool, school, time.Hour)
	if err != nil || token.School != school || time.Until(expires) > time.Hour {
		t.Fatalf("%+v, %v, %v", token, expires, err)
	}
	// Ten machines at once, one token.
	var mu sync.Mutex
	var won, used int
	var work sync.WaitGroup
	for range 10 {
		r := request(t, token)
		work.Go(func() {
			_, err := a.Enrol(context.Background(), "10.0.0.1:1", r)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				won++
			case errors.Is(err, ErrTokenUsed):
				used++
			default:
				t.Error(err)
			}
		})
	}
	work.Wait()
	if won != 1 || used != 9 {
		t.Errorf("%d machines in, %d told that the token was used", won, used)
	}
	if _, _, err := a.Issue(t.Context(), identity.RoleSchool, "3199000009", time.Hour); !errors.Is(err, ErrNoSchool) || text.Of(err).ID() != "authority.no_school" {
		t.Errorf("a token for no school: %v", err)
	}
}

func TestGrantIsOurs(t *testing.T) {
	a, _ := open(t)
	token, _, err := a.Issue(t.Context(), identity.RoleSchool, school, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	g, err := a.Enrol(t.Context(), "10.0.0.1:1", request(t, token))
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(g.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Verify(x509.VerifyOptions{Roots: a.Secrets().Roots(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Error(err)
	}
	for name, o := range map[string]x509.VerifyOptions{
		"a server":  {DNSName: ServerName},
		"a usage":   {KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}},
		"in 2019":   {CurrentTime: notBefore.AddDate(-1, 0, 0)},
		"elsewhere": {Roots: x509.NewCertPool()},
	} {
		if o.Roots == nil {
			o.Roots = a.Secrets().Roots()
		}
		if _, err := c.Verify(o); err == nil {
			t.Errorf("a device's certificate is good as %s", name)
		}
	}
	if s, err := SubjectOf(c); err != nil || s.School != school || s.Node != "" || s.Device != identity.DeviceOfCertificate(c) {
		t.Errorf("%+v, %v", s, err)
	}
	// Each of these bytes crosses slow links.
	if len(g.Certificate) > 260 || len(g.CA) > 300 {
		t.Errorf("device certificate of %d bytes, CA of %d", len(g.Certificate), len(g.CA))
	}
}

func TestBadRequests(t *testing.T) {
	a, h := open(t)
	token, _, err := a.Issue(t.Context(), identity.RoleSchool, school, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	r := request(t, token)
	for name, csr := range map[string][]byte{"none": nil, "noise": []byte("noise"), "forged": flip(r.CSR)} {
		if _, err := a.Enrol(t.Context(), "s", &identity.Request{Secret: token.Secret, CSR: csr}); !errors.Is(err, ErrCertificate) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if tok, ok, err := h.Token(token.Hash()); err != nil || !ok || tok.Used != 0 {
		t.Error("a bad request used the token up")
	}
	for name, j := range map[string]JoinRequest{
		"no id": {CSR: r.CSR}, "long id": {CSR: r.CSR, ID: string(make([]byte, 65))}, "school's token": {CSR: r.CSR, ID: "n2", Secret: token.Secret},
	} {
		if _, err := a.Join(t.Context(), "s", &j); err == nil {
			t.Errorf("%s: joined", name)
		}
	}
}

// flip breaks a signature, which is at the end.
func flip(b []byte) []byte {
	b = bytes.Clone(b)
	b[len(b)-1] ^= 1
	return b
}

func TestSecretsFile(t *testing.T) {
	a, _ := open(t)
	s, dir := a.Secrets(), filepath.Join(t.TempDir(), "secrets")
	if _, err := Load(dir, seal.Files{}); !errors.Is(err, ErrSecrets) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("before there are any: %v", err)
	}
	if err := s.Save(dir, seal.Files{}); err != nil {
		t.Fatal(err)
	}
	got, err := Load(dir, seal.Files{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Cluster != s.Cluster || got.Name != s.Name || got.Ticket != s.Ticket || !got.Receipt.Equal(s.Receipt) || !got.key.Equal(s.key) || got.Pin() != s.Pin() {
		t.Error("the secrets changed on disk")
	}
	path := filepath.Join(dir, secretsFile)
	if st, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	other, err := New("x", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other.CA = s.CA // a CA certificate over another key
	mixed, err := other.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"empty": nil, "cut": []byte(`{"version":1,"cluster":`), "newer": []byte(`{"version":2}`), "mixed": mixed} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if again, err := Load(dir, seal.Files{}); err != nil || !again.key.Equal(s.key) {
			t.Errorf("%s, with a copy that is whole: %v", name, err)
		}
		if err := errors.Join(os.WriteFile(path, b, 0o600), os.WriteFile(path+seal.CopyEnding, b, 0o600)); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir, seal.Files{}); !errors.Is(err, ErrSecrets) || text.Of(err).ID() != "authority.bad_secrets" {
			t.Errorf("%s: %v", name, err)
		}
		if err := s.Save(dir, seal.Files{}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLimiter(t *testing.T) {
	now := time.Unix(1000, 0)
	l := newLimiter()
	take := func(addr string) (n int) {
		for l.allow(addr, now) {
			n++
		}
		return n
	}
	if n := take("10.0.0.1:5"); n != sourceBurst {
		t.Errorf("one address: %d at once", n)
	}
	if l.allow("10.0.0.1:9", now) {
		t.Error("another port is another source")
	}
	if n := take("10.0.0.2:5"); n != globalBurst-sourceBurst {
		t.Errorf("a second address: %d, the hub's bound is %d", n, globalBurst)
	}
	now = now.Add(10 * time.Second)
	if n := take("10.0.0.1:5"); n != 10*sourceRate {
		t.Errorf("after ten seconds: %d", n)
	}
	now = now.Add(time.Hour)
	l.blame("10.0.0.1:5", now)
	if n := take("10.0.0.1:5"); n != sourceBurst-blameCost {
		t.Errorf("after a refused token: %d", n)
	}
	// A flood of addresses costs bounded memory.
	for i := range 3 * maxSources {
		l.allow(string(rune(i+1000)), now)
	}
	if len(l.sources) > maxSources {
		t.Errorf("%d sources are remembered", len(l.sources))
	}
}
