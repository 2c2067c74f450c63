package ui

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"shangu/agent/account"
)

// DefaultIdle is how long a signed-in page may lie untouched before it locks.
const DefaultIdle = 15 * time.Minute

// maxSessions bounds what browsers can make the agent keep.
const maxSessions = 256

// maxKept bounds the forms that are kept over a lock, in bytes of all sessions.
const maxKept = 4 << 20

// cookie names the session. It lives as long as the browser's window.
const cookie = "shangu"

// session is one browser. Sessions live in memory: after a restart everybody gives
// the PIN again and loses nothing, for every save is kept as it is made and what was
// typed is kept over the lock.
type session struct {
	seen time.Time
	who  string // account id, "" before sign-in
	lock bool   // who is still known, but must give the PIN again
	next string // where to go on after sign-in
	kept *kept  // what was sent while locked
}

// kept is a form that came when the session was locked.
type kept struct {
	who    string // account id
	path   string
	values url.Values
	size   int
}

// sessions are those of one site.
type sessions struct {
	idle   time.Duration
	secret []byte // that cookies and tokens are made with
	mu     sync.Mutex
	by     map[string]*session // by cookie
}

// mac is what only this site can say of a text.
func (s *sessions) mac(use, what string) string {
	h := hmac.New(sha256.New, s.secret)
	h.Write([]byte(use + "\x00" + what))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// fresh is a cookie for an account, "" for nobody yet: a number of its own, the
// account, and the proof that it is ours.
func (s *sessions) fresh(who string) string {
	body := rand.Text() + "." + who
	return body + "." + s.mac("session", body)
}

// ours reads a cookie that fresh made, maybe before a restart.
func (s *sessions) ours(cookie string) (who string, ok bool) {
	i := strings.LastIndexByte(cookie, '.')
	if i < 0 || !hmac.Equal([]byte(cookie[i+1:]), []byte(s.mac("session", cookie[:i]))) {
		return "", false
	}
	_, who, ok = strings.Cut(cookie[:i], ".")
	return who, ok
}

// token is what forms of a session carry, so that no other page can send one.
func (s *sessions) token(id string) string { return s.mac("token", id) }

// take returns a copy of the browser's session, or begins one. One from before a
// restart goes on, locked.
func (s *sessions) take(w http.ResponseWriter, r *http.Request, now time.Time) (id string, out session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, err := r.Cookie(cookie); err == nil {
		got := s.by[c.Value]
		if who, ok := s.ours(c.Value); got == nil && ok && who != "" {
			got = &session{seen: now, who: who, lock: true}
			s.room()
			s.by[c.Value] = got
		}
		if got != nil {
			if got.who != "" && now.Sub(got.seen) > s.idle {
				got.lock = true
			}
			got.seen = now
			return c.Value, *got
		}
	}
	s.room()
	id = s.fresh("")
	s.by[id] = &session{seen: now}
	s.give(w, r, id)
	return id, session{seen: now}
}

// peek is take for a request that nobody made by hand: it leaves the session as
// it is, and where there is none it begins none.
func (s *sessions) peek(_ http.ResponseWriter, r *http.Request, now time.Time) (id string, out session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := r.Cookie(cookie)
	if err != nil || s.by[c.Value] == nil {
		return "", session{}
	}
	out = *s.by[c.Value]
	out.lock = out.lock || out.who != "" && now.Sub(out.seen) > s.idle
	return c.Value, out
}

func (s *sessions) give(w http.ResponseWriter, r *http.Request, id string) {
	http.SetCookie(w, &http.Cookie{Name: cookie, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil})
}

// room makes room for one session more. Whoever never signed in goes first: a crowd
// of strangers signs nobody out.
func (s *sessions) room() {
	if len(s.by) < maxSessions {
		return
	}
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
func (s *sessions) signIn(w http.ResponseWriter, r *http.Request, old string, a account.Account, now time.Time) (id, next string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := &session{seen: now, who: a.ID}
	if was := s.by[old]; was != nil {
		if was.who == "" || was.who == a.ID {
			next = was.next // where somebody else was is not where this one goes
		}
		if was.kept != nil && was.kept.who == a.ID {
			v.kept = was.kept
			next = AgainPath
		}
		delete(s.by, old)
	}
	id = s.fresh(a.ID)
	s.by[id] = v
	s.give(w, r, id)
	return id, next
}

// keep remembers a form that a locked session sent; ok is false where there is no
// room for it.
func (s *sessions) keep(id string, k *kept) (ok bool) {
	for name, vs := range k.values {
		for _, v := range vs {
			k.size += len(name) + len(v)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	total := k.size
	for _, v := range s.by {
		if v.kept != nil {
			total += v.kept.size
		}
	}
	v := s.by[id]
	if v == nil || v.who == "" || total > maxKept {
		return false
	}
	k.who = v.who
	v.kept = k
	return true
}

// again takes what was kept out of a session.
func (s *sessions) again(id string) *kept {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.by[id]
	if v == nil {
		return nil
	}
	k := v.kept
	v.kept = nil
	return k
}

// edit changes a session that is still there.
func (s *sessions) edit(id string, f func(*session)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.by[id]; v != nil {
		f(v)
	}
}
