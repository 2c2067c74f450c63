package ui

import (
	"crypto/rand"
	"net/http"
	"sync"
	"time"

	"shangu/agent/account"
)

// DefaultIdle is how long a signed-in page may lie untouched before it locks.
const DefaultIdle = 15 * time.Minute

// maxSessions bounds what browsers can make the agent keep. The one that was
// silent for longest goes first.
const maxSessions = 256

// cookie names the session. It lives as long as the browser's window.
const cookie = "shangu"

// session is one browser. Sessions live in memory: a restart signs everybody out
// and loses nothing, for every save is kept as it is made.
type session struct {
	token string // that forms carry, so that no other page can send one
	seen  time.Time
	who   string // account id, "" before sign-in
	lock  bool   // who is still known, but must give the PIN again
	next  string // where to go on after sign-in
}

// sessions are those of one site.
type sessions struct {
	idle time.Duration
	mu   sync.Mutex
	by   map[string]*session // by cookie
}

// take returns a copy of the browser's session, or begins one.
func (s *sessions) take(w http.ResponseWriter, r *http.Request, now time.Time) (id string, out session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, err := r.Cookie(cookie); err == nil {
		if got := s.by[c.Value]; got != nil {
			if got.who != "" && now.Sub(got.seen) > s.idle {
				got.lock = true
			}
			got.seen = now
			return c.Value, *got
		}
	}
	if len(s.by) >= maxSessions {
		s.drop()
	}
	id = rand.Text()
	fresh := &session{token: rand.Text(), seen: now}
	s.by[id] = fresh
	s.give(w, r, id)
	return id, *fresh
}

// peek is take for a request that nobody made by hand: it leaves the session as
// it is, and where there is none it begins none.
func (s *sessions) peek(_ http.ResponseWriter, r *http.Request, now time.Time) (id string, out session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := r.Cookie(cookie)
	if err != nil || s.by[c.Value] == nil {
		return "", session{token: rand.Text()}
	}
	out = *s.by[c.Value]
	out.lock = out.lock || out.who != "" && now.Sub(out.seen) > s.idle
	return c.Value, out
}

func (s *sessions) give(w http.ResponseWriter, r *http.Request, id string) {
	http.SetCookie(w, &http.Cookie{Name: cookie, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil})
}

// drop makes room. Whoever never signed in goes first: a crowd of strangers signs
// nobody out.
func (s *sessions) drop() {
	out := ""
	for id, v := range s.by {
		o := s.by[out]
		if o == nil || v.who == "" && o.who != "" || (v.who == "") == (o.who == "") && v.seen.Before(o.seen) {
			out = id
		}
	}
	delete(s.by, out)
}

// signIn begins another session for an account, so that a cookie that was known
// before sign-in is worth nothing after it.
func (s *sessions) signIn(w http.ResponseWriter, r *http.Request, old string, a account.Account, now time.Time) (next string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if was := s.by[old]; was != nil {
		next = was.next
		delete(s.by, old)
	}
	id := rand.Text()
	s.by[id] = &session{token: rand.Text(), seen: now, who: a.ID}
	s.give(w, r, id)
	return next
}

// edit changes a session that is still there.
func (s *sessions) edit(id string, f func(*session)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.by[id]; v != nil {
		f(v)
	}
}
