package cluster

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"shangu/sync/session"
)

// halting is the transport of a node whose process can be halted: no answer
// reaches it until it goes on, and who waits for one sends nothing else. Answers
// that came meanwhile wait for it, as in a socket.
type halting struct {
	*raft.InmemTransport
	mu      sync.Mutex
	goOn    chan struct{}
	waiting int // answers that came while the process was halted
}

func (h *halting) halt() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.goOn = make(chan struct{})
}

func (h *halting) resume() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.goOn != nil {
		close(h.goOn)
		h.goOn = nil
	}
}

func (h *halting) halted() chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.goOn
}

func (h *halting) answers() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.waiting
}

func (h *halting) AppendEntriesPipeline(raft.ServerID, raft.ServerAddress) (raft.AppendPipeline, error) {
	return nil, raft.ErrPipelineReplicationNotSupported
}

func (h *halting) AppendEntries(id raft.ServerID, to raft.ServerAddress, q *raft.AppendEntriesRequest, a *raft.AppendEntriesResponse) error {
	err := h.InmemTransport.AppendEntries(id, to, q, a)
	if c := h.halted(); c != nil {
		h.mu.Lock()
		h.waiting++
		h.mu.Unlock()
		<-c
	}
	return err
}

// slowClock makes node 1 one that does not notice that it was halted: its own
// times are so long that none passes meanwhile.
func slowClock(h **halting) func(*Config, *Deps) {
	return func(c *Config, d *Deps) {
		if c.ID == "1" {
			c.Heartbeat, c.Election, c.Lease = 10*time.Second, 10*time.Second, 10*time.Second
			*h = &halting{InmemTransport: d.Transport.(*raft.InmemTransport)}
			d.Transport = *h
		}
	}
}

// readStale asks a leader that was replaced where a chain ends, and says what
// is wrong with its answer.
func (w *world) readStale(old *Node, p *pen, then func()) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, 5*time.Second)
	defer cancel()
	var seq uint64
	done := make(chan error, 1)
	go func() {
		_, tip, _, err := old.Tip(ctx, p.caller, p.chain[:], 0)
		seq = tip.Seq
		done <- err
	}()
	synctest.Wait() // until the question is on its way
	then()
	if err := <-done; err == nil && seq < p.tip.Seq {
		w.t.Errorf("a leader that was replaced says that the chain ends at %d; %d were acknowledged", seq, p.tip.Seq)
	} else if err != nil && !errors.Is(err, session.ErrNoLeader) && !errors.Is(err, context.DeadlineExceeded) {
		w.t.Error(err)
	}
}

// TestAHaltedLeaderAnswersNoStaleRead: the leader's process is halted while
// calls of it are under way. Their answers wait for it, and say nothing of now.
func TestAHaltedLeaderAnswersNoStaleRead(t *testing.T) {
	var h *halting
	inBubble(t, slowClock(&h), func(w *world, nodes []*Node) {
		old := w.leader(nodes[0])
		p := w.enrol(old, 1)
		w.write(nodes, []*pen{p}, 1).Wait()
		h.halt()
		defer h.resume()
		// Of both followers, one that raft calls to keep it and one with entries.
		w.until("answers to wait for the halted leader", func() bool { return h.answers() >= 4 })
		w.net.cut(old)
		next := w.leader(nodes[1], nodes[2])
		w.write([]*Node{next}, []*pen{p}, 1).Wait()
		if !old.Leads() {
			w.t.Fatal("the halted leader noticed it: the test shows nothing")
		}
		w.readStale(old, p, h.resume)
		w.net.mend(old)
		w.agree(nodes...)
	})
}

