package gate

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"shangu/hub/authority"
	"shangu/schema/text"
	"shangu/sync/identity"
	"shangu/sync/link"
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

// Peers speaks to other nodes' gates over node TLS.
type Peers struct{ client *http.Transport }

// NewPeers makes the client of a node.
func NewPeers(s *authority.Secrets, n *authority.Node, now func() time.Time) *Peers {
	_, config := s.NodeTLS(n, now)
	return &Peers{&http.Transport{
		DialContext:            (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    5 * time.Second,
		TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{},
		DisableCompression:     true,
		MaxIdleConnsPerHost:    64,
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

func (p *Peers) post(ctx context.Context, api, path string, body []byte, h http.Header) (*answer, error) {
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

// Join asks the node at url for a place in its cluster and returns the bundle,
// checked against the token's pin. The request's secret is the token's.
func Join(ctx context.Context, url string, t identity.Token, r authority.JoinRequest, now func() time.Time) (*authority.Bundle, *authority.Secrets, error) {
	r.Secret = t.Secret
	body, err := json.Marshal(&r)
	if err != nil {
		return nil, nil, fmt.Errorf("encode join request: %w", err)
	}
	transport := &http.Transport{
		DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext, TLSClientConfig: link.Pinned(t.Pin, now),
		TLSHandshakeTimeout: 10 * time.Second, TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
		DisableCompression: true, DisableKeepAlives: true, MaxResponseHeaderBytes: maxHeader,
	}
	p := &Peers{transport}
	defer p.Close()
	resp, err := p.post(ctx, url, "/v1/node/join", body, nil)
	if err != nil {
		id := "gate.join_unreachable"
		if errors.Is(err, link.ErrNotHub) {
			id = "gate.join_other"
		}
		return nil, nil, text.Wrap(err, id, "url", url)
	}
	if resp.status != http.StatusOK {
		return nil, nil, &link.Refusal{Message: text.Parse(string(resp.body)), Cause: session.ErrRefused}
	}
	var b authority.Bundle
	if err := json.Unmarshal(resp.body, &b); err != nil {
		return nil, nil, fmt.Errorf("read join bundle: %w", err)
	}
	s, err := b.Open(t.Pin)
	if err != nil {
		return nil, nil, fmt.Errorf("open join bundle: %w", err)
	}
	return &b, s, nil
}
