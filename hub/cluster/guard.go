package cluster

import (
	"errors"
	"io"
	"sync"

	"github.com/hashicorp/raft"
)

// errShut answers raft's calls to and from a node that nobody has vouched for.
var errShut = errors.New("cluster: this node waits to be vouched for")

// Stages of a guard.
type stage int

const (
	shut   stage = iota // nothing passes
	follow              // a leader's entries pass, votes do not
	open                // everything passes
)

// guard stands between raft and its transport while a node does not know yet
// whether its disk is the newest of its name (vet.go). It has no part in
// elections before: a vote given on an old disk may be the second in a term.
// Leaders of a term below floor are not heard: what the node acknowledged to
// later ones may be gone from its disk.
type guard struct {
	raft.Transport
	calls chan raft.RPC
	done  chan struct{}
	once  sync.Once
	acks  *acks

	mu    sync.Mutex
	stage stage
	floor uint64
	mute  bool // what a leader sends goes nowhere
}

var _ raft.WithPreVote = (*guard)(nil)

func newGuard(t raft.Transport) *guard {
	g := &guard{Transport: t, calls: make(chan raft.RPC), done: make(chan struct{}), acks: newAcks()}
	go g.run()
	return g
}

// at is the guard's stage.
func (g *guard) at() stage {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.stage
}

// let moves the guard to a later stage; floor is the least term of a leader.
func (g *guard) let(to stage, floor uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stage, g.floor = max(g.stage, to), max(g.floor, floor)
}

// silence keeps what a leader sends from going out: it loses its followers, so
// that raft answers within the lease whatever it still owes an answer.
func (g *guard) silence() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mute = true
}

func (g *guard) silent() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mute
}

// passes reports whether a call may come in.
func (g *guard) passes(c any) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch c := c.(type) {
	case *raft.AppendEntriesRequest:
		return g.stage >= follow && c.Term >= g.floor
	case *raft.InstallSnapshotRequest:
		return g.stage >= follow && c.Term >= g.floor
	}
	return g.stage == open
}

func (g *guard) run() {
	for {
		select {
		case <-g.done:
			return
		case c := <-g.Transport.Consumer():
			if !g.passes(c.Command) {
				g.refuse(c)
				continue
			}
			select {
			case g.calls <- c:
			case <-g.done:
				return
			}
		}
	}
}

// refuse answers a call, after its snapshot was read: the stream goes on.
func (g *guard) refuse(c raft.RPC) {
	if c.Reader != nil {
		if _, err := io.Copy(io.Discard, c.Reader); err != nil {
			c.Respond(nil, err)
			return
		}
	}
	c.Respond(nil, errShut)
}

// Consumer implements raft.Transport.
func (g *guard) Consumer() <-chan raft.RPC { return g.calls }

// SetHeartbeatHandler implements raft.Transport.
func (g *guard) SetHeartbeatHandler(f func(raft.RPC)) {
	g.Transport.SetHeartbeatHandler(func(c raft.RPC) {
		if !g.passes(c.Command) {
			g.refuse(c)
			return
		}
		f(c)
	})
}

// RequestVote implements raft.Transport.
func (g *guard) RequestVote(id raft.ServerID, to raft.ServerAddress, q *raft.RequestVoteRequest, a *raft.RequestVoteResponse) error {
	if g.at() != open {
		return errShut
	}
	return g.Transport.RequestVote(id, to, q, a)
}

// RequestPreVote implements raft.WithPreVote.
func (g *guard) RequestPreVote(id raft.ServerID, to raft.ServerAddress, q *raft.RequestPreVoteRequest, a *raft.RequestPreVoteResponse) error {
	t, ok := g.Transport.(raft.WithPreVote)
	if !ok || g.at() != open {
		return errShut
	}
	return t.RequestPreVote(id, to, q, a)
}

// AppendEntries implements raft.Transport, and notes what is acknowledged.
func (g *guard) AppendEntries(id raft.ServerID, to raft.ServerAddress, q *raft.AppendEntriesRequest, a *raft.AppendEntriesResponse) error {
	if g.silent() {
		return errClosing
	}
	at := g.acks.moment()
	err := g.Transport.AppendEntries(id, to, q, a)
	if err == nil && a.Success && a.Term == q.Term {
		g.acks.note(id, ack{q.Term, at})
	}
	return err
}

// AppendEntriesPipeline implements raft.Transport.
func (g *guard) AppendEntriesPipeline(id raft.ServerID, to raft.ServerAddress) (raft.AppendPipeline, error) {
	if g.silent() {
		return nil, errClosing
	}
	p, err := g.Transport.AppendEntriesPipeline(id, to)
	if err != nil {
		return nil, err
	}
	return pipe{p, g}, nil
}

// pipe is a pipeline through the guard.
type pipe struct {
	raft.AppendPipeline
	guard *guard
}

// AppendEntries implements raft.AppendPipeline.
func (p pipe) AppendEntries(q *raft.AppendEntriesRequest, a *raft.AppendEntriesResponse) (raft.AppendFuture, error) {
	if p.guard.silent() {
		return nil, errClosing
	}
	return p.AppendPipeline.AppendEntries(q, a)
}

// Close ends the guard and its transport.
func (g *guard) Close() error {
	g.once.Do(func() { close(g.done) })
	if c, ok := g.Transport.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
