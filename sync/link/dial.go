package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"
)

// How long the first of several ways gets before the next is tried beside it:
// three round trips of a slow line.
const stagger = 2 * time.Second

// hurried is how long a hub gets to be reached while there are others to try.
const hurried = 5 * time.Second

var (
	// errUnreached: no connection was made.
	errUnreached = errors.New("link: no connection")
	// errSlow: none was made in the time that a hurried dial has.
	errSlow = fmt.Errorf("%w in a hurry", errUnreached)
)

// dial opens a connection to addr, host:port. A name may stand for several
// addresses of which some are dead, and a resolver may lie: the address at
// which the hub really answered last is tried too, and first of all once the
// resolver's have turned out to be somebody else's.
func (l *Link) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	l.mu.Lock()
	patience, narrow, known := l.c.DialTimeout, l.state.narrow(l.clock.Now()), l.known
	hurry := l.hurry && patience > hurried
	if hurry {
		patience = hurried
	}
	l.dialing = true
	l.mu.Unlock()
	outer := ctx
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	candidates, err := l.candidates(ctx, addr, known)
	if err != nil {
		return nil, errors.Join(errUnreached, err)
	}
	open := l.c.Dial
	if narrow {
		open = l.c.Narrow
	}
	start := time.Now()
	c, at, err := race(ctx, candidates, func(ctx context.Context, at string) (net.Conn, error) {
		l.spent(synBytes, 0)
		return open(ctx, network, at)
	})
	if err != nil {
		if hurry && outer.Err() == nil && ctx.Err() != nil {
			return nil, errors.Join(errSlow, err)
		}
		return nil, errors.Join(errUnreached, err)
	}
	return l.counted(c, addr, at, narrow, time.Since(start)), nil
}

// candidates are the addresses to try for host:port, best first.
func (l *Link) candidates(ctx context.Context, addr string, known bool) ([]string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	remembered := l.state.address(addr)
	if known && remembered != "" {
		return []string{remembered}, nil
	}
	var out []string
	if _, ip := netip.ParseAddr(host); ip == nil {
		out = []string{addr}
	} else {
		// Half of the patience is for the name, so that the address that is
		// remembered gets its turn where nobody resolves.
		ask, cancel := ctx, context.CancelFunc(func() {})
		if end, ok := ctx.Deadline(); ok && remembered != "" {
			ask, cancel = context.WithDeadline(ctx, end.Add(-time.Until(end)/2))
		}
		defer cancel()
		var ips []netip.Addr
		if ips, err = l.c.Resolve(ask, host); err != nil && remembered == "" {
			return nil, err
		}
		for _, ip := range ips {
			out = append(out, net.JoinHostPort(ip.Unmap().String(), port))
		}
	}
	if remembered != "" && !slices.Contains(out, remembered) {
		out = append(out, remembered)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("dial %s: the name has no address", addr)
	}
	return out, nil
}

// race opens a connection to the first candidate that takes it. The next one
// is tried when those before have failed or let stagger pass.
func race(ctx context.Context, candidates []string, open func(context.Context, string) (net.Conn, error)) (net.Conn, string, error) {
	type result struct {
		conn net.Conn
		at   string
		err  error
	}
	ctx, cancel := context.WithCancel(ctx)
	results := make(chan result)
	running, next := 0, 0
	// Whoever comes in late is not needed.
	defer func() {
		cancel()
		go func(n int) {
			for range n {
				if r := <-results; r.conn != nil {
					r.conn.Close()
				}
			}
		}(running)
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	var errs []error
	for next < len(candidates) || running > 0 {
		select {
		case <-timer.C:
			if next < len(candidates) {
				at := candidates[next]
				next, running = next+1, running+1
				go func() {
					c, err := open(ctx, at)
					results <- result{c, at, err}
				}()
				timer.Reset(stagger)
			}
		case r := <-results:
			running--
			if r.err == nil {
				return r.conn, r.at, nil
			}
			errs = append(errs, r.err)
			timer.Reset(0)
		case <-ctx.Done():
			return nil, "", errors.Join(append(errs, ctx.Err())...)
		}
	}
	return nil, "", errors.Join(errs...)
}
