package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"shangu/hub/state"
	"shangu/sync/change"
	"shangu/sync/frame"
	"shangu/sync/session"
)

// enqueueTimeout is how long raft may take to accept a log entry.
const enqueueTimeout = 5 * time.Second

// maxBeats bounds how many devices' words wait for the log.
const maxBeats = 4096

// coalescer puts many schools' pushes into one log entry. While nothing is
// under way a push leaves at once; while log entries are being committed the
// next pushes gather. So one school alone waits for nothing, and a thousand
// share each fsync.
type coalescer struct {
	node  *Node
	queue chan *pending // never full: admission bounds who is in it
	slots chan struct{} // one for each log entry under way

	mu     sync.Mutex
	closed bool
	held   int                              // pushes between admission and answer
	chains map[change.ChainID]chan struct{} // closed when the chain's push is answered
	beats  map[[16]byte]state.Beat          // by device, on their way into the log
	idle   chan struct{}                    // closed when closed and held is 0
}

// pending is a push on its way.
type pending struct {
	session.Push
	done chan struct{}
	ack  session.Ack
	err  error
}

func newCoalescer(n *Node) *coalescer {
	return &coalescer{
		node:   n,
		queue:  make(chan *pending, n.cfg.Queue),
		slots:  make(chan struct{}, n.cfg.InFlight),
		chains: map[change.ChainID]chan struct{}{},
		beats:  map[[16]byte]state.Beat{},
		idle:   make(chan struct{}),
	}
}

// push commits p. A sender that gives up (ctx) does not stop it: the log entry
// may be under way, and a resend is harmless.
func (c *coalescer) push(ctx context.Context, p session.Push) (session.Ack, error) {
	if len(p.Pack) > frame.MaxPack {
		return session.Ack{}, fmt.Errorf("push: %w: pack of %d bytes", frame.ErrLimit, len(p.Pack))
	}
	if _, err := frame.Peek(p.Pack); err != nil {
		return session.Ack{}, fmt.Errorf("push: %w", err)
	}
	if !c.node.Leads() {
		// Where all are full nobody may lead; that is what somebody can mend.
		if _, led := c.node.Leader(); !led && c.node.disk.low.Load() {
			return session.Ack{}, session.ErrDiskFull
		}
		return session.Ack{}, session.ErrNoLeader
	}
	if c.node.disk.low.Load() {
		return session.Ack{}, session.ErrDiskFull
	}
	it := &pending{Push: p, done: make(chan struct{})}
	if err := c.admit(ctx, it); err != nil {
		return session.Ack{}, err
	}
	c.queue <- it
	select {
	case <-it.done:
		return it.ack, it.err
	case <-ctx.Done():
		return session.Ack{}, ctx.Err()
	}
}

// admit reserves a place and, behind an earlier push of the same chain, waits
// for that to be answered: what a school resends must not overtake it.
func (c *coalescer) admit(ctx context.Context, it *pending) error {
	c.mu.Lock()
	switch {
	case c.closed:
		c.mu.Unlock()
		return session.ErrNoLeader
	case c.held >= c.node.cfg.Queue:
		c.mu.Unlock()
		return session.ErrBusy
	}
	c.held++
	for {
		before, busy := c.chains[it.Chain]
		if !busy {
			c.chains[it.Chain] = it.done
			c.mu.Unlock()
			return nil
		}
		c.mu.Unlock()
		var err error
		select {
		case <-before:
		case <-ctx.Done():
			err = ctx.Err()
		}
		c.mu.Lock()
		if err != nil {
			c.leave()
			c.mu.Unlock()
			return err
		}
	}
}

// leave gives a place back. c.mu is held.
func (c *coalescer) leave() {
	c.held--
	if c.closed && c.held == 0 {
		close(c.idle)
	}
}

