package demo

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	"shangu/hub/district"
	"shangu/hub/node"
	"shangu/hub/state"
	"shangu/installer/host/local"
	"shangu/installer/host/logs"
	"shangu/schema/text"
	"shangu/sync/identity"
)

// Ports that the demo asks for first, so that its addresses are the same each
// time; if one is taken it takes any.
const (
	hubPort   = 8443
	firstPage = 8720
)

// How long a token of the demo holds, and how long the hub may take to choose
// itself leader.
const (
	tokenTTL    = time.Hour
	leaderLimit = 20 * time.Second
)

// hub is a district's hub of one node.
type hub struct {
	dir      string
	addr     string // HOST:PORT
	url      string
	node     *node.Node
	founding node.Founding
	log      *logs.Log
}

func openHub(ctx context.Context, dir, version string) (h *hub, err error) {
	h = &hub{dir: dir}
	found := func(f node.Founding) error {
		h.founding = f
		return nil
	}
	if err := node.Init(dir, districtName, nil, rand.Reader, found); err != nil {
		return nil, err
	}
	if h.log, err = logs.Open(logs.Options{Path: filepath.Join(dir, "hub.log")}); err != nil {
		return nil, err
	}
	if h.addr, err = freePort(hubPort); err != nil {
		return nil, err
	}
	raft, err := freePort(0)
	if err != nil {
		return nil, err
	}
	h.url = "https://" + h.addr + "/"
	h.node, err = node.Start(ctx, node.Options{
		Dir: dir, Settings: node.Settings{ID: "n0", Listen: h.addr, Raft: raft},
		Version: version, Log: h.log.Logger, Now: clock(),
	})
	if err != nil {
		return nil, err
	}
	ready, cancel := context.WithTimeout(ctx, leaderLimit)
	defer cancel()
	err = h.node.WaitReady(ready)
	if err == nil {
		err = h.founded(ready)
	}
	if err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

// founded waits until the log's first command, which names the district, has
// been applied: before it the state takes no others.
func (h *hub) founded(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		id, _, err := h.node.State.Cluster()
		if err != nil || id == h.node.Secrets.Cluster {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// districtName is the made-up district's.
const districtName = "云岭区"

// freePort returns a loopback address that nobody listens on: of the port that
// is wanted, if it can be had.
func freePort(want int) (string, error) {
	for _, port := range []int{want, 0} {
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		addr := l.Addr().String()
		return addr, l.Close()
	}
	return "", text.New("demo.no_port")
}

// load gives the hub the district's schools, agreements and school days, by
// the same door as `hub district load`.
func (h *hub) load(ctx context.Context) (got node.Loaded, err error) {
	dir, err := districtFiles()
	if err != nil {
		return got, fmt.Errorf("read sample: %w", err)
	}
	files, err := district.Open(dir)
	if err != nil {
		return got, err
	}
	client, ok := local.Client(h.dir)
	if !ok {
		return got, fmt.Errorf("load district: nobody answers in %s", h.dir)
	}
	defer client.CloseIdleConnections()
	body, err := json.Marshal(node.LoadRequest{Files: files, Account: "demo"})
	if err != nil {
		return got, fmt.Errorf("load district: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, local.Origin+"/v1/district", bytes.NewReader(body))
	if err != nil {
		return got, fmt.Errorf("load district: %w", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return got, fmt.Errorf("load district: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		var f node.Fault
		if err := json.NewDecoder(resp.Body).Decode(&f); err != nil {
			return got, fmt.Errorf("load district: %s: %w", resp.Status, err)
		}
		return got, text.Parse(f.Code)
	}
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		return got, fmt.Errorf("load district: %w", err)
	}
	return got, nil
}

// token makes a one-time token for a school's first contact.
func (h *hub) token(ctx context.Context, school string) (string, error) {
	t, _, err := h.node.Authority.Issue(ctx, identity.RoleSchool, school, tokenTTL)
	if err != nil {
		return "", err
	}
	return t.String(), nil
}

// row is what the hub holds of a school.
func (h *hub) row(school string) (state.Row, error) {
	rows, err := h.node.State.Summary()
	if err != nil {
		return state.Row{}, err
	}
	for _, r := range rows {
		if r.School == school {
			return r, nil
		}
	}
	return state.Row{}, fmt.Errorf("summary: no school %s", school)
}

// digest is what `hub digest --school` prints.
func (h *hub) digest(school string) (map[string]map[string]string, error) {
	set, err := h.node.State.DigestOf(school)
	if err != nil {
		return nil, err
	}
	return node.Digests(set), nil
}

func (h *hub) close() error {
	var err error
	if h.node != nil {
		err = h.node.Close()
	}
	return errors.Join(err, h.log.Close())
}
