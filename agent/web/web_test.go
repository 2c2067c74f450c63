package web

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"shangu/schema/text"
)

type fixed struct {
	state State
	err   error
	lines []string
}

func (f fixed) State(context.Context) (State, error) { return f.state, f.err }

func (f fixed) ConfirmDate(_ context.Context, date string) error {
	if date != "2026-10-12" {
		return text.New("agent.date_bad", "date", date)
	}
	return nil
}

func (f fixed) Recent(n int) []string { return f.lines[max(0, len(f.lines)-n):] }

func get(t *testing.T, f fixed, host, path string) (int, string, http.Header) {
	t.Helper()
	h, err := Handler(f, slog.New(slog.DiscardHandler), time.Now, http.NotFoundHandler())
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "http://"+host+path, nil)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String(), w.Header()
}

func TestOnlyThisMachineIsAnswered(t *testing.T) {
	for host, want := range map[string]int{
		"127.0.0.1": 200, "127.0.0.1:8720": 200, "localhost:8720": 200, "LOCALHOST": 200, "[::1]:8720": 200, "127.9.9.9": 200,
		"evil.example": 403, "evil.example:8720": 403, "127.0.0.1.evil.example": 403, "192.168.1.5:8720": 403, "0.0.0.0": 403, "localhost.": 403,
	} {
		for _, path := range []string{"/", "/healthz", "/style.css"} {
			if code, _, _ := get(t, fixed{}, host, path); code != want {
				t.Errorf("%s%s: %d, want %d", host, path, code, want)
			}
		}
	}
	if code, _, _ := get(t, fixed{}, "127.0.0.1", "/etc/passwd"); code != 404 {
		t.Errorf("a page that is not there: %d", code)
	}
}

// A page of somebody else's, open in the clerk's browser, may lead here by a
// link and no other way.
func TestForeignPagesAreRefused(t *testing.T) {
	h, err := Handler(fixed{}, slog.New(slog.DiscardHandler), time.Now, http.NotFoundHandler())
	if err != nil {
		t.Fatal(err)
	}
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
	_, body, h := get(t, fixed{}, "127.0.0.1", "/")
	if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") {
		t.Errorf("policy %q", csp)
	}
	if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" || strings.Contains(body, "<script") {
		t.Errorf("headers %v", h)
	}
}

func TestHeadlines(t *testing.T) {
	enrolled := State{School: "2199109015", Name: "石门沟教学点", Hubs: []string{"https://h:1"}, DiskFree: 1 << 30}
	with := func(change func(*State)) State {
		s := enrolled
		change(&s)
		return s
	}
	now := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC) // 08:00 at the school, whatever zone the computer is set to
	cut := text.New("link.no_answer")
	for _, c := range []struct {
		name     string
		s        State
		mood     string
		zh, en   string
		mentions string
	}{
		{"new", State{DiskFree: 1 << 30}, "wait", "还没有入网", "not enrolled", "agent enroll"},
		{"first contact", enrolled, "wait", "第一次联系", "first contact", ""},
		{"waiting", with(func(s *State) { s.Pending = 7; s.LastError = cut }), "wait", "有 7 条保存在本机", "7 entries are saved here", "cannot be reached"},
		{"sending", with(func(s *State) { s.Pending = 7; s.LastSync = now }), "wait", "正在上传 7 条", "sending 7", ""},
		{"cut but safe", with(func(s *State) { s.LastError = cut; s.LastSync = now }), "wait", "目前连不上", "cannot be reached at the moment", ""},
		{"safe", with(func(s *State) { s.LastSync = now; s.Safe = 9 }), "good", "数据都已送到区里", "all is safe", "2026-09-01 08:00:00"},
		{"revoked", with(func(s *State) { s.Revoked = true; s.Pending = 2; s.LastError = text.New("agent.revoked") }), "bad", "已被区里停用", "has revoked", "new token"},
		{"budget", with(func(s *State) {
			s.Budget = true
			s.Pending = 2
			s.LastError = text.New("link.data_budget", "limit", "50 MB")
			s.Data = "50 MB"
			s.DataLimit = "50 MB"
		}), "wait", "本月流量已用完，有 2 条", "2 entries wait", "50 MB of 50 MB"},
		{"budget, all sent", with(func(s *State) {
			s.Budget = true
			s.LastSync = now
			s.LastError = text.New("link.data_budget", "limit", "50 MB")
		}), "wait", "本月流量已用完，数据都已送到", "data is used up; all is safe", ""},
		{"share", with(func(s *State) {
			s.Share = true
			s.Pending = 2
			s.LastError = text.New("link.data_share", "limit", "50 MB", "share", "90 kB")
		}), "wait", "今天的流量份额已用完，有 2 条明天", "2 entries go on tomorrow", "90 kB"},
		{"share, all sent", with(func(s *State) {
			s.Share = true
			s.LastSync = now
			s.LastError = text.New("link.data_share", "limit", "50 MB", "share", "90 kB")
		}), "wait", "份额已用完，数据都已送到", "share of the data is used up; all is safe", ""},
		{"notice", with(func(s *State) {
			s.LastSync = now
			s.Notices = []Notice{{Bad, text.New("agent.notice_clock_off", "minutes", 180)}}
		}), "good", "请处理</b> 这台电脑的时钟与区里相差约 180 分钟", "Act now</b> this computer&#39;s clock is about 180 minutes", `<li class="bad">`},
	} {
		for lang, want := range map[string]string{"zh": c.zh, "en": c.en} {
			code, body, _ := get(t, fixed{state: c.s}, "127.0.0.1", "/?lang="+lang)
			if code != 200 || !strings.Contains(body, want) || !strings.Contains(body, `class="head `+c.mood+`"`) {
				t.Errorf("%s in %s: %d, no %q in\n%s", c.name, lang, code, want, body)
			}
			if lang == "en" && !strings.Contains(body, c.mentions) {
				t.Errorf("%s: no %q", c.name, c.mentions)
			}
			if !strings.Contains(body, `<html lang="`+lang+`"`) {
				t.Errorf("%s: not in %s", c.name, lang)
			}
		}
	}
}

