package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"

	"shangu/installer/host/local"
	"shangu/installer/stage"
)

// cluster is the hub's nodes, each a process of its own.
type cluster struct {
	stage *stage.Stage
	hub   *stage.Hub
	hubs  []string       // URL of each node
	doors []*http.Client // to each node's local door
}

// found starts three nodes of a district with n schools. program is the hub's
// own binary.
func found(ctx context.Context, program, dir string, n int) (_ *cluster, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("found cluster: %w", err)
	}
	c := &cluster{stage: stage.New("", dir)}
	c.stage.Elsewhere = map[string]string{"hub": program}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("found cluster: %w", err), c.stage.Close())
		}
	}()
	if c.hub, err = c.stage.FoundHub(ctx, nodes, "bench"); err != nil {
		return nil, err
	}
	for i, d := range c.hub.Dirs {
		c.hubs = append(c.hubs, "https://"+c.hub.Listen[i])
		door, ok := local.Client(d)
		if !ok {
			return nil, fmt.Errorf("the node in %s does not answer at its local door", d)
		}
		c.doors = append(c.doors, door)
	}
	return c, c.district(ctx, n)
}

// from lists the nodes for the i-th school: all begin with another one.
func (c *cluster) from(i int) []string {
	i %= len(c.hubs)
	return append(slices.Clone(c.hubs[i:]), c.hubs[:i]...)
}

func (c *cluster) stop() { _ = c.stage.Close() } // what does not end changes no figure

// leader is the number of the node that the first one takes for the leader.
func (c *cluster) leader(ctx context.Context) (int, error) {
	body, err := c.get(ctx, 0, "/v1/status")
	if err != nil {
		return 0, err
	}
	var s struct{ Leader string }
	if err := json.Unmarshal(body, &s); err != nil {
		return 0, fmt.Errorf("status: %w", err)
	}
	for n := range c.hubs {
		if c.hub.ID(n) == s.Leader {
			return n, nil
		}
	}
	return 0, fmt.Errorf("status: no node leads, or an unknown one: %q", s.Leader)
}

// usage is what the processes of a benchmark have used.
type usage struct {
	nodes, schools      time.Duration // of processor time
	leader              time.Duration // of the nodes' time
	anonymous, resident int64         // bytes of the largest node
}

func (c *cluster) used(ctx context.Context) (u usage, err error) {
	leader, err := c.leader(ctx)
	if err != nil {
		return u, err
	}
	if u.schools, err = cpuTime(os.Getpid()); err != nil {
		return u, err
	}
	for i := range c.hubs {
		pid := c.stage.PID(c.hub.Name(i))
		t, err := cpuTime(pid)
		if err != nil {
			return u, err
		}
		anonymous, resident, err := memory(pid)
		if err != nil {
			return u, err
		}
		if u.nodes += t; i == leader {
			u.leader = t
		}
		u.anonymous, u.resident = max(u.anonymous, anonymous), max(u.resident, resident)
	}
	return u, nil
}
