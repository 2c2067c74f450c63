package drill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"shangu/installer/stage"
)

// raftDamage harms what raft keeps on a hub node's disk: its log, its snapshots,
// the node's note of its starts.
var raftDamage = Drill{Name: "raftdamage", Holds: []int{2, 3, 4}, Run: runRaftDamage}

// runRaftDamage harms the files of simulated nodes, one by one, and then those of
// a real one, which has to come back by itself.
func runRaftDamage(ctx context.Context, b *Bench) (Outcome, error) {
	o, err := Tests("./hub/cluster", "^TestHarmedRaftFilesHealFromTheOthers$")(ctx, b)
	if err != nil || o.Skipped != "" {
		return o, err
	}
	s, h, l, c, err := b.school(ctx, 3)
	if err != nil {
		return o, err
	}
	defer s.Close()
	o.Trials++
	if err := errors.Join(l.record(ctx, c, 2), c.Sync(ctx), s.Kill(h.Name(2))); err != nil {
		return o, err
	}
	// A byte in the middle of what is written in its log.
	if err := rotLog(filepath.Join(h.Dirs[2], "raft", "wal")); err != nil {
		return o, err
	}
	if err := errors.Join(l.record(ctx, c, 2), c.Sync(ctx), s.Restart(h.Name(2))); err != nil {
		return o, err
	}
	if err := stage.Until(ctx, time.Minute, func() error {
		if _, err := os.Stat(filepath.Join(h.Dirs[2], "raft.old")); err != nil {
			return fmt.Errorf("a node with a damaged log does not set it aside: %w", err)
		}
		st, err := h.Status(ctx, 2)
		if err == nil && (!st.Ready || len(st.Nodes) != 3) {
			err = fmt.Errorf("a node with a damaged log does not come back: %+v", st)
		}
		return err
	}); err != nil {
		o.Lose("%v", err)
	}
	if err := settled(ctx, s, l, c, h, &o); err != nil {
		return o, err
	}
	o.Saw += fmt.Sprintf("; a real node came back by itself, %d saved sheets compared", len(l.saved))
	return o, nil
}

// rotLog changes a byte in the middle of what is written in each segment of a log.
func rotLog(dir string) error {
	segments, err := filepath.Glob(filepath.Join(dir, "*.wal"))
	if err == nil && len(segments) == 0 {
		err = fmt.Errorf("no segments in %s", dir)
	}
	for _, name := range segments {
		b, rerr := os.ReadFile(name)
		if rerr != nil {
			return rerr
		}
		full := len(b)
		for full > 0 && b[full-1] == 0 {
			full--
		}
		if full > 0 {
			b[full/2] ^= 1
		}
		if err := os.WriteFile(name, b, 0o600); err != nil {
			return err
		}
	}
	return err
}
