package drill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"shangu/installer/stage"
)

// fullDisk fills the disk of an agent to the last byte while it saves.
var fullDisk = Drill{Name: "disk", Holds: []int{1, 8}, Run: runDisk}

// hubDisk fills the disks of one hub node, and then of all.
var hubDisk = Drill{Name: "hubdisk", Holds: []int{2, 8}, Run: runHubDisk}

// Sizes of the disks, in MiB: what agent and node hold back and leave free, and
// some room to work in.
const (
	agentDisk = 224
	nodeDisk  = 640
)

// notices is the part of `agent status` that says what is to be done.
type notices struct {
	DiskLow bool `json:"disk_low"`
	Notices []struct{ Level, Text string }
}

func runDisk(ctx context.Context, b *Bench) (o Outcome, err error) {
	s, err := b.Stage(ctx)
	if err != nil {
		return o, err
	}
	defer s.Close()
	d, err := mountSmall(filepath.Join(s.Work, "school"), agentDisk)
	if err != nil {
		return Skip("%v", err)
	}
	defer func() { err = errors.Join(err, s.Close(), d.unmount()) }()
	l, err := newLedger(s.Work)
	if err != nil {
		return o, err
	}
	h, err := l.open(ctx, s, 1)
	if err != nil {
		return o, err
	}
	c, err := l.enrolled(ctx, s, h, "school")
	if err != nil {
		return o, err
	}
	if err := c.Serve(ctx); err != nil {
		return o, err
	}
	r := rand.New(rand.NewPCG(b.Seed, 0xd15c))
	full, began := 0, time.Now()
	for o.Trials < b.trials(3, 60) {
		o.Trials++
		if err := c.Drained(ctx, h, 0); err != nil {
			return o, err
		}
		// The disk fills at some moment of a few saves, and stays so.
		after := time.Duration(r.IntN(400)) * time.Millisecond
		filled := make(chan error, 1)
		time.AfterFunc(after, func() { filled <- d.fill() })
		for range 1 + r.IntN(2) {
			if err := l.record(ctx, c, 1); err != nil {
				o.Lose("trial %d: attendance is refused: %v", o.Trials, err)
			}
		}
		if err := <-filled; err != nil {
			return o, err
		}
		for range 1 + r.IntN(2) {
			if err := d.fill(); err != nil {
				return o, err
			}
			if err := l.record(ctx, c, 1); err != nil {
				o.Lose("trial %d: attendance is refused on a full disk: %v", o.Trials, err)
				continue
			}
			full++
		}
		if err := saysWhat(ctx, s, c, "film.mp4"); err != nil {
			o.Lose("trial %d: %v", o.Trials, err)
		}
		if r.IntN(2) == 0 { // and once more from nothing, on the full disk
			if err := c.Kill(); err != nil {
				return o, err
			}
			if err := s.Restart(c.Name); err != nil {
				return o, err
			}
			if err := c.WaitUp(ctx); err != nil {
				o.Lose("trial %d: it does not start on a full disk: %v", o.Trials, err)
			}
		}
		select {
		case <-s.Ended(c.Name):
			o.Lose("trial %d: the agent ended", o.Trials)
			if err := s.Restart(c.Name); err != nil {
				return o, err
			}
		default:
		}
		if err := d.clear(); err != nil {
			return o, err
		}
	}
	if err := settled(ctx, s, l, c, h, &o); err != nil {
		return o, err
	}
	o.Saw = fmt.Sprintf("%d sheets saved on a full disk, %d in all, in %s", full, len(l.saved), time.Since(began).Round(time.Second))
	return o, nil
}

// saysWhat waits until the agent says that the disk is full and what takes room.
func saysWhat(ctx context.Context, s *stage.Stage, c *stage.School, what string) error {
	return stage.Until(ctx, 20*time.Second, func() error {
		var v notices
		if err := s.Ask(ctx, &v, "agent", "status", "--dir", c.Dir); err != nil {
			return err
		}
		if !v.DiskLow || len(v.Notices) == 0 || !strings.Contains(v.Notices[0].Text, what) {
			return fmt.Errorf("the page says %+v", v)
		}
		return nil
	})
}

