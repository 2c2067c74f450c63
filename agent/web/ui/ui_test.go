package ui_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"shangu/agent/account"
	"shangu/agent/web/sign"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/seal"
)

const pin = "2580"

// site is the frame with one page that says back what it was sent.
type site struct {
	t        *testing.T
	now      time.Time
	accounts *account.Book
	srv      *httptest.Server
	saved    []string
	noted    []string // what few may see, as it was written down
	full     bool     // nothing more can be written down
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, now: time.Unix(1791800000, 0)}
	var err error
	s.accounts, err = account.Open(account.Options{Path: filepath.Join(t.TempDir(), "accounts"), Files: seal.Files{}, Now: func() time.Time { return s.now }, Rand: rand.Reader, Cost: account.Cost{Memory: 8, Time: 1}})
	if err != nil {
		t.Fatal(err)
	}
	s.start()
	return s
}

// start serves the pages, as after a restart.
func (s *site) start() {
	s.t.Helper()
	page := fstest.MapFS{"note.html": {Data: []byte(`<form method="post">{{template "token" .}}{{template "input" (field .Data "note" "sign.name" "need" true)}}</form>`)}}
	frame, err := ui.New(ui.Deps{
		Accounts: s.accounts, Secret: bytes.Repeat([]byte{7}, 32), Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return s.now }, Today: func() schema.Date { return schema.DateAt(s.now) },
		Note: func(r *ui.Request, what string) error {
			if s.full {
				return errors.New("no room")
			}
			s.noted = append(s.noted, r.Name()+" "+what)
			return nil
		},
		Menu: []ui.Entry{{ID: "note", Path: "/note", Text: "sign.name", Who: ui.Recorder}},
		Areas: []ui.Area{sign.Area(s.accounts), {Name: "note", Files: page, Routes: []ui.Route{
			{Pattern: "GET /note", Who: ui.Recorder, Do: func(r *ui.Request) (ui.Answer, error) {
				return ui.Show{Template: "note/note", Title: "n", Active: "note", Data: r.NewForm("note", "")}, nil
			}},
			{Pattern: "POST /note", Who: ui.Recorder, Do: s.save},
			{Pattern: "POST /file", Who: ui.Recorder, Upload: 1 << 10, Do: func(r *ui.Request) (ui.Answer, error) {
				if r.File == nil {
					return nil, text.New("page.needed")
				}
				return ui.Reply{Value: r.File.Name + " " + string(r.File.Body)}, nil
			}},
			{Pattern: "GET /get", Who: ui.Leader, Do: func(*ui.Request) (ui.Answer, error) {
				return ui.Download{Name: "表 1.xlsx", Type: ui.TypeXLSX, Write: func(w io.Writer) error { _, err := io.WriteString(w, "PK"); return err }}, nil
			}},
			{Pattern: "GET /poll", Who: ui.Signed, Quiet: true, Do: func(*ui.Request) (ui.Answer, error) { return ui.Reply{}, nil }},
			{Pattern: "GET /secret", Who: ui.Leader, Guarded: "secret", Do: func(*ui.Request) (ui.Answer, error) { return ui.Reply{Value: "whose"}, nil }},
			{Pattern: "GET /names", Who: ui.Recorder, Do: func(r *ui.Request) (ui.Answer, error) {
				open, err := r.Open("list")
				return ui.Reply{Value: open}, err
			}},
			{Pattern: "GET /fails", Who: ui.Signed, Do: func(*ui.Request) (ui.Answer, error) { return nil, errors.New("inside") }},
			{Pattern: "GET /half", Who: ui.Signed, Do: func(*ui.Request) (ui.Answer, error) {
				return ui.Download{Name: "x", Type: ui.TypeXLSX, Write: func(w io.Writer) error { io.WriteString(w, "half"); return text.New("page.none") }}, nil
			}},
		}}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if s.srv == nil {
		s.srv = httptest.NewServer(frame.Handler())
		s.t.Cleanup(s.srv.Close)
		return
	}
	s.srv.Config.Handler = frame.Handler()
}

func (s *site) save(r *ui.Request) (ui.Answer, error) {
	f := r.Typed()
	note := f.Needed("note", 10)
	if !f.OK() {
		return ui.Show{Template: "note/note", Title: "n", Data: f, Code: 422}, nil
	}
	s.saved = append(s.saved, r.Name()+": "+note)
	return ui.See("/note"), nil
}

// person is a browser.
type person struct {
	*site
	c     *http.Client
	token string
	path  string // of the last page
	query string
	// referer is the page that the next form comes from.
	referer string
}

func (s *site) person() *person {
	jar, _ := cookiejar.New(nil)
	return &person{site: s, c: &http.Client{Jar: jar}}
}

var tokenIn = regexp.MustCompile(`name="token" content="([^"]*)"`)

func (p *person) do(r *http.Request) (code int, body string) {
	p.t.Helper()
	resp, err := p.c.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	if m := tokenIn.FindSubmatch(b); m != nil {
		p.token = string(m[1])
	}
	p.path, p.query = resp.Request.URL.Path, resp.Request.URL.RawQuery
	return resp.StatusCode, string(b)
}

func (p *person) get(path string) (int, string) {
	p.t.Helper()
	r, _ := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.srv.URL+path, nil)
	return p.do(r)
}

func (p *person) post(path string, kv ...string) (int, string) {
	p.t.Helper()
	v := url.Values{"token": {p.token}}
	for i := 0; i < len(kv); i += 2 {
		v.Set(kv[i], kv[i+1])
	}
	r, _ := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.srv.URL+path, strings.NewReader(v.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Referer", p.referer)
	return p.do(r)
}

func (p *person) script(path string, v any) (int, string) {
	p.t.Helper()
	b, _ := json.Marshal(v)
	r, _ := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.srv.URL+path, bytes.NewReader(b))
	r.Header.Set("Shangu-Token", p.token)
	return p.do(r)
}

// begin makes the first account and comes in with it.
func (s *site) begin() *person {
	s.t.Helper()
	p := s.person()
	p.get("/note")
	if code, body := p.post("/start", "name", "王", "pin", pin, "again", pin); code != http.StatusOK || p.path != "/note" {
		s.t.Fatalf("%d at %s: %s", code, p.path, body)
	}
	return p
}

func TestFirstAccountThenWork(t *testing.T) {
	s := newSite(t)
	p := s.person()
	if p.get("/note"); p.path != ui.StartPath {
		t.Fatalf("without an account: %s", p.path)
	}
	if code, body := p.post("/start", "name", "王", "pin", "1234", "again", "1234"); code != 422 || !strings.Contains(body, `value="王"`) || !strings.Contains(body, `id="f-pin-wrong"`) || strings.Contains(body, "1234\"") {
		t.Errorf("an easy PIN: %d %s", code, body)
	}
	p = s.begin()
	if code, body := p.post("/note", "note", "<b>一二三四五六七八九十十一"); code != 422 || !strings.Contains(body, "&lt;b&gt;一二三四五六七八九十十一") || !strings.Contains(body, `aria-invalid="true"`) {
		t.Errorf("too long: %d %s", code, body)
	}
	if p.post("/note", "note", "好"); len(s.saved) != 1 || s.saved[0] != "王: 好" || p.path != "/note" {
		t.Errorf("%q", s.saved)
	}
	if code, _ := p.get("/nothing"); code != http.StatusNotFound {
		t.Errorf("no page: %d", code)
	}
	if code, body := p.get("/fails"); code != 500 || strings.Contains(body, "inside") {
		t.Errorf("a failure of ours: %d %s", code, body)
	}
	if code, body := p.get("/half"); code == http.StatusOK || strings.HasPrefix(body, "half") {
		t.Errorf("half a file: %d %s", code, body)
	}
	if code, body := p.get("/get"); code != http.StatusOK || body != "PK" {
		t.Errorf("file: %d %s", code, body)
	}
}

// A form that another page sends, or one without the session's token, does nothing.
func TestForgedForms(t *testing.T) {
	s := newSite(t)
	p := s.begin()
	other := s.person()
	other.get("/sign")
	for _, token := range []string{"", "0", other.token} {
		p.token = token
		if code, _ := p.post("/note", "note", "坏"); code != http.StatusForbidden {
			t.Errorf("token %q: %d", token, code)
		}
		p.token = token // the page that said no has the right one
		if code, _ := p.post("/lock"); code != http.StatusForbidden {
			t.Errorf("locked with token %q: %d", token, code)
		}
	}
	// Nobody's browser may take a cookie that it was given from elsewhere.
	u, _ := url.Parse(s.srv.URL)
	other.c.Jar.SetCookies(u, []*http.Cookie{{Name: "shangu", Value: "FORGED.a1.00", Path: "/"}})
	if other.get("/note"); other.path != ui.SignPath {
		t.Errorf("with a forged cookie: %s", other.path)
	}
	if len(s.saved) != 0 {
		t.Errorf("%q", s.saved)
	}
}

// A page that was left locks; what is sent then is kept for the same person alone.
func TestLockKeepsWhatWasTyped(t *testing.T) {
	for _, how := range []string{"idle", "restart"} {
		t.Run(how, func(t *testing.T) {
			s := newSite(t)
			p := s.begin()
			p.get("/note")
			if how == "idle" {
				s.now = s.now.Add(ui.DefaultIdle + time.Second)
			} else {
				s.start()
			}
			if p.post("/note", "note", "家访"); p.path != ui.SignPath || len(s.saved) != 0 {
				t.Fatalf("locked, but %s %q", p.path, s.saved)
			}
			who := s.accounts.List()[0].ID
			if code, _ := p.post(ui.SignPath, "who", who, "pin", "9999"); code != 422 {
				t.Errorf("a wrong PIN: %d", code)
			}
			code, body := p.post(ui.SignPath, "who", who, "pin", pin)
			if code != http.StatusOK || p.path != ui.AgainPath || !strings.Contains(body, `value="家访"`) || !strings.Contains(body, `action="/note"`) {
				t.Fatalf("%d at %s: %s", code, p.path, body)
			}
			if p.post("/note", "note", "家访"); len(s.saved) != 1 {
				t.Errorf("%q", s.saved)
			}
			if p.get(ui.AgainPath); p.path == ui.AgainPath {
				t.Error("it is offered twice")
			}
		})
	}
}

func TestAnotherPersonIsNotOfferedWhatWasTyped(t *testing.T) {
	s := newSite(t)
	p := s.begin()
	other, err := s.accounts.Make("李", account.Clerk, "3691")
	if err != nil {
		t.Fatal(err)
	}
	p.get("/note")
	s.now = s.now.Add(ui.DefaultIdle + time.Second)
	p.post("/note", "note", "秘密")
	if _, body := p.post(ui.SignPath, "who", other.ID, "pin", "3691"); p.path == ui.AgainPath || strings.Contains(body, "秘密") {
		t.Errorf("%s: %s", p.path, body)
	}
}

// A script learns that the page is locked, gives the PIN in place and goes on with
// the token of the new session. What a page asks by itself keeps nobody signed in.
func TestUnlockInPlace(t *testing.T) {
	s := newSite(t)
	p := s.begin()
	p.get("/note")
	s.now = s.now.Add(ui.DefaultIdle - time.Second)
	p.get("/poll")
	s.now = s.now.Add(2 * time.Second)
	if code, body := p.script("/note", nil); code != http.StatusUnauthorized || !strings.Contains(body, "error") {
		t.Fatalf("%d %s", code, body)
	}
	if code, _ := p.script(ui.SignPath, map[string]string{"PIN": "0000"}); code == http.StatusOK {
		t.Error("any PIN will do")
	}
	code, body := p.script(ui.SignPath, map[string]string{"PIN": pin})
	var answer struct{ Token string }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || code != http.StatusOK || answer.Token == "" || answer.Token == p.token {
		t.Fatalf("%d %s %v", code, body, err)
	}
	p.token = answer.Token
	if p.post("/note", "note", "好"); len(s.saved) != 1 {
		t.Errorf("%q", s.saved)
	}
}

func TestRoles(t *testing.T) {
	s := newSite(t)
	p := s.begin()
	for role, want := range map[account.Role][2]int{account.Admin: {200, 200}, account.Head: {200, 200}, account.Clerk: {200, 403}, account.Visiting: {403, 403}} {
		a, err := s.accounts.Make("李"+string(role), role, "3691")
		if err != nil {
			t.Fatal(err)
		}
		p.post(ui.SignPath, "who", a.ID, "pin", "3691")
		note, _ := p.get("/note")
		file, _ := p.get("/get")
		if got := [2]int{note, file}; got != want {
			t.Errorf("%s: %v, want %v", role, got, want)
		}
	}
}

// What few may see is shown once it is written down who sees it; to nobody else, and
// not where that cannot be written down.
func TestWhoLooksIsWrittenDownFirst(t *testing.T) {
	s := newSite(t)
	p := s.begin()
	for path, want := range map[string]string{"/secret": "whose", "/names?names=1": "true", "/names": "false"} {
		if code, body := p.get(path); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	slices.Sort(s.noted)
	if want := []string{"王 list", "王 secret"}; !slices.Equal(s.noted, want) {
		t.Errorf("written down: %q, want %q", s.noted, want)
	}
	s.full = true
	for _, path := range []string{"/secret", "/names?names=1"} {
		if code, body := p.get(path); code == http.StatusOK || strings.Contains(body, "whose") || strings.Contains(body, "true") || !strings.Contains(body, "没能记下谁在查看") {
			t.Errorf("%s with a full disk: %d %s", path, code, body)
		}
	}
	clerk, err := s.accounts.Make("李", account.Clerk, "3691")
	if err != nil {
		t.Fatal(err)
	}
	s.full = false
	p.post(ui.SignPath, "who", clerk.ID, "pin", "3691")
	for _, path := range []string{"/secret", "/names?names=1"} {
		if code, _ := p.get(path); code == http.StatusOK {
			t.Errorf("a clerk sees %s", path)
		}
	}
	if len(s.noted) != 2 {
		t.Errorf("written down: %q", s.noted)
	}
}

// Who comes in begins where the day begins; who comes back goes on where he was, and
// not where somebody else was.
func TestWhereSignInLeads(t *testing.T) {
	s := newSite(t)
	p := s.begin()
	visitor, err := s.accounts.Make("教研员", account.Visiting, "3692")
	if err != nil {
		t.Fatal(err)
	}
	first := s.accounts.List()[0]
	if first.ID == visitor.ID {
		first = s.accounts.List()[1]
	}
	p.get("/again")
	p.get("/note")
	p.referer = s.srv.URL + "/note?x=1"
	p.post("/lock")
	p.referer = ""
	if p.post(ui.SignPath, "who", first.ID, "pin", pin); p.query != "x=1" {
		t.Errorf("back at %s?%s", p.path, p.query)
	}
	p.referer = s.srv.URL + "/note?x=1"
	p.post("/lock")
	p.referer = ""
	if p.post(ui.SignPath, "who", visitor.ID, "pin", "3692"); p.path != "/" {
		t.Errorf("a visitor was led to %s", p.path)
	}
	fresh := s.person()
	fresh.get(ui.SignPath)
	if fresh.post(ui.SignPath, "who", first.ID, "pin", pin); fresh.path != "/note" {
		t.Errorf("a day begins at %s", fresh.path)
	}
}

func TestUpload(t *testing.T) {
	s := newSite(t)
	p := s.begin()
	up := func(token string, size int, fileFirst bool) (int, string) {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		field := func() { w.WriteField("token", token) }
		if !fileFirst {
			field()
		}
		f, _ := w.CreateFormFile("file", `C:\\tmp\\花名册.xlsx`)
		io.WriteString(f, strings.Repeat("x", size))
		if fileFirst {
			field()
		}
		w.Close()
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.srv.URL+"/file", &b)
		r.Header.Set("Content-Type", w.FormDataContentType())
		return p.do(r)
	}
	if code, body := up(p.token, 3, false); code != 200 || !strings.Contains(body, "花名册.xlsx xxx") || strings.Contains(body, "tmp") {
		t.Errorf("%d %s", code, body)
	}
	for name, code := range map[string]int{
		"no token":    first(up("", 3, false)),
		"token last":  first(up(p.token, 3, true)),
		"too large":   first(up(p.token, 2<<10, false)),
		"far too big": first(up(p.token, 1<<20, false)),
	} {
		if code != http.StatusForbidden {
			t.Errorf("%s: %d", name, code)
		}
	}
	for _, size := range []int{2 << 10, 1 << 20} {
		if _, body := up(p.token, size, false); !strings.Contains(body, "1 KB") {
			t.Errorf("a file of %d bytes: %s", size, body)
		}
	}
}

func first(code int, _ string) int { return code }

func TestLanguageAndType(t *testing.T) {
	s := newSite(t)
	p := s.begin()
	if _, body := p.get("/note"); !strings.Contains(body, `lang="zh-CN"`) || strings.Contains(body, `class="large"`) {
		t.Error(body)
	}
	p.post("/language", "lang", "en")
	p.post("/large", "on", "1")
	if _, body := p.get("/note"); !strings.Contains(body, `<html lang="en" class="large">`) || !strings.Contains(body, "(needed)") {
		t.Error(body)
	}
}
