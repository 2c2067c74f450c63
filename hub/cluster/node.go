package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"shangu/hub/state"
	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/frame"
	"shangu/sync/session"
)

// Node is one member of the cluster. Its methods may be called from many
// goroutines at once.
type Node struct {
	cfg    Config
	deps   Deps
	log    *slog.Logger
	raft   *raft.Raft
	fsm    *fsm
	ingest *coalescer
	disk   *diskWatch
	guard  *guard
	owed   *owed

	lifeMu sync.Mutex // guards life
	life   *life

	leading atomic.Pointer[leadership] // nil while another node leads, or none
	differs atomic.Bool                // an audit found this node's state unlike the others'

	scrubbed atomic.Pointer[scrubbed]

	failed  chan struct{} // closed when the node cannot go on
	failMu  sync.Mutex
	failErr error

	stop   context.CancelFunc
	work   sync.WaitGroup // goroutines of this node
	ctx    context.Context
	closed sync.Once
	closeE error
}

// leadership is one stretch of leading.
type leadership struct {
	ctx   context.Context // ends with the leadership
	end   context.CancelFunc
	ready chan struct{} // closed once all that earlier leaders committed is applied
	// Set when ready is closed.
	term   uint64
	verify *verifier
	// changed is where the last change of the membership is in the log; where it
	// was made by an earlier leader, a later index.
	changed atomic.Uint64
}

// barrierTimeout bounds one try of a new leader to have an entry of its own
// taken into the log, barrierPause is the time between two tries.
const (
	barrierTimeout = 10 * time.Second
	barrierPause   = 50 * time.Millisecond
)

var _ session.Hub = (*Node)(nil)

// Open starts a node. It takes over d.State and d.Transport, also when it
// fails. A node without log and snapshots waits to be bootstrapped or to be
// added by a leader.
func Open(cfg Config, d Deps) (n *Node, err error) {
	cfg = cfg.withDefaults()
	if d.Now == nil {
		d.Now = time.Now
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("open node %s: %w", cfg.ID, err), d.release())
		}
	}()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if d.State == nil || d.Transport == nil {
		return nil, errors.New("state and transport are needed")
	}
	if err := caught(func() error { return d.fill(cfg) }); err != nil {
		return nil, damagedLog(err)
	}
	n = &Node{cfg: cfg, deps: d, log: d.Log, owed: newOwed(), failed: make(chan struct{})}
	n.scrubbed.Store(&scrubbed{})
	n.ctx, n.stop = context.WithCancel(context.Background())
	n.disk = newDiskWatch(cfg.Dir, cfg.DiskFloor, d)
	n.fsm = newFSM(d.State, n.fail)
	n.fsm.mayDump = func() error {
		list, err := d.Snapshots.List()
		if err != nil || len(list) == 0 {
			return errors.Join(err, n.disk.maySnapshot(0))
		}
		return n.disk.maySnapshot(list[0].Size)
	}
	var has bool
	if err := caught(func() (err error) {
		has, err = raft.HasExistingState(d.Logs, d.Logs, d.Snapshots)
		return err
	}); err != nil {
		return nil, damagedLog(err)
	}
	before, err := read(cfg.Dir, cfg.ID)
	if err != nil {
		return nil, damagedLog(err)
	}
	if has {
		members, err := look(d.Logs, d.Snapshots, d.State, before.Left)
		if err == nil {
			err = before.fits(members)
		}
		if err != nil {
			return nil, err
		}
	}
	if n.life, err = before.begin(cfg.ID, !has, d.Random); err != nil {
		return nil, err
	}
	if cfg.Revive {
		if err := n.revive(); err != nil {
			return nil, err
		}
	}
	rc := cfg.raft(d.Log)
	rc.LocalID = raft.ServerID(n.life.Server)
	n.guard = newGuard(d.Transport)
	d.Transport, n.deps.Transport = n.guard, n.guard // closed with the node
	if rc.NoSnapshotRestoreOnStart, err = covered(d.Snapshots, d.State); err != nil {
		return nil, damagedLog(err)
	}
	notify := make(chan bool, 16)
	rc.NotifyCh = notify
	stuck := func(err error) {
		// Told that what is gone was committed, raft would end the process.
		n.guard.let(shut, math.MaxUint64)
		n.fail(err)
	}
	if n.raft, err = raft.NewRaft(rc, n.fsm, guardedLog{d.Logs, n.disk, stuck, new(atomic.Bool)}, d.Logs, d.Snapshots, d.Transport); err != nil {
		return nil, err
	}
	// An older snapshot may have been restored in place of a broken newest one;
	// the log between the two is gone.
	if err := n.fsm.restore; err != nil {
		return nil, errors.Join(damagedLog(err), n.raft.Shutdown().Error())
	}
	n.ingest = newCoalescer(n)
	n.spawn(func() { n.watchLeadership(notify) })
	n.spawn(func() { n.disk.run(n.ctx, n.yield) })
	n.spawn(func() { n.ingest.run(n.ctx) })
	n.spawn(n.vetting)
	n.spawn(n.scrubbing)
	return n, nil
}

