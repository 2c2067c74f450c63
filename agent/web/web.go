// Package web serves the agent's page on the school's own machine: where the
// school's records stand, in plain words, and the newest lines of the log on request.
//
// It listens on a loopback address only and answers only requests that name
// one, so that a page of somebody else's in the clerk's browser cannot read it
// through a name of its own (DNS rebinding), nor act on it from its own origin. Which
// of the machine's users are let in is installer/host/peer's. It imports schema,
// schema/text and installer/host/crowd alone.
package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"shangu/installer/host/crowd"
	"shangu/schema/text"
)

//go:embed page.html style.css
var files embed.FS

// State is what the page shows.
type State struct {
	School      string // 学校标识码, "" before the first contact with the hub
	Name        string // of the school, "" while unknown
	Device      string
	Version     string
	Hubs        []string // "" before enrolment
	Pending     uint64   // entries saved here and not yet safe
	Safe        uint64   // entries that the hub has given a receipt for
	Docs        int
	Conflicts   int
	Quarantined int
	LastSync    time.Time // zero: never
	LastError   *text.Message
	Revoked     bool     // the district has shut this machine out
	Budget      bool     // this month's data is used up
	Share       bool     // today's share of what is left of it is
	Data        string   // carried this month
	DataLimit   string   // of Data; "": none
	DiskFree    uint64   // bytes
	Notices     []Notice // gravest first
	Ask         *DateAsk // nil: today's date is settled
}

// Source gives the page its facts.
type Source interface {
	// State is read for each request; it must be cheap.
	State(ctx context.Context) (State, error)
	// Recent returns the newest n lines of the log, oldest first.
	Recent(n int) []string
	// ConfirmDate takes the clerk's word for today's date, as 2026-10-12.
	ConfirmDate(ctx context.Context, date string) error
}

// logLines is how many lines of the log the page shows.
const logLines = 100

type server struct {
	source Source
	page   *template.Template
	style  []byte
	log    *slog.Logger
	now    func() time.Time
	token  string // that a form of ours carries
}

// Handler serves the status at / and whatever else pages has. now is the clock
// that log lines and times are shown by.
func Handler(s Source, log *slog.Logger, now func() time.Time, pages http.Handler) (http.Handler, error) {
	page, err := template.ParseFS(files, "page.html")
	if err != nil {
		return nil, fmt.Errorf("parse page: %w", err)
	}
	style, err := files.ReadFile("style.css")
	if err != nil {
		return nil, fmt.Errorf("read style: %w", err)
	}
	v := &server{s, page, style, log, now, rand.Text()}
	m := http.NewServeMux()
	m.HandleFunc("GET /{$}", v.status)
	m.HandleFunc("GET /style.css", v.css)
	m.HandleFunc("POST /date", v.date)
	m.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	m.Handle("/", pages)
	return guard(m), nil
}

// Listen opens the page's address, which must be on this machine: the page
// needs no login because nobody else can reach it.
func Listen(address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, text.Wrap(err, "agent.bad_listen", "address", address)
	}
	if !loopback(host) {
		return nil, text.New("agent.listen_not_local", "address", address)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, text.Wrap(err, "agent.cannot_listen", "address", address)
	}
	return l, nil
}

// Bounds of the server. Any program on this machine can reach it; a clerk's
// browser has a handful of connections and is answered in milliseconds. At the
// bound the oldest goes, whatever it is at.
const (
	maxConns      = 64
	headerTimeout = 5 * time.Second
	readTimeout   = 20 * time.Second // of a whole request
	writeTimeout  = time.Minute
)

// Serve answers requests until ctx is done.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{
		Handler: h, MaxHeaderBytes: 16 << 10,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: time.Minute,
	}
	l = crowd.Listen(l, maxConns, maxConns)
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve pages: %w", err)
	}
	return nil
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && a.IsLoopback()
}

// guard refuses requests that do not name this machine, and says what a page
// of ours may do.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if !loopback(host) {
			http.Error(w, text.New("agent.wrong_host").Error(), http.StatusForbidden)
			return
		}
		if foreign(r) {
			http.Error(w, text.New("agent.wrong_origin").Error(), http.StatusForbidden)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// foreign reports whether a page of somebody else's made the browser ask. A
// link that a person follows may lead here; nothing else may.
func foreign(r *http.Request) bool {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
		return true
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "":
		// An old browser or a tool. What changes something names its origin or
		// the page that it comes from.
		return !reads && r.Header.Get("Origin") == "" && !strings.HasPrefix(r.Header.Get("Referer"), "http://"+r.Host+"/")
	}
	return !reads || r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document"
}

func (v *server) css(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "max-age=3600")
	w.Write(v.style)
}

func (v *server) status(w http.ResponseWriter, r *http.Request) { v.show(w, r, http.StatusOK) }

// show writes the page, with more to say than the state has.
func (v *server) show(w http.ResponseWriter, r *http.Request, code int, more ...Notice) {
	lang := language(r)
	st, err := v.source.State(r.Context())
	if err != nil {
		v.log.Error("read state for page", "err", err.Error())
		http.Error(w, text.New("agent.page_failed").In(lang), http.StatusInternalServerError)
		return
	}
	st.Notices = append(more, st.Notices...)
	var b bytes.Buffer
	if err := v.page.Execute(&b, v.view(st, lang, r.URL.Query().Get("log") != "")); err != nil {
		v.log.Error("write page", "err", err.Error())
		http.Error(w, text.New("agent.page_failed").In(lang), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	w.Write(b.Bytes())
}

// language is ?lang=, or the program's: Chinese unless it was told otherwise.
func language(r *http.Request) text.Lang {
	if l, ok := text.ParseLang(r.URL.Query().Get("lang")); ok {
		return l
	}
	return text.Default()
}