func (c *coalescer) finish(it *pending, ack session.Ack, err error) {
	it.ack, it.err = ack, err
	c.mu.Lock()
	delete(c.chains, it.Chain)
	c.leave()
	c.mu.Unlock()
	close(it.done)
}

// close lets no more pushes in; idle is closed when those inside are answered.
func (c *coalescer) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed = true; c.held == 0 {
		close(c.idle)
	}
}

// beat keeps the newest word of each device for the log.
func (c *coalescer) beat(b state.Beat) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.beats[b.Device]; known || len(c.beats) < maxBeats {
		c.beats[b.Device] = b
	}
}

// takeBeats empties beats, in an order of its own, which the log makes everyone's.
func (c *coalescer) takeBeats() []state.Beat {
	c.mu.Lock()
	defer c.mu.Unlock()
	beats := slices.Collect(maps.Values(c.beats))
	clear(c.beats)
	return beats
}

// run gathers pushes and proposes them until ctx ends.
func (c *coalescer) run(ctx context.Context) {
	t := time.NewTicker(c.node.cfg.BeatDelay)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case it := <-c.queue:
			c.propose(c.gather(it))
		case <-t.C:
			if beats := c.takeBeats(); len(beats) > 0 && c.node.Leads() && !c.node.disk.low.Load() {
				// Nobody waits for it; what is lost comes with the next heartbeat.
				c.node.raft.Apply(state.EncodeIngest(c.node.now(), nil, beats), enqueueTimeout)
			}
		}
	}
}

// gather returns the next batch with a slot taken for it.
func (c *coalescer) gather(first *pending) []*pending {
	batch, bytes := []*pending{first}, len(first.Pack)
	full := func() bool { return len(batch) >= c.node.cfg.BatchPushes || bytes >= c.node.cfg.BatchBytes }
	add := func(it *pending) { batch, bytes = append(batch, it), bytes+len(it.Pack) }
	delay := time.NewTimer(c.node.cfg.BatchDelay)
	defer delay.Stop()
	alone := len(c.slots) == 0
	for waited := alone; !full(); {
		// What is there already comes along in any case.
		select {
		case it := <-c.queue:
			add(it)
			continue
		default:
		}
		if waited {
			break
		}
		select {
		case it := <-c.queue:
			add(it)
		case <-delay.C:
			waited = true
		}
	}
	for {
		queue := c.queue
		if full() {
			queue = nil
		}
		select {
		case c.slots <- struct{}{}:
			return batch
		case it := <-queue:
			add(it)
		}
	}
}

// propose hands a batch to raft, in order, and has its answers given out.
func (c *coalescer) propose(batch []*pending) {
	pushes := make([]session.Push, len(batch))
	for i, it := range batch {
		pushes[i] = it.Push
	}
	future := c.node.raft.Apply(state.EncodeIngest(c.node.now(), pushes, c.takeBeats()), enqueueTimeout)
	c.node.spawn(func() {
		results, err := ingestResults(future, len(batch))
		<-c.slots
		for i, it := range batch {
			if err != nil {
				c.finish(it, session.Ack{}, err)
				continue
			}
			c.finish(it, results[i].Ack, results[i].Err)
		}
	})
}

func ingestResults(f raft.ApplyFuture, n int) ([]state.IngestResult, error) {
	b, err := result(f)
	if err != nil {
		return nil, fmt.Errorf("push: %w", err)
	}
	results, err := state.DecodeIngest(b)
	if err == nil && len(results) != n {
		err = errors.New("wrong number of results")
	}
	if err != nil {
		return nil, fmt.Errorf("push: read results: %w", err)
	}
	return results, nil
}

// result waits for a log entry and returns what the state answered.
func result(f raft.ApplyFuture) ([]byte, error) {
	if err := f.Error(); err != nil {
		return nil, raftError(err)
	}
	switch v := f.Response().(type) {
	case []byte:
		return v, nil
	case error:
		return nil, raftError(v)
	}
	return nil, nil
}