func (n *Node) spawn(f func()) {
	n.work.Add(1)
	go func() {
		defer n.work.Done()
		f()
	}()
}

// fill opens what was not passed in.
func (d *Deps) fill(cfg Config) error {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return err
	}
	if d.Snapshots == nil {
		s, err := raft.NewFileSnapshotStoreWithLogger(cfg.Dir, cfg.Snapshots, bridge(d.Log))
		if err != nil {
			return fmt.Errorf("open snapshots: %w", err)
		}
		d.Snapshots = summedSnapshots{s, cfg.Dir, d.Log}
	}
	if d.Logs == nil {
		if err := segments(cfg.Dir); err != nil {
			return err
		}
		l, err := OpenLog(cfg.LogStore, cfg.Dir, d.Log)
		if err != nil {
			return err
		}
		d.Logs = l
	}
	if !d.Key.IsZero() {
		d.Snapshots = sealedSnapshots{d.Snapshots, d.Key.Derive("snapshots")}
		var err error
		if d.Logs, err = newSealedLog(d.Logs, d.Key); err != nil {
			return err
		}
	}
	return nil
}

// release closes what a node took over, in the order that nothing writes to
// what is closed already.
func (d *Deps) release() error {
	var errs []error
	if c, ok := d.Transport.(io.Closer); ok {
		errs = append(errs, c.Close())
	}
	if d.Logs != nil {
		errs = append(errs, d.Logs.Close())
	}
	if d.State != nil {
		errs = append(errs, d.State.Close())
	}
	return errors.Join(errs...)
}

// fail marks the node as unable to go on. Main ends the process, and the
// service manager starts it anew.
func (n *Node) fail(err error) {
	n.failMu.Lock()
	defer n.failMu.Unlock()
	if n.failErr == nil {
		n.failErr = err
		close(n.failed)
		n.log.Error("node failed", "err", err)
	}
}

// Failed is closed when the node cannot go on; Err says why.
func (n *Node) Failed() <-chan struct{} { return n.failed }

// Err is why the node cannot go on, nil while it can.
func (n *Node) Err() error {
	n.failMu.Lock()
	defer n.failMu.Unlock()
	return n.failErr
}

// ID is the node's name in the cluster.
func (n *Node) ID() string { return n.cfg.ID }

// Leader names the leader that this node knows of, with its addresses; ok is
// false while there is none. Its API is "" until the leader has registered it.
func (n *Node) Leader() (p Peer, ok bool) {
	addr, id := n.raft.LeaderWithID()
	if id == "" {
		return Peer{}, false
	}
	p = Peer{ID: nameOf(id), Raft: string(addr)}
	if q, ok := n.peer(p.ID); ok {
		p.API = q.API
	}
	return p, true
}

// Leads reports whether this node leads, as far as it knows. A node whose state
// differs from the others' does not, whatever raft says.
func (n *Node) Leads() bool { return n.leading.Load() != nil && !n.differs.Load() }

