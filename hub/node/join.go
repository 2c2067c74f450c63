package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"shangu/hub/authority"
	"shangu/schema/text"
	"shangu/sync/identity"
	"shangu/sync/link"
	"shangu/sync/seal"
)

// joinEvery is how long a joining node waits before it asks again: nodes are
// often started in one go, the first of them not yet able to answer.
const joinEvery = time.Second

// joinWithin bounds one try, the other side's commit included.
const joinWithin = 20 * time.Second

// obtain asks the node at hub for the district's secrets and keeps them. It
// asks again until ctx ends, unless the token is refused.
func obtain(ctx context.Context, dir string, files seal.Files, s Settings, o Options) (*authority.Secrets, error) {
	token, err := identity.ParseTokenFor(identity.RoleNode, o.JoinToken)
	if err != nil {
		return nil, err
	}
	key, err := authority.OpenNodeKey(secretsDir(dir), o.Random, files)
	if err != nil {
		return nil, err
	}
	csr, err := key.CSR(o.Random)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(authority.JoinRequest{Secret: token.Secret, CSR: csr, ID: s.ID, Hosts: s.hosts()})
	if err != nil {
		return nil, fmt.Errorf("join: %w", err)
	}
	client := &http.Client{Timeout: joinWithin,
		Transport: &http.Transport{TLSClientConfig: link.Pinned(token.Pin, o.Now), DisableKeepAlives: true}}
	t := time.NewTicker(joinEvery)
	defer t.Stop()
	for said := false; ; said = true {
		b, err := ask(ctx, client, o.Join, body)
		if err == nil {
			return keep(dir, files, b, token.Pin)
		}
		if !passes(err) {
			return nil, err
		}
		if !said {
			o.Log.Warn("cluster cannot be joined yet", "hub", o.Join, "err", err)
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), err)
		case <-t.C:
		}
	}
}

// errRefused is the hub's own word that asking again is useless.
type errRefused struct{ error }

// Unwrap implements the errors convention.
func (e errRefused) Unwrap() error { return e.error }

// passes reports whether asking again may help.
func passes(err error) bool {
	_, refused := errors.AsType[errRefused](err)
	return !refused && !errors.Is(err, link.ErrNotHub)
}

// ask sends a join request to the node at hub.
func ask(ctx context.Context, client *http.Client, hub string, body []byte) (*authority.Bundle, error) {
	u, err := url.JoinPath(hub, "v1/node/join")
	if err != nil {
		return nil, errRefused{text.New("hub.bad_url", "url", hub)}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u, bytes.NewReader(body))
	if err != nil {
		return nil, errRefused{text.New("hub.bad_url", "url", hub)}
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, text.Wrap(err, "hub.join_unreached", "hub", hub)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, authority.MaxBundle))
	if err != nil {
		return nil, text.Wrap(err, "hub.join_unreached", "hub", hub)
	}
	switch c := resp.StatusCode; {
	case c == http.StatusOK:
		var b authority.Bundle
		if err := json.Unmarshal(answer, &b); err != nil {
			return nil, fmt.Errorf("read join bundle: %w", err)
		}
		return &b, nil
	case c/100 == 4 && c != http.StatusTooManyRequests:
		return nil, errRefused{text.Parse(string(answer))}
	}
	return nil, text.Parse(string(answer))
}

// keep stores a bundle that is of the token's district, the secrets last.
func keep(dir string, files seal.Files, b *authority.Bundle, pin [32]byte) (*authority.Secrets, error) {
	secrets, err := b.Open(pin)
	if err != nil {
		return nil, err
	}
	if err := authority.SaveNodeCertificate(secretsDir(dir), b.Certificate, files); err != nil {
		return nil, err
	}
	if len(b.Operators) > 0 {
		if err := files.Write(operatorsPath(dir), b.Operators, 0o600); err != nil {
			return nil, fmt.Errorf("keep operators: %w", err)
		}
	}
	return secrets, secrets.Save(secretsDir(dir), files)
}
