package cluster

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"shangu/hub/state"
	"shangu/sync/session"
)

// short keeps almost no log behind a snapshot.
func short(c *Config, _ *Deps) { c.TrailingLogs = 1 }

func (w *world) snapshot(n *Node) {
	w.t.Helper()
	if err := n.raft.Snapshot().Error(); err != nil {
		w.t.Fatal(err)
	}
}

func TestANewNodeCatchesUpFromASnapshot(t *testing.T) {
	inBubble(t, short, func(w *world, nodes []*Node) {
		l := w.leader(nodes...)
		pens := []*pen{w.enrol(l, 1), w.enrol(l, 2)}
		w.write(nodes, pens, 50).Wait()
		w.snapshot(l)
		first, err := l.deps.Logs.FirstIndex()
		if err != nil || first < 50 {
			t.Fatalf("the log was not compacted: it begins at %d (%v)", first, err)
		}
		n := w.start("4")
		w.join(n)
		if index, _ := n.deps.State.Applied(); index < first {
			t.Errorf("new node voted at %d, before it had what the log no longer holds (%d)", index, first)
		}
		w.agree(append(nodes, n)...)
		w.holdsAll(n, pens)

		// And it keeps it over a restart.
		w.stop(n)
		n = w.start("4")
		w.agree(append(nodes, n)...)
	})
}

func TestANodeGoesOnAfterARestart(t *testing.T) {
	inBubble(t, short, func(w *world, nodes []*Node) {
		l := w.leader(nodes...)
		pens := []*pen{w.enrol(l, 1)}
		w.write(nodes, pens, 10).Wait()
		for i, n := range nodes {
			w.stop(n)
			nodes[i] = w.start(n.ID())
			w.write(nodes, pens, 5).Wait()
		}
		w.agree(nodes...)
		for _, n := range nodes {
			w.holdsAll(n, pens)
		}
	})
}

// lose removes what a node keeps in one of its directories.
func (w *world) lose(id, what string) {
	w.t.Helper()
	if err := os.RemoveAll(filepath.Join(w.dir, id, what)); err != nil {
		w.t.Fatal(err)
	}
}

func TestAStateThatLostItsTailIsRestored(t *testing.T) {
	inBubble(t, short, func(w *world, nodes []*Node) {
		l := w.leader(nodes...)
		pens := []*pen{w.enrol(l, 1)}
		w.write(nodes, pens, 10).Wait()
		for _, n := range nodes {
			if n == l {
				continue
			}
			w.until("it to catch up", func() bool { return n.fsm.wait(w.ctx, 1) == nil && n.raft.AppliedIndex() == l.raft.AppliedIndex() })
			w.snapshot(n)
			w.stop(n)
			w.lose(n.ID(), "state")
			n = w.start(n.ID())
			// Without the others: all that it can have is its own snapshot.
			if index, _ := n.deps.State.Applied(); index < 10 {
				t.Errorf("node %s is at %d after it was opened: the snapshot was left out", n.ID(), index)
			}
			w.holdsAll(n, pens)
			nodes[int(n.ID()[0]-'1')] = n
		}
		w.agree(nodes...)
	})
}

func TestASnapshotThatCannotBeRestoredEndsTheNode(t *testing.T) {
	inBubble(t, short, func(w *world, nodes []*Node) {
		l := w.leader(nodes...)
		w.write(nodes, []*pen{w.enrol(l, 1)}, 10).Wait()
		f := nodes[(int(l.ID()[0]-'1')+1)%3]
		w.until("it to catch up", func() bool { return f.raft.AppliedIndex() == l.raft.AppliedIndex() })
		w.snapshot(f)
		w.write(nodes, []*pen{w.enrol(l, 2)}, 10).Wait()
		w.until("it to catch up", func() bool { return f.raft.AppliedIndex() == l.raft.AppliedIndex() })
		w.snapshot(f) // two are kept: raft would fall back to the first
		w.stop(f)
		w.lose(f.ID(), "state")
		newest := newestSnapshot(t, filepath.Join(w.dir, f.ID(), "raft"))
		b, err := os.ReadFile(newest)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/2] ^= 1
		if err := os.WriteFile(newest, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if n, err := w.open(f.ID()); err == nil {
			t.Error("a node opened on a broken snapshot")
			w.stop(n)
		}
	})
}

