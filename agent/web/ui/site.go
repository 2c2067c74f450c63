package ui

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"shangu/agent/account"
	"shangu/schema"
	"shangu/schema/text"
)

// Paths of pages that ui itself sends people to.
const (
	SignPath     = "/sign"
	StartPath    = "/start"
	LanguagePath = "/language"
	LargePath    = "/large"
	AgainPath    = "/again" // a form that was kept over a lock
)

// Site is all pages.
type Site struct {
	d        Deps
	sessions *sessions
	pages    map[text.Lang]*template.Template
	static   map[string]asset // by path
}

// New makes a site of areas. It fails on a template that does not parse and on
// patterns that contradict each other.
func New(d Deps) (s *Site, err error) {
	if d.Idle == 0 {
		d.Idle = DefaultIdle
	}
	if len(d.Secret) < minSecret {
		return nil, fmt.Errorf("make pages: a secret of %d bytes", len(d.Secret))
	}
	s = &Site{d: d, sessions: &sessions{idle: d.Idle, secret: d.Secret, by: map[string]*session{}}, static: map[string]asset{}, pages: map[text.Lang]*template.Template{}}
	if err := s.readStatic(); err != nil {
		return nil, fmt.Errorf("make pages: %w", err)
	}
	for _, a := range d.Areas {
		if err := s.readArea(a); err != nil {
			return nil, fmt.Errorf("make pages: %w", err)
		}
	}
	for _, lang := range []text.Lang{text.ZH, text.EN} {
		if s.pages[lang], err = s.parse(lang); err != nil {
			return nil, fmt.Errorf("make pages: %w", err)
		}
	}
	return s, nil
}

// Handler serves the pages. Host and Origin are looked at by who mounts it.
func (s *Site) Handler() http.Handler {
	m := http.NewServeMux()
	for name, a := range s.static {
		m.HandleFunc("GET "+name, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", a.kind)
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
			w.Write(a.body)
		})
	}
	for _, area := range s.d.Areas {
		for _, route := range area.Routes {
			m.HandleFunc(route.Pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(route, w, r) })
		}
	}
	m.HandleFunc("GET "+AgainPath, func(w http.ResponseWriter, r *http.Request) { s.serve(Route{Who: Signed, Do: s.again}, w, r) })
	m.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, s.request(w, r, false), text.New("page.none"), http.StatusNotFound)
	})
	return m
}

// request finds out who asks and in which language.
func (s *Site) request(w http.ResponseWriter, r *http.Request, quiet bool) *Request {
	now := s.d.Now()
	take := s.sessions.take
	if quiet {
		take = s.sessions.peek
	}
	id, session := take(w, r, now)
	q := &Request{Request: r, Lang: text.Default(), Now: now, Today: s.d.Today(), session: &session, id: id, token: s.sessions.token(id), note: s.d.Note}
	if c, err := r.Cookie(largeCookie); err == nil {
		q.large = c.Value == "1"
	}
	if c, err := r.Cookie(langCookie); err == nil {
		if l, ok := text.ParseLang(c.Value); ok {
			q.Lang = l
		}
	}
	if session.who != "" && !session.lock {
		if a, err := s.d.Accounts.Get(session.who); err == nil {
			q.Account = &a
		}
	}
	return q
}

// Cookies of what a reader prefers.
const (
	langCookie  = "shangu-lang"
	largeCookie = "shangu-large"
)

func (s *Site) serve(route Route, w http.ResponseWriter, r *http.Request) {
	q := s.request(w, r, route.Quiet)
	if !route.Who.admits(q.Account) || q.Remote() && q.Account == nil && !entrance(r.URL.Path) {
		s.turnAway(w, q)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		if err := s.ours(w, q, route.Upload); err != nil {
			s.fail(w, q, err, http.StatusForbidden)
			return
		}
	}
	if route.Guarded != "" {
		if err := q.Note(route.Guarded); err != nil {
			s.fail(w, q, err, http.StatusConflict)
			return
		}
	}
	a, err := route.Do(q)
	if err != nil {
		s.fail(w, q, err, http.StatusConflict)
		return
	}
	a.write(s, w, q)
}

// entrance tells the pages that another computer of the school sees before
// anybody has signed in there: none that tells or changes anything.
func entrance(path string) bool { return path == SignPath || path == LanguagePath || path == LargePath }

// ours takes what a page of this session sends, and nothing else. upload bounds
// the bytes of a file that may come with it.
func (s *Site) ours(w http.ResponseWriter, q *Request, upload int64) error {
	if token := q.Header.Get(tokenHeader); token != "" {
		return q.checkToken(token)
	}
	if upload > 0 && strings.HasPrefix(q.Header.Get("Content-Type"), "multipart/") {
		return readUpload(w, q, upload)
	}
	if err := readForm(w, q.Request); err != nil {
		return err
	}
	return q.checkToken(q.PostForm.Get("token"))
}

func (r *Request) checkToken(token string) error {
	if subtle.ConstantTimeCompare([]byte(token), []byte(r.token)) != 1 {
		return text.New("page.stale")
	}
	return nil
}

