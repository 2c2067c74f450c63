package drill

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"shangu/installer/stage"
)

// twins clones an agent's disk and lets both go on.
var twins = Drill{Name: "twins", Holds: []int{3, 4, 5}, Run: runTwins}

// oldImage puts an agent's disk back to an image made earlier.
var oldImage = Drill{Name: "oldimage", Holds: []int{3, 4}, Run: runOldImage}

// oldHub puts the whole hub back to a backup made earlier.
var oldHub = Drill{Name: "oldhub", Holds: []int{2, 3, 4}, Run: runOldHub}

// trials is how often a drill of whole programs makes its fault.
func (b *Bench) trials(short, long int) int {
	switch {
	case b.N > 0:
		return b.N
	case b.Long:
		return long
	}
	return short
}

// timeTravel sets a stage with a hub and one agent that is enrolled, has
// recorded something and is drained.
func (b *Bench) timeTravel(ctx context.Context) (s *stage.Stage, h *stage.Hub, l *ledger, c *stage.School, r *rand.Rand, err error) {
	if s, h, l, c, err = b.school(ctx, 1); err != nil {
		return
	}
	r = rand.New(rand.NewPCG(b.Seed, 0x7b1))
	if err = l.record(ctx, c, 1+r.IntN(9)); err != nil {
		return
	}
	err = c.Drained(ctx, h, 0)
	return
}

func runTwins(ctx context.Context, b *Bench) (o Outcome, err error) {
	s, h, l, c, r, err := b.timeTravel(ctx)
	if s != nil {
		defer s.Close()
	}
	if err != nil {
		return o, err
	}
	chains := map[string]bool{}
	for o.Trials < b.trials(3, 30) {
		o.Trials++
		if r.IntN(2) == 0 { // with something pending, which both will send
			if err := l.record(ctx, c, 1+r.IntN(5)); err != nil {
				return o, err
			}
		}
		twin, err := c.Clone(fmt.Sprintf("twin%d", o.Trials))
		if err != nil {
			return o, err
		}
		both := []*stage.School{c, twin}
		for range 2 + r.IntN(4) {
			one := both[r.IntN(2)]
			if err := l.record(ctx, one, 1+r.IntN(4)); err != nil {
				return o, err
			}
			if r.IntN(2) == 0 {
				if err := one.Sync(ctx); err != nil {
					return o, err
				}
			}
		}
		for _, one := range both {
			if err := l.record(ctx, one, 1); err != nil {
				return o, err
			}
			if err := one.Sync(ctx); err != nil {
				return o, err
			}
		}
		var epochs [2]string
		for i, one := range both {
			if err := settled(ctx, s, l, one, h, &o); err != nil {
				return o, err
			}
			st, err := one.Status(ctx)
			if err != nil {
				return o, err
			}
			epochs[i] = st.Epoch
			chains[st.Epoch] = true
		}
		if epochs[0] == epochs[1] {
			o.Lose("trial %d: twins still write one chain", o.Trials)
		}
	}
	o.Saw = fmt.Sprintf("%d saved sheets compared at both twins; %d chains", len(l.saved), len(chains))
	return o, nil
}

// settled drains an agent and holds it against what was saved and the hub's digests.
func settled(ctx context.Context, s *stage.Stage, l *ledger, c *stage.School, h *stage.Hub, o *Outcome) error {
	if err := c.Drained(ctx, h, 0); err != nil {
		return err
	}
	st, err := c.Status(ctx)
	if err != nil {
		return err
	}
	if st.Conflicts != 0 || st.Quarantined != 0 {
		o.Lose("%s: %d conflicts and %d in quarantine of what nobody changed twice", c.Name, st.Conflicts, st.Quarantined)
	}
	return l.check(ctx, s, c, o)
}

func runOldImage(ctx context.Context, b *Bench) (o Outcome, err error) {
	s, h, l, c, r, err := b.timeTravel(ctx)
	if s != nil {
		defer s.Close()
	}
	if err != nil {
		return o, err
	}
	for o.Trials < b.trials(4, 40) {
		o.Trials++
		if r.IntN(2) == 0 {
			if err := l.record(ctx, c, 1+r.IntN(5)); err != nil {
				return o, err
			}
		}
		image, err := c.Clone(fmt.Sprintf("image%d", o.Trials))
		if err != nil {
			return o, err
		}
		// What goes on after the image reaches the district, and is known there.
		if err := l.record(ctx, c, 1+r.IntN(8)); err != nil {
			return o, err
		}
		if err := c.Sync(ctx); err != nil {
			return o, err
		}
		c = image // the machine comes back with its old disk
		if err := l.record(ctx, c, 1+r.IntN(4)); err != nil {
			return o, err
		}
		if err := settled(ctx, s, l, c, h, &o); err != nil {
			return o, err
		}
		if _, err := s.Run(ctx, "agent", "verify", "--dir", c.Dir); err != nil {
			return o, err
		}
	}
	o.Saw = fmt.Sprintf("%d saved sheets compared", len(l.saved))
	return o, nil
}

func runOldHub(ctx context.Context, b *Bench) (o Outcome, err error) {
	s, h, l, c, r, err := b.timeTravel(ctx)
	if s != nil {
		defer s.Close()
	}
	if err != nil {
		return o, err
	}
	again := 0 // sheets that only the agent still had
	for o.Trials < b.trials(2, 20) {
		o.Trials++
		backup := filepath.Join(s.Work, fmt.Sprintf("backup%d", o.Trials))
		if _, err := s.Run(ctx, "hub", "backup", backup, "--dir", h.Dirs[0]); err != nil {
			return o, err
		}
		for range 1 + r.IntN(3) {
			sheets := 1 + r.IntN(8)
			again += sheets
			if err := l.record(ctx, c, sheets); err != nil {
				return o, err
			}
			if err := c.Sync(ctx); err != nil {
				return o, err
			}
		}
		before, err := c.Status(ctx)
		if err != nil {
			return o, err
		}
		// The hub's machine burns down; last week's backup comes up in its place.
		if err := s.Kill(h.Name(0)); err != nil {
			return o, err
		}
		if err := os.RemoveAll(h.Dirs[0]); err != nil {
			return o, err
		}
		if _, err := s.Run(ctx, "hub", "restore", backup, "--dir", h.Dirs[0]); err != nil {
			return o, err
		}
		if err := s.Restart(h.Name(0)); err != nil {
			return o, err
		}
		if err := h.WaitReady(ctx, 0); err != nil {
			return o, err
		}
		if err := settled(ctx, s, l, c, h, &o); err != nil {
			return o, err
		}
		after, err := c.Status(ctx)
		if err != nil {
			return o, err
		}
		if after.Safe < before.Safe {
			o.Lose("trial %d: %d entries were safe, now %d are", o.Trials, before.Safe, after.Safe)
		}
	}
	o.Saw = fmt.Sprintf("%d saved sheets compared, %d of them sent again", len(l.saved), again)
	return o, nil
}
