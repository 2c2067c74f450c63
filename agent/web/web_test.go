package web

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"shangu/schema/text"
)

// pages stands for whatever is served behind the door.
var pages = func() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "the page") })
	m.HandleFunc("POST /{$}", func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		if r.ParseForm() != nil {
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		}
	})
	return m
}()

func get(t *testing.T, host, path string) (int, string, http.Header) {
	t.Helper()
	r := httptest.NewRequest("GET", "http://"+host+path, nil)
	w := httptest.NewRecorder()
	Handler(pages).ServeHTTP(w, r)
	return w.Code, w.Body.String(), w.Header()
}

func TestOnlyThisMachineIsAnswered(t *testing.T) {
	for host, want := range map[string]int{
		"127.0.0.1": 200, "127.0.0.1:8720": 200, "localhost:8720": 200, "LOCALHOST": 200, "[::1]:8720": 200, "127.9.9.9": 200,
		"evil.example": 403, "evil.example:8720": 403, "127.0.0.1.evil.example": 403, "192.168.1.5:8720": 403, "0.0.0.0": 403, "localhost.": 403,
	} {
		for _, path := range []string{"/", "/healthz"} {
			if code, _, _ := get(t, host, path); code != want {
				t.Errorf("%s%s: %d, want %d", host, path, code, want)
			}
		}
	}
	if code, _, _ := get(t, "127.0.0.1", "/etc/passwd"); code != 404 {
		t.Errorf("a page that is not there: %d", code)
	}
}

// A page of somebody else's, open in the clerk's browser, may lead here by a
// link and no other way.
func TestForeignPagesAreRefused(t *testing.T) {
	h := Handler(pages)
	for _, c := range []struct {
		method                   string
		origin, site, mode, dest string
		want                     bool // let in
	}{
		{"GET", "", "none", "navigate", "document", true},
		{"GET", "", "same-origin", "no-cors", "style", true},
		{"GET", "", "cross-site", "navigate", "document", true},
		{"GET", "", "", "", "", true}, // curl
		{"GET", "", "cross-site", "no-cors", "image", false},
		{"GET", "", "cross-site", "navigate", "iframe", false},
		{"GET", "", "same-site", "cors", "empty", false},
		{"GET", "http://evil.test", "", "", "", false},
		{"GET", "null", "", "", "", false},
		{"GET", "http://127.0.0.1:9", "", "", "", false},
		{"GET", "https://127.0.0.1:8720", "", "", "", false},
		{"GET", "http://127.0.0.1:8720", "same-origin", "cors", "empty", true},
		{"POST", "http://evil.test", "cross-site", "navigate", "document", false},
		{"POST", "http://evil.test", "", "", "", false},
		{"POST", "", "", "", "", false},
		{"POST", "null", "", "", "", false},
		{"DELETE", "", "cross-site", "cors", "empty", false},
		{"POST", "http://127.0.0.1:8720", "same-origin", "navigate", "document", true},
		{"POST", "http://127.0.0.1:8720", "", "", "", true},
	} {
		r := httptest.NewRequest(c.method, "http://127.0.0.1:8720/", nil)
		for k, v := range map[string]string{"Origin": c.origin, "Sec-Fetch-Site": c.site, "Sec-Fetch-Mode": c.mode, "Sec-Fetch-Dest": c.dest} {
			if v != "" {
				r.Header.Set(k, v)
			}
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if (w.Code != http.StatusForbidden) != c.want {
			t.Errorf("%+v: %d", c, w.Code)
		}
	}
}

func TestPageMayDoNothing(t *testing.T) {
	_, body, h := get(t, "127.0.0.1", "/")
	if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") {
		t.Errorf("policy %q", csp)
	}
	if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" || strings.Contains(body, "<script") {
		t.Errorf("headers %v", h)
	}
}

func TestListen(t *testing.T) {
	for address, want := range map[string]string{
		"0.0.0.0:0": "agent.listen_not_local", ":8720": "agent.listen_not_local", "192.168.1.5:0": "agent.listen_not_local",
		"example.com:80": "agent.listen_not_local", "nonsense": "agent.bad_listen",
	} {
		if l, err := Listen(address); err == nil || text.Of(err).ID() != want {
			t.Errorf("%s: %v, %v", address, l, err)
		}
	}
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(l.Addr().String()); err == nil || text.Of(err).ID() != "agent.cannot_listen" {
		t.Errorf("a port that is taken: %v", err)
	}
	h := Handler(pages)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, l, h) }()
	resp, err := http.Get("http://" + l.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || string(body) != "ok\n" {
		t.Errorf("%q, %v", body, err)
	}
	stop()
	if err := <-done; err != nil {
		t.Errorf("stopped: %v", err)
	}
}
