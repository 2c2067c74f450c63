// Package link carries sessions over HTTPS on bad lines: TLS 1.3 with the
// device's certificate and the district's pinned CA, several addresses of the
// hub, tickets that survive a restart, time that survives a dead battery,
// backoff, batch sizing and a count of the bytes that a school pays for.
//
// It imports sync/identity, sync/session and schema/text. It knows nothing of
// what the bytes mean; a Link is a session.Transport.
package link

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"shangu/schema/text"
	"shangu/sync/identity"
	"shangu/sync/session"
)

// Config is what a Link needs. Fields that are not set take the default named
// beside them.
type Config struct {
	Hubs  []string      // base addresses, https://host:port, tried in this order at first
	Key   *identity.Key // the device's
	State string        // file for what survives a restart; "" keeps nothing
	Files identity.Files

	// Hybrid adds the post-quantum key exchange X25519MLKEM768: some 2,300
	// bytes more on each connection, against recordings that are decrypted in
	// a distant future. Off.
	Hybrid bool
	// Monthly is how many bytes may cross the line in a calendar month. The
	// last of them are shared out over the days that remain, and Exchange fails
	// with ErrDataBudget when a day's share is used up: see Allowance. 0: no bound.
	Monthly int64

	Built time.Time        // when this program was built; see Clock
	Now   func() time.Time // time.Now
	Dial  func(ctx context.Context, network, addr string) (net.Conn, error)
	// Narrow is Dial for a line that loses large packets; Dial if that is
	// given, else a dialler that announces small segments.
	Narrow  func(ctx context.Context, network, addr string) (net.Conn, error)
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error) // the system's
	Proxy   func(*http.Request) (*url.URL, error)                        // http.ProxyFromEnvironment
	Log     *slog.Logger                                                 // discards

	// Limits of patience. A line of 40 kbit/s and 600 ms is served by the
	// defaults; Stall is how long not a byte may move in either direction.
	DialTimeout      time.Duration // 15 s
	HandshakeTimeout time.Duration // 30 s
	Stall            time.Duration // 45 s
}

func (c Config) withDefaults() (Config, error) {
	if len(c.Hubs) == 0 {
		return c, text.Wrap(ErrNoHub, "link.no_hub")
	}
	for i, h := range c.Hubs {
		u, err := url.Parse(strings.TrimSpace(h))
		if err != nil || u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
			return c, text.Wrap(ErrNoHub, "link.bad_hub", "url", h)
		}
		c.Hubs[i] = "https://" + u.Host
	}
	if c.Key == nil {
		return c, fmt.Errorf("open link: no device key")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	switch {
	case c.Narrow != nil:
	case c.Dial != nil:
		c.Narrow = c.Dial
	default:
		c.Narrow = dialNarrow
	}
	if c.Dial == nil {
		c.Dial = (&net.Dialer{}).DialContext
	}
	if c.Resolve == nil {
		c.Resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if c.Proxy == nil {
		c.Proxy = http.ProxyFromEnvironment
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&c.DialTimeout, 15 * time.Second}, {&c.HandshakeTimeout, 30 * time.Second}, {&c.Stall, 45 * time.Second}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	return c, nil
}

// Link is the way from one device to its hub. It is a session.Transport. Its
// methods may be called from several goroutines; requests go one at a time.
type Link struct {
	c       Config
	clock   *Clock
	state   *state
	http    *http.Transport
	roots   *x509.CertPool
	pace    pace
	request sync.Mutex // one exchange at a time
	mu      sync.Mutex
	last    int   // index of the hub that answered last
	conn    *conn // the latest
	dialing bool  // the next one is not made yet
	hurry   bool  // there are others to try
	known   bool  // dial where the hub was last, whatever the resolver says
}

// Open makes a Link for an enrolled device. It reads the state file, whose
// loss costs no more than a full handshake, and opens no connection.
func Open(c Config, cr *Credentials) (*Link, error) {
	c.Hubs = append([]string(nil), c.Hubs...)
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	ca, leaf, err := cr.parse(c.Key)
	if err != nil {
		return nil, err
	}
	l := &Link{c: c, roots: x509.NewCertPool()}
	l.roots.AddCert(ca)
	l.state = openState(c.State, identity.FormatDevice(c.Key.Device()), c.Files, c.Log)
	l.clock = newClock(c.Now, c.Built, l.state.trusted(), l.state.behind())
	l.pace.speed = l.state.speed()
	l.last = l.state.hub(c.Hubs)
	config := &tls.Config{
		MinVersion: tls.VersionTLS13, CurvePreferences: Curves(c.Hybrid),
		ServerName: identity.ServerName, RootCAs: l.roots, Time: l.clock.Now,
		Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw}, PrivateKey: c.Key.Signer(), Leaf: leaf}},
	}
	config.ClientSessionCache = l.state
	l.http = l.c.transport(config, l.dial)
	return l, nil
}

