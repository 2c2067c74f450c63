package stage

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// readyWithin is how long a node may take to be ready.
const readyWithin = 30 * time.Second

// Hub is a district's cluster of processes named hub0, hub1 ...
type Hub struct {
	Dirs   []string // data directory of each node
	Listen []string // HTTPS address of each node
	Raft   []string // raft address of each node

	s *Stage
}

// HubStatus is the part of `hub status` that drills look at.
type HubStatus struct {
	ID      string
	Leader  string
	Applied uint64
	Nodes   []struct {
		ID    string
		Voter bool
	}
	Ready bool
}

// FoundHub founds a district and adds nodes until there are n, all ready. more
// are further arguments of hub serve.
func (s *Stage) FoundHub(ctx context.Context, n int, name string, more ...string) (*Hub, error) {
	h := &Hub{s: s}
	if _, err := s.Run(ctx, "hub", "init", "--dir", filepath.Join(s.Work, "hub0"), "--name", name); err != nil {
		return nil, err
	}
	for range n {
		if err := h.Add(ctx, more...); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// Reopen starts the nodes of a district whose directories hub0, hub1 ... lie in
// Work already, on ports of this machine.
func (s *Stage) Reopen(ctx context.Context, n int, more ...string) (*Hub, error) {
	h := &Hub{s: s}
	for i := range n {
		if err := h.place(); err != nil {
			return nil, err
		}
		if err := s.Start(h.Name(i), append(h.serve(i), more...)...); err != nil {
			return nil, err
		}
	}
	for i := range n {
		if err := h.WaitReady(ctx, i); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// place gives the next node its directory and ports.
func (h *Hub) place() error {
	listen, err1 := Port()
	raft, err2 := Port()
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	if h.s.Host != "" {
		_, port, _ := net.SplitHostPort(listen)
		listen = net.JoinHostPort(h.s.Host, port)
	}
	h.Dirs = append(h.Dirs, filepath.Join(h.s.Work, h.Name(len(h.Dirs))))
	h.Listen, h.Raft = append(h.Listen, listen), append(h.Raft, raft)
	return nil
}

// serve is the command that starts a node.
func (h *Hub) serve(n int) []string {
	return []string{"hub", "serve", "--dir", h.Dirs[n], "--id", h.ID(n), "--listen", h.Listen[n], "--raft", h.Raft[n]}
}

// Name is the name of a node's process.
func (h *Hub) Name(n int) string { return "hub" + strconv.Itoa(n) }

// ID is how node n is called in the cluster.
func (h *Hub) ID(n int) string { return "n" + strconv.Itoa(n) }

// Add adds a node and waits until it is ready. The first one founds.
func (h *Hub) Add(ctx context.Context, more ...string) error {
	n := len(h.Dirs)
	if err := h.place(); err != nil {
		return err
	}
	args := h.serve(n)
	if n > 0 {
		var invite struct{ Token string }
		if err := h.s.Ask(ctx, &invite, "hub", "node", "invite", "--dir", h.Dirs[0]); err != nil {
			return err
		}
		args = append(args, "--join", "https://"+h.Listen[0], "--join-token", invite.Token)
	}
	if err := h.s.Start(h.Name(n), append(args, more...)...); err != nil {
		return err
	}
	return h.WaitReady(ctx, n)
}

// WaitReady waits until a node can commit. A command on the directory of a node
// that has not taken its lock yet would take it instead, and the node would not
// start; so nothing is asked before the node listens.
func (h *Hub) WaitReady(ctx context.Context, n int) error {
	if err := Until(ctx, readyWithin, func() error {
		c, err := net.DialTimeout("tcp", h.Listen[n], time.Second)
		if err != nil {
			return err
		}
		c.Close()
		v, err := h.Status(ctx, n)
		if err == nil && !v.Ready {
			err = fmt.Errorf("%+v", v)
		}
		return err
	}); err != nil {
		return fmt.Errorf("%s does not get ready: %w", h.Name(n), err)
	}
	return nil
}

// Status asks a node how the cluster stands.
func (h *Hub) Status(ctx context.Context, n int) (v HubStatus, err error) {
	return v, h.s.Ask(ctx, &v, "hub", "status", "--dir", h.Dirs[n])
}

// Leader waits for a leader and returns its number.
func (h *Hub) Leader(ctx context.Context) (leader int, err error) {
	err = Until(ctx, readyWithin, func() error {
		for n := range h.Dirs {
			v, err := h.Status(ctx, n)
			if err != nil || v.Leader == "" {
				continue
			}
			leader, err = strconv.Atoi(strings.TrimPrefix(v.Leader, "n"))
			return err
		}
		return errors.New("no node knows a leader")
	})
	return leader, err
}

// Token makes an enrolment token for a school, through node n.
func (h *Hub) Token(ctx context.Context, n int, school string) (string, error) {
	var v struct{ Token string }
	return v.Token, h.s.Ask(ctx, &v, "hub", "token", "--school", school, "--dir", h.Dirs[n])
}

// URLs lists the nodes' addresses for agent enroll, beginning with node first.
func (h *Hub) URLs(first int) string {
	var u []string
	for i := range h.Listen {
		u = append(u, "https://"+h.Listen[(first+i)%len(h.Listen)])
	}
	return strings.Join(u, ",")
}