func (n *Node) now() int64 { return n.deps.Now().Unix() }

func (n *Node) peer(id string) (Peer, bool) {
	peers, err := n.deps.State.Nodes()
	if err != nil {
		n.log.Error("read nodes", "err", err)
	}
	for _, p := range peers {
		if p.ID == id {
			return p, true
		}
	}
	return Peer{}, false
}

// watchLeadership follows raft's word on who leads. It never blocks, because
// raft waits for it.
func (n *Node) watchLeadership(notify <-chan bool) {
	for {
		select {
		case <-n.ctx.Done():
			if l := n.leading.Swap(nil); l != nil {
				l.end()
			}
			return
		case leads := <-notify:
			var l *leadership
			if leads {
				l = &leadership{ready: make(chan struct{})}
				l.changed.Store(math.MaxUint64) // nobody gets a vote before it begins
				l.ctx, l.end = context.WithCancel(n.ctx)
			}
			if old := n.leading.Swap(l); old != nil {
				old.end()
			}
			if leads {
				n.spawn(func() { n.lead(l) })
			}
			n.log.Info("leadership", "leads", leads)
		}
	}
}

// lead does a new leader's first duties: to apply all that was committed before
// it, and to be found.
func (n *Node) lead(l *leadership) {
	for {
		// The term holds for the barrier when it is the same behind it.
		l.term = n.raft.CurrentTerm()
		_, err := await(l.ctx, n, func() raft.Future { return n.raft.Barrier(barrierTimeout) })
		if err == nil && n.raft.CurrentTerm() == l.term {
			break
		}
		// Raft refuses at once while leadership is handed over.
		select {
		case <-l.ctx.Done():
			return
		case <-time.After(barrierPause):
		}
	}
	l.verify = n.verifierOf(l)
	l.changed.CompareAndSwap(math.MaxUint64, n.raft.LastIndex())
	close(l.ready)
	n.spawn(func() { n.auditing(l) })
	if err := n.register(l.ctx); err != nil && l.ctx.Err() == nil {
		n.log.Warn("leader could not register its addresses", "err", err)
	}
}

// fresh returns when local reads include every write that was acknowledged
// anywhere before the call. All writes of this leadership are applied here
// before they are acknowledged, those before it by the barrier; so what remains
// is to be sure that nobody else leads by now.
func (n *Node) fresh(ctx context.Context) error {
	l := n.leading.Load()
	if l == nil || n.differs.Load() {
		return session.ErrNoLeader
	}
	select {
	case <-l.ready:
	case <-l.ctx.Done():
		return session.ErrNoLeader
	case <-ctx.Done():
		return ctx.Err()
	}
	return l.verify.check(ctx)
}

// raftError turns raft's errors into the session's. Where raft does not know
// whether the entry was committed the sender resends; the chain makes that
// harmless.
func raftError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, raft.ErrEnqueueTimeout):
		return fmt.Errorf("%w: %w", session.ErrBusy, err)
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipLost),
		errors.Is(err, raft.ErrAbortedByRestore), errors.Is(err, raft.ErrRaftShutdown),
		errors.Is(err, raft.ErrLeadershipTransferInProgress), errors.Is(err, errFailed), errors.Is(err, errClosing):
		return fmt.Errorf("%w: %w", session.ErrNoLeader, err)
	}
	return err
}

// Ingest implements session.Hub. It works on the leader alone. A heartbeat
// alone is answered from the state and costs no log entry.
func (n *Node) Ingest(ctx context.Context, p session.Push) (session.Ack, error) {
	if p.Pack == nil {
		return n.heartbeat(ctx, p)
	}
	return n.ingest.push(ctx, p)
}