func runHubDisk(ctx context.Context, b *Bench) (o Outcome, err error) {
	s, err := b.Stage(ctx)
	if err != nil {
		return o, err
	}
	var disks []*smallDisk
	defer func() {
		err = errors.Join(err, s.Close())
		for _, d := range disks {
			err = errors.Join(err, d.unmount())
		}
	}()
	for n := range 3 {
		d, err := mountSmall(filepath.Join(s.Work, fmt.Sprintf("hub%d", n)), nodeDisk)
		if err != nil {
			return Skip("%v", err)
		}
		disks = append(disks, d)
	}
	l, err := newLedger(s.Work)
	if err != nil {
		return o, err
	}
	h, err := l.open(ctx, s, 3)
	if err != nil {
		return o, err
	}
	c, err := l.enrolled(ctx, s, h, "school")
	if err != nil {
		return o, err
	}
	if err := l.record(ctx, c, 2); err != nil {
		return o, err
	}
	if err := c.Drained(ctx, h, 0); err != nil {
		return o, err
	}
	began := time.Now()
	for o.Trials < b.trials(1, 20) {
		o.Trials++
		leader, err := h.Leader(ctx)
		if err != nil {
			return o, err
		}
		// The leader's disk alone: another one takes over, and nothing waits.
		if err := disks[leader].fill(); err != nil {
			return o, err
		}
		if err := l.record(ctx, c, 1); err != nil {
			return o, err
		}
		if err := c.Drained(ctx, h, (leader+1)%3); err != nil {
			o.Lose("trial %d: with one full disk of three pushes wait: %v", o.Trials, err)
		}
		// All of them: the clerk is told why, reads go on.
		for _, d := range disks {
			if err := d.fill(); err != nil {
				return o, err
			}
		}
		if err := l.record(ctx, c, 1); err != nil {
			return o, err
		}
		if err := stage.Until(ctx, 30*time.Second, func() error {
			_, err := s.Run(ctx, "agent", "sync", "--dir", c.Dir, "--timeout", "5s", "--lang", "en")
			switch {
			case err == nil:
				// It was taken before a node looked at its disk, into room held back.
				return errors.Join(errors.New("full disks take pushes"), l.record(ctx, c, 1))
			case !strings.Contains(err.Error(), "disk is full"):
				return fmt.Errorf("a push to full disks: %w", err)
			}
			return nil
		}); err != nil {
			o.Lose("trial %d: %v", o.Trials, err)
		}
		for n := range disks {
			if _, err := h.Digest(ctx, n, c.Code); err != nil {
				o.Lose("trial %d: node %d cannot be read: %v", o.Trials, n, err)
			}
			select {
			case <-s.Ended(h.Name(n)):
				o.Lose("trial %d: node %d ended", o.Trials, n)
			default:
			}
		}
		// One of them begins anew on its full disk: on the room that it held back,
		// and then, when somebody has taken that too, not before there is some.
		n := (leader + 2) % 3
		if err := restartedFull(ctx, s, h, c, n, disks[n], &o); err != nil {
			return o, err
		}
		for _, d := range disks {
			if err := d.clear(); err != nil {
				return o, err
			}
		}
		if err := h.WaitReady(ctx, n); err != nil {
			o.Lose("trial %d: with room again node %d does not go on: %v", o.Trials, n, err)
		}
		if err := c.Drained(ctx, h, 0); err != nil {
			o.Lose("trial %d: with room again: %v", o.Trials, err)
		}
	}
	if err := settled(ctx, s, l, c, h, &o); err != nil {
		return o, err
	}
	o.Saw = fmt.Sprintf("%d sheets at the hub, in %s", len(l.saved), time.Since(began).Round(time.Second))
	return o, nil
}

// restartedFull kills a node and starts it again on its full disk, twice. It
// serves what it has, or says that there is no room and waits.
func restartedFull(ctx context.Context, s *stage.Stage, h *stage.Hub, c *stage.School, n int, d *smallDisk, o *Outcome) error {
	name := h.Name(n)
	for _, taken := range []bool{false, true} {
		if err := s.Kill(name); err != nil {
			return err
		}
		if taken {
			// What was held back went into the first start, or goes now.
			if err := errors.Join(os.RemoveAll(filepath.Join(h.Dirs[n], "ballast")), d.fill()); err != nil {
				return err
			}
		}
		said, err := size(s.LogFile(name))
		if err != nil {
			return err
		}
		if err := s.Restart(name); err != nil {
			return err
		}
		err = stage.Until(ctx, 30*time.Second, func() error {
			if taken {
				return saysSince(s.LogFile(name), said, "64 M") // the room that it needs, in both languages
			}
			_, err := h.Digest(ctx, n, c.Code)
			return err
		})
		if err != nil {
			o.Lose("trial %d: node %d, started on a full disk (held-back room taken: %v): %v", o.Trials, n, taken, err)
		}
		select {
		case <-s.Ended(name):
			o.Lose("trial %d: node %d ended on a full disk (held-back room taken: %v)", o.Trials, n, taken)
		default:
		}
	}
	return nil
}

func size(name string) (int64, error) {
	st, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

// saysSince looks for words in what a file has after some bytes.
func saysSince(name string, after int64, words string) error {
	b, err := os.ReadFile(name)
	if err == nil && !strings.Contains(string(b[min(after, int64(len(b))):]), words) {
		err = fmt.Errorf("it does not say %s", words)
	}
	return err
}