// turnAway sends people to where they can sign in, or says that the account may
// not; a script is told.
func (s *Site) turnAway(w http.ResponseWriter, q *Request) {
	switch {
	case q.Account != nil:
		s.fail(w, q, text.New("page.not_yours"), http.StatusForbidden)
	case q.Script():
		s.fail(w, q, text.New("page.locked"), http.StatusUnauthorized)
	default:
		if q.Method == http.MethodGet {
			s.sessions.edit(q.id, func(v *session) { v.next = q.URL.RequestURI() })
		} else if s.ours(w, q, 0) == nil {
			s.sessions.keep(q.id, &kept{path: q.URL.Path, values: q.PostForm})
		}
		to := SignPath
		if len(s.d.Accounts.List()) == 0 {
			to = StartPath
		}
		if to == StartPath && q.Remote() {
			s.fail(w, q, text.New("page.first_here"), http.StatusForbidden)
			return
		}
		http.Redirect(w, q.Request, to, http.StatusSeeOther)
	}
}

// fail says what went wrong, to a person on a page and to a script in JSON.
func (s *Site) fail(w http.ResponseWriter, q *Request, err error, code int) {
	m := text.Of(err)
	if m == nil {
		s.d.Log.Error("a page failed", "path", q.URL.Path, "err", err.Error())
		m, code = text.New("page.failed"), http.StatusInternalServerError
	}
	if q.Script() {
		reply(w, code, map[string]string{"error": m.In(q.Lang)})
		return
	}
	Show{Template: "failed", Title: q.Say("page.failed_title"), Data: m, Code: code}.write(s, w, q)
}

func reply(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // a browser that went away does not want its answer
}

// frame is what the layout shows around a page.
type frame struct {
	*View
	Title, Active string
	Large         bool
	Idle          int64 // milliseconds after which the page of an account locks
	Menu          []Entry
	Body          template.HTML
	Styles        []string
	Scripts       []string
	Light         *Light
}

// View is what a template is executed with.
type View struct {
	Lang    string
	Token   string // that forms carry
	Remote  bool   // the browser is on another computer of the school
	Account *account.Account
	Today   schema.Date
	Now     time.Time
	Data    any
}

func (a Show) write(s *Site, w http.ResponseWriter, q *Request) {
	v := &View{Lang: q.Lang.String(), Token: q.token, Remote: q.Remote(), Account: q.Account, Today: q.Today, Now: q.Now, Data: a.Data}
	var body, page bytes.Buffer
	err := s.pages[q.Lang].ExecuteTemplate(&body, a.Template, v)
	if err == nil {
		f := frame{View: v, Title: a.Title, Active: a.Active, Large: q.large, Body: template.HTML(body.String()), Styles: s.own(a.Template, ".css"), Scripts: s.own(a.Template, ".js")}
		if q.Account != nil {
			f.Idle = s.sessions.idle.Milliseconds()
		}
		for _, e := range s.d.Menu {
			if q.Account != nil && e.Who.admits(q.Account) {
				f.Menu = append(f.Menu, e)
			}
		}
		if s.d.Light != nil && (q.Account != nil || !q.Remote()) {
			l := s.d.Light(q.Lang)
			f.Light = &l
		}
		err = s.pages[q.Lang].ExecuteTemplate(&page, "layout", f)
	}
	if err != nil {
		s.d.Log.Error("write page", "template", a.Template, "err", err.Error())
		http.Error(w, q.Say("page.failed"), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if a.Code != 0 {
		w.WriteHeader(a.Code)
	}
	w.Write(page.Bytes())
}

func (a See) write(_ *Site, w http.ResponseWriter, q *Request) {
	http.Redirect(w, q.Request, string(a), http.StatusSeeOther)
}

func (a Reply) write(_ *Site, w http.ResponseWriter, _ *Request) { reply(w, http.StatusOK, a.Value) }

func (a SignedIn) write(s *Site, w http.ResponseWriter, q *Request) {
	id, next := s.sessions.signIn(w, q.Request, q.id, account.Account(a), q.Now)
	if q.Script() {
		// The page goes on where it was, with the token of its new session.
		reply(w, http.StatusOK, map[string]string{"token": s.sessions.token(id)})
		return
	}
	if next == "" {
		next = s.first(account.Account(a))
	}
	See(inside(next)).write(s, w, q)
}

// first is the page that an account's day begins with.
func (s *Site) first(a account.Account) string {
	for _, e := range s.d.Menu {
		if e.Who != Anybody && e.Who.admits(&a) {
			return e.Path
		}
	}
	return "/"
}

// inside is a path of this site, the first page if it is none.
func inside(path string) string {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.HasPrefix(path, "/\\") {
		return "/"
	}
	return path
}

func (a SignedOut) write(s *Site, w http.ResponseWriter, q *Request) {
	s.sessions.edit(q.id, func(v *session) {
		v.lock, v.next = true, a.Next
		if a.Forget {
			v.who = ""
		}
	})
	if q.Script() {
		reply(w, http.StatusOK, struct{}{})
		return
	}
	See(SignPath).write(s, w, q)
}

// Prefers lasts as long as a computer does.
const prefersFor = 10 * 365 * 86400

func (a Prefer) write(s *Site, w http.ResponseWriter, q *Request) {
	http.SetCookie(w, &http.Cookie{Name: a.name, Value: a.value, Path: "/", MaxAge: prefersFor, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	See(inside(a.Next)).write(s, w, q)
}
