package ui

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"shangu/agent/account"
)

func visit(t *testing.T, take func(http.ResponseWriter, *http.Request, time.Time) (string, session), id string, now time.Time) (string, session, bool) {
	t.Helper()
	r := httptest.NewRequest("GET", "/", nil)
	if id != "" {
		r.AddCookie(&http.Cookie{Name: cookie, Value: id})
	}
	w := httptest.NewRecorder()
	got, s := take(w, r, now)
	return got, s, len(w.Result().Cookies()) > 0
}

// A page that asks by itself how things stand keeps no session awake.
func TestAScriptKeepsNoSessionAwake(t *testing.T) {
	now := time.Date(2026, 10, 12, 8, 0, 0, 0, time.UTC)
	s := &sessions{idle: time.Minute, secret: []byte("s"), by: map[string]*session{"a": {who: "clerk", seen: now}}}
	for range 5 {
		now = now.Add(15 * time.Second)
		if _, got, _ := visit(t, s.peek, "a", now); got.lock != now.After(s.by["a"].seen.Add(s.idle)) {
			t.Errorf("after %v: %+v", now.Sub(s.by["a"].seen), got)
		}
	}
	if _, got, _ := visit(t, s.take, "a", now); !got.lock {
		t.Error("the session did not lock")
	}
	if id, _, set := visit(t, s.peek, "", now); id != "" || set || len(s.by) != 1 {
		t.Error("a script began a session")
	}
}

// However many strangers come, who has signed in stays.
func TestStrangersSignNobodyOut(t *testing.T) {
	now := time.Date(2026, 10, 12, 8, 0, 0, 0, time.UTC)
	s := &sessions{idle: time.Hour, secret: []byte("s"), by: map[string]*session{}}
	id, _, _ := visit(t, s.take, "", now)
	w := httptest.NewRecorder()
	s.signIn(w, httptest.NewRequest("POST", "/sign", nil), id, account.Account{ID: "clerk"}, now)
	mine := w.Result().Cookies()[0].Value
	for i := range 2 * maxSessions {
		visit(t, s.take, fmt.Sprint("stranger", i), now.Add(time.Duration(i+1)*time.Second))
	}
	if got := s.by[mine]; got == nil || got.who != "clerk" || len(s.by) > maxSessions {
		t.Errorf("%d sessions, mine %+v", len(s.by), got)
	}
}
