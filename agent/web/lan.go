package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"shangu/installer/host/crowd"
	"shangu/schema/text"
)

// Bounds of the door to other computers: a school has a few dozen that take the roll
// at the same minute, each with one browser.
const (
	mostGuests = 64
	fromEach   = 12
	// What one address may ask for. A page is some eight requests.
	askRate, askBurst = 20, 120
	// And how often it may try a PIN, whatever accounts it tries.
	signRate, signBurst = 1.0 / 6, 10
	mostAddresses       = 512 // that rates are kept of
)

// Neighbours opens the door to other computers at an address of this machine. Only
// who is in its subnet gets in; port 0 is for tests.
func Neighbours(at netip.Prefix, port int) (net.Listener, error) {
	l, err := net.Listen("tcp", netip.AddrPortFrom(at.Addr(), uint16(port)).String())
	if err != nil {
		return nil, text.Wrap(err, "lan.cannot_listen", "address", at.Addr(), "port", port, "cause", err)
	}
	return crowd.Listen(subnet{l, at.Masked()}, mostGuests, fromEach), nil
}

// subnet lets in who is in it.
type subnet struct {
	net.Listener
	of netip.Prefix
}

func (s subnet) Accept() (net.Conn, error) {
	for {
		c, err := s.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if from, err := netip.ParseAddrPort(c.RemoteAddr().String()); err == nil && s.of.Contains(from.Addr().Unmap()) {
			return c, nil
		}
		c.Close()
	}
}

// ServeNeighbours answers other computers until ctx is done or l is closed.
func ServeNeighbours(ctx context.Context, l net.Listener, h http.Handler, certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)) error {
	srv := &http.Server{
		Handler: h, MaxHeaderBytes: 16 << 10, ConnState: crowd.Watch,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: time.Minute,
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certificate},
		// One request at a time on a connection: the crowd knows what each is at.
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
		// Browsers that have not trusted the certificate yet hang up in mid-handshake.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	err := srv.ServeTLS(l, "", "")
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return fmt.Errorf("serve other computers: %w", err)
}

// NeighbourHandler is Handler for other computers. here tells the names of this
// machine; now is a clock for rates.
func NeighbourHandler(pages http.Handler, here func(host string) bool, now func() time.Time) http.Handler {
	next := inside(pages)
	rates := &rates{now: now, by: map[netip.Addr]*pace{}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || !here(hostOf(r)) {
			http.Error(w, text.New("lan.wrong_host").Error(), http.StatusForbidden)
			return
		}
		from, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil || !rates.allow(from.Addr().Unmap(), r) {
			w.Header().Set("Retry-After", "10")
			http.Error(w, text.New("lan.too_fast").Error(), http.StatusTooManyRequests)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// rates are how fast each address asks.
type rates struct {
	now func() time.Time
	mu  sync.Mutex
	by  map[netip.Addr]*pace
}

type pace struct {
	ask, sign *rate.Limiter
	last      time.Time
}

func (s *rates) allow(from netip.Addr, r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	p := s.by[from]
	if p == nil {
		if len(s.by) >= mostAddresses {
			s.drop()
		}
		p = &pace{ask: rate.NewLimiter(askRate, askBurst), sign: rate.NewLimiter(signRate, signBurst)}
		s.by[from] = p
	}
	p.last = now
	if r.Method == http.MethodPost && r.URL.Path == "/sign" && !p.sign.AllowN(now, 1) {
		return false
	}
	return p.ask.AllowN(now, 1)
}

// drop forgets the address that was silent for longest.
func (s *rates) drop() {
	var oldest netip.Addr
	for a, p := range s.by {
		if o := s.by[oldest]; o == nil || p.last.Before(o.last) {
			oldest = a
		}
	}
	delete(s.by, oldest)
}
