package cluster

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"shangu/sync/session"
)

// rooms is the free space of each node's disk.
type rooms map[string]*atomic.Uint64

// of gives the nodes disks with a floor of 1000 bytes.
func (r rooms) of(c *Config, d *Deps) {
	free := new(atomic.Uint64)
	free.Store(1 << 40)
	r[c.ID] = free
	c.DiskFloor = 1000
	d.Free = func(string) (uint64, error) { return free.Load(), nil }
}

func TestLeaderWithAFullDiskHandsOver(t *testing.T) {
	free := rooms{}
	inBubble(t, free.of, func(w *world, nodes []*Node) {
		old := w.leader(nodes...)
		p := w.enrol(old, 1)
		if _, err := old.Ingest(w.ctx, p.next(t)); err != nil {
			t.Fatal(err)
		}
		// One follower is full as well: it must not be chosen.
		full := nodes[0]
		if full == old {
			full = nodes[1]
		}
		free[full.ID()].Store(900)
		<-time.After(2 * diskEvery)
		free[old.ID()].Store(0)
		var next *Node
		w.until("another to lead", func() bool {
			for _, n := range nodes {
				if n != old && n.Leads() {
					next = n
				}
			}
			return next != nil
		})
		if next == full {
			t.Fatal("a node without room was chosen")
		}
		push := p.next(t)
		w.until("pushes to be taken", func() bool { _, err := next.Ingest(w.ctx, push); return err == nil })
		// The full ones take no commands; with them no quorum.
		free[full.ID()].Store(0)
		<-time.After(2 * diskEvery)
		if low := next.Status(w.ctx).Nodes; len(low) != 3 {
			t.Fatalf("%+v", low)
		}
		for _, n := range nodes {
			free[n.ID()].Store(2000)
		}
		push = p.next(t)
		w.until("pushes with room", func() bool {
			_, err := w.leader(nodes...).Ingest(w.ctx, push)
			return err == nil
		})
		w.holdsAll(next, []*pen{p})
	})
}

func TestAllDisksFullSaySoAndGoOn(t *testing.T) {
	free := rooms{}
	inBubble(t, free.of, func(w *world, nodes []*Node) {
		p := w.enrol(w.leader(nodes...), 1)
		push := p.next(t)
		for _, n := range nodes {
			free[n.ID()].Store(0)
		}
		<-time.After(time.Minute)
		for _, n := range nodes {
			if _, err := n.Ingest(w.ctx, push); !errors.Is(err, session.ErrDiskFull) && (n.Leads() || !errors.Is(err, session.ErrNoLeader)) {
				t.Errorf("node %s says %v", n.ID(), err)
			}
			if _, err := n.fsm.Snapshot(); !errors.Is(err, errNoRoom) {
				t.Errorf("node %s begins a snapshot: %v", n.ID(), err)
			}
			if _, err := n.deps.State.Buckets(p.caller); err != nil {
				t.Errorf("node %s cannot be read: %v", n.ID(), err)
			}
		}
		for _, n := range nodes {
			free[n.ID()].Store(1 << 20)
		}
		w.until("pushes again", func() bool { _, err := w.leader(nodes...).Ingest(w.ctx, push); return err == nil })
		w.holdsAll(w.leader(nodes...), []*pen{p})
	})
}

func TestTightDiskKeepsCommandsOutOfTheLog(t *testing.T) {
	w := &diskWatch{}
	g := guardedLog{kept{raft.NewInmemStore()}, w, nil, new(atomic.Bool)}
	command, first := &raft.Log{Index: 1, Type: raft.LogCommand}, &raft.Log{Index: 1, Type: raft.LogNoop}
	w.tight.Store(true)
	if err := g.StoreLog(command); !errors.Is(err, errNoRoom) {
		t.Error(err)
	}
	if err := g.StoreLog(first); err != nil {
		t.Error(err)
	}
	w.tight.Store(false)
	if err := g.StoreLog(command); err != nil {
		t.Error(err)
	}
}

type kept struct{ *raft.InmemStore }

func (kept) Close() error { return nil }

// TestALogThatWasCutAndNotWrittenEndsTheNode: raft would take the entries that
// are gone for its last ones, for ever.
func TestALogThatWasCutAndNotWrittenEndsTheNode(t *testing.T) {
	d := newDrive(newWeather(1), "node1", 1)
	var failed error
	watch := &diskWatch{}
	g := guardedLog{d, watch, func(err error) { failed = err }, new(atomic.Bool)}
	entry := func(i uint64) []*raft.Log { return []*raft.Log{{Index: i, Term: 1}} }
	for i := range uint64(4) {
		if err := g.StoreLogs(entry(i + 1)); err != nil {
			t.Fatal(err)
		}
	}
	d.ail(0, true)
	if err := g.StoreLogs(entry(5)); err == nil || failed != nil {
		t.Fatalf("an append that failed: %v, the node: %v", err, failed)
	}
	if err := g.DeleteRange(1, 2); err != nil {
		t.Fatal(err)
	}
	if err := g.StoreLogs(entry(5)); err == nil || failed != nil {
		t.Fatalf("an append that failed behind a shorter front: %v, the node: %v", err, failed)
	}
	d.ail(0, false)
	if err := errors.Join(g.DeleteRange(4, 4), g.StoreLogs(entry(4))); err != nil || failed != nil {
		t.Fatalf("another end of the log: %v, the node: %v", err, failed)
	}
	d.ail(0, true)
	if err := g.DeleteRange(3, 4); err != nil {
		t.Fatal(err)
	}
	if err := g.StoreLogs(entry(3)); err == nil || !errors.Is(failed, ErrStuck) {
		t.Errorf("an end that was cut off and not written: %v, the node: %v", err, failed)
	}
}
