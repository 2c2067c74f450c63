// Package ui is what all pages of the agent have in common: routes with who may
// use them, sessions of signed-in accounts, templates in the words of a language,
// forms that say beside a field what is wrong with it and lose nothing typed.
//
// A page is a Route of a package of its own under agent/web; it gets a Request and
// returns an Answer. What it needs of the agent it declares itself. ui imports
// agent/account, schema and schema/text, and knows no page.
package ui

import (
	"encoding/json"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"shangu/agent/account"
	"shangu/schema"
	"shangu/schema/text"
)

// Who says for whom a route is.
type Who uint8

const (
	Anybody  Who = iota // who sits at the computer: sign-in, first run, the status
	Signed              // any account
	Recorder            // who records attendance and training: everybody but visitors
	Leader              // head and administrator
	Manager             // administrator
)

func (w Who) admits(a *account.Account) bool {
	switch {
	case w == Anybody:
		return true
	case a == nil:
		return false
	case w == Signed:
		return true
	case w == Recorder:
		return a.Role != account.Visiting
	case w == Leader:
		return a.Role == account.Head || a.Role == account.Admin
	}
	return a.Role == account.Admin
}

// Route is one page, or one action of a page.
type Route struct {
	Pattern string // as net/http's ServeMux has it: "GET /roll/{class}"
	Who     Who
	Upload  int64 // bytes of a file that may come with the form; 0: none may
	Do      func(*Request) (Answer, error)
	// Guarded shows what only some may see of a pupil, and names it: who opened it is
	// written down first; see Deps.Note.
	Guarded string
	// Quiet is asked for by a page's script in its own time: it is no sign of
	// somebody being there, keeps no session awake and begins none.
	Quiet bool
}

// Request is a browser's question.
type Request struct {
	*http.Request
	Lang    text.Lang
	Account *account.Account // nil: nobody is signed in
	Now     time.Time
	Today   schema.Date
	File    *File // that came with the form, nil if none

	session *session
	id      string                              // of the session
	token   string                              // that its forms carry
	large   bool                                // large type
	note    func(r *Request, what string) error // Deps.Note
}

// File is one that somebody chose in a form.
type File struct {
	Name string // as the browser says: not to be trusted
	Body []byte
}

// tokenHeader carries the token of what a script sends.
const tokenHeader = "Shangu-Token"

// Script reports whether a script of a page asks, which wants no page for an answer.
func (r *Request) Script() bool { return r.Header.Get(tokenHeader) != "" }

// Say puts a message of the catalogue into the reader's language.
func (r *Request) Say(id string, kv ...any) string { return text.New(id, kv...).In(r.Lang) }

// Name is the account that a save is made by.
func (r *Request) Name() string {
	if r.Account == nil {
		return ""
	}
	return r.Account.Name
}

// May reports whether whoever asks may use what is for w.
func (r *Request) May(w Who) bool { return w.admits(r.Account) }

// LastAccount is the account that this browser was signed in as, "" if none: after
// a lock it is asked for its PIN alone.
func (r *Request) LastAccount() string { return r.session.who }

// maxJSON bounds what a script sends.
const maxJSON = 256 << 10

// JSON reads what a script sent into v, a pointer. What v does not know is refused.
func (r *Request) JSON(v any) error {
	dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxJSON))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return text.Wrap(err, "page.bad_form")
	}
	return nil
}

// Remote reports whether the browser is on another computer of the school: only
// those come by TLS.
func (r *Request) Remote() bool { return r.TLS != nil }

// Answer is what a page says: Show, See, Reply, Download, SignedIn, SignedOut or
// Prefer.
type Answer interface {
	write(s *Site, w http.ResponseWriter, r *Request)
}

// Show is a page: a template of the route's package and what it shows.
type Show struct {
	Template string
	Title    string // in the reader's words
	Active   string // the entry of the menu that is lit, "" for none
	Data     any
	Code     int // http.StatusOK if 0
}

// See sends the browser on to another page, after something was done.
type See string

// Reply answers a script of the page.
type Reply struct{ Value any }

// SignedIn lets an account in and goes on where it wanted to.
type SignedIn account.Account

// SignedOut locks the browser's session. What was saved stays, and what waits to
// be sent is sent. Forget forgets whose session it was.
type SignedOut struct {
	Next   string // where to go on after the PIN was given again
	Forget bool
}

// Prefer remembers in the browser how its reader likes the pages.
type Prefer struct {
	Next        string
	name, value string
}

// Speak changes the language.
func Speak(l text.Lang, next string) Prefer { return Prefer{next, langCookie, l.String()} }

// Large switches large type on or off.
func Large(on bool, next string) Prefer {
	if on {
		return Prefer{next, largeCookie, "1"}
	}
	return Prefer{next, largeCookie, "0"}
}

// Deps are what a Site stands on.
type Deps struct {
	Accounts *account.Book
	Secret   []byte // of this data directory, at least 16 bytes: sessions and tokens are made with it
	Log      *slog.Logger
	Now      func() time.Time
	Today    func() schema.Date
	Idle     time.Duration // after which a session locks; DefaultIdle if 0
	Menu     []Entry
	Areas    []Area
	// Note keeps who sees what few may see, before it is shown; nil where nothing is
	// kept. what is a route's Guarded, or the table that names were asked for in.
	Note func(r *Request, what string) error
	// Light says on every page how the records stand; nil: no page does. It must
	// be cheap.
	Light func(text.Lang) Light
}

// Light is how the school's records stand, in a word or two.
type Light struct {
	Mood string // good, wait or bad, which choose colour and shape
	Text string // in the reader's words
}

const minSecret = 16

// Area is one package of pages.
type Area struct {
	Name   string           // its templates are known as name/file, without .html
	Files  fs.FS            // *.html; nil where there are none
	Funcs  template.FuncMap // that its templates use besides those of all
	Routes []Route
}

// Entry is one of the menu.
type Entry struct {
	ID   string // as Show.Active names it
	Path string
	Text string // message id
	Who  Who
	// Count is shown beside it where it is not 0: how much waits there for
	// somebody. nil: nothing ever does.
	Count func() int
}

// Back is the path of the page that a form came from, or the first page.
func (r *Request) Back() string {
	u, err := url.Parse(r.Referer())
	if err != nil || u.Host != r.Host || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") {
		return "/"
	}
	return u.RequestURI()
}
