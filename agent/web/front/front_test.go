package front_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
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
	"shangu/agent/web"
	"shangu/agent/web/front"
	"shangu/agent/web/sign"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/seal"
)

// fixed is an agent that stands as it is told to.
type fixed struct {
	state front.State
	err   error
	lines []string
	sends *int
}

func (f fixed) State(context.Context) (front.State, error) { return f.state, f.err }

func (f fixed) ConfirmDate(_ context.Context, date string) error {
	if date != "2026-10-12" {
		return text.New("agent.date_bad", "date", date)
	}
	return nil
}

func (f fixed) Recent(n int) []string { return f.lines[max(0, len(f.lines)-n):] }

func (f fixed) Send() { *f.sends++ }

// at is when the pages are looked at.
var at = time.Date(2026, 9, 4, 2, 0, 0, 0, time.UTC) // 10:00 at the school

const pin = "2580"

// site is the pages behind their door.
type site struct {
	t        *testing.T
	h        http.Handler
	accounts *account.Book
}

func newSite(t *testing.T, s front.Source) *site {
	t.Helper()
	accounts, err := account.Open(account.Options{
		Path: filepath.Join(t.TempDir(), "accounts"), Files: seal.Files{}, Now: func() time.Time { return at },
		Rand: rand.Reader, Cost: account.Cost{Memory: 8, Time: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := ui.New(ui.Deps{
		Accounts: accounts, Secret: bytes.Repeat([]byte{7}, 32), Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return at }, Today: func() schema.Date { return schema.DateAt(at) },
		Menu:  []ui.Entry{front.Entry(func() int { return 3 })},
		Areas: []ui.Area{sign.Area(accounts), front.Area(front.Deps{Source: s})},
	})
	if err != nil {
		t.Fatal(err)
	}
	return &site{t, web.Handler(pages.Handler()), accounts}
}

// person is a browser.
type person struct {
	*site
	jar http.CookieJar
}

const origin = "http://127.0.0.1:8720"

func (s *site) person(lang string) *person {
	jar, _ := cookiejar.New(nil)
	u, _ := url.Parse(origin)
	jar.SetCookies(u, []*http.Cookie{{Name: "shangu-lang", Value: lang, Path: "/"}})
	return &person{s, jar}
}

func (p *person) do(r *http.Request) *httptest.ResponseRecorder {
	for _, c := range p.jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	p.h.ServeHTTP(w, r)
	p.jar.SetCookies(r.URL, w.Result().Cookies())
	return w
}

func (p *person) get(path string) (int, string) {
	w := p.do(httptest.NewRequest("GET", origin+path, nil))
	return w.Code, w.Body.String()
}

var tokenIn = regexp.MustCompile(`name="token" content="([^"]{20,})"`)

// token is what the page's forms carry.
func (p *person) token() string {
	p.t.Helper()
	_, body := p.get("/")
	found := tokenIn.FindStringSubmatch(body)
	if found == nil {
		p.t.Fatalf("no token in %s", body)
	}
	return found[1]
}

func (p *person) post(path string, kv ...string) *httptest.ResponseRecorder {
	p.t.Helper()
	form := url.Values{"token": {p.token()}}
	for i := 0; i+1 < len(kv); i += 2 {
		form.Set(kv[i], kv[i+1])
	}
	r := httptest.NewRequest("POST", origin+path, strings.NewReader(form.Encode()))
	r.Header.Set("Origin", origin)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return p.do(r)
}

// signIn is a person with a new account.
func (p *person) signIn(role account.Role) *person {
	p.t.Helper()
	a, err := p.accounts.Make(string(role), role, pin)
	if err != nil {
		p.t.Fatal(err)
	}
	if w := p.post("/sign", "who", a.ID, "pin", pin); w.Code != http.StatusSeeOther {
		p.t.Fatalf("sign in: %d %s", w.Code, w.Body)
	}
	return p
}

func TestOnlyOurOwnFormConfirmsADate(t *testing.T) {
	f := fixed{state: front.State{School: "2199109015", Ask: &front.DateAsk{Date: "2026-10-12", Why: text.New("agent.date_daily")}}}
	p := newSite(t, f).person("zh")
	if _, body := p.get("/"); !strings.Contains(body, "今天是 2026-10-12 吗") {
		t.Fatalf("the question is not asked: %s", body)
	}
	token := p.token()
	for name, c := range map[string]struct {
		token, date string
		header      http.Header
		code        int
	}{
		"ours":                     {token, "2026-10-12", http.Header{"Origin": {origin}, "Sec-Fetch-Site": {"same-origin"}}, 303},
		"an old browser":           {token, "2026-10-12", http.Header{"Referer": {origin + "/"}}, 303},
		"no word of where":         {token, "2026-10-12", nil, 403},
		"an old browser elsewhere": {token, "2026-10-12", http.Header{"Referer": {"http://evil.example/127.0.0.1:8720"}}, 403},
		"a wrong date":             {token, "2026-02-30", http.Header{"Origin": {origin}}, 422},
		"no token":                 {"", "2026-10-12", http.Header{"Origin": {origin}}, 403},
		"another's token":          {strings.Repeat("A", len(token)), "2026-10-12", http.Header{"Origin": {origin}}, 403},
		"another's page":           {token, "2026-10-12", http.Header{"Origin": {"http://evil.example"}}, 403},
		"another port":             {token, "2026-10-12", http.Header{"Origin": {"http://127.0.0.1:9999"}}, 403},
		"a null origin":            {token, "2026-10-12", http.Header{"Origin": {"null"}}, 403},
		"another site":             {token, "2026-10-12", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		"more than a form":         {token, strings.Repeat("9", 1<<20), http.Header{"Origin": {origin}}, 403},
	} {
		form := url.Values{"token": {c.token}, "date": {c.date}}
		r := httptest.NewRequest("POST", origin+"/date", strings.NewReader(form.Encode()))
		r.Header = c.header.Clone()
		if r.Header == nil {
			r.Header = http.Header{}
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if w := p.do(r); w.Code != c.code {
			t.Errorf("%s: %d, want %d", name, w.Code, c.code)
		}
	}
	// What is wrong with a date is said beside it, and what was typed stays.
	if w := p.post("/date", "date", "2026-02-30"); !strings.Contains(w.Body.String(), `value="2026-02-30"`) || !strings.Contains(w.Body.String(), `role="alert"`) {
		t.Errorf("a wrong date: %s", w.Body)
	}
}

// A form's body is read to a bound and no further.
func TestLargeForm(t *testing.T) {
	p := newSite(t, fixed{}).person("zh")
	body := &counted{Reader: strings.NewReader("date=2026-10-12&x=" + strings.Repeat(url.QueryEscape("满"), 1<<20))}
	r := httptest.NewRequest("POST", origin+"/date", body)
	r.Header.Set("Origin", origin)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if w := p.do(r); w.Code != http.StatusForbidden || body.read > 512<<10 {
		t.Errorf("%d bytes were read of a form: %d", body.read, w.Code)
	}
}

type counted struct {
	io.Reader
	read int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.read += n
	return n, err
}

func TestHeadlines(t *testing.T) {
	enrolled := front.State{School: "2199109015", Name: "石门沟教学点", Hubs: []string{"https://h:1"}, DiskFree: 1 << 30}
	with := func(change func(*front.State)) front.State {
		s := enrolled
		change(&s)
		return s
	}
	now := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC) // 08:00 at the school, whatever zone the computer is set to
	cut := text.New("link.no_answer")
	for _, c := range []struct {
		name     string
		s        front.State
		mood     string
		zh, en   string
		mentions string
	}{
		{"new", front.State{DiskFree: 1 << 30}, "wait", "还没有入网", "not enrolled", "under Settings"},
		{"first contact", enrolled, "wait", "第一次联系", "first contact", ""},
		{"waiting", with(func(s *front.State) { s.Pending = 7; s.LastError = cut }), "wait", "有 7 条保存在本机", "7 entries are saved here", "cannot be reached"},
		{"sending", with(func(s *front.State) { s.Pending = 7; s.LastSync = now }), "wait", "正在上传 7 条", "sending 7", ""},
		{"cut but safe", with(func(s *front.State) { s.LastError = cut; s.LastSync = now }), "wait", "目前连不上", "cannot be reached at the moment", ""},
		{"safe", with(func(s *front.State) { s.LastSync = now; s.Safe = 9 }), "good", "数据都已送到区里", "all is safe", "3 days ago, 2026-09-01 08:00"},
		{"revoked", with(func(s *front.State) { s.Revoked = true; s.Pending = 2; s.LastError = text.New("agent.revoked") }), "bad", "已被区里停用", "has revoked", "new token"},
		{"budget", with(func(s *front.State) {
			s.Budget = true
			s.Pending = 2
			s.LastError = text.New("link.data_budget", "limit", "50 MB")
			s.Data = "50 MB"
			s.DataLimit = "50 MB"
		}), "wait", "本月流量已用完，有 2 条", "2 entries wait", "50 MB of 50 MB"},
		{"budget, all sent", with(func(s *front.State) {
			s.Budget = true
			s.LastSync = now
			s.LastError = text.New("link.data_budget", "limit", "50 MB")
		}), "wait", "本月流量已用完，数据都已送到", "data is used up; all is safe", ""},
		{"share", with(func(s *front.State) {
			s.Share = true
			s.Pending = 2
			s.LastError = text.New("link.data_share", "limit", "50 MB", "share", "90 kB")
		}), "wait", "今天的流量份额已用完，有 2 条明天", "2 entries go on tomorrow", "90 kB"},
		{"share, all sent", with(func(s *front.State) {
			s.Share = true
			s.LastSync = now
			s.LastError = text.New("link.data_share", "limit", "50 MB", "share", "90 kB")
		}), "wait", "份额已用完，数据都已送到", "share of the data is used up; all is safe", ""},
		{"notice", with(func(s *front.State) {
			s.LastSync = now
			s.Notices = []front.Notice{{Level: front.Bad, Text: text.New("agent.notice_clock_off", "minutes", 180)}}
		}), "good", "请处理</b> 这台电脑的时钟与区里相差约 180 分钟", "Act now</b> this computer&#39;s clock is about 180 minutes", `<li class="bad">`},
	} {
		for lang, want := range map[string]string{"zh": c.zh, "en": c.en} {
			code, body := newSite(t, fixed{state: c.s}).person(lang).get("/")
			if code != 200 || !strings.Contains(body, want) || !strings.Contains(body, `class="head `+c.mood+`"`) {
				t.Errorf("%s in %s: %d, no %q in\n%s", c.name, lang, code, want, body)
			}
			if lang == "en" && !strings.Contains(body, c.mentions) {
				t.Errorf("%s: no %q", c.name, c.mentions)
			}
			if !strings.Contains(body, map[string]string{"zh": `<html lang="zh-CN"`, "en": `<html lang="en"`}[lang]) {
				t.Errorf("%s: not in %s", c.name, lang)
			}
		}
	}
}

// Whoever switches the computer off must see how the records stand, and the date is
// asked for before anybody signs in; who wrote what is not for everybody.
func TestWhatIsSeenWithoutSignIn(t *testing.T) {
	f := fixed{lines: []string{"a line of the log"}, state: front.State{Device: "0123", Hubs: []string{"https://h"}, Pending: 2, Conflicts: 1}, sends: new(int)}
	s := newSite(t, f)
	p := s.person("zh")
	if _, err := s.accounts.Make("wang", account.Clerk, pin); err != nil {
		t.Fatal(err)
	}
	if code, body := p.get("/"); code != 200 || !strings.Contains(body, "正在上传 2 条") || strings.Contains(body, "a line of the log") || strings.Contains(body, "0123") {
		t.Errorf("%d %s", code, body)
	}
	for _, path := range []string{"/sync/log", "/sync/log/file"} {
		if w := p.do(httptest.NewRequest("GET", origin+path, nil)); w.Code != http.StatusSeeOther || w.Header().Get("Location") != ui.SignPath {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if w := p.post("/sync"); w.Code != http.StatusSeeOther || *f.sends != 1 {
		t.Errorf("send now: %d, sent %d times", w.Code, *f.sends)
	}
	code, body := p.get("/sync/standing")
	if code != 200 || !strings.Contains(body, `"pending":2`) || !strings.Contains(body, "正在上传 2 条") {
		t.Errorf("standing: %d %s", code, body)
	}
}

func TestTheMenuCountsConflicts(t *testing.T) {
	p := newSite(t, fixed{}).person("zh").signIn(account.Clerk)
	if _, body := p.get("/"); !strings.Contains(body, `同步 <b class="count">3</b>`) {
		t.Error(body)
	}
}

func TestWhatASessionCameTo(t *testing.T) {
	for want, st := range map[string]front.State{
		"10:00 发送完成：新送达 4 条":    {Hubs: []string{"h"}, Sent: &front.Sent{At: at, Entries: 4}},
		"10:00 没有发送成功：区里的网址连不上": {Hubs: []string{"h"}, Sent: &front.Sent{At: at, Failed: text.New("link.no_answer")}},
		`id="send" disabled`:    {Hubs: []string{"h"}, Sending: true},
	} {
		want, _, _ = strings.Cut(want, "区里的网址")
		if _, body := newSite(t, fixed{state: st}).person("zh").get("/"); !strings.Contains(body, want) {
			t.Errorf("no %q in %s", want, body)
		}
	}
	if _, body := newSite(t, fixed{}).person("zh").get("/"); strings.Contains(body, `id="send"`) {
		t.Error("it can be sent before there is a hub")
	}
}

func TestLogLinesAreReadableAndHarmless(t *testing.T) {
	f := fixed{lines: []string{
		"not json <b>", `{"time":"2026-09-01T08:00:00Z","level":"WARN","msg":"session failed","err":"a <script> of \"words\"","n":3}`,
	}}
	p := newSite(t, f).person("zh").signIn(account.Visiting)
	_, body := p.get("/sync/log")
	for _, want := range []string{"not json &lt;b&gt;", `class="WARN"`, "session failed", "n=3", "&lt;script&gt;", "09-01 16:00:00"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in\n%s", want, body)
		}
	}
	if strings.Contains(body, "<script>") {
		t.Error("a log line became markup")
	}
	if newest, oldest := strings.Index(body, "session failed"), strings.Index(body, "not json"); newest > oldest {
		t.Error("the newest line is not first")
	}
	if _, body := p.get("/sync/log?level=WARN"); !strings.Contains(body, "session failed") || strings.Contains(body, "not json") {
		t.Error("warnings alone:", body)
	}
	if _, body := p.get("/sync/log?level=ERROR"); strings.Contains(body, "session failed") || !strings.Contains(body, `class="empty"`) {
		t.Error("errors alone:", body)
	}
	w := p.do(httptest.NewRequest("GET", origin+"/sync/log/file", nil))
	if want := strings.Join(f.lines, "\r\n") + "\r\n"; w.Body.String() != want || !strings.Contains(w.Header().Get("Content-Disposition"), "agent-log.txt") {
		t.Errorf("the file: %q %v", w.Body, w.Header())
	}
}

// A thousand long lines are pages of a size that an old computer shows at once, and
// each line stands on one of them.
func TestALongLogComesInParts(t *testing.T) {
	f := fixed{}
	for i := range 1000 {
		f.lines = append(f.lines, `{"time":"2026-09-01T08:00:00Z","level":"INFO","msg":"line`+string(rune('a'+i/100))+"-"+strings.Repeat("x", 2000)+`"}`)
	}
	p := newSite(t, f).person("zh").signIn(account.Clerk)
	path, seen := "/sync/log", 0
	for range 10 {
		_, body := p.get(path)
		if len(body) > 150<<10 {
			t.Errorf("%s has %d bytes", path, len(body))
		}
		seen += strings.Count(body, `<li class="INFO">`)
		next := regexp.MustCompile(`href="([^"]*)">较早的`).FindStringSubmatch(body)
		if next == nil {
			break
		}
		path = strings.ReplaceAll(next[1], "&amp;", "&")
	}
	if seen != 1000 {
		t.Errorf("%d lines were seen", seen)
	}
}

func TestAStateThatCannotBeRead(t *testing.T) {
	code, body := newSite(t, fixed{err: errors.New("secret path")}).person("en").get("/")
	if code != 500 || strings.Contains(body, "secret") || !strings.Contains(body, "what was saved is safe") {
		t.Errorf("%d %s", code, body)
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[uint64]string{0: "0.0 KB", 1536: "1.5 KB", 5 << 20: "5.0 MB", 3 << 30: "3.0 GB"} {
		if got := front.Size(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestGravestNoticeComesFirst(t *testing.T) {
	list := []front.Notice{{Level: front.Note, Text: text.New("a")}, {Level: front.Bad, Text: text.New("b")}, {Level: front.Warn, Text: text.New("c")}, {Level: front.Bad, Text: text.New("d")}}
	front.Sort(list, func(n front.Notice) front.Level { return n.Level })
	got := ""
	for _, n := range list {
		got += n.Text.ID()
	}
	if got != "bdca" {
		t.Errorf("order %s", got)
	}
	_, body := newSite(t, fixed{state: front.State{Notices: list}}).person("zh").get("/")
	if head, bad, note := strings.Index(body, `class="head`), strings.LastIndex(body, `<li class="bad">`), strings.Index(body, `<li class="warn">`); bad < 0 || bad > head || note < head {
		t.Errorf("the order on the page: bad %d, headline %d, rest %d", bad, head, note)
	}
	if _, body := newSite(t, fixed{}).person("zh").get("/"); strings.Contains(body, `class="notices"`) {
		t.Error("an empty list of notices is shown")
	}
}
