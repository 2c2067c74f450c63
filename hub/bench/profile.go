package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"runtime/pprof"
	"sync"
	"time"

	"shangu/sync/disk"
)

// profile takes profiles of a run while it goes on, into dir: N is the number
// of schools.
//
//	N-leader.cpu, N-follower-hub1.cpu, N-schools.cpu   where processor time goes
//	N-leader.allocs, N-follower-hub1.allocs            what memory is asked for, since the start
//
// The function that it returns waits for them.
func (c *cluster) profile(ctx context.Context, dir string, schools int, length time.Duration) (func() error, error) {
	if dir == "" {
		return func() error { return nil }, nil
	}
	leader, err := c.leader(ctx)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	file := func(name, sort string, b []byte) error {
		return disk.WriteFile(filepath.Join(dir, fmt.Sprintf("%d-%s.%s", schools, name, sort)), b, 0o600)
	}
	var own bytes.Buffer
	if err := pprof.StartCPUProfile(&own); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	names, cpu, errs := make([]string, len(c.doors)), make([][]byte, len(c.doors)), make([]error, len(c.doors))
	var wg sync.WaitGroup
	for n := range c.doors {
		names[n] = "follower-" + c.hub.Name(n)
		if n == leader {
			names[n] = "leader"
		}
		wg.Go(func() { cpu[n], errs[n] = c.profileOf(ctx, n, length) })
	}
	return func() error {
		wg.Wait()
		pprof.StopCPUProfile()
		errs := append(errs, file("schools", "cpu", own.Bytes()))
		for n, name := range names {
			allocs, err := c.profileOf(ctx, n, 0)
			errs = append(errs, err, file(name, "cpu", cpu[n]), file(name, "allocs", allocs))
		}
		if err := errors.Join(errs...); err != nil {
			return fmt.Errorf("profile: %w", err)
		}
		return nil
	}, nil
}

func (c *cluster) profileOf(ctx context.Context, n int, length time.Duration) ([]byte, error) {
	return c.get(ctx, n, "/v1/profile?"+url.Values{"for": {length.String()}}.Encode())
}