func newestSnapshot(t *testing.T, dir string) string {
	t.Helper()
	s, err := raft.NewFileSnapshotStore(dir, 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.List()
	if err != nil || len(list) != 2 {
		t.Fatalf("snapshots: %v %v", list, err)
	}
	return filepath.Join(dir, "snapshots", list[0].ID, "state.bin")
}

func TestAStateFromABackupBeginsAClusterOfItsOwn(t *testing.T) {
	inBubble(t, nil, func(w *world, nodes []*Node) {
		l := w.leader(nodes...)
		pens := []*pen{w.enrol(l, 1)}
		w.write(nodes, pens, 10).Wait()
		var backup bytes.Buffer
		view, err := l.deps.State.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := view.WriteTo(&backup); err != nil {
			t.Fatal(err)
		}
		view.Close()
		for _, n := range nodes {
			w.stop(n)
		}

		st, err := state.Open(filepath.Join(w.dir, "7", "state"), state.Options{})
		if err == nil {
			err = st.Restore(&backup)
		}
		if err != nil {
			t.Fatal(err)
		}
		was, _ := st.Applied()
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
		w.tune = func(c *Config, _ *Deps) { c.Revive = true }
		n := w.start("7")
		if err := n.Bootstrap(); err != nil {
			t.Fatal(err)
		}
		w.leader(n)
		if v := n.voters(); len(v) != 1 || v[0] != "7" {
			t.Fatalf("members of the revived cluster: %v", v)
		}
		w.holdsAll(n, pens)
		w.write([]*Node{n}, pens, 5).Wait()
		if index, _ := n.deps.State.Applied(); index <= was {
			t.Errorf("the log went on at %d, behind %d", index, was)
		}

		// Again, and with a node that joins: the log behind the backup holds.
		w.stop(n)
		n = w.start("7")
		w.leader(n)
		w.tune = nil
		m := w.start("8")
		if err := m.Join(w.ctx, []string{n.cfg.API}); err != nil {
			t.Fatal(err)
		}
		w.agree(n, m)
		w.holdsAll(m, pens)
	})
}

func TestNodesComeAndGo(t *testing.T) {
	inBubble(t, nil, func(w *world, nodes []*Node) {
		l := w.leader(nodes...)
		f := nodes[(int(l.ID()[0]-'1')+1)%3]
		if err := f.RemoveNode(w.ctx, "nobody"); !errors.Is(err, ErrUnknownNode) {
			t.Errorf("removing a stranger: %v", err)
		}
		n := w.start("4")
		w.join(n)
		// The leader takes itself out, asked by another.
		if err := f.RemoveNode(w.ctx, l.ID()); err != nil {
			t.Fatal(err)
		}
		rest := []*Node{n}
		for _, o := range nodes {
			if o != l {
				rest = append(rest, o)
			}
		}
		next := w.leader(rest...)
		w.until("the others to forget it", func() bool { _, known := next.peer(l.ID()); return len(next.voters()) == 3 && !known })
		if l.Leads() {
			t.Error("a node that was taken out leads")
		}
		pens := []*pen{w.enrol(next, 1)}
		w.write(rest, pens, 5).Wait()
		w.agree(rest...)

		// It does not come back by itself, and nobody else takes a member's name.
		w.stop(l)
		l = w.start(l.ID())
		if err := l.Join(w.ctx, []string{next.cfg.API}); !errors.Is(err, ErrRemoved) {
			t.Errorf("a node that was taken out joins: %v", err)
		}
		w.stop(l)
		w.tune = func(c *Config, d *Deps) { c.ID = "4" }
		twin := w.start("twin")
		if err := twin.Join(w.ctx, []string{next.cfg.API}); !errors.Is(err, ErrTaken) {
			t.Errorf("a second node 4 joins: %v", err)
		}
		w.stop(twin)

		// A node that moves tells the others by itself.
		w.stop(n)
		w.tune = func(c *Config, _ *Deps) {
			if c.ID == "4" {
				c.API = "elsewhere:2"
			}
		}
		n = w.start("4")
		w.join(n)
		w.until("the others to know where it is", func() bool { p, ok := f.peer("4"); return ok && p.API == "elsewhere:2" })
	})
}

func TestPushesAreRefusedWhileTheDiskIsLow(t *testing.T) {
	var free, others atomic.Uint64
	var leader atomic.Value
	free.Store(1 << 40)
	others.Store(1 << 40)
	tune := func(c *Config, d *Deps) {
		c.DiskFloor = 100
		id := c.ID
		d.Free = func(string) (uint64, error) {
			if leader.Load() == id {
				return free.Load(), nil
			}
			return others.Load(), nil
		}
	}
	inBubble(t, tune, func(w *world, nodes []*Node) {
		l := w.leader(nodes...)
		p := w.enrol(l, 1)
		if _, err := l.Ingest(w.ctx, p.next(t)); err != nil {
			t.Fatal(err)
		}
		push := p.next(t)
		// The others first, or it would hand leadership to one with room.
		leader.Store(l.cfg.ID)
		others.Store(99)
		w.until("the others to see it", func() bool {
			for _, n := range nodes {
				if n != l && !n.disk.low.Load() {
					return false
				}
			}
			return true
		})
		free.Store(99)
		w.until("the refusal", func() bool { _, err := l.Ingest(w.ctx, push); return errors.Is(err, session.ErrDiskFull) })
		if _, _, _, err := l.Tip(w.ctx, p.caller, p.chain[:], 0); err != nil {
			t.Errorf("read on a full disk: %v", err)
		}
		free.Store(110) // above the floor, not by enough to stay there
		<-time.After(5 * diskEvery)
		if _, err := l.Ingest(w.ctx, push); !errors.Is(err, session.ErrDiskFull) {
			t.Errorf("push just above the floor: %v", err)
		}
		free.Store(125)
		w.until("pushes again", func() bool { _, err := l.Ingest(w.ctx, push); return err == nil })
		w.holdsAll(l, []*pen{p})
	})
}

func TestAFullQueueSaysBusyAtOnce(t *testing.T) {
	inBubble(t, func(c *Config, _ *Deps) { c.Queue = 2 }, func(w *world, nodes []*Node) {
		l := w.leader(nodes...)
		var pens []*pen
		for i := range 3 {
			pens = append(pens, w.enrol(l, i))
		}
		// Without a quorum pushes stay under way until the leader gives up.
		for _, n := range nodes {
			if n != l {
				w.net.cut(n)
			}
		}
		started := time.Now()
		fates := make(chan error, len(pens))
		for _, p := range pens {
			push := p.next(t)
			go func() { _, err := l.Ingest(w.ctx, push); fates <- err }()
		}
		if err := <-fates; !errors.Is(err, session.ErrBusy) || time.Since(started) > 0 {
			t.Errorf("third push of a queue of two: %v after %v", err, time.Since(started))
		}
		for range 2 {
			if err := <-fates; !errors.Is(err, session.ErrNoLeader) {
				t.Errorf("push that was under way when the quorum went: %v", err)
			}
		}
		for _, n := range nodes {
			if n != l {
				w.net.mend(n)
			}
		}
		w.leader(nodes...)
	})
}

func TestASenderThatGivesUpStopsNothing(t *testing.T) {
	inBubble(t, nil, func(w *world, nodes []*Node) {
		l := w.leader(nodes...)
		p := w.enrol(l, 1)
		ctx, cancel := context.WithCancel(w.ctx)
		cancel()
		if _, err := l.Ingest(ctx, p.next(t)); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		w.until("the push all the same", func() bool {
			_, tip, _, err := l.deps.State.Tip(p.caller, p.chain[:], 0)
			return err == nil && tip == p.tip
		})
	})
}

func TestValidate(t *testing.T) {
	good := Config{ID: "1", Dir: "d", Addr: "10.0.0.1:9"}.withDefaults()
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*Config){
		"no node id":          func(c *Config) { c.ID = "" },
		"no directory":        func(c *Config) { c.Dir = "" },
		"not host:port":       func(c *Config) { c.Addr = "10.0.0.1" },
		"as others reach it":  func(c *Config) { c.Addr = "0.0.0.0:9" },
		"unknown log store":   func(c *Config) { c.LogStore = "paper" },
		"shorter than":        func(c *Config) { c.Election = c.Heartbeat / 2 },
		"longer than the hea": func(c *Config) { c.Lease = 2 * c.Heartbeat },
		"larger than a log":   func(c *Config) { c.BatchBytes = 1 << 30 },
		"must be positive":    func(c *Config) { c.Queue = -1 },
	} {
		c := good
		spoil(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("wanted %q, got %v", want, err)
		}
	}
}

