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

// fire kills, pauses and sets back real hub nodes while a school pushes, then
// takes a majority away for good and goes on with the node that is left.
var fire = Drill{Name: "fire", Holds: []int{2, 3, 4}, Run: runFire}

// rolling restarts the nodes one after the other while a school pushes.
var rolling = Drill{Name: "rolling", Holds: []int{2, 3, 4}, Run: runRolling}

// push records sheets and sends them in the background; the error is nil too
// when the hub could not be reached: what is saved is what counts.
func push(ctx context.Context, l *ledger, c *stage.School, n int) (<-chan struct{}, error) {
	if err := l.record(ctx, c, n); err != nil {
		return nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = c.Sync(ctx) // most often the node that it talks to is being killed
	}()
	return done, nil
}

func runFire(ctx context.Context, b *Bench) (o Outcome, err error) {
	s, h, l, c, err := b.school(ctx, 3)
	if err != nil {
		return o, err
	}
	defer s.Close()
	r := rand.New(rand.NewPCG(b.Seed, 0xf1e))
	seen := map[string]int{}
	for o.Trials < b.trials(3, 60) {
		o.Trials++
		n := r.IntN(3)
		name := h.Name(n)
		sent, err := push(ctx, l, c, 1+r.IntN(6))
		if err != nil {
			return o, err
		}
		instant := time.NewTimer(time.Duration(r.IntN(400)) * time.Millisecond)
		select {
		case <-instant.C:
		case <-ctx.Done():
			return o, ctx.Err()
		}
		switch r.IntN(3) {
		case 0: // it hangs for longer than its lease
			seen["paused"]++
			err = errors.Join(pause(s.PID(name)), wait(ctx, 2*time.Second), resume(s.PID(name)))
		default:
			seen["killed"]++
			err = errors.Join(s.Kill(name), s.Restart(name))
		}
		if err != nil {
			return o, err
		}
		<-sent
		if err := h.WaitReady(ctx, n); err != nil {
			return o, err
		}
	}
	if err := oldNode(ctx, s, h, l, c, &o); err != nil {
		return o, err
	}
	if err := settled(ctx, s, l, c, h, &o); err != nil {
		return o, err
	}
	if err := lastNode(ctx, s, h, l, c, &o); err != nil {
		return o, err
	}
	o.Saw = fmt.Sprintf("%d saved sheets compared; %v; 1 node set back to an old disk, 2 of 3 lost for good and 1 recovered", len(l.saved), seen)
	return o, nil
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// oldNode puts a node's disk back to an image; it must heal by itself.
func oldNode(ctx context.Context, s *stage.Stage, h *stage.Hub, l *ledger, c *stage.School, o *Outcome) error {
	o.Trials++
	name, image := h.Name(2), filepath.Join(s.Work, "image")
	if err := errors.Join(s.Stop(name), os.CopyFS(image, os.DirFS(h.Dirs[2])), s.Restart(name), h.WaitReady(ctx, 2)); err != nil {
		return err
	}
	if err := errors.Join(l.record(ctx, c, 2), c.Sync(ctx), s.Kill(name), os.RemoveAll(h.Dirs[2]), os.Rename(image, h.Dirs[2]), s.Restart(name)); err != nil {
		return err
	}
	return stage.Until(ctx, time.Minute, func() error {
		if _, err := os.Stat(filepath.Join(h.Dirs[2], "raft.old")); err != nil {
			return fmt.Errorf("a node with an old disk does not set it aside: %w", err)
		}
		st, err := h.Status(ctx, 2)
		if err == nil && (!st.Ready || len(st.Nodes) != 3) {
			err = fmt.Errorf("a node with an old disk does not come back: %+v", st)
		}
		return err
	})
}

// lastNode loses two nodes for good and recovers with the third; the school
// sends again what only the two had acknowledged.
func lastNode(ctx context.Context, s *stage.Stage, h *stage.Hub, l *ledger, c *stage.School, o *Outcome) error {
	o.Trials++
	if err := s.Kill(h.Name(0)); err != nil {
		return err
	}
	if err := errors.Join(h.WaitReady(ctx, 1), l.record(ctx, c, 3), c.Sync(ctx)); err != nil {
		return err
	}
	if err := errors.Join(s.Kill(h.Name(1)), s.Kill(h.Name(2))); err != nil {
		return err
	}
	var found struct{ Done bool }
	if err := s.Ask(ctx, &found, "hub", "recover", "--dry-run", "--dir", h.Dirs[0]); err != nil {
		return err
	}
	if found.Done {
		o.Lose("a dry run of hub recover changed something")
	}
	if err := s.Ask(ctx, &found, "hub", "recover", "--dir", h.Dirs[0]); err != nil {
		return err
	}
	if err := errors.Join(s.Restart(h.Name(0)), h.WaitReady(ctx, 0), l.record(ctx, c, 1)); err != nil {
		return err
	}
	if err := settled(ctx, s, l, c, h, o); err != nil {
		return err
	}
	// A lost node that comes back is refused, and ends.
	if err := s.Restart(h.Name(1)); err != nil {
		return err
	}
	select {
	case <-s.Ended(h.Name(1)):
	case <-time.After(time.Minute):
		o.Lose("a node of the cluster that was lost goes on beside the recovered one")
	}
	return nil
}

func runRolling(ctx context.Context, b *Bench) (o Outcome, err error) {
	s, h, l, c, err := b.school(ctx, 3)
	if err != nil {
		return o, err
	}
	defer s.Close()
	var longest time.Duration
	for range b.trials(1, 10) {
		for n := range h.Dirs {
			o.Trials++
			sent, err := push(ctx, l, c, 2)
			if err != nil {
				return o, err
			}
			began := time.Now()
			if err := errors.Join(s.Stop(h.Name(n)), s.Restart(h.Name(n)), h.WaitReady(ctx, n)); err != nil {
				return o, err
			}
			longest = max(longest, time.Since(began))
			<-sent
		}
	}
	if err := settled(ctx, s, l, c, h, &o); err != nil {
		return o, err
	}
	o.Saw = fmt.Sprintf("%d saved sheets compared; a node away for at most %v", len(l.saved), longest.Round(time.Millisecond))
	return o, nil
}