// Curves are the key exchanges that agent and hub agree on, best first.
func Curves(hybrid bool) []tls.CurveID {
	if hybrid {
		return []tls.CurveID{tls.X25519MLKEM768, tls.X25519}
	}
	return []tls.CurveID{tls.X25519}
}

// transport speaks HTTP/1.1 with one connection and as few bytes as can be.
func (c *Config) transport(config *tls.Config, dial func(ctx context.Context, network, addr string) (net.Conn, error)) *http.Transport {
	return &http.Transport{
		Proxy:                  c.Proxy,
		OnProxyConnectResponse: refusedByProxy,
		DialContext:            dial,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    c.HandshakeTimeout,
		TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{},
		DisableCompression:     true,
		MaxIdleConnsPerHost:    1,
		MaxConnsPerHost:        1,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: maxHeader,
	}
}

// Limits on what a hub may answer, in bytes.
const (
	maxHeader  = 4 << 10
	maxRefusal = 2 << 10
)

// Exchange carries one request to a hub and brings its response. It tries the
// hub that answered last, then the others in turn; sending again is harmless,
// since the hub applies an entry once. Errors are those of this package and of
// sync/session; each has words for the clerk.
func (l *Link) Exchange(ctx context.Context, request []byte) ([]byte, error) {
	l.request.Lock()
	defer l.request.Unlock()
	if a := l.Allowance(); a.Out() {
		return nil, a.refuse()
	}
	defer func() {
		if l.state.due() {
			if err := l.state.save(); err != nil {
				l.c.Log.Warn("link state was not kept", "err", err.Error())
			}
		}
	}()
	hubs := make([]int, len(l.c.Hubs))
	l.mu.Lock()
	for i := range hubs {
		hubs[i] = (l.last + i) % len(hubs)
	}
	l.mu.Unlock()
	response, slow, err := l.try(ctx, hubs, request, len(hubs) > 1)
	if err != nil && len(slow) > 0 && elsewhere(err) && ctx.Err() == nil {
		// Nobody else answered: those that were given up on get their time.
		var again error
		if response, _, again = l.try(ctx, slow, request, false); again == nil || !errors.Is(again, ErrNoAnswer) {
			err = again
		}
	}
	return response, err
}

// try asks hubs, by number, in turn. slow are those that were not reached in a
// hurry.
func (l *Link) try(ctx context.Context, hubs []int, request []byte, hurry bool) (response []byte, slow []int, failure error) {
	for _, hub := range hubs {
		response, err := l.insist(ctx, l.c.Hubs[hub], hurry, func() ([]byte, error) { return l.post(ctx, l.c.Hubs[hub], request) })
		if err == nil {
			l.mu.Lock()
			l.last = hub
			l.mu.Unlock()
			l.state.setHub(l.c.Hubs[hub])
			return response, nil, nil
		}
		if ctx.Err() != nil {
			return nil, nil, fmt.Errorf("exchange with hub: %w", context.Cause(ctx))
		}
		l.c.Log.Info("hub did not answer", "hub", l.c.Hubs[hub], "err", err.Error())
		failure = worse(failure, err)
		if errors.Is(err, errSlow) {
			slow = append(slow, hub)
		}
		if !elsewhere(err) {
			break
		}
	}
	return nil, slow, failure
}

// insist asks one hub, and once more where the way to it can be mended: at the
// address where it was last, if its name now leads to somebody else; with small
// packets, or whole ones again, if the line took the connection and then
// swallowed what went over it.
func (l *Link) insist(ctx context.Context, hub string, hurry bool, ask func() ([]byte, error)) ([]byte, error) {
	response, err := l.once(ask, hurry, false)
	if err == nil {
		return response, nil
	}
	l.mu.Lock()
	c, made := l.conn, !l.dialing
	l.mu.Unlock()
	if c == nil || !made {
		return nil, err
	}
	if ctx.Err() != nil {
		// Whoever had no time to find out leaves it to the next session to try
		// small packets first.
		if !c.narrow && c.swallowed() {
			l.state.setNarrow(l.clock.Now().Add(narrowFor))
		}
		return nil, err
	}
	switch was := l.state.address(c.addr); {
	case errors.Is(err, ErrNotHub) && was != "" && was != c.at:
		if r, again := l.once(ask, hurry, true); again == nil {
			return r, nil
		}
	case errors.Is(err, ErrNoAnswer) && !errors.Is(err, errUnreached) && c.swallowed():
		if c.narrow {
			l.state.stood()
			return nil, text.Wrap(err, "link.swallowed")
		}
		l.state.setNarrow(l.clock.Now().Add(narrowFor))
		l.c.Log.Info("line swallows what is sent; trying with small packets", "hub", hub)
		response, again := l.once(ask, hurry, false)
		if again != nil && errors.Is(again, ErrNoAnswer) && !errors.Is(again, errUnreached) && ctx.Err() == nil {
			again = text.Wrap(again, "link.swallowed")
		}
		return response, again
	}
	return nil, err
}