// TestANodeWithoutAVoteProvesNothing: a leader that reaches only such a node is
// none.
func TestANodeWithoutAVoteProvesNothing(t *testing.T) {
	var h *halting
	inBubble(t, slowClock(&h), func(w *world, nodes []*Node) {
		old := w.leader(nodes[0])
		p := w.enrol(old, 1)
		w.write(nodes, []*pen{p}, 1).Wait()
		mute := w.start("4")
		mute.guard.let(open, 0)
		s := mute.self()
		if err := old.raft.AddNonvoter(s.ID, s.Address, 0, 0).Error(); err != nil {
			w.t.Fatal(err)
		}
		w.until("the new node to catch up", func() bool { return mute.raft.AppliedIndex() == old.raft.AppliedIndex() })
		for _, a := range []*Node{old, mute} {
			for _, b := range nodes[1:] {
				w.net.part(a, b)
			}
		}
		next := w.leader(nodes[1], nodes[2])
		w.write([]*Node{next}, []*pen{p}, 1).Wait()
		if !old.Leads() {
			w.t.Fatal("the leader that was left noticed it: the test shows nothing")
		}
		w.readStale(old, p, func() {})
		w.net.mend(old)
		w.net.mend(mute)
		w.agree(nodes...)
	})
}

// TestAQuestionOutlivesAMemberThatGoes: whoever is taken out cannot answer any
// more, and need not.
func TestAQuestionOutlivesAMemberThatGoes(t *testing.T) {
	inBubble(t, nil, func(w *world, nodes []*Node) {
		l := w.leader(nodes...)
		p := w.enrol(l, 1)
		w.write(nodes, []*pen{p}, 1).Wait()
		var rest []*Node
		for _, n := range nodes {
			if n != l {
				rest = append(rest, n)
			}
		}
		if err := l.RemoveNode(w.ctx, rest[0].ID()); err != nil {
			w.t.Fatal(err)
		}
		w.until("two members", func() bool { return len(l.voters()) == 2 })
		w.net.cut(rest[1])
		done := make(chan error, 1)
		go func() { _, _, _, err := l.Tip(w.ctx, p.caller, p.chain[:], 0); done <- err }()
		synctest.Wait()
		s, _ := l.server(rest[1].ID())
		if err := l.raft.RemoveServer(s.ID, 0, 0).Error(); err != nil {
			w.t.Fatal(err)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("read while a member went: %v", err)
			}
		case <-time.After(time.Minute):
			t.Error("a read waits for a member that is gone")
		}
		if _, _, _, err := l.Tip(w.ctx, p.caller, p.chain[:], 0); err != nil {
			t.Errorf("read by the last member: %v", err)
		}
	})
}

// undecided is a transport whose node is never heard telling another to lead.
type undecided struct{ *raft.InmemTransport }

func (u undecided) TimeoutNow(raft.ServerID, raft.ServerAddress, *raft.TimeoutNowRequest, *raft.TimeoutNowResponse) error {
	<-time.After(time.Second)
	return errLost
}

// TestALeaderThatHandsOverBegins: raft refuses a new leader's first entry at
// once while leadership is handed over. Asking again at once too would keep a
// core busy, and the bubble's time standing.
func TestALeaderThatHandsOverBegins(t *testing.T) {
	tune := func(_ *Config, d *Deps) { d.Transport = undecided{d.Transport.(*raft.InmemTransport)} }
	inBubble(t, tune, func(w *world, nodes []*Node) {
		l := w.leader(nodes...)
		handed := make(chan error, 1)
		go func() { handed <- l.handOver(w.ctx, nil) }()
		synctest.Wait()
		if l.raft.Barrier(0).Error() == nil {
			w.t.Fatal("leadership is not being handed over: the test shows nothing")
		}
		again := &leadership{ready: make(chan struct{})}
		again.ctx, again.end = context.WithCancel(w.ctx)
		defer again.end()
		go l.lead(again)
		if err := <-handed; err == nil {
			t.Error("leadership was handed to a node that did not hear of it")
		}
		select {
		case <-again.ready:
		case <-time.After(time.Minute):
			t.Error("a leader does not begin")
		}
	})
}
