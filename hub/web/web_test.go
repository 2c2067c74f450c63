package web

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"shangu/hub/cluster"
	"shangu/hub/state"
)

var now = time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)

func options() Options {
	return Options{
		Name: "山谷区", Version: "1.2.3", Now: func() time.Time { return now },
		Status: func(context.Context) cluster.Status {
			return cluster.Status{ID: "n1", Leader: "n2", Applied: 77, Ready: true, Nodes: []cluster.NodeStatus{
				{ID: "n1", API: "10.0.0.1:8443", Voter: true, Lag: 3}, {ID: "n2", API: "10.0.0.2:8443", Voter: true, Lag: cluster.LagUnknown}}}
		},
		Schools: func() ([]state.Row, error) {
			return []state.Row{
				{School: "3199000001", Name: "<b>山中小学</b>", Pupils: 300, Sheets: 24, LastSeen: now.Add(-5 * time.Minute).Unix()},
				{School: "3199000002", Pupils: 200, Sheets: 12, Quarantined: 1},
			}, nil
		},
	}
}

func ask(h http.Handler, path, from string, password ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.RemoteAddr = from
	if len(password) > 0 {
		r.SetBasicAuth("admin", password[0])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestPage(t *testing.T) {
	h := New(options())
	w := ask(h, "/", "127.0.0.1:5")
	zh := w.Body.String()
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	for _, part := range []string{`lang="zh"`, "山谷区", "主节点", "没有应答", "正常", "&lt;b&gt;山中小学", "3199000002", "5 分钟前", "从未",
		"学校（2 所）", "<td>500</td>", "<td>36</td>", "1.2.3", "n1", "77"} {
		if !strings.Contains(zh, part) {
			t.Errorf("the page lacks %q", part)
		}
	}
	en := ask(h, "/?lang=en", "127.0.0.1:5").Body.String()
	for _, part := range []string{`lang="en"`, "leads", "no answer", "5 minutes ago", "Schools (2)"} {
		if !strings.Contains(en, part) {
			t.Errorf("the English page lacks %q", part)
		}
	}
	for _, page := range []string{zh, en} {
		if strings.Contains(page, "web.") {
			t.Error("a message has no words")
		}
	}
	if w := ask(h, "/other", "127.0.0.1:5"); w.Code != http.StatusNotFound {
		t.Errorf("another page: %d", w.Code)
	}
}

func TestTroubleShows(t *testing.T) {
	o := options()
	o.Schools = func() ([]state.Row, error) { return nil, errors.New("disk") }
	o.Status = func(context.Context) cluster.Status { return cluster.Status{ID: "n1"} }
	page := ask(New(o), "/", "127.0.0.1:5").Body.String()
	for _, part := range []string{"异常", "读取汇总数据失败"} {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %q", part)
		}
	}
}

func TestWhoMaySee(t *testing.T) {
	if w := ask(New(options()), "/", "10.0.0.9:5"); w.Code != http.StatusForbidden || strings.Contains(w.Body.String(), "3199") {
		t.Errorf("without operators, from elsewhere: %d", w.Code)
	}
	o := options()
	checks := 0
	o.Check = func(name, password string) bool { checks++; return name == "admin" && password == "right" }
	h := New(o)
	if w := ask(h, "/", "127.0.0.1:5"); w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") == "" {
		t.Errorf("without a password: %d", w.Code)
	}
	if w := ask(h, "/", "10.0.0.9:5", "wrong"); w.Code != http.StatusUnauthorized {
		t.Errorf("with a wrong password: %d", w.Code)
	}
	for range 5 {
		if w := ask(h, "/", "10.0.0.9:5", "right"); w.Code != http.StatusOK {
			t.Errorf("with the right password: %d", w.Code)
		}
	}
	if checks != 2 {
		t.Errorf("%d costly checks", checks)
	}
	for range 30 {
		ask(h, "/", "10.0.0.9:5", "guess")
	}
	if w := ask(h, "/", "10.0.0.9:5", "guess"); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
		t.Errorf("after thirty guesses: %d", w.Code)
	}
	if w := ask(h, "/", "10.0.0.9:5", "right"); w.Code != http.StatusOK {
		t.Errorf("the operator is shut out by guesses: %d", w.Code)
	}
}