// TestADamagedStateIsRebuilt: a power cut left zeros at the end of a table.
func TestADamagedStateIsRebuilt(t *testing.T) {
	for name, compact := range map[string]bool{"from the log": false, "from a snapshot": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, short, func(w *world, nodes []*Node) {
				l := w.leader(nodes...)
				pens := []*pen{w.enrol(l, 1)}
				w.write(nodes, pens, 10).Wait()
				f := nodes[(int(l.ID()[0]-'1')+1)%3]
				w.until("it to catch up", func() bool { return f.raft.AppliedIndex() == l.raft.AppliedIndex() })
				if compact {
					w.snapshot(f)
				}
				w.stop(f)
				tables, err := filepath.Glob(filepath.Join(w.dir, f.ID(), "state", "db-*", "*.sst"))
				if err != nil || len(tables) == 0 {
					t.Fatalf("%d tables, %v", len(tables), err)
				}
				for _, name := range tables {
					st, err := os.Stat(name)
					if err != nil {
						t.Fatal(err)
					}
					if err := errors.Join(os.Truncate(name, st.Size()-64), os.Truncate(name, st.Size())); err != nil {
						t.Fatal(err)
					}
				}
				f = w.start(f.ID())
				nodes[int(f.ID()[0]-'1')] = f
				w.agree(nodes...)
				w.holdsAll(f, pens)
			})
		})
	}
}

