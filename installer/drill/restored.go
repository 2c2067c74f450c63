package drill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"shangu/installer/stage"
)

// restored loses every node of a hub and brings the district up elsewhere, at
// other addresses, from a backup that is older than what schools were told.
var restored = Drill{Name: "restored", Holds: []int{2, 3, 4}, Run: runRestored}

func runRestored(ctx context.Context, b *Bench) (o Outcome, err error) {
	s, h, l, c, err := b.school(ctx, 3)
	if err != nil {
		return o, err
	}
	defer s.Close()
	r := rand.New(rand.NewPCG(b.Seed, 0x7e5))
	again := 0 // sheets that only the agent still had
	for o.Trials < b.trials(1, 10) {
		o.Trials++
		if err := errors.Join(l.record(ctx, c, 1+r.IntN(5)), c.Sync(ctx)); err != nil {
			return o, err
		}
		backup := filepath.Join(s.Work, fmt.Sprintf("backup%d", o.Trials))
		if _, err := s.Run(ctx, "hub", "backup", backup, "--dir", h.Dirs[r.IntN(len(h.Dirs))]); err != nil {
			return o, err
		}
		sheets := 1 + r.IntN(5)
		again += sheets
		if err := errors.Join(l.record(ctx, c, sheets), c.Sync(ctx)); err != nil {
			return o, err
		}
		before, err := c.Status(ctx)
		if err != nil {
			return o, err
		}
		if h, err = moved(ctx, s, h, backup); err != nil {
			return o, err
		}
		// Until somebody tells it where the district is now, the school goes on alone.
		if err := l.record(ctx, c, 1); err != nil {
			return o, err
		}
		if c.Sync(ctx) == nil {
			o.Lose("trial %d: a school reached a district that is not there", o.Trials)
		}
		if _, err := s.Run(ctx, "agent", "enroll", "--dir", c.Dir, "--hub", h.URLs(0)); err != nil {
			return o, err
		}
		if err := settled(ctx, s, l, c, h, &o); err != nil {
			return o, err
		}
		after, err := c.Status(ctx)
		if err != nil {
			return o, err
		}
		if after.Device != before.Device || after.Safe <= before.Safe {
			o.Lose("trial %d: %+v, and before the hub moved %+v", o.Trials, after, before)
		}
		if err := grown(ctx, s, h, l, c, &o); err != nil {
			return o, err
		}
	}
	o.Saw = fmt.Sprintf("%d saved sheets compared, %d of them sent again; two nodes joined the restored one, which was then lost for a while", len(l.saved), again)
	return o, nil
}

// moved burns a hub down to the last file and brings its backup up at
// another address.
func moved(ctx context.Context, s *stage.Stage, h *stage.Hub, backup string) (*stage.Hub, error) {
	for n, dir := range h.Dirs {
		if err := errors.Join(s.Kill(h.Name(n)), os.RemoveAll(dir)); err != nil {
			return nil, err
		}
	}
	if _, err := s.Run(ctx, "hub", "restore", backup, "--dir", h.Dirs[0]); err != nil {
		return nil, err
	}
	return s.Reopen(ctx, 1)
}

// voting waits until every node votes: from then on any one may be lost.
func voting(ctx context.Context, h *stage.Hub) error {
	return stage.Until(ctx, time.Minute, func() error {
		v, err := h.Status(ctx, 0)
		if err != nil {
			return err
		}
		for _, n := range v.Nodes {
			if !n.Voter {
				return fmt.Errorf("%s does not vote yet", n.ID)
			}
		}
		return nil
	})
}

// grown adds two nodes to a restored one and does without it for a while.
func grown(ctx context.Context, s *stage.Stage, h *stage.Hub, l *ledger, c *stage.School, o *Outcome) error {
	if err := errors.Join(h.Add(ctx), h.Add(ctx), voting(ctx, h)); err != nil {
		return err
	}
	if _, err := s.Run(ctx, "agent", "enroll", "--dir", c.Dir, "--hub", h.URLs(1)); err != nil {
		return err
	}
	if err := errors.Join(s.Kill(h.Name(0)), h.WaitReady(ctx, 1), l.record(ctx, c, 1), c.Sync(ctx)); err != nil {
		return err
	}
	if err := errors.Join(s.Restart(h.Name(0)), h.WaitReady(ctx, 0)); err != nil {
		return err
	}
	if err := settled(ctx, s, l, c, h, o); err != nil {
		return err
	}
	for n, dir := range h.Dirs {
		if _, err := s.Run(ctx, "hub", "audit", "verify", "--dir", dir); err != nil {
			o.Lose("%s: %v", h.Name(n), err)
		}
	}
	return nil
}
