// Package peer says which user of this machine is at the other end of a
// loopback TCP connection, and whether a page may be shown to them.
//
// A port on 127.0.0.1 can be reached by every user of the machine, while the
// data directory behind the page cannot be read by all of them. Linux tells a
// connection's user (/proc/net/tcp), Windows its process and so its session.
// Let in are: who runs the service, root or the services' session, who sits at
// the machine (on Windows: any session in use), the machine's only human user,
// and who is named. On a computer with one user nobody notices.
//
// The package imports schema/text alone.
package peer

import (
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"shangu/schema/text"
)

// Everyone in a Policy's Users lets all users of the machine in.
const Everyone = "*"

// Policy is who may come in besides those that the package doc names.
type Policy struct {
	Users []string // account names, or Everyone
}

// ErrUnknown means that the system does not know the connection.
var ErrUnknown = errors.New("peer: no such connection")

// Allow reports whether the user at remote, connected to local, may come in.
// who names the user for the log.
func (p Policy) Allow(remote, local netip.AddrPort) (ok bool, who string, err error) {
	if slices.Contains(p.Users, Everyone) {
		return true, "", nil
	}
	return p.allow(plain(remote), plain(local))
}

func plain(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// Guard lets only those in whom the policy allows. told hears of the others,
// once a minute at most.
func (p Policy) Guard(next http.Handler, told func(who string, err error)) http.Handler {
	var mu sync.Mutex
	var last time.Time
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		local, _ := r.Context().Value(http.LocalAddrContextKey).(interface{ String() string })
		ok, who, err := false, "", ErrUnknown
		if local != nil {
			var from, to netip.AddrPort
			if from, err = netip.ParseAddrPort(r.RemoteAddr); err == nil {
				to, err = netip.ParseAddrPort(local.String())
			}
			if err == nil {
				ok, who, err = p.Allow(from, to)
			}
		}
		if ok {
			next.ServeHTTP(w, r)
			return
		}
		mu.Lock()
		now := time.Now()
		say := now.Sub(last) > time.Minute
		if say {
			last = now
		}
		mu.Unlock()
		if say {
			told(who, err)
		}
		http.Error(w, text.New("agent.wrong_user").Error(), http.StatusForbidden)
	})
}