// once asks a hub once.
func (l *Link) once(ask func() ([]byte, error), hurry, known bool) ([]byte, error) {
	l.mu.Lock()
	if l.hurry, l.known, l.dialing = hurry, known, false; l.conn != nil {
		l.conn.begin()
	}
	l.mu.Unlock()
	response, err := ask()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hurry, l.known = false, false; err == nil && l.conn != nil {
		l.state.setAddress(l.conn.addr, l.conn.at)
		l.state.setPassed(l.conn.narrow)
	}
	return response, err
}

// elsewhere reports whether another node might do better.
func elsewhere(err error) bool {
	return errors.Is(err, ErrNoAnswer) || errors.Is(err, ErrNotHub) || errors.Is(err, session.ErrNoLeader)
}

// worse picks the failure that tells the clerk most: a hub that said something
// over an address that was silent.
func worse(a, b error) error {
	if a == nil || errors.Is(a, ErrNoAnswer) && !errors.Is(b, ErrNoAnswer) {
		return b
	}
	return a
}

func (l *Link) post(ctx context.Context, hub string, request []byte) ([]byte, error) {
	before := l.pace.moved.Load()
	start := time.Now()
	r, err := post(ctx, l.http, hub+"/v1/sync", request, "", session.MaxResponse)
	if err != nil {
		if errors.Is(err, ErrNoAnswer) {
			l.pace.slow()
		}
		if alerted(err) {
			l.state.forget()
		}
		return nil, err
	}
	l.pace.observe(l.pace.moved.Load()-before, time.Since(start))
	l.state.setSpeed(l.pace.Speed())
	return r, nil
}

// post sends one body and reads one answer of at most limit bytes. Only what a
// request cannot do without is in its header: the host is a blank stand-in, as
// TLS has said already whom it wants. fill, unless empty, is carried both ways.
func post(ctx context.Context, t *http.Transport, address string, body []byte, fill string, limit int) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	req.Host = "h"
	req.Header["User-Agent"] = []string{""}
	if fill != "" {
		req.Header.Set(HeaderFill, fill)
	}
	resp, err := t.RoundTrip(req)
	if err != nil {
		return nil, explain(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, refusal(resp)
	}
	if html(resp) {
		return nil, portal(errors.New("a page in place of an answer"))
	}
	if resp.Header.Get("Content-Type") != "" || resp.ContentLength > int64(limit) {
		return nil, text.Wrap(ErrNotHub, "link.not_hub")
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, int64(limit)+1))
	if err != nil {
		return nil, explain(err)
	}
	// Every answer of ours is a msgpack array; a page that somebody put in
	// between is not.
	if len(b) == 0 || len(b) > limit || b[0]&0xf0 != 0x90 && b[0] != 0xdc && b[0] != 0xdd {
		return nil, text.Wrap(ErrNotHub, "link.not_hub")
	}
	return b, nil
}

// Rest ends a session: it closes the connection and writes the state file. The
// connection is cut beneath TLS, whose parting alert guards against truncation
// of what has no length of its own; ours has, and 24 bytes matter.
func (l *Link) Rest() error {
	l.request.Lock()
	defer l.request.Unlock()
	l.mu.Lock()
	if l.conn != nil {
		l.conn.Close()
		l.conn = nil
	}
	l.mu.Unlock()
	l.http.CloseIdleConnections()
	return l.state.save()
}

// Close is Rest for good.
func (l *Link) Close() error { return l.Rest() }

// Now is the time that certificates are checked at: see Clock.
func (l *Link) Now() time.Time { return l.clock.Now() }

// Trust takes the hub's time from a session's response.
func (l *Link) Trust(t time.Time) {
	l.clock.Trust(t)
	l.state.setTrusted(l.clock.Trusted(), l.clock.Behind())
}

// Usage is what this calendar month has carried so far.
func (l *Link) Usage() Usage { return l.state.usage(monthOf(l.today())) }

var _ session.Transport = (*Link)(nil)
