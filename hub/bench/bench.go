package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"
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
	o.Note("three hub nodes")
	total := 0
	for _, n := range o.Schools {
		total += n
	}
	c, err := found(ctx, o.Program, o.Dir, total)
	if err != nil {
		return nil, err
	}
	defer c.stop()
	serial := 0
	for _, n := range o.Schools {
		o.Note(fmt.Sprintf("%d schools at once: enrolment and packs", n))
		schools, err := c.schools(ctx, n, serial, o.Seed, res)
		if err != nil {
			return nil, err
		}
		serial += n
		o.Note(fmt.Sprintf("%d schools at once: pushing", n))
		before, err := c.used(ctx)
		if err != nil {
			return nil, err
		}
		profiled, err := c.profile(ctx, o.Profile, n, o.For)
		if err != nil {
			return nil, err
		}
		run, err := measure(ctx, schools, o.For)
		if err != nil {
			return nil, err
		}
		after, err := c.used(ctx)
		if err == nil {
			err = profiled()
		}
		if err != nil {
			return nil, err
		}
		run.Documents = run.PerSecond * float64(res.Documents)
		documents := float64(run.Pushes * res.Documents)
		run.NodeCPU = float64((after.nodes - before.nodes).Microseconds()) / documents
		run.LeaderCPU = float64((after.leader - before.leader).Microseconds()) / documents
		run.SchoolCPU = float64((after.schools - before.schools).Microseconds()) / documents
		run.Anonymous, run.Resident = float64(after.anonymous)/1e6, float64(after.resident)/1e6
		res.Runs = append(res.Runs, run)
	}
	res.Raft = Raft{Commands: rate, MiB: rate * commandSize / (1 << 20), Proposers: proposers}
	return res, nil
}

// schools enrols n devices and packs a term for each.
func (c *cluster) schools(ctx context.Context, n, serial int, seed uint64, res *Result) ([]*school, error) {
	out := make([]*school, n)
	var size, packs int
	for i := range out {
		token, err := c.token(ctx, schoolCode(serial+i))
		if err != nil {
			return nil, err
		}
		if out[i], err = enrol(ctx, c.from(serial+i), token, nil); err != nil {
			return nil, err
		}
		if res.Documents, err = out[i].fill(seed + uint64(serial+i)); err != nil {
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
