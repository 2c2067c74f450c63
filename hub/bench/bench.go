package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"shangu/installer/host/local"
)

// Sizes of what is measured.
const (
	nodes     = 3
	proposers = 4
	termDays  = 150 // packs made for each school; a run ends early when they run out
)

// Measure runs the whole benchmark. Nothing it starts outlives it.
func Measure(ctx context.Context, o Options) (*Result, error) {
	if o.Note == nil {
		o.Note = func(string) {}
	}
	res := &Result{Nodes: nodes, Seed: o.Seed}
	o.Note("bare raft and raft-wal, three nodes")
	rate, err := bareRaft(ctx, filepath.Join(o.Dir, "bare"), proposers, o.For)
	if err != nil {
		o.Note(err.Error())
	}
	c := &processes{o: o}
	defer c.stop()
	o.Note("three hub nodes")
	if err := c.start(ctx); err != nil {
		return nil, err
	}
	serial := 0
	for _, n := range o.Schools {
		o.Note(fmt.Sprintf("%d schools at once: enrolment and packs", n))
		schools, err := c.schools(ctx, n, serial, res)
		if err != nil {
			return nil, err
		}
		serial += n
		o.Note(fmt.Sprintf("%d schools at once: pushing", n))
		before, err := c.used()
		if err != nil {
			return nil, err
		}
		run, err := measure(ctx, schools, o.For)
		if err != nil {
			return nil, err
		}
		after, err := c.used()
		if err != nil {
			return nil, err
		}
		run.Documents = run.PerSecond * float64(res.Documents)
		documents := float64(run.Pushes * res.Documents)
		run.NodeCPU = float64((after.nodes - before.nodes).Microseconds()) / documents
		run.SchoolCPU = float64((after.schools - before.schools).Microseconds()) / documents
		run.Anonymous, run.Resident = float64(after.anonymous)/1e6, float64(after.resident)/1e6
		res.Runs = append(res.Runs, run)
	}
	res.Raft = Raft{Commands: rate, MiB: rate * commandSize / (1 << 20), Proposers: proposers}
	return res, nil
}

// schools enrols n devices and packs a term for each.
func (c *processes) schools(ctx context.Context, n, serial int, res *Result) ([]*school, error) {
	out := make([]*school, n)
	var size, packs int
	for i := range out {
		token, err := c.token(ctx, schoolCode(serial+i))
		if err != nil {
			return nil, err
		}
		at := (serial + i) % nodes
		if out[i], err = enrol(ctx, append(slices.Clone(c.hubs[at:]), c.hubs[:at]...), token); err != nil {
			return nil, err
		}
		if res.Documents, err = out[i].fill(c.o.Seed + uint64(serial+i)); err != nil {
			return nil, err
		}
		for _, p := range out[i].packs[1:] {
			size += len(p)
			packs++
		}
		// The first day introduces the chain and the pupils' names; it is not measured.
		if _, _, err := out[i].push(ctx); err != nil {
			return nil, fmt.Errorf("first push: %w", err)
		}
	}
	res.PushBytes = size / packs
	return out, nil
}