// TestAnEmptyNodeGetsNoVote: a node that joins is cut off from raft before it
// has any of the log, and the only other node is started anew.
func TestAnEmptyNodeGetsNoVote(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		w := &world{t: t, ctx: ctx, dir: dir, net: newNet()}
		defer w.end()
		l := w.start("1")
		if err := l.Bootstrap(); err != nil {
			t.Fatal(err)
		}
		w.found(l)
		n := w.start("2")
		w.net.part(l, n)
		ctx, cancel = context.WithTimeout(w.ctx, 10*time.Second)
		defer cancel()
		if err := n.Join(ctx, []string{l.cfg.API}); err == nil {
			t.Error("a node without a log has a vote")
		}
		w.stop(l)
		l = w.start("1")
		w.leader(l)
		w.net.mend(n)
		w.join(n)
		w.until("two voters", func() bool { return len(l.voters()) == 2 })
		w.agree(l, n)
	})
}

// TestALogThatNobodyCommittedGivesWay: a leader that is cut off takes many
// entries into its log; the others go on with fewer, and keep only a snapshot of
// them.
func TestALogThatNobodyCommittedGivesWay(t *testing.T) {
	// Raft-wal gives entries that were deleted as long as it has their segment.
	tune := func(c *Config, _ *Deps) { c.TrailingLogs, c.LogStore = 1, LogBolt }
	inBubble(t, tune, func(w *world, nodes []*Node) {
		old := w.leader(nodes...)
		p := w.enrol(old, 1)
		w.write(nodes, []*pen{p}, 3).Wait()
		w.net.cut(old)
		ctx, cancel := context.WithTimeout(w.ctx, time.Second)
		defer cancel()
		var lost sync.WaitGroup
		for range 30 {
			lost.Go(func() { old.Propose(ctx, state.EncodeFeature(1, epoch, "nobody")) })
		}
		lost.Wait()
		var rest []*Node
		for _, n := range nodes {
			if n != old {
				rest = append(rest, n)
			}
		}
		next := w.leader(rest...)
		w.write(rest, []*pen{p}, 8).Wait()
		w.snapshot(next)
		if old.raft.LastIndex() <= next.raft.LastIndex() {
			w.t.Fatalf("the log that is to give way ends at %d, the other at %d", old.raft.LastIndex(), next.raft.LastIndex())
		}
		<-time.After(10 * time.Second) // what was on its way to it is given up
		w.net.mend(old)
		w.write(rest, []*pen{p}, 3).Wait()
		w.until("the node that was cut off to hold what the others hold", func() bool {
			n := nodes[int(old.ID()[0]-'1')]
			if errors.Is(n.Err(), ErrStuck) {
				n = w.again(nodes, n)
			}
			at, _ := next.deps.State.Applied()
			index, _ := n.deps.State.Applied()
			return index == at
		})
		w.agree(nodes...)
		w.holdsAll(nodes[int(old.ID()[0]-'1')], []*pen{p})
	})
}

// TestALaggardGetsNoVote: of two nodes that joined one lags behind where the
// other got its vote. If it had one too, and the first were lost, it would refuse
// the other its vote: it does not know that it may stand.
func TestALaggardGetsNoVote(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		w := &world{t: t, ctx: ctx, dir: dir, net: newNet()}
		defer w.end()
		l := w.start("1")
		if err := l.Bootstrap(); err != nil {
			t.Fatal(err)
		}
		w.found(l)
		lags, votes := w.start("2"), w.start("3")
		for _, n := range []*Node{lags, votes} {
			n.guard.let(open, 0)
			s := n.self()
			if err := l.change(w.ctx, func() raft.IndexFuture { return l.raft.AddNonvoter(s.ID, s.Address, 0, 0) }); err != nil {
				t.Fatal(err)
			}
			w.until("it to have the log", func() bool { return n.raft.LastIndex() == l.raft.LastIndex() })
		}
		w.net.part(l, lags)
		w.join(votes)
		ctx, cancel = context.WithTimeout(w.ctx, 10*time.Second)
		defer cancel()
		if err := lags.Join(ctx, []string{l.cfg.API}); err == nil {
			t.Error("a node that lacks a change of the membership has a vote")
			return
		}
		w.net.mend(lags)
		w.join(lags)
		w.until("three voters", func() bool { return len(l.voters()) == 3 })
		w.stop(l)
		w.agree(lags, votes)
	})
}
