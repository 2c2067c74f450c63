// Package webtest is a school with pages and a browser without scripts, for the
// tests of areas of pages: who signs in, what a page says, what a form does. It is
// used by tests alone.
package webtest

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"shangu/agent/account"
	"shangu/agent/roster"
	"shangu/agent/store"
	"shangu/agent/store/storetest"
	"shangu/agent/web/sign"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/sync/seal"
)

// PIN is that of every account.
const PIN = "2580"

// School is a store with accounts and pages.
type School struct {
	T        *testing.T
	Now      time.Time
	Store    *store.Store
	Book     *roster.Book
	Accounts *account.Book
	Log      bytes.Buffer
	Noted    []string                // what few may see and was shown: account, what and path
	by       map[account.Role]string // ids of the accounts
	srv      *httptest.Server
	browser  *http.Client
	token    string
}

// New makes a school without pages and without accounts, on Monday 2026-10-12.
func New(t *testing.T) *School {
	t.Helper()
	s := &School{T: t, Now: time.Date(2026, 10, 12, 1, 0, 0, 0, time.UTC), by: map[account.Role]string{}}
	s.Store = storetest.Open(t)
	s.Book = roster.NewBook(s.Store, bytes.Repeat([]byte{7}, 32))
	var err error
	s.Accounts, err = account.Open(account.Options{
		Path: filepath.Join(t.TempDir(), "accounts"), Files: seal.Files{}, Now: func() time.Time { return s.Now }, Rand: rand.Reader, Cost: account.Cost{Memory: 8, Time: 1}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Staff makes an account of each role, named as the role.
func (s *School) Staff() {
	s.T.Helper()
	for _, role := range account.Roles() {
		a, err := s.Accounts.Make(string(role), role, PIN)
		if err != nil {
			s.T.Fatal(err)
		}
		s.by[role] = a.ID
	}
}

// ID is the id of the account of a role.
func (s *School) ID(r account.Role) string { return s.by[r] }

// Save keeps edits at once.
func (s *School) Save(edits ...store.Edit) {
	s.T.Helper()
	storetest.Save(s.T, s.Store, edits...)
}

// Edit is an edit of a document: fields and values in turn.
func Edit(kind schema.Kind, id string, kv ...any) store.Edit {
	return storetest.Edit(kind, id, kv...)
}

// Serve opens pages, and the sign-in that leads to them.
func (s *School) Serve(areas ...ui.Area) {
	s.T.Helper()
	site, err := ui.New(ui.Deps{
		Accounts: s.Accounts, Secret: bytes.Repeat([]byte{7}, 32), Log: slog.New(slog.NewTextHandler(&s.Log, nil)),
		Now: func() time.Time { return s.Now }, Today: func() schema.Date { return schema.DateAt(s.Now) },
		Note: func(r *ui.Request, what string) error {
			s.Noted = append(s.Noted, r.Name()+" "+what+" "+r.URL.Path)
			return nil
		},
		Areas: append([]ui.Area{sign.Area(s.Accounts)}, areas...),
	})
	if err != nil {
		s.T.Fatal(err)
	}
	s.srv = httptest.NewServer(site.Handler())
	s.T.Cleanup(s.srv.Close)
	s.Forget()
}

// Forget goes on in another browser.
func (s *School) Forget() {
	jar, _ := cookiejar.New(nil)
	s.browser = &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// SignIn comes in as the account of a role, in another browser.
func (s *School) SignIn(r account.Role) {
	s.T.Helper()
	s.Forget()
	s.Get(ui.SignPath)
	if p := s.Post(ui.SignPath, "who", s.by[r], "pin", PIN); p.Code != http.StatusSeeOther {
		s.T.Fatalf("sign in as %s: %d\n%s", r, p.Code, p.Body)
	}
	s.Get(ui.SignPath)
}

// Page is an answer.
type Page struct {
	t        *testing.T
	Code     int
	Location string
	Header   http.Header
	Body     string
}

var tokenOf = regexp.MustCompile(`<meta name="token" content="([^"]*)">`)

func (s *School) do(req *http.Request) Page {
	s.T.Helper()
	resp, err := s.browser.Do(req)
	if err != nil {
		s.T.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.T.Fatal(err)
	}
	p := Page{s.T, resp.StatusCode, resp.Header.Get("Location"), resp.Header, string(b)}
	if m := tokenOf.FindStringSubmatch(p.Body); m != nil {
		s.token = m[1]
	}
	return p
}

// Get opens a page.
func (s *School) Get(path string) Page {
	s.T.Helper()
	req, err := http.NewRequest("GET", s.srv.URL+path, nil)
	if err != nil {
		s.T.Fatal(err)
	}
	return s.do(req)
}

// Post sends a form of names and values in turn, with the token of the page that
// was opened last.
func (s *School) Post(path string, kv ...string) Page {
	s.T.Helper()
	v := url.Values{"token": {s.token}}
	for i := 0; i+1 < len(kv); i += 2 {
		v.Add(kv[i], kv[i+1])
	}
	req, err := http.NewRequest("POST", s.srv.URL+path, strings.NewReader(v.Encode()))
	if err != nil {
		s.T.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.do(req)
}

// Send sends what a page's script would, as JSON, with the token of the page that was
// opened last.
func (s *School) Send(path string, body any) Page {
	s.T.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		s.T.Fatal(err)
	}
	req, err := http.NewRequest("POST", s.srv.URL+path, bytes.NewReader(b))
	if err != nil {
		s.T.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Shangu-Token", s.token)
	return s.do(req)
}

// Upload sends a form with a file.
func (s *School) Upload(path, file string, body []byte, kv ...string) Page {
	s.T.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	w.WriteField("token", s.token)
	for i := 0; i+1 < len(kv); i += 2 {
		w.WriteField(kv[i], kv[i+1])
	}
	part, err := w.CreateFormFile("file", file)
	if err == nil {
		_, err = part.Write(body)
	}
	if err != nil {
		s.T.Fatal(err)
	}
	w.Close()
	req, err := http.NewRequest("POST", s.srv.URL+path, &b)
	if err != nil {
		s.T.Fatal(err)
	}
	req.Header.Set("Content-Type", w.FormDataContentType())
	return s.do(req)
}

// Is holds an answer's code and what it has to say.
func (p Page) Is(code int, has ...string) Page {
	p.t.Helper()
	if p.Code != code {
		p.t.Errorf("code %d, want %d: %s", p.Code, code, p.text())
	}
	for _, s := range has {
		if !strings.Contains(p.Body, s) {
			p.t.Errorf("%q is not in: %s", s, p.text())
		}
	}
	return p
}

// Lacks holds that an answer does not say something.
func (p Page) Lacks(not ...string) Page {
	p.t.Helper()
	for _, s := range not {
		if strings.Contains(p.Body, s) {
			p.t.Errorf("%q is in the page", s)
		}
	}
	return p
}

// Link is the address of the first link whose text, or what stands in it, holds s.
func (p Page) Link(s string) string {
	p.t.Helper()
	for _, m := range regexp.MustCompile(`(?s)<a [^>]*href="([^"]*)"[^>]*>(.*?)</a>`).FindAllStringSubmatch(p.Body, -1) {
		if strings.Contains(m[2], s) {
			return strings.ReplaceAll(m[1], "&amp;", "&")
		}
	}
	p.t.Fatalf("no link %q in: %s", s, p.text())
	return ""
}

// Value is the value of the first option or hidden field whose text or name is s.
func (p Page) Value(s string) string {
	p.t.Helper()
	for _, pattern := range []string{`<option value="([^"]*)"[^>]*>%s</option>`, `<input[^>]* name="%s"[^>]* value="([^"]*)"`} {
		if m := regexp.MustCompile(fmt.Sprintf(pattern, regexp.QuoteMeta(s))).FindStringSubmatch(p.Body); m != nil {
			return m[1]
		}
	}
	p.t.Fatalf("no value %q in: %s", s, p.text())
	return ""
}

// text is the page's main part without its marks.
func (p Page) text() string {
	_, body, ok := strings.Cut(p.Body, "<main")
	if !ok {
		body = p.Body
	}
	return strings.Join(strings.Fields(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(body, " ")), " ")
}
