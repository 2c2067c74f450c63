package link

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"shangu/schema/text"
	"shangu/sync/identity"
	"shangu/sync/seal"
	"shangu/sync/session"
)

// hub is a TLS server with a CA of its own that answers as a test says. The
// real hub is tested with this package in hub/gate.
type hub struct {
	*httptest.Server
	ca     *x509.Certificate
	key    *identity.Key // the device's
	cr     *Credentials
	answer http.HandlerFunc
}

func newHub(t *testing.T, answer http.HandlerFunc) *hub {
	t.Helper()
	h := &hub{answer: answer}
	sign := func(c, parent *x509.Certificate, key, parentKey *identity.Key) *x509.Certificate {
		t.Helper()
		c.SerialNumber, c.NotBefore = big.NewInt(7), time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
		c.NotAfter = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
		der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), parentKey.Private())
		if err != nil {
			t.Fatal(err)
		}
		out, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	caKey, leafKey, deviceKey := newKey(t), newKey(t), newKey(t)
	ca := &x509.Certificate{Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true}
	h.ca = sign(ca, ca, caKey, caKey)
	leaf := sign(&x509.Certificate{Subject: pkix.Name{CommonName: "n.n1"}, DNSNames: []string{identity.ServerName}}, h.ca, leafKey, caKey)
	device := sign(&x509.Certificate{Subject: pkix.Name{CommonName: "d.1"}}, h.ca, deviceKey, caKey)
	h.key, h.cr = deviceKey, &Credentials{School: "1", Certificate: device.Raw, CA: h.ca.Raw, Receipt: make([]byte, 32)}
	h.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.answer(w, r) }))
	h.TLS = &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{{
		Certificate: [][]byte{leaf.Raw, h.ca.Raw}, PrivateKey: leafKey.Signer()}}}
	h.Config.ErrorLog = log.New(io.Discard, "", 0)
	h.StartTLS()
	t.Cleanup(h.Close)
	return h
}

func newKey(t *testing.T) *identity.Key {
	t.Helper()
	k, err := identity.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (h *hub) link(t *testing.T, change func(*Config)) *Link {
	t.Helper()
	c := Config{Hubs: []string{h.URL}, Key: h.key, State: filepath.Join(t.TempDir(), "link.json"), Files: seal.Files{}}
	if change != nil {
		change(&c)
	}
	l, err := Open(c, h.cr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// good is an answer of ours.
func good(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	w.Header()["Content-Type"] = nil
	w.Write([]byte{0x91, 1})
}

func TestWhatIsNoHubIsToldApart(t *testing.T) {
	page := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, "<html>Please log in to the network</html>")
	}
	plain := httptest.NewServer(http.HandlerFunc(page))
	defer plain.Close()
	foreign := httptest.NewUnstartedServer(http.HandlerFunc(page))
	foreign.Config.ErrorLog = log.New(io.Discard, "", 0)
	foreign.StartTLS()
	defer foreign.Close()
	body := func(b string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Content-Type"] = nil
			io.WriteString(w, b)
		}
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		url    string
		id     string
	}{
		"login page over plain HTTP":  {good, "https://" + strings.TrimPrefix(plain.URL, "http://"), "link.portal"},
		"login page with foreign TLS": {good, foreign.URL, "link.portal"},
		"another district's hub":      {good, newHub(t, good).URL, "link.not_hub"},
		"page from a proxy":           {page, "", "link.portal"},
		"page without a type":         {body("<html>"), "", "link.not_hub"},
		"nothing":                     {body(""), "", "link.not_hub"},
		"redirect":                    {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) }, "", "link.portal"},
		"network login required":      {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNetworkAuthenticationRequired) }, "", "link.portal"},
		"status of a proxy":           {func(w http.ResponseWriter, r *http.Request) { http.Error(w, "Bad Gateway", http.StatusBadGateway) }, "", "link.not_hub"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t, c.answer)
			l := h.link(t, func(conf *Config) {
				if c.url != "" {
					conf.Hubs = []string{c.url}
				}
			})
			_, err := l.Exchange(t.Context(), []byte{0x90})
			if !errors.Is(err, ErrNotHub) || errors.Is(err, ErrPortal) != (c.id == "link.portal") || text.Of(err).ID() != c.id {
				t.Errorf("%v", err)
			}
			// The next address is tried.
			l = h.link(t, func(conf *Config) {
				if conf.Hubs = []string{h.URL, newGood(t, h)}; c.url != "" {
					conf.Hubs[0] = c.url
				}
			})
			if _, err := l.Exchange(t.Context(), []byte{0x90}); err != nil {
				t.Errorf("with a good hub behind it: %v", err)
			}
		})
	}
}