// heartbeat says whether the agent and the hub agree on where its chain ends.
func (n *Node) heartbeat(ctx context.Context, p session.Push) (ack session.Ack, err error) {
	if err := n.fresh(ctx); err != nil {
		return ack, err
	}
	ack.Clock = p.Clock
	ack.Applied, _ = n.deps.State.Applied()
	_, ack.Tip, ack.Near, err = n.deps.State.Tip(p.Caller, p.Chain[:], p.Confirmed)
	if errors.Is(err, session.ErrUnknownChain) && p.Epoch != [16]byte{} {
		// A chain begins with its first pack.
		ack.Tip = frame.Genesis(p.Chain)
		ack.Near, err = ack.Tip, nil
	}
	if err != nil {
		return ack, fmt.Errorf("heartbeat: %w", err)
	}
	if ack.Fits = ack.Tip.Seq == p.Confirmed; !ack.Fits {
		if ack.Place, err = n.deps.State.PlaceAt(p.Chain, ack.Tip.Seq); err == nil {
			ack.Verdicts, err = n.deps.State.Verdicts(p.Chain, p.Confirmed)
		}
	}
	return ack, err
}

// Beat notes what an agent said of itself; the log takes it along with the next
// pushes. A newer word of the same device replaces an older one.
func (n *Node) Beat(b state.Beat) { n.ingest.beat(b) }

// Chain implements session.Hub. A chain that is there once is there for ever, so
// that only one that is not there is looked for in a state made sure of.
func (n *Node) Chain(ctx context.Context, c session.Caller, start []byte) (change.ChainID, error) {
	id, err := n.deps.State.Chain(c, start)
	if errors.Is(err, session.ErrUnknownChain) {
		id, _, _, err = n.Tip(ctx, c, start, 0)
	}
	return id, err
}

// Tip returns the end of a chain of the caller's device and the checkpoint at or
// before seq. It is linearizable, and works on the leader alone.
func (n *Node) Tip(ctx context.Context, c session.Caller, chain []byte, seq uint64) (full change.ChainID, tip, near frame.Tip, err error) {
	if err := n.fresh(ctx); err != nil {
		return full, tip, near, err
	}
	return n.deps.State.Tip(c, chain, seq)
}

// Pull implements session.Hub from the local state.
func (n *Node) Pull(ctx context.Context, c session.Caller, chain change.ChainID, cursor uint64, budget int) (session.Delta, error) {
	return n.deps.State.Pull(c, chain, cursor, budget)
}

// Buckets implements session.Hub from the local state.
func (n *Node) Buckets(ctx context.Context, c session.Caller) (digest.Set, error) {
	return n.deps.State.Buckets(c)
}

// Bucket implements session.Hub from the local state.
func (n *Node) Bucket(ctx context.Context, c session.Caller, b digest.Bucket) ([]*change.Doc, error) {
	return n.deps.State.Bucket(c, b)
}

// Close stops the node: it takes no more pushes and commands, lets those that it
// took be answered, hands leadership over, stops raft and closes the state. What
// the others do not let it commit it gives up with its leadership, a few times
// the election timeout later at most.
func (n *Node) Close() error {
	n.closed.Do(func() {
		n.ingest.close()
		n.owed.shut()
		answered := n.answered(n.cfg.Election)
		if n.Leads() && len(n.voters()) > 1 {
			if err := n.raft.LeadershipTransfer().Error(); err != nil {
				n.log.Warn("leadership was not handed over", "err", err)
			}
		}
		if !answered {
			n.guard.silence()
			<-n.ingest.idle
			<-n.owed.idle
		}
		n.stop()
		errs := []error{n.raft.Shutdown().Error()}
		n.work.Wait()
		errs = append(errs, n.leave())
		errs = append(errs, n.deps.release())
		n.closeE = errors.Join(errs...)
	})
	return n.closeE
}

// answered waits until nothing is owed an answer, and reports whether that came
// about in time.
func (n *Node) answered(within time.Duration) bool {
	t := time.NewTimer(within)
	defer t.Stop()
	for _, idle := range []chan struct{}{n.ingest.idle, n.owed.idle} {
		select {
		case <-idle:
		case <-t.C:
			return false
		}
	}
	return true
}
