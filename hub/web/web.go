// Package web is what the hub's operator sees in a browser: one page with the
// nodes and a line for each school, in Chinese first and in English.
//
// It reads through the functions in Options, writes nothing, and never touches
// the store or the log. It may import hub/cluster, hub/state and schema/text.
package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"shangu/hub/cluster"
	"shangu/hub/state"
	"shangu/schema"
	"shangu/schema/text"
)

// Options are what the page shows and who may see it.
type Options struct {
	Name    string // of the district
	Version string
	Status  func(context.Context) cluster.Status
	Schools func() ([]state.Row, error)
	// Check reports whether an operator's name and password are right. nil:
	// only browsers on the node's own machine see anything.
	Check func(name, password string) bool
	Now   func() time.Time
	Log   *slog.Logger
}

//go:embed page.html
var files embed.FS

var page = template.Must(template.New("page.html").Funcs(template.FuncMap{
	"t": func(l text.Lang, id string, kv ...any) string { return text.New(id, kv...).In(l) },
}).ParseFS(files, "page.html"))

// statusTimeout bounds how long a page waits for the other nodes.
const statusTimeout = 2 * time.Second

// New makes the page.
func New(o Options) http.Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &pages{Options: o, tries: rate.NewLimiter(2, 10), known: map[[sha256.Size]byte]time.Time{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.guard(p.overview))
	mux.HandleFunc("GET /", http.NotFound)
	return mux
}

type pages struct {
	Options
	tries *rate.Limiter // password checks: each one is costly on purpose

	mu    sync.Mutex
	known map[[sha256.Size]byte]time.Time // of a good name and password; until when
}

// rememberFor is how long a good password is not checked anew.
const rememberFor = 10 * time.Minute

// guard lets operators through: by password, or on the node's own machine when
// no passwords are set.
func (p *pages) guard(f http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		if p.Check == nil {
			if !local(r.RemoteAddr) {
				http.Error(w, text.New("web.local_only").In(language(r)), http.StatusForbidden)
				return
			}
			f(w, r)
			return
		}
		name, password, given := r.BasicAuth()
		switch ok, wait := given, false; {
		case ok:
			if ok, wait = p.right(name, password); ok {
				f(w, r)
				return
			}
			if wait {
				h.Set("Retry-After", "10")
				http.Error(w, text.New("web.too_many").In(language(r)), http.StatusTooManyRequests)
				return
			}
			fallthrough
		default:
			h.Set("WWW-Authenticate", `Basic realm="shangu", charset="UTF-8"`)
			http.Error(w, text.New("web.login").In(language(r)), http.StatusUnauthorized)
		}
	}
}

// right checks a password; wait means that too many were tried of late.
func (p *pages) right(name, password string) (ok, wait bool) {
	key := sha256.Sum256([]byte(name + "\x00" + password))
	now := p.Now()
	p.mu.Lock()
	until, seen := p.known[key]
	p.mu.Unlock()
	if seen && now.Before(until) {
		return true, false
	}
	if !p.tries.AllowN(now, 1) {
		return false, true
	}
	if !p.Check(name, password) {
		return false, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for k, u := range p.known {
		if !now.Before(u) {
			delete(p.known, k)
		}
	}
	p.known[key] = now.Add(rememberFor)
	return true, false
}

func local(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback()
}

// language is that of ?lang=, else Chinese.
func language(r *http.Request) text.Lang {
	if r.URL.Query().Get("lang") == "en" {
		return text.EN
	}
	return text.ZH
}

// overview is the data behind the page.
type overview struct {
	Lang    text.Lang
	Other   string // the other language, as ?lang= takes it
	Options Options
	At      string
	Status  cluster.Status
	Schools []row
	Total   state.Row
	Trouble *text.Message
}

type row struct {
	state.Row
	Seen string // when the school was last heard of
}

func (p *pages) overview(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), statusTimeout)
	defer cancel()
	v := overview{Lang: language(r), Options: p.Options, At: p.Now().In(schema.Zone).Format("2006-01-02 15:04"), Status: p.Status(ctx)}
	v.Other = map[text.Lang]string{text.ZH: "en", text.EN: "zh"}[v.Lang]
	rows, err := p.Schools()
	if err != nil {
		p.Log.Error("read summary", "err", err.Error())
		v.Trouble = text.New("web.no_summary")
	}
	for _, s := range rows {
		v.Schools = append(v.Schools, row{s, since(p.Now(), s.LastSeen, v.Lang)})
		t := &v.Total
		t.Pupils, t.Sheets, t.Marks, t.Visits, t.Trainings = t.Pupils+s.Pupils, t.Sheets+s.Sheets, t.Marks+s.Marks, t.Visits+s.Visits, t.Trainings+s.Trainings
		t.Pending, t.Conflicts, t.Quarantined = t.Pending+s.Pending, t.Conflicts+s.Conflicts, t.Quarantined+s.Quarantined
	}
	// Into memory first: a template that fails half-way must not look whole.
	var b bytes.Buffer
	if err := page.Execute(&b, v); err != nil {
		p.Log.Error("render page", "err", err.Error())
		http.Error(w, text.New("web.no_summary").In(v.Lang), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	// A browser that is gone needs no page.
	_, _ = b.WriteTo(w)
}

// since says how long ago a time was, in words.
func since(now time.Time, unix int64, l text.Lang) string {
	d := now.Sub(time.Unix(unix, 0))
	switch {
	case unix == 0:
		return text.New("web.never").In(l)
	case d < 2*time.Minute:
		return text.New("web.just_now").In(l)
	case d < 2*time.Hour:
		return text.New("web.minutes_ago", "n", int(d.Minutes())).In(l)
	case d < 48*time.Hour:
		return text.New("web.hours_ago", "n", int(d.Hours())).In(l)
	}
	return text.New("web.days_ago", "n", int(d.Hours()/24)).In(l)
}
