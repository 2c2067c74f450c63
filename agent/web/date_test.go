package web

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"shangu/schema/text"
)

func TestOnlyOurOwnFormConfirmsADate(t *testing.T) {
	f := fixed{state: State{School: "2199109015", Ask: &DateAsk{"2026-10-12", text.New("agent.date_daily")}}}
	h, err := Handler(f, slog.New(slog.DiscardHandler), time.Now, http.NotFoundHandler())
	if err != nil {
		t.Fatal(err)
	}
	const host = "127.0.0.1:8720"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "http://"+host+"/", nil))
	found := regexp.MustCompile(`name="token" value="([^"]{20,})"`).FindStringSubmatch(w.Body.String())
	if found == nil || !strings.Contains(w.Body.String(), "今天是 2026-10-12 吗") || strings.Contains(w.Body.String(), "http-equiv") {
		t.Fatalf("the question is not asked: %s", w.Body)
	}
	token := found[1]
	for name, c := range map[string]struct {
		token, date string
		header      http.Header
		code        int
	}{
		"ours":                     {token, "2026-10-12", http.Header{"Origin": {"http://" + host}, "Sec-Fetch-Site": {"same-origin"}}, 303},
		"an old browser":           {token, "2026-10-12", http.Header{"Referer": {"http://" + host + "/?lang=en"}}, 303},
		"no word of where":         {token, "2026-10-12", nil, 403},
		"an old browser elsewhere": {token, "2026-10-12", http.Header{"Referer": {"http://evil.example/" + host}}, 403},
		"a wrong date":             {token, "2026-02-30", http.Header{"Origin": {"http://" + host}}, 409},
		"no token":                 {"", "2026-10-12", nil, 403},
		"another's token":          {strings.Repeat("A", len(token)), "2026-10-12", nil, 403},
		"another's page":           {token, "2026-10-12", http.Header{"Origin": {"http://evil.example"}}, 403},
		"another port":             {token, "2026-10-12", http.Header{"Origin": {"http://127.0.0.1:9999"}}, 403},
		"a null origin":            {token, "2026-10-12", http.Header{"Origin": {"null"}}, 403},
		"another site":             {token, "2026-10-12", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		"more than a form":         {token, strings.Repeat("9", 2*maxForm), nil, 403},
	} {
		form := url.Values{"token": {c.token}, "date": {c.date}}
		r := httptest.NewRequest("POST", "http://"+host+"/date?lang=en", strings.NewReader(form.Encode()))
		r.Header = c.header.Clone()
		if r.Header == nil {
			r.Header = http.Header{}
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != c.code {
			t.Errorf("%s: %d, want %d", name, w.Code, c.code)
		}
	}
}