// newGood is a second address of the same hub that answers well.
func newGood(t *testing.T, h *hub) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(good))
	s.TLS = h.TLS.Clone()
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

func TestAnswerIsBounded(t *testing.T) {
	for name, announce := range map[string]bool{"announced": true, "not announced": false} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header()["Content-Type"] = nil
				if announce {
					w.Header().Set("Content-Length", "1000000000000")
				}
				b := make([]byte, 1<<16)
				b[0] = 0x91
				for {
					if _, err := w.Write(b); err != nil {
						return
					}
				}
			})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := h.link(t, nil).Exchange(t.Context(), []byte{0x90})
			runtime.ReadMemStats(&after)
			if !errors.Is(err, ErrNotHub) {
				t.Errorf("%v", err)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 10*session.MaxResponse {
				t.Errorf("%d bytes were allocated", grown)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	for code, c := range map[string]struct {
		status int
		want   error
	}{
		"gate.busy":               {429, session.ErrBusy},
		"gate.no_leader":          {503, session.ErrNoLeader},
		"gate.disk_full":          {507, session.ErrDiskFull},
		"gate.revoked":            {403, session.ErrRevoked},
		"gate.unknown_device":     {403, session.ErrRefused},
		"gate.of_a_newer_hub|a=1": {418, session.ErrRefused},
	} {
		t.Run(code, func(t *testing.T) {
			h := newHub(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(c.status)
				io.WriteString(w, code)
			})
			_, err := h.link(t, nil).Exchange(t.Context(), []byte{0x90})
			retry, ok := errors.AsType[*session.RetryError](err)
			if !errors.Is(err, c.want) || !ok || retry.After != 7*time.Second {
				t.Errorf("%v", err)
			}
			if m := text.Of(err); m == nil || m.Code() != code {
				t.Errorf("the hub's words were lost: %v", m)
			}
		})
	}
}

// A hub that accepts and says nothing costs Stall, not for ever; and a slow one
// costs what it needs.
func TestStall(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
		}
	}()
	h := newHub(t, good)
	silent := h.link(t, func(c *Config) {
		c.Hubs, c.Stall = []string{"https://" + l.Addr().String()}, 200*time.Millisecond
	})
	if _, err := silent.Exchange(t.Context(), []byte{0x90}); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("the service stops")
	cancel(stop)
	if _, err := silent.Exchange(ctx, []byte{0x90}); !errors.Is(err, stop) {
		t.Errorf("after the context ended: %v", err)
	}
}

// unheard is a connection whose system has given up on what it sent.
type unheard struct{ net.Conn }

func (unheard) Read([]byte) (int, error) {
	return 0, &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", errUnheard)}
}

// Small packets are tried as soon as the system says that nothing was
// acknowledged, however soon that is.
func TestUnheardIsTriedSmall(t *testing.T) {
	h := newHub(t, good)
	var wide, narrow atomic.Int64
	l := h.link(t, func(c *Config) {
		c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			wide.Add(1)
			n, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			return unheard{n}, err
		}
		c.Narrow = func(ctx context.Context, network, addr string) (net.Conn, error) {
			narrow.Add(1)
			return dialNarrow(ctx, network, addr)
		}
	})
	if _, err := l.Exchange(t.Context(), []byte{0x90}); err != nil || wide.Load() != 1 || narrow.Load() != 1 {
		t.Errorf("%v after %d wide and %d narrow connections", err, wide.Load(), narrow.Load())
	}
}

