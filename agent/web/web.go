// Package web is the doors to the agent's pages: one on the school's own machine and,
// where an administrator has opened it, one for the school's other computers.
//
// The first listens on a loopback address only and answers only requests that name
// one, so that a page of somebody else's in the clerk's browser cannot read it
// through a name of its own (DNS rebinding), nor act on it from its own origin. Which
// of the machine's users are let in is installer/host/peer's. The second speaks TLS, is
// open to the same subnets, and shows nobody anything before sign-in (agent/web/ui).
// The package imports schema/text and installer/host/crowd alone.
package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"shangu/installer/host/crowd"
	"shangu/schema/text"
)

// Handler lets pages be seen on this machine: it refuses what comes by a name that
// is not this machine's, and what somebody else's page made the browser ask.
func Handler(pages http.Handler) http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	m.Handle("/", pages)
	return guard(m)
}

// Listen opens the address of the pages, which must be on this machine: the first
// page needs no login because nobody else can reach it. Other computers have a door of
// their own, see Neighbours.
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

// guard refuses requests that do not name this machine.
func guard(next http.Handler) http.Handler {
	next = inside(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !loopback(hostOf(r)) {
			http.Error(w, text.New("agent.wrong_host").Error(), http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hostOf is the name that the browser came by, without the port.
func hostOf(r *http.Request) string {
	if h, _, err := net.SplitHostPort(r.Host); err == nil {
		return h
	}
	return r.Host
}

// inside refuses what somebody else's page made the browser ask, and says what a
// page of ours may do.
func inside(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
	own := "http://" + r.Host
	if r.TLS != nil {
		own = "https://" + r.Host
	}
	if origin := r.Header.Get("Origin"); origin != "" && origin != own {
		return true
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "":
		// An old browser or a tool. What changes something names its origin or
		// the page that it comes from.
		return !reads && r.Header.Get("Origin") == "" && !strings.HasPrefix(r.Header.Get("Referer"), own+"/")
	}
	return !reads || r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document"
}
