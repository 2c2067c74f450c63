package term

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"shangu/agent/account"
	"shangu/agent/web"
	"shangu/agent/web/front"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/text"
)

// secret is on the agent's page and nowhere else.
const secret = "石门沟教学点"

// clerks is a page whose date waits for the clerk's word.
type clerks struct {
	mu        sync.Mutex
	confirmed []string
	sent      int
}

func (c *clerks) State(context.Context) (front.State, error) {
	return front.State{School: "2199109015", Name: secret, Hubs: []string{"https://h"}, Ask: &front.DateAsk{Date: "2026-10-12", Why: text.New("agent.date_daily")}}, nil
}

func (c *clerks) Send() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent++
}

func (c *clerks) Recent(int) []string { return nil }

func (c *clerks) ConfirmDate(_ context.Context, date string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.confirmed = append(c.confirmed, date)
	return nil
}

func (c *clerks) dates() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.confirmed)
}

func (c *clerks) sends() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent
}

// turncoat is a port behind which one server gives way to another, as a name
// does that is bound anew.
type turncoat struct {
	mu   sync.Mutex
	now  http.Handler
	seen []string // what was asked of it with what answer, since it turned
}

func (c *turncoat) turn(h http.Handler) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now, c.seen = h, nil
}

func (c *turncoat) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	h := c.now
	c.mu.Unlock()
	s := &status{ResponseWriter: w, code: http.StatusOK}
	h.ServeHTTP(s, r)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, fmt.Sprintf("%s %s%s %d", r.Method, r.Host, r.URL.Path, s.code))
}

// heard is how many requests got an answer with the code.
func (c *turncoat) heard(code int) (n int, all []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.seen {
		if strings.HasSuffix(s, fmt.Sprint(" ", code)) {
			n++
		}
	}
	return n, append([]string(nil), c.seen...)
}

type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}

// attack is what a hostile page does to base: "" is the origin that it came from
// itself, which by now is the agent. It returns all that it could read.
const attack = `(() => {
  const base = %q; let got = "";
  const ask = (method, path, body) => {
    const x = new XMLHttpRequest(); x.open(method, base + path, false);
    if (body) x.setRequestHeader("Content-Type", "application/x-www-form-urlencoded");
    try { x.send(body); got += x.status + " " + x.responseText + "\n"; } catch (e) { got += "no answer\n"; }
  };
  ask("GET", "/"); ask("GET", "/sync/log"); ask("GET", "/static/base.css"); ask("GET", "/healthz");
  ask("POST", "/date", "date=2026-10-12&token="); ask("POST", "/sync", "token="); ask("PUT", "/date", "x");
  const frame = document.createElement("iframe"); frame.name = "f"; frame.src = base + "/"; document.body.append(frame);
  const img = new Image(); img.src = base + "/static/base.css"; document.body.append(img);
  const form = document.createElement("form"); form.method = "post"; form.action = base + "/date"; form.target = "f";
  form.innerHTML = '<input name=date value=2026-10-12><input name=token value=x>'; document.body.append(form); form.submit();
  return got;
})()`

// A page of somebody else's, in the clerk's browser, reads nothing of the
// agent's page and posts nothing to it: neither when its own name is bound to
// this machine after it was loaded, nor from its own origin.
func TestReboundNameInABrowser(t *testing.T) {
	ctx := browser(t, chromedp.Flag("host-resolver-rules", "MAP evil.test 127.0.0.1"))
	c := &clerks{}
	accounts, err := account.Open(account.Options{Path: filepath.Join(t.TempDir(), "accounts"), Now: time.Now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := ui.New(ui.Deps{
		Accounts: accounts, Secret: bytes.Repeat([]byte{7}, 32), Log: slog.New(slog.DiscardHandler), Now: time.Now,
		Today: func() schema.Date { return schema.DateAt(time.Now()) }, Areas: []ui.Area{front.Area(front.Deps{Source: c})},
	})
	if err != nil {
		t.Fatal(err)
	}
	agent := web.Handler(pages.Handler())
	hostile := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, "<!doctype html><title>evil</title><body><p id=evil>evil</p></body>")
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := &turncoat{now: hostile}
	srv := &http.Server{Handler: port}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	t.Cleanup(func() { srv.Close(); <-served })
	_, number, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range []struct{ name, base string }{
		{"a name bound anew", ""},
		{"another origin", "http://127.0.0.1:" + number},
		{"another origin by name", "http://localhost:" + number},
	} {
		port.turn(hostile)
		if err := chromedp.Do(ctx, chromedp.Navigate("http://evil.test:"+number+"/"), chromedp.WaitVisible("#evil")); err != nil {
			t.Fatal(err)
		}
		port.turn(agent)
		got := read(ctx, t, chromedp.Evaluate[string](fmt.Sprintf(attack, from.base)))
		if strings.Contains(got, secret) || strings.Contains(got, "200") || strings.Contains(got, "ok") {
			t.Errorf("%s: it reads %q", from.name, got)
		}
		// What it left under way has to come in before it is judged.
		if from.base == "" {
			until(t, from.name, func() bool { n, _ := port.heard(http.StatusForbidden); return n >= 9 })
		}
		if n, all := port.heard(http.StatusOK); n > 0 {
			t.Errorf("%s: answered: %v", from.name, all)
		}
	}
	if n := c.dates(); n > 0 {
		t.Errorf("a date was confirmed %d times", n)
	}
	if n := c.sends(); n > 0 {
		t.Errorf("it was sent %d times", n)
	}
	// The clerk's own page is read and its form taken, in the same browser.
	if err := chromedp.Do(ctx, chromedp.Navigate("http://127.0.0.1:"+number+"/"), chromedp.WaitVisible(".ask .yes")); err != nil {
		t.Fatal(err)
	}
	if body := read(ctx, t, chromedp.Text("body")); !strings.Contains(body, secret) {
		t.Errorf("the clerk reads %q", body)
	}
	if err := chromedp.Do(ctx, chromedp.Click(".ask .yes")); err != nil {
		t.Fatal(err)
	}
	until(t, "the clerk's answer", func() bool { return c.dates() == 1 })
}

func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	limit, tick := time.After(20*time.Second), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-limit:
			t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}