func TestStateSurvives(t *testing.T) {
	h := newHub(t, good)
	second := newGood(t, h)
	path := filepath.Join(t.TempDir(), "link.json")
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	open := func(now time.Time) *Link {
		return h.link(t, func(c *Config) {
			c.State, c.Now = path, func() time.Time { return now }
			c.Hubs = []string{"https://127.0.0.1:1", second}
		})
	}
	l := open(at)
	if _, err := l.Exchange(t.Context(), []byte{0x90}); err != nil {
		t.Fatal(err)
	}
	l.Trust(at.Add(time.Hour))
	used := l.Usage()
	if err := l.Rest(); err != nil {
		t.Fatal(err)
	}
	if used.Sent < 300 || used.Received < 300 {
		t.Errorf("used %+v", used)
	}
	if st, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && st.Mode().Perm() != 0o600 {
		t.Errorf("state file: %v, %v", st.Mode(), err)
	}
	l = open(time.Unix(0, 0)) // the battery died meanwhile
	if got := l.Now(); !got.Equal(at.Add(time.Hour)) {
		t.Errorf("the time is %v", got)
	}
	if l.last != 1 {
		t.Error("it begins with a dead address instead of the one that answered last")
	}
	if got := l.Usage(); got.Total() < used.Total() {
		t.Errorf("used %+v after a restart, %+v before", got, used)
	}
	if _, ok := l.state.Get(""); !ok {
		t.Error("the session ticket is gone")
	}
	if l = open(at.AddDate(0, 1, 0)); l.Usage().Total() != 0 {
		t.Error("a new month does not begin at nothing")
	}
	if err := os.WriteFile(path, []byte(`{"ticket":"AA`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := open(at).Exchange(t.Context(), []byte{0x90}); err != nil {
		t.Errorf("with a torn state file: %v", err)
	}
}

func TestDataBudget(t *testing.T) {
	h := newHub(t, good)
	l := h.link(t, func(c *Config) { c.Monthly = 1500 })
	if _, err := l.Exchange(t.Context(), []byte{0x90}); err != nil {
		t.Fatal(err)
	}
	_, err := l.Exchange(t.Context(), []byte{0x90})
	if !errors.Is(err, ErrDataBudget) || text.Of(err) == nil {
		t.Errorf("%v after %d bytes", err, l.Usage().Total())
	}
}

func TestConfigIsChecked(t *testing.T) {
	h := newHub(t, good)
	for _, bad := range [][]string{nil, {"http://h:1"}, {"h:1"}, {"https://"}, {"https://h/x"}, {"https://h?x=1"}, {"https://u@h"}} {
		if _, err := Open(Config{Hubs: bad, Key: h.key}, h.cr); !errors.Is(err, ErrNoHub) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := Open(Config{Hubs: []string{h.URL}, Key: newKey(t)}, h.cr); !errors.Is(err, ErrCredentials) {
		t.Errorf("another machine's credentials: %v", err)
	}
}

func TestCredentialsFile(t *testing.T) {
	h := newHub(t, good)
	path := filepath.Join(t.TempDir(), "credentials.json")
	if _, err := LoadCredentials(path, seal.Files{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("before enrolment: %v", err)
	}
	h.cr.Cluster = [16]byte{1, 2, 3}
	if err := h.cr.Save(path, seal.Files{}); err != nil {
		t.Fatal(err)
	}
	got, err := LoadCredentials(path, seal.Files{})
	if err != nil {
		t.Fatal(err)
	}
	if got.School != "1" || got.Cluster != h.cr.Cluster || string(got.Certificate) != string(h.cr.Certificate) {
		t.Errorf("%+v", got)
	}
	for _, bad := range []string{"", "{", `{"school":"1"}`, `{"cluster":"00000000000000000000000000000000","receipt_key":"AA=="}`} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadCredentials(path, seal.Files{}); !errors.Is(err, ErrCredentials) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