func TestLogLinesAreReadableAndHarmless(t *testing.T) {
	f := fixed{lines: []string{
		"not json <b>", `{"time":"2026-09-01T08:00:00Z","level":"WARN","msg":"session failed","err":"a <script> of \"words\"","n":3}`,
	}}
	_, body, _ := get(t, f, "127.0.0.1", "/?lang=zh&log=1")
	for _, want := range []string{"not json &lt;b&gt;", `class="WARN"`, "session failed", "n=3", "&lt;script&gt;"} {
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
}

// The log is for whoever helps the clerk: it is shown when asked for, and the
// page does not run away from under its reader.
func TestTheLogIsShownWhenAskedFor(t *testing.T) {
	f := fixed{lines: []string{"a line"}, state: State{Device: "0123"}}
	_, plain, _ := get(t, f, "127.0.0.1", "/?lang=zh")
	if strings.Contains(plain, "a line") || strings.Contains(plain, "0123") || !strings.Contains(plain, `content="15"`) || !strings.Contains(plain, `href="/?lang=zh&amp;log=1"`) {
		t.Error(plain)
	}
	_, log, _ := get(t, f, "127.0.0.1", "/?lang=zh&log=1")
	if !strings.Contains(log, "a line") || !strings.Contains(log, "0123") || strings.Contains(log, `content="15"`) {
		t.Error(log)
	}
}

func TestAStateThatCannotBeRead(t *testing.T) {
	code, body, _ := get(t, fixed{err: errors.New("secret path")}, "127.0.0.1", "/?lang=en")
	if code != 500 || strings.Contains(body, "secret") || !strings.Contains(body, "No data is affected") {
		t.Errorf("%d %s", code, body)
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
	h, err := Handler(fixed{}, slog.New(slog.DiscardHandler), time.Now, http.NotFoundHandler())
	if err != nil {
		t.Fatal(err)
	}
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

func TestSize(t *testing.T) {
	for n, want := range map[uint64]string{0: "0.0 KB", 1536: "1.5 KB", 5 << 20: "5.0 MB", 3 << 30: "3.0 GB"} {
		if got := Size(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func BenchmarkPage(b *testing.B) {
	lines := make([]string, 100)
	for i := range lines {
		lines[i] = `{"time":"2026-09-01T08:00:00Z","level":"INFO","msg":"session","requests":2,"pushed":25}`
	}
	h, err := Handler(fixed{lines: lines}, slog.New(slog.DiscardHandler), time.Now, http.NotFoundHandler())
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequest("GET", "http://127.0.0.1/", nil)
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
}

func TestGravestNoticeComesFirst(t *testing.T) {
	list := []Notice{{Note, text.New("a")}, {Bad, text.New("b")}, {Warn, text.New("c")}, {Bad, text.New("d")}}
	Sort(list, func(n Notice) Level { return n.Level })
	got := ""
	for _, n := range list {
		got += n.Text.ID()
	}
	if got != "bdca" {
		t.Errorf("order %s", got)
	}
	if _, body, _ := get(t, fixed{}, "127.0.0.1", "/"); strings.Contains(body, `class="notices"`) {
		t.Error("an empty list of notices is shown")
	}
}