// measure lets all schools push day after day for a while. Each pushes one day
// beforehand, so that connections stand, as they do in a school's session.
func measure(ctx context.Context, schools []*school, length time.Duration) (Run, error) {
	run := Run{Schools: len(schools)}
	warm := make([]error, len(schools))
	var ready sync.WaitGroup
	for i, s := range schools {
		ready.Go(func() { _, _, warm[i] = s.push(ctx) })
	}
	ready.Wait()
	if err := errors.Join(warm...); err != nil {
		return run, fmt.Errorf("connect: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	var mu sync.Mutex
	var took []time.Duration
	var failed error
	var wg sync.WaitGroup
	began := time.Now()
	for _, s := range schools {
		wg.Go(func() {
			for ctx.Err() == nil {
				d, left, err := s.push(ctx)
				if !left || ctx.Err() != nil {
					return
				}
				mu.Lock()
				switch {
				case errors.Is(err, errParted):
					failed = err
				case err != nil:
					run.Failures++
				default:
					took = append(took, d)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(began)
	if failed != nil {
		return run, failed
	}
	if len(took) == 0 {
		return run, errors.New("not one push was acknowledged")
	}
	slices.Sort(took)
	ms := func(q float64) float64 {
		return float64(took[int(q*float64(len(took)-1))].Microseconds()) / 1000
	}
	run.Pushes, run.PerSecond = len(took), float64(len(took))/elapsed.Seconds()
	run.P50, run.P99 = ms(0.5), ms(0.99)
	return run, nil
}

// processes are the hub's nodes.
type processes struct {
	o    Options
	dirs []string
	hubs []string
	cmds []*exec.Cmd
	door *http.Client
}

func (c *processes) start(ctx context.Context) error {
	var listen, raft []string
	for i := range nodes {
		a, err := freeAddr()
		if err != nil {
			return err
		}
		b, err := freeAddr()
		if err != nil {
			return err
		}
		listen, raft = append(listen, a), append(raft, b)
		c.hubs = append(c.hubs, "https://"+a)
		c.dirs = append(c.dirs, filepath.Join(c.o.Dir, fmt.Sprintf("hub%d", i)))
	}
	if out, err := exec.CommandContext(ctx, c.o.Program, "init", "--dir", c.dirs[0], "--name", "bench").CombinedOutput(); err != nil {
		return fmt.Errorf("hub init: %w: %s", err, bytes.TrimSpace(out))
	}
	for i := range nodes {
		args := []string{"serve", "--dir", c.dirs[i], "--id", fmt.Sprintf("n%d", i), "--listen", listen[i], "--raft", raft[i]}
		if i > 0 {
			var invite struct{ Token string }
			if err := c.ask(ctx, &invite, "node", "invite", "--dir", c.dirs[0]); err != nil {
				return err
			}
			args = append(args, "--join", c.hubs[0], "--join-token", invite.Token)
		}
		log, err := os.Create(filepath.Join(c.o.Dir, fmt.Sprintf("hub%d.log", i)))
		if err != nil {
			return fmt.Errorf("start node: %w", err)
		}
		cmd := exec.CommandContext(ctx, c.o.Program, args...)
		cmd.Stdout, cmd.Stderr = log, log
		err = cmd.Start()
		log.Close()
		if err != nil {
			return fmt.Errorf("start node: %w", err)
		}
		c.cmds = append(c.cmds, cmd)
		if err := c.ready(ctx, i); err != nil {
			return err
		}
	}
	door, ok := local.Client(c.dirs[0])
	if !ok {
		return fmt.Errorf("the node in %s does not answer at its local door", c.dirs[0])
	}
	c.door = door
	n := 0
	for _, k := range c.o.Schools {
		n += k
	}
	return c.district(ctx, n)
}

// ready waits until a node can commit.
func (c *processes) ready(ctx context.Context, i int) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		var s struct {
			Ready bool
			Nodes []struct{}
		}
		err := c.ask(ctx, &s, "status", "--dir", c.dirs[i])
		if err == nil && s.Ready && len(s.Nodes) == i+1 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("node %d is not ready: %w", i, errors.Join(ctx.Err(), err))
		case <-tick.C:
		}
	}
}

func (c *processes) ask(ctx context.Context, v any, args ...string) error {
	cmd := exec.CommandContext(ctx, c.o.Program, append(args, "--json")...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("hub %v: %w: %s", args, err, bytes.TrimSpace(errs.Bytes()))
	}
	if err := json.Unmarshal(out, v); err != nil {
		return fmt.Errorf("hub %v: %w", args, err)
	}
	return nil
}

// usage is what the processes of a benchmark have used.
type usage struct {
	nodes, schools      time.Duration // of processor time
	anonymous, resident int64         // bytes of the largest node
}

func (c *processes) used() (u usage, err error) {
	if u.schools, err = cpuTime(os.Getpid()); err != nil {
		return u, err
	}
	for _, cmd := range c.cmds {
		t, err := cpuTime(cmd.Process.Pid)
		if err != nil {
			return u, err
		}
		anonymous, resident, err := memory(cmd.Process.Pid)
		if err != nil {
			return u, err
		}
		u.nodes += t
		u.anonymous, u.resident = max(u.anonymous, anonymous), max(u.resident, resident)
	}
	return u, nil
}

func (c *processes) stop() {
	for _, cmd := range c.cmds {
		cmd.Process.Kill()
		cmd.Wait() // reports the kill
	}
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}
