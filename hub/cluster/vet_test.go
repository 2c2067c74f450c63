package cluster

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"shangu/hub/state"
	"shangu/sync/session"
)

// image copies a stopped node's disk.
func (w *world) image(id, to string) {
	w.t.Helper()
	if err := os.CopyFS(filepath.Join(w.dir, to), os.DirFS(filepath.Join(w.dir, id))); err != nil {
		w.t.Fatal(err)
	}
}

// ends waits for a node to end with an error.
func (w *world) ends(n *Node, want error) {
	w.t.Helper()
	w.until("node "+n.ID()+" to end with "+want.Error(), func() bool { return errors.Is(n.Err(), want) })
}

func other(nodes []*Node, than *Node) *Node { return nodes[(int(than.ID()[0]-'1')+1)%3] }

func TestAnOldDiskIsToldApartAndTheNodeComesBackEmpty(t *testing.T) {
	inBubble(t, short, func(w *world, nodes []*Node) {
		l := w.leader(nodes...)
		pens := []*pen{w.enrol(l, 1)}
		w.write(nodes, pens, 5).Wait()
		f := other(nodes, l)
		id := f.ID()
		w.stop(f)
		w.image(id, "image")
		f = w.start(id)
		w.join(f)
		nodes[int(id[0]-'1')] = f
		w.until("its start to be taken", func() bool { p, _ := l.peer(id); return p.Token == f.token() })
		w.write(nodes, pens, 5).Wait()
		w.agree(nodes...)
		w.stop(f)
		if err := os.RemoveAll(filepath.Join(w.dir, id)); err != nil {
			t.Fatal(err)
		}
		w.image("image", id)
		f = w.start(id)
		w.ends(f, ErrOld)
		if f.guard.at() != shut {
			t.Error("an old disk took part in the cluster")
		}
		w.stop(f)
		w.lose(id, "raft")
		w.lose(id, "state")
		f = w.start(id)
		w.join(f)
		nodes[int(id[0]-'1')] = f
		w.until("a vote", func() bool { return len(l.voters()) == 3 })
		w.agree(nodes...)
		w.holdsAll(f, pens)
	})
}

func TestAWipedVoterIsANewMember(t *testing.T) {
	inBubble(t, nil, func(w *world, nodes []*Node) {
		l := w.leader(nodes...)
		pens := []*pen{w.enrol(l, 1)}
		w.write(nodes, pens, 5).Wait()
		f := other(nodes, l)
		id, was := f.ID(), f.life.Server
		w.stop(f)
		w.lose(id, "raft")
		w.lose(id, "state")
		f = w.start(id)
		<-time.After(5 * time.Second)
		if f.raft.LastIndex() != 0 {
			t.Error("an empty disk took what was meant for the member before it")
		}
		w.join(f)
		nodes[int(id[0]-'1')] = f
		if s, ok := l.server(id); !ok || string(s.ID) == was {
			t.Errorf("node %s is still the member %s", id, was)
		}
		w.agree(nodes...)
		w.holdsAll(f, pens)
	})
}

func TestARemovedNodeAndACopyEnd(t *testing.T) {
	inBubble(t, nil, func(w *world, nodes []*Node) {
		l := w.leader(nodes...)
		f := other(nodes, l)
		id := f.ID()
		w.stop(f)
		w.image(id, "copy")
		w.copies = map[string]string{"copy": id}
		f = w.start(id)
		nodes[int(id[0]-'1')] = f
		w.until("its start to be taken", func() bool { p, _ := l.peer(id); return p.Token == f.token() })
		w.tune = func(c *Config, _ *Deps) { c.ID = id }
		twin := w.start("copy")
		w.tune = nil
		w.ends(twin, ErrClone)
		if f.Err() != nil {
			t.Errorf("the node that was copied: %v", f.Err())
		}
		w.stop(twin)
		w.agree(nodes...)

		if err := l.RemoveNode(w.ctx, id); err != nil {
			t.Fatal(err)
		}
		w.ends(f, ErrRemoved)
	})
}

func TestAllNodesStartAgainAtOnce(t *testing.T) {
	inBubble(t, short, func(w *world, nodes []*Node) {
		l := w.leader(nodes...)
		pens := []*pen{w.enrol(l, 1)}
		w.write(nodes, pens, 5).Wait()
		for _, n := range nodes {
			w.stop(n)
		}
		// Two are enough, and the third finds them.
		for i := range 2 {
			nodes[i] = w.start(nodes[i].ID())
		}
		w.leader(nodes[:2]...)
		nodes[2] = w.start(nodes[2].ID())
		w.write(nodes, pens, 5).Wait()
		w.agree(nodes...)
		w.holdsAll(nodes[2], pens)
	})
}

func TestOneNodeGoesOnAfterTheOthersAreLost(t *testing.T) {
	inBubble(t, short, func(w *world, nodes []*Node) {
		l := w.leader(nodes...)
		pens := []*pen{w.enrol(l, 1)}
		w.write(nodes, pens, 5).Wait()
		w.agree(nodes...)
		left := other(nodes, l)
		w.stop(left)
		behind := *pens[0]
		rest := make([]*Node, 0, 2)
		for _, n := range nodes {
			if n != left {
				rest = append(rest, n)
			}
		}
		var lost []session.Push // what the lost majority alone acknowledged
		for range 4 {
			push := pens[0].next(t)
			w.until("it to be acknowledged", func() bool { _, err := w.anywhere(rest, push); return err == nil })
			lost = append(lost, push)
		}
		for _, n := range rest {
			w.stop(n)
		}

		dir := filepath.Join(w.dir, left.ID())
		st, err := state.Open(filepath.Join(dir, "state"), state.Options{Key: w.key(left.ID())})
		if err != nil {
			t.Fatal(err)
		}
		cfg := left.cfg
		d := Deps{State: st, Key: w.key(left.ID())}
		found, err := Look(cfg, &d)
		if err != nil || len(found.Members) != 3 || found.Last < found.Applied {
			t.Fatalf("%+v %v", found, err)
		}
		err = Salvage(cfg, &d, found, state.Event{What: state.EventRecovered, Now: epoch, Account: "op", Note: "test"})
		if err := errors.Join(err, d.Release()); err != nil {
			t.Fatal(err)
		}
		one := w.start(left.ID())
		w.leader(one)
		if g, err := one.deps.State.Generation(); g != 1 || err != nil {
			t.Errorf("generation %d %v", g, err)
		}
		w.holdsAll(one, []*pen{&behind})

		// The school sends again what is missing, from the tip that it is told.
		for _, push := range lost {
			if _, err := one.Ingest(w.ctx, push); err != nil {
				t.Fatal(err)
			}
		}
		w.holdsAll(one, pens)

		// The lost ones come back together: they are a majority of what was.
		var back []*Node
		for _, n := range rest {
			back = append(back, w.start(n.ID()))
		}
		for _, n := range back {
			w.ends(n, ErrSuperseded)
			w.stop(n)
		}
		// As new members they are welcome.
		for _, n := range rest {
			w.lose(n.ID(), "raft")
			w.lose(n.ID(), "state")
			m := w.start(n.ID())
			if err := m.Join(w.ctx, []string{one.cfg.API}); err != nil {
				t.Fatal(err)
			}
			w.agree(one, m)
			w.holdsAll(m, pens)
		}
	})
}
