package cluster

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"shangu/hub/state"
	"shangu/sync/session"
)

// closes closes a node and says when that has no end.
func (w *world) closes(n *Node) {
	w.t.Helper()
	done := make(chan struct{})
	go func() { w.stop(n); close(done) }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		w.t.Fatalf("closing node %s has no end", n.ID())
	}
}

// TestANodeClosesWhereOthersTakeNothing: the others have no room for entries
// and go on answering the leader, which therefore goes on leading.
func TestANodeClosesWhereOthersTakeNothing(t *testing.T) {
	var full atomic.Bool
	tune := func(c *Config, d *Deps) {
		id := c.ID
		d.Free = func(string) (uint64, error) {
			if id != "1" && full.Load() {
				return 0, nil
			}
			return 1 << 40, nil
		}
	}
	inBubble(t, tune, func(w *world, nodes []*Node) {
		l := w.leader(nodes[0])
		p := w.enrol(l, 1)
		full.Store(true)
		w.until("the others to be full", func() bool { return nodes[1].disk.tight.Load() && nodes[2].disk.tight.Load() })
		fates := make(chan error, 2)
		push := p.next(t)
		go func() { _, err := l.Ingest(w.ctx, push); fates <- err }()
		go func() {
			_, err := l.Propose(w.ctx, state.EncodeInit(state.Init{Cluster: [16]byte{2}}))
			fates <- err
		}()
		<-time.After(time.Minute)
		if len(fates) != 0 || !l.Leads() {
			w.t.Fatalf("%d answers of a leader whose followers take nothing (leads: %v)", len(fates), l.Leads())
		}
		w.closes(l)
		for range 2 {
			if err := <-fates; !errors.Is(err, session.ErrNoLeader) {
				t.Errorf("what was under way when the node closed: %v", err)
			}
		}
		full.Store(false)
		nodes[0] = w.start("1")
		w.agree(nodes...)
	})
}

// TestClosingLeavesNobodyWaiting: many ask while the leader closes, without a
// deadline of their own.
func TestClosingLeavesNobodyWaiting(t *testing.T) {
	inBubble(t, nil, func(w *world, nodes []*Node) {
		p := w.enrol(w.leader(nodes...), 1)
		w.write(nodes, []*pen{p}, 1).Wait()
		for range 6 {
			l := w.leader(nodes...)
			var asking sync.WaitGroup
			var closed atomic.Bool
			for range 40 {
				asking.Go(func() {
					for !closed.Load() {
						_, _, _ = l.commit(w.ctx, state.EncodeInit(state.Init{Cluster: [16]byte{2}}))
						_, _, _, _ = l.Tip(w.ctx, p.caller, p.chain[:], 0)
						<-time.After(time.Millisecond)
					}
				})
			}
			<-time.After(50 * time.Millisecond)
			w.closes(l)
			closed.Store(true)
			answered := make(chan struct{})
			go func() { asking.Wait(); close(answered) }()
			select {
			case <-answered:
			case <-time.After(time.Minute):
				w.t.Fatal("somebody waits for the answer of a node that is closed")
			}
			nodes[int(l.ID()[0]-'1')] = w.start(l.ID())
		}
		w.agree(nodes...)
	})
}
