package drill

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"shangu/installer/stage"
	"shangu/sync/identity"
)

// revoked shuts devices out of a hub of three nodes of which one is healthy,
// slept through it, or led until then and does not know of the next leader yet.
var revoked = Drill{Name: "revoked", Holds: []int{7}, Run: runRevoked}

// revocation is a state that a hub is in when a device is revoked.
type revocation struct {
	name   string
	asleep func(leader int, r *rand.Rand) int // the node that stands still meanwhile; -1: none
}

var revocations = []revocation{
	{"all nodes up", func(int, *rand.Rand) int { return -1 }},
	{"a follower asleep", func(leader int, r *rand.Rand) int { return (leader + 1 + r.IntN(2)) % 3 }},
	{"the leader asleep", func(leader int, _ *rand.Rand) int { return leader }},
}

// askers is how many ask a node that sleeps. When it wakes some of them come
// before it has looked whether it still leads.
const askers = 32

func runRevoked(ctx context.Context, b *Bench) (o Outcome, err error) {
	s, h, _, err := b.district(ctx, 3)
	if err != nil {
		return o, err
	}
	defer s.Close()
	if err := resume(s.PID(h.Name(0))); err != nil {
		return Skip("%v", err)
	}
	r := rand.New(rand.NewPCG(b.Seed, 0x4e0c))
	asked, margin := make([]int, len(revocations)), make([]time.Duration, len(revocations))
	for round := range b.trials(1, 20) {
		for i, c := range revocations {
			d, at, err := c.try(ctx, s, h, r)
			if err != nil {
				return o, fmt.Errorf("%s: %w", c.name, err)
			}
			n, before := d.judge(at, &o, c.name)
			if asked[i] += n; round == 0 || before < margin[i] {
				margin[i] = before
			}
			o.Trials += n
		}
	}
	var saw []string
	for i, c := range revocations {
		saw = append(saw, fmt.Sprintf("%s: %d requests refused, the last one served began %v before the command was done",
			c.name, asked[i], margin[i].Round(time.Millisecond)))
	}
	o.Saw = strings.Join(saw, "; ")
	return o, nil
}

// try revokes a device that asks every node all the time, and returns when the
// command was done. What it asks a node that sleeps waits there.
func (c revocation) try(ctx context.Context, s *stage.Stage, h *stage.Hub, r *rand.Rand) (d *outcast, at time.Time, err error) {
	leader, err := h.Leader(ctx)
	if err != nil {
		return nil, at, err
	}
	if d, err = newOutcast(ctx, h, leader); err != nil {
		return nil, at, err
	}
	asleep := c.asleep(leader, r)
	through := (leader + 1 + r.IntN(2)) % 3 // the node whose operator revokes
	if through == asleep {
		through = 3 - leader - asleep
	}
	var awake, late []*asker
	for node := range h.Listen {
		for i := range askers {
			if i >= 2 && node != asleep {
				break
			}
			a := &asker{outcast: d, node: node, fresh: i%8 == 1}
			if err := a.open(ctx, h.Listen[node]); err != nil {
				return nil, at, err
			}
			defer a.link.Close()
			if node == asleep {
				late = append(late, a)
			} else {
				awake = append(awake, a)
			}
		}
	}
	asking, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer stop()
	for _, a := range awake {
		work.Go(func() { a.run(asking) })
	}
	if asleep >= 0 {
		pid := s.PID(h.Name(asleep))
		if err := pause(pid); err != nil {
			return nil, at, err
		}
		defer resume(pid)
	}
	if err := stage.Until(ctx, time.Minute, func() error {
		_, err := s.Run(ctx, "hub", "device", "revoke", identity.FormatDevice(d.key.Device()), "--dir", h.Dirs[through])
		return err
	}); err != nil {
		return nil, at, err
	}
	at = time.Now()
	if asleep >= 0 {
		for _, a := range late {
			<-a.sent // of the time before
			work.Go(func() { a.run(asking) })
			select {
			case <-a.sent:
			case <-ctx.Done():
				return nil, at, ctx.Err()
			}
		}
		if err := resume(s.PID(h.Name(asleep))); err != nil {
			return nil, at, err
		}
	}
	everyone := append(awake, late...)
	if err := stage.Until(ctx, time.Minute, func() error { return d.shutOut(everyone, at) }); err != nil {
		return nil, at, err
	}
	stop()
	work.Wait()
	for node := range h.Listen {
		if err := h.WaitReady(ctx, node); err != nil {
			return nil, at, err
		}
	}
	return d, at, nil
}
