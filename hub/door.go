package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"

	"shangu/hub/node"
	"shangu/installer/host/cli"
	"shangu/installer/host/local"
	"shangu/schema/table"
	"shangu/schema/text"
)

// reachWithin is how long a command waits for a node that is starting, and
// settleWithin for a node that it started itself to find its cluster. Who asks
// how the cluster is wants to know soon, above all when it is down.
const (
	reachWithin  = 15 * time.Second
	settleWithin = 20 * time.Second
	glanceWithin = 3 * time.Second
)

// door is the way to the node in --dir.
type door struct {
	http *http.Client
	say  io.Writer // progress
}

// through runs f on the node in --dir. If none runs, one is started for the
// time being, without a gate: it reads its store, and reaches its cluster if
// that needs no more.
func through(cmd *cobra.Command, f func(ctx context.Context, d *door) error) error {
	return within(cmd, settleWithin, f)
}

// glance is through for a look at the cluster that must not wait for it.
func glance(cmd *cobra.Command, f func(ctx context.Context, d *door) error) error {
	return within(cmd, glanceWithin, f)
}

func within(cmd *cobra.Command, settle time.Duration, f func(ctx context.Context, d *door) error) error {
	dir, err := cli.Dir(cmd)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	if err := local.Permitted(dir); err != nil {
		return err
	}
	if _, err := os.Stat(dir); err != nil {
		return text.Wrap(err, "hub.no_district", "dir", dir)
	}
	reach, cancel := context.WithTimeout(ctx, reachWithin)
	defer cancel()
	client, held, err := local.Reach(reach, dir)
	if err != nil {
		return err
	}
	if client != nil {
		return f(ctx, &door{client, cmd.ErrOrStderr()})
	}
	if !node.Settled(dir) {
		held.Release()
		return text.New("hub.no_district", "dir", dir)
	}
	n, err := node.Start(ctx, node.Options{Dir: dir, Keys: node.Vault, Held: held, Quiet: true, Version: cli.Version()})
	if err != nil {
		return err
	}
	wait, stop := context.WithTimeout(ctx, settle)
	defer stop()
	// Without a leader reads still answer, and say that they may be old.
	n.WaitReady(wait)
	client, ok := local.Client(dir)
	if !ok {
		return errors.Join(text.New("hub.failed", "cause", "local door"), n.Close())
	}
	err = f(ctx, &door{client, cmd.ErrOrStderr()})
	return errors.Join(err, n.Close())
}

// get asks path and decodes the answer into v.
func (d *door) get(ctx context.Context, path string, q url.Values, v any) error {
	return d.exchange(ctx, http.MethodGet, path, q, nil, func(r io.Reader) error { return json.NewDecoder(r).Decode(v) })
}

// post sends body as JSON and decodes the answer into v.
func (d *door) post(ctx context.Context, path string, q url.Values, body, v any) error {
	return d.postFor(ctx, path, q, body, func(r io.Reader) error { return json.NewDecoder(r).Decode(v) })
}

// postFor is post for an answer that is no JSON.
func (d *door) postFor(ctx context.Context, path string, q url.Values, body any, take func(io.Reader) error) error {
	b, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("ask hub: %w", err)
	}
	return d.exchange(ctx, http.MethodPost, path, q, bytes.NewReader(b), take)
}

// bytes asks path and returns the answer as it is.
func (d *door) bytes(ctx context.Context, path string, q url.Values) (b []byte, err error) {
	err = d.exchange(ctx, http.MethodGet, path, q, nil, func(r io.Reader) error {
		b, err = io.ReadAll(r)
		return err
	})
	return b, err
}

// propose commits a command to the cluster's log.
func (d *door) propose(ctx context.Context, command []byte) (result []byte, err error) {
	err = d.exchange(ctx, http.MethodPost, "/v1/propose", nil, bytes.NewReader(command), func(r io.Reader) error {
		result, err = io.ReadAll(r)
		return err
	})
	return result, err
}

func (d *door) exchange(ctx context.Context, method, path string, q url.Values, body io.Reader, take func(io.Reader) error) error {
	if q != nil {
		path += "?" + q.Encode()
	}
	return d.ask(ctx, method, path, body, func(resp *http.Response) error {
		if err := take(resp.Body); err != nil {
			return fmt.Errorf("read hub's answer: %w", err)
		}
		return nil
	})
}

// ask is exchange for an answer that says something in its header too.
func (d *door) ask(ctx context.Context, method, path string, body io.Reader, take func(*http.Response) error) error {
	req, err := http.NewRequestWithContext(ctx, method, local.Origin+path, body)
	if err != nil {
		return fmt.Errorf("ask hub: %w", err)
	}
	resp, err := d.http.Do(req)
	if err != nil {
		return fmt.Errorf("ask hub: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		var fault node.Fault
		if err := json.NewDecoder(resp.Body).Decode(&fault); err != nil {
			return fmt.Errorf("ask hub: %s: %w", resp.Status, err)
		}
		return said(fault)
	}
	if stale := resp.Header.Get(node.StaleHeader); stale != "" {
		fmt.Fprintln(d.say, text.New("hub.stale", "cause", text.Parse(stale)))
	}
	return take(resp)
}

// said turns a fault back into the error that it was.
func said(f node.Fault) error {
	if f.Code != "" {
		return text.Parse(f.Code)
	}
	ps := &table.Problems{}
	for _, p := range f.Problems {
		ps.Add(p.Table())
	}
	for range f.More {
		ps.Add(table.Problem{Message: text.New("hub.and_more")})
	}
	return ps
}
