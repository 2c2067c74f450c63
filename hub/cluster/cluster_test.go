package cluster

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"shangu/hub/state"
	"shangu/sync/session"
)

func TestThreeNodesHoldTheSame(t *testing.T) {
	inBubble(t, nil, func(w *world, nodes []*Node) {
		l := w.leader(nodes...)
		f := nodes[slices.IndexFunc(nodes, func(n *Node) bool { return n != l })]

		// A command at a follower is done by the leader, and seen at the follower.
		p := w.enrol(f, 1)
		if d, ok, err := f.deps.State.Device(p.caller.Device); err != nil || !ok || d.School != school {
			t.Fatalf("follower does not see what it proposed: %v %v %v", d, ok, err)
		}
		push := p.next(t)
		if _, err := f.Ingest(w.ctx, push); !errors.Is(err, session.ErrNoLeader) {
			t.Fatalf("follower took a push: %v", err)
		}
		ack, err := l.Ingest(w.ctx, push)
		if err != nil || !ack.Fits || ack.Tip != p.tip {
			t.Fatalf("push: %+v %v", ack, err)
		}
		again, err := l.Ingest(w.ctx, push)
		if err != nil || again.Tip != p.tip {
			t.Fatalf("resent push: %+v %v", again, err)
		}
		_, tip, _, err := l.Tip(w.ctx, p.caller, p.chain[:8], 0)
		if err != nil || tip != p.tip {
			t.Fatalf("tip: %+v %v", tip, err)
		}
		if _, _, _, err := f.Tip(w.ctx, p.caller, p.chain[:8], 0); !errors.Is(err, session.ErrNoLeader) {
			t.Fatalf("follower told a tip: %v", err)
		}
		w.agree(nodes...)

		s := f.Status(w.ctx)
		if !s.Ready || s.Leader != l.ID() || len(s.Nodes) != 3 {
			t.Fatalf("status: %+v", s)
		}
		for _, n := range s.Nodes {
			if !n.Voter || n.Lag < 0 || n.API == "" {
				t.Errorf("status of node: %+v", n)
			}
		}
	})
}

func TestHeartbeatsCostNoLogEntry(t *testing.T) {
	inBubble(t, nil, func(w *world, nodes []*Node) {
		l := w.leader(nodes...)
		p := w.enrol(l, 1)
		fresh := session.Push{Caller: p.caller, Chain: p.chain, Epoch: p.epoch}
		if ack, err := l.Ingest(w.ctx, fresh); err != nil || !ack.Fits || ack.Tip != p.tip {
			t.Fatalf("heartbeat of a chain without entries: %+v %v", ack, err)
		}
		if _, err := l.Ingest(w.ctx, p.next(t)); err != nil {
			t.Fatal(err)
		}
		before, _ := l.deps.State.Applied()
		beat := session.Push{Caller: p.caller, Chain: p.chain, Confirmed: 1}
		if ack, err := l.Ingest(w.ctx, beat); err != nil || !ack.Fits || ack.Tip != p.tip {
			t.Fatalf("heartbeat: %+v %v", ack, err)
		}
		beat.Confirmed = 0 // the receipt was lost
		if ack, err := l.Ingest(w.ctx, beat); err != nil || ack.Fits || ack.Tip != p.tip {
			t.Fatalf("heartbeat behind the tip: %+v %v", ack, err)
		}
		if after, _ := l.deps.State.Applied(); after != before {
			t.Errorf("heartbeats wrote log entries %d to %d", before, after)
		}

		// What agents say of themselves reaches every node soon, in one entry.
		for range 3 {
			l.Beat(state.Beat{Device: p.caller.Device, School: school, At: epoch, Pending: 7, Version: "1"})
		}
		w.until("the beat", func() bool {
			rows, err := nodes[2].deps.State.Summary()
			return err == nil && len(rows) == 1 && rows[0].Pending == 7
		})

		w.propose(nodes[1], state.EncodeRevoke(state.Revoke{Device: p.caller.Device, Now: epoch, Account: "admin"}))
		beat.Confirmed = 1
		if _, err := l.Ingest(w.ctx, beat); !errors.Is(err, session.ErrRevoked) {
			t.Errorf("heartbeat of a revoked device: %v", err)
		}
		if _, err := l.Ingest(w.ctx, p.next(t)); !errors.Is(err, session.ErrRevoked) {
			t.Errorf("push of a revoked device: %v", err)
		}
	})
}

