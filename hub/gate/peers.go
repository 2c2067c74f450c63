package gate

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"shangu/hub/authority"
	"shangu/schema/text"
	"shangu/sync/identity"
	"shangu/sync/session"
)

// Paths that nodes alone may ask for.
const (
	pathCall = "/v1/node/call"
	pathSync = "/v1/node/sync"
)

// Headers between nodes.
const headerDevice = "Shangu-Device"

// maxCall bounds what nodes send each other, in bytes.
const maxCall = 17 << 20

// maxTickets is more than a cluster has nodes.
const maxTickets = 16

// Peers speaks to other nodes' gates over node TLS. It is the cluster's
// Forwarder.
type Peers struct{ client *http.Transport }

// NewPeers makes the client of a node.
func NewPeers(s *authority.Secrets, n *authority.Node, now func() time.Time) *Peers {
	_, config := s.NodeTLS(n, now)
	// Gates give tickets, and let who has one in before those without.
	config.SessionTicketsDisabled, config.ClientSessionCache = false, tls.NewLRUClientSessionCache(maxTickets)
	return &Peers{&http.Transport{
		DialContext:            (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    5 * time.Second,
		TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{},
		DisableCompression:     true,
		MaxIdleConnsPerHost:    256, // all that are passed on at once: a handshake between nodes for each costs more than the request
		IdleConnTimeout:        60 * time.Second,
		MaxResponseHeaderBytes: maxHeader,
	}}
}

// Close closes idle connections.
func (p *Peers) Close() { p.client.CloseIdleConnections() }

// Forward carries a cluster's call to the gate at api, host:port or a URL.
func (p *Peers) Forward(ctx context.Context, api string, request []byte) ([]byte, error) {
	resp, err := p.post(ctx, api, pathCall, request, nil)
	if err != nil {
		return nil, fmt.Errorf("call node %s: %w", api, err)
	}
	if resp.status != http.StatusOK {
		return nil, fmt.Errorf("call node %s: status %d: %s", api, resp.status, text.Parse(string(resp.body)).Error())
	}
	return resp.body, nil
}

// answer is another node's response.
type answer struct {
	status int
	retry  string // Retry-After
	body   []byte
}

// sync carries a device's whole request to the leader.
func (p *Peers) sync(ctx context.Context, api string, c session.Caller, body []byte) (*answer, error) {
	a, err := p.post(ctx, api, pathSync, body, http.Header{headerDevice: {identity.FormatDevice(c.Device)}})
	if err != nil {
		return nil, fmt.Errorf("forward to leader %s: %w", api, err)
	}
	return a, nil
}

// Carry has the leader at api answer a request that a device gave somebody to
// carry here.
func (p *Peers) Carry(ctx context.Context, api string, c session.Caller, body []byte) ([]byte, error) {
	a, err := p.sync(ctx, api, c, body)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", session.ErrNoLeader, err)
	case a.status == http.StatusTooManyRequests:
		return nil, session.ErrBusy
	case a.status == http.StatusServiceUnavailable:
		return nil, session.ErrNoLeader
	case a.status == http.StatusInsufficientStorage:
		return nil, session.ErrDiskFull
	case a.status != http.StatusOK:
		return nil, text.Parse(string(a.body))
	}
	return a.body, nil
}

// callPatience is how long another node may take to answer. A leader that hangs
// must not hold up this node's places until every school has given up.
const callPatience = 30 * time.Second

func (p *Peers) post(ctx context.Context, api, path string, body []byte, h http.Header) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, callPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base(api)+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if h != nil {
		req.Header = h
	}
	resp, err := p.client.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := readAll(resp.Body, maxCall)
	if err != nil {
		return nil, err
	}
	return &answer{status: resp.StatusCode, retry: resp.Header.Get("Retry-After"), body: b}, nil
}

// base makes host:port or a URL into a URL without a slash at its end.
func base(api string) string {
	if !strings.Contains(api, "://") {
		api = "https://" + api
	}
	return strings.TrimRight(api, "/")
}

func readAll(r io.Reader, limit int) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err == nil && len(b) > limit {
		err = fmt.Errorf("more than %d bytes", limit)
	}
	return b, err
}
