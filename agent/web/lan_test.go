package web_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"shangu/agent/account"
	"shangu/agent/lan"
	"shangu/agent/web"
	"shangu/agent/web/front"
	"shangu/agent/web/sign"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/text"
)

const pin = "2580"

// nobody is an agent whose date is asked for.
type nobody struct{}

func (nobody) State(context.Context) (front.State, error) {
	return front.State{School: "2199109015", Name: "石门沟教学点", Hubs: []string{"h"}, Pending: 7, Ask: &front.DateAsk{Date: "2026-10-12", Why: text.New("agent.date_daily")}}, nil
}
func (nobody) Recent(int) []string                       { return nil }
func (nobody) ConfirmDate(context.Context, string) error { return nil }
func (nobody) Send()                                     {}

// door is the one to other computers, on this machine's loopback.
type door struct {
	t        *testing.T
	accounts *account.Book
	net      *lan.Network
	at       string // https://127.0.0.1:PORT
	now      time.Time
}

func newDoor(t *testing.T, at string) *door {
	t.Helper()
	d := &door{t: t, now: time.Date(2026, 10, 12, 0, 0, 0, 0, time.UTC)}
	var err error
	now := func() time.Time { return d.now }
	d.accounts, err = account.Open(account.Options{Path: filepath.Join(t.TempDir(), "accounts"), Now: now, Rand: rand.Reader, Cost: account.Cost{Memory: 8, Time: 1}})
	if err != nil {
		t.Fatal(err)
	}
	d.net, err = lan.Open(lan.Options{
		Path: filepath.Join(t.TempDir(), "lan"), Rand: rand.Reader, Now: now, Free: func(int) bool { return true },
		Addresses: func() ([]netip.Prefix, error) { return nil, nil },
	})
	if err == nil {
		err = d.net.Switch(true)
	}
	if err != nil {
		t.Fatal(err)
	}
	pages, err := ui.New(ui.Deps{
		Accounts: d.accounts, Secret: bytes.Repeat([]byte{7}, 32), Log: slog.New(slog.DiscardHandler), Now: now,
		Today: func() schema.Date { return schema.DateAt(d.now) }, Areas: []ui.Area{sign.Area(d.accounts), front.Area(front.Deps{Source: nobody{}})},
		Light: func(text.Lang) ui.Light { return ui.Light{Mood: "wait", Text: "7 条待上传"} },
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := web.Neighbours(netip.MustParsePrefix(at), 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- web.ServeNeighbours(ctx, l, web.NeighbourHandler(pages.Handler(), d.net.Here, now), d.net.Certificate)
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	d.at = "https://" + l.Addr().String()
	return d
}

// browser is another computer's, at an address of loopback; it has the certificate.
func (d *door) browser(from string) *http.Client {
	d.t.Helper()
	c, err := d.net.Certificate(nil)
	if err != nil {
		d.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(c.Leaf)
	jar, _ := cookiejar.New(nil)
	dial := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{DialContext: dial.DialContext, TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}
}

func (d *door) ask(c *http.Client, method, path string, header http.Header, form url.Values) (int, string, http.Header) {
	d.t.Helper()
	r, err := http.NewRequest(method, d.at+path, strings.NewReader(form.Encode()))
	if err != nil {
		d.t.Fatal(err)
	}
	for k, v := range header {
		if r.Header[k] = v; k == "Host" {
			r.Host = v[0]
		}
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := c.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

var tokenIn = regexp.MustCompile(`name="token" content="([^"]{20,})"`)

// Nothing is told or done before sign-in, and everything after it.
func TestOtherComputersSignInFirst(t *testing.T) {
	d := newDoor(t, "127.0.0.1/8")
	c := d.browser("127.0.0.9")
	if code, body, _ := d.ask(c, "GET", "/", nil, nil); code != http.StatusForbidden || strings.Contains(body, "石门沟") {
		t.Errorf("before there is an account: %d %s", code, body)
	}
	a, err := d.accounts.Make("王老师", account.Clerk, pin)
	if err != nil {
		t.Fatal(err)
	}
	for _, ask := range [][2]string{{"GET", "/"}, {"GET", "/sync/standing"}, {"GET", "/start"}, {"POST", "/date"}, {"POST", "/sync"}, {"POST", "/start"}, {"GET", "/sync/log"}} {
		code, body, h := d.ask(c, ask[0], ask[1], http.Header{"Origin": {d.at}}, url.Values{})
		if code != http.StatusSeeOther || h.Get("Location") != ui.SignPath {
			t.Errorf("%v: %d %s", ask, code, body)
		}
	}
	_, body, h := d.ask(c, "GET", ui.SignPath, nil, nil)
	for _, secret := range []string{"石门沟", "待上传", "2026-10-12"} {
		if strings.Contains(body, secret) {
			t.Errorf("the sign-in page says %q", secret)
		}
	}
	if !strings.Contains(h.Get("Set-Cookie")+body, "token") {
		t.Fatal(body)
	}
	token := tokenIn.FindStringSubmatch(body)[1]
	in := url.Values{"token": {token}, "who": {a.ID}, "pin": {pin}}
	if code, _, _ := d.ask(c, "POST", ui.SignPath, http.Header{"Origin": {"https://evil.example"}}, in); code != http.StatusForbidden {
		t.Errorf("a foreign form: %d", code)
	}
	if code, _, _ := d.ask(c, "POST", ui.SignPath, http.Header{"Origin": {strings.Replace(d.at, "https", "http", 1)}}, in); code != http.StatusForbidden {
		t.Errorf("a form of the same address without TLS: %d", code)
	}
	code, _, h := d.ask(c, "POST", ui.SignPath, http.Header{"Origin": {d.at}}, in)
	if cookie := h.Get("Set-Cookie"); code != http.StatusSeeOther || !strings.Contains(cookie, "Secure") || !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Strict") {
		t.Errorf("sign in: %d, cookie %q", code, cookie)
	}
	if code, body, _ := d.ask(c, "GET", "/", nil, nil); code != 200 || !strings.Contains(body, "石门沟教学点") || !strings.Contains(body, "今天是 2026-10-12 吗") {
		t.Errorf("after sign-in: %d %s", code, body)
	}
}

func TestOnlyTheNamesOfThisMachineAreAnswered(t *testing.T) {
	d := newDoor(t, "127.0.0.1/8")
	c := d.browser("127.0.0.9")
	for host, want := range map[string]int{"evil.example": 403, "192.168.1.5": 403, "localhost": 403, "127.0.0.1": 403} {
		// No account is there: who comes by a right name is told to make one.
		_, body, _ := d.ask(c, "GET", "/", http.Header{"Host": {host}}, nil)
		if wrong := strings.Contains(body, text.New("lan.wrong_host").Error()); wrong != (host == "evil.example" || host == "192.168.1.5") {
			t.Errorf("%s: %d %s", host, want, body)
		}
	}
}

// Who is in another subnet is hung up on, before any handshake.
func TestOtherSubnetsStayOut(t *testing.T) {
	d := newDoor(t, "127.0.0.1/32")
	if _, err := d.browser("127.0.0.9").Get(d.at); err == nil {
		t.Error("another subnet is answered")
	}
	if _, err := d.browser("127.0.0.1").Get(d.at); err != nil {
		t.Errorf("the same subnet: %v", err)
	}
}

func TestOneAddressCannotTryManyPINs(t *testing.T) {
	d := newDoor(t, "127.0.0.1/8")
	a, err := d.accounts.Make("王老师", account.Clerk, pin)
	if err != nil {
		t.Fatal(err)
	}
	try := func(from string) int {
		c := d.browser(from)
		_, body, _ := d.ask(c, "GET", ui.SignPath, nil, nil)
		found := tokenIn.FindStringSubmatch(body)
		if found == nil {
			return http.StatusTooManyRequests
		}
		code, _, _ := d.ask(c, "POST", ui.SignPath, http.Header{"Origin": {d.at}}, url.Values{"token": {found[1]}, "who": {a.ID}, "pin": {"0001"}})
		return code
	}
	got := map[int]int{}
	for range 20 {
		got[try("127.0.0.9")]++
	}
	if got[http.StatusTooManyRequests] != 10 {
		t.Errorf("answers %v", got)
	}
	if code := try("127.0.0.10"); code != 422 {
		t.Errorf("another address: %d", code)
	}
	d.now = d.now.Add(time.Minute)
	if code := try("127.0.0.9"); code != 422 {
		t.Errorf("a minute later: %d", code)
	}
	// And pages in general.
	refused := 0
	c := d.browser("127.0.0.11")
	for range 150 {
		if code, _, _ := d.ask(c, "GET", "/static/base.css", nil, nil); code == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused != 30 {
		t.Errorf("%d of 150 requests were refused", refused)
	}
}

// A door without TLS there is not.
func TestNoPagesWithoutTLS(t *testing.T) {
	d := newDoor(t, "127.0.0.1/8")
	resp, err := http.Get(strings.Replace(d.at, "https", "http", 1))
	if err == nil {
		defer resp.Body.Close()
		if b, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusBadRequest || strings.Contains(string(b), "shangu") {
			t.Error(fmt.Sprint(resp.StatusCode, " ", string(b)))
		}
	}
}