// write pushes with each pen from several goroutines to whoever leads, resending
// as an agent does, until each has had its fill.
func (w *world) write(nodes []*Node, pens []*pen, each int) *sync.WaitGroup {
	var done sync.WaitGroup
	for _, p := range pens {
		done.Go(func() {
			for range each {
				push := p.next(w.t)
				for {
					if ack, err := w.anywhere(nodes, push); err == nil {
						if ack.Tip.Seq < p.tip.Seq {
							w.t.Errorf("acknowledged %d of %d", ack.Tip.Seq, p.tip.Seq)
						}
						break
					}
					if w.ctx.Err() != nil {
						return
					}
					<-time.After(50 * time.Millisecond) // an agent's backoff, in the bubble's time
				}
			}
		})
	}
	return &done
}

func (w *world) anywhere(nodes []*Node, push session.Push) (ack session.Ack, err error) {
	for _, n := range nodes {
		ctx, cancel := context.WithTimeout(w.ctx, 3*time.Second)
		ack, err = n.Ingest(ctx, push)
		cancel()
		if err == nil {
			return ack, nil
		}
	}
	return ack, err
}

func (w *world) holdsAll(n *Node, pens []*pen) {
	w.t.Helper()
	for _, p := range pens {
		if _, tip, _, err := n.deps.State.Tip(p.caller, p.chain[:], 0); err != nil || tip != p.tip {
			w.t.Errorf("chain ends at %d, acknowledged %d (%v)", tip.Seq, p.tip.Seq, err)
		}
	}
}

func TestNothingAcknowledgedIsLostWhenLeadersComeAndGo(t *testing.T) {
	inBubble(t, nil, func(w *world, nodes []*Node) {
		l := w.leader(nodes...)
		var pens []*pen
		for i := range 8 {
			pens = append(pens, w.enrol(l, i))
		}
		done := w.write(nodes, pens, 60)
		for range 4 {
			l := w.leader(nodes...)
			w.net.cut(l)
			others := slices.DeleteFunc(slices.Clone(nodes), func(n *Node) bool { return n == l })
			next := w.leader(others...)
			w.until("the old leader to step down", func() bool { return !l.Leads() })
			if _, _, _, err := l.Tip(w.ctx, pens[0].caller, pens[0].chain[:], 0); !errors.Is(err, session.ErrNoLeader) {
				t.Errorf("a leader that was cut off answered a linearizable read: %v", err)
			}
			ctx, cancel := context.WithTimeout(w.ctx, time.Second)
			if err := l.Ready(ctx); err == nil {
				t.Error("a node that reaches nobody says that it is ready")
			}
			cancel()
			w.net.mend(l)
			if next.ID() == l.ID() {
				t.Fatal("the leader did not change")
			}
		}
		done.Wait()
		w.agree(nodes...)
		for _, n := range nodes {
			w.holdsAll(n, pens)
		}
		rows, err := nodes[0].deps.State.Summary()
		if err != nil || len(rows) != 1 || rows[0].Sheets != 8*60 {
			t.Errorf("summary: %+v %v", rows, err)
		}
	})
}

func TestManySchoolsShareALogEntry(t *testing.T) {
	inBubble(t, nil, func(w *world, nodes []*Node) {
		l := w.leader(nodes...)
		var pens []*pen
		for i := range 100 {
			pens = append(pens, w.enrol(l, i))
		}
		before := l.raft.LastIndex()
		w.write(nodes, pens, 1).Wait()
		if used := l.raft.LastIndex() - before; used > 20 {
			t.Errorf("100 pushes took %d log entries", used)
		}
		w.agree(nodes...)
		w.holdsAll(l, pens)
	})
}

func TestOneChainKeepsItsOrder(t *testing.T) {
	inBubble(t, nil, func(w *world, nodes []*Node) {
		l := w.leader(nodes...)
		p := w.enrol(l, 1)
		pushes := make([]session.Push, 30)
		for i := range pushes {
			pushes[i] = p.next(t)
		}
		// Each is sent while those before it are under way.
		var done sync.WaitGroup
		for _, push := range pushes {
			entered := make(chan struct{})
			done.Go(func() {
				close(entered)
				if ack, err := l.Ingest(w.ctx, push); err != nil {
					t.Errorf("push: %+v %v", ack, err)
				}
			})
			<-entered
		}
		done.Wait()
		// Whatever came out of order did not fit; a resend in order mends it.
		for _, push := range pushes {
			if _, err := l.Ingest(w.ctx, push); err != nil {
				t.Fatal(err)
			}
		}
		w.holdsAll(l, []*pen{p})
	})
}
