package cluster

import (
	"context"
	"errors"
	"sync"

	"github.com/hashicorp/raft"
)

// errClosing answers what is asked of a node that stops.
var errClosing = errors.New("cluster: this node stops")

// owed counts the questions that raft owes an answer. Raft answers all that it
// took while it runs, and forgets those that it has not got to when it is shut
// down: whoever waits for them would wait for ever. So a node takes no more
// questions first, and shuts raft down when nothing is owed.
type owed struct {
	mu     sync.Mutex
	closed bool
	n      int
	idle   chan struct{} // closed when closed and n is 0
}

func newOwed() *owed { return &owed{idle: make(chan struct{})} }

// enter lets a question in, unless the node stops.
func (o *owed) enter() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return false
	}
	o.n++
	return true
}

func (o *owed) leave() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.n--; o.closed && o.n == 0 {
		close(o.idle)
	}
}

// shut lets no more questions in; idle is closed when all are answered.
func (o *owed) shut() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed = true; o.n == 0 {
		close(o.idle)
	}
}

// await asks raft something and waits for the answer, no longer than ctx: the
// question is done all the same.
func await[F raft.Future](ctx context.Context, n *Node, ask func() F) (F, error) {
	var none F
	if !n.owed.enter() {
		return none, errClosing
	}
	done := make(chan F, 1)
	go func() {
		defer n.owed.leave()
		f := ask() // may wait for raft to take it
		_ = f.Error()
		done <- f
	}()
	select {
	case f := <-done:
		return f, f.Error()
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// change has raft change the membership.
func (n *Node) change(ctx context.Context, ask func() raft.IndexFuture) error {
	l := n.leading.Load()
	f, err := await(ctx, n, ask)
	if err != nil {
		return raftError(err)
	}
	if l != nil {
		l.changed.Store(f.Index())
	}
	return nil
}

// changed is where in the log the last change of the membership is, or later.
func (n *Node) changed() uint64 {
	if l := n.leading.Load(); l != nil {
		return l.changed.Load()
	}
	return n.raft.LastIndex()
}

// handOver has another node lead: the one of the given name, or any.
func (n *Node) handOver(ctx context.Context, to *raft.Server) error {
	_, err := await(ctx, n, func() raft.Future {
		if to == nil {
			return n.raft.LeadershipTransfer()
		}
		return n.raft.LeadershipTransferToServer(to.ID, to.Address)
	})
	return err
}
