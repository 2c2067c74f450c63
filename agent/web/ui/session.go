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

func (s *sessions) give(w http.ResponseWriter, r *http.Request, id string) {
	http.SetCookie(w, &http.Cookie{Name: cookie, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil})
}

func (s *sessions) drop() {
	oldest := ""
	for id, v := range s.by {
		if oldest == "" || v.seen.Before(s.by[oldest].seen) {
			oldest = id
		}
	}
	delete(s.by, oldest)
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
