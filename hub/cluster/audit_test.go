package cluster

import (
	"errors"
	"testing"
	"time"

	"shangu/hub/state"
)

// corrupt puts an entry into one node's state that the log does not hold, in
// place of the log's next one.
func (w *world) corrupt(n *Node) {
	w.t.Helper()
	_, err := n.deps.State.ApplyBatch([]state.LogEntry{{Index: n.raft.LastIndex() + 1, Term: n.raft.CurrentTerm(),
		Data: state.EncodeSetNode(state.Node{ID: "ghost", Raft: "ghost:1", API: "ghost:2"}, 0, "")}})
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestANodeThatDiffersServesNoMore(t *testing.T) {
	often := func(c *Config, _ *Deps) { c.AuditEvery = 20 * time.Second }
	inBubble(t, often, func(w *world, nodes []*Node) {
		l := w.leader(nodes...)
		pens := []*pen{w.enrol(l, 1)}
		w.write(nodes, pens, 3).Wait()
		w.agree(nodes...)
		<-time.After(30 * time.Second) // an audit has gone by
		for _, n := range nodes {
			if err := n.Ready(w.ctx); err != nil {
				t.Fatalf("node %s after an audit of equal nodes: %v", n.ID(), err)
			}
		}

		f := nodes[(int(l.ID()[0]-'1')+1)%3]
		w.corrupt(f)
		w.write(nodes, pens, 3).Wait()
		w.until("the follower to say so", func() bool { return errors.Is(f.Ready(w.ctx), ErrDiffers) })
		if err := l.Ready(w.ctx); err != nil {
			t.Errorf("the leader, which is right: %v", err)
		}
		w.write(nodes, pens, 3).Wait()
	})
	inBubble(t, often, func(w *world, nodes []*Node) {
		l := w.leader(nodes...)
		pens := []*pen{w.enrol(l, 1)}
		w.agree(nodes...)
		w.corrupt(l)
		w.propose(nodes[0], state.EncodeFeature(1, 0, ""))
		w.until("the leader to give up", func() bool { return errors.Is(l.Ready(w.ctx), ErrDiffers) })
		var rest []*Node
		for _, n := range nodes {
			if n != l {
				rest = append(rest, n)
			}
		}
		w.leader(rest...)
		w.write(rest, pens, 3).Wait()
	})
}
