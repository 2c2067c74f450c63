package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"shangu/sync/disk"
)

// diskEvery is how often the free space is looked at, and yieldEvery how often a
// leader whose disk is low tries to find another.
const (
	diskEvery  = time.Second
	yieldEvery = 10 * time.Second
)

// A disk is tight when a quarter of the floor is left: commands are not even
// taken into the log then, for what is in the log will be written to the state.
const tightPart = 4

// OpenRoom is what a node needs to open on a full disk, in bytes: a memtable's
// log (32 MiB), tables made of those that were left (16), the value log (8), a
// segment of the raft log (16), and as much again as a memtable for the state to
// go on until somebody makes room.
const OpenRoom = 104 << 20

// diskWatch knows whether the disk is low. It says so below the floor, and no
// more once a quarter above it is free, so that it does not flap. While there is
// room it holds some back.
type diskWatch struct {
	dir     string
	floor   uint64
	free    func(string) (uint64, error)
	ballast *disk.Ballast // nil: nothing is held back
	log     *slog.Logger
	left    atomic.Uint64 // free bytes when it was last looked at
	low     atomic.Bool
	tight   atomic.Bool
}

func newDiskWatch(dir string, floor uint64, d Deps) *diskWatch {
	w := &diskWatch{dir: dir, floor: floor, free: d.Free, ballast: d.Ballast, log: d.Log}
	w.look()
	return w
}

// run looks at the disk until ctx is done, and calls low now and then while it
// is low.
func (d *diskWatch) run(ctx context.Context, low func()) {
	if d.free == nil {
		return
	}
	t := time.NewTicker(diskEvery)
	defer t.Stop()
	told := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if d.look(); !d.low.Load() {
			told = 0
			continue
		}
		if told%int(yieldEvery/diskEvery) == 0 {
			low()
		}
		told++
	}
}

func (d *diskWatch) look() {
	if d.free == nil {
		return
	}
	n, err := d.free(d.dir)
	if err != nil {
		d.log.Warn("free space is not known", "dir", d.dir, "err", err)
		return
	}
	d.left.Store(n)
	switch low := d.low.Load(); {
	case !low && n < d.floor:
		d.low.Store(true)
		d.log.Error("disk is low: pushes are refused", "dir", d.dir, "free", n, "floor", d.floor)
	case low && n >= d.floor+d.floor/4:
		d.low.Store(false)
		d.log.Info("disk has room again: pushes are taken", "dir", d.dir, "free", n)
	}
	d.tight.Store(n < d.floor/tightPart)
	if d.ballast == nil {
		return
	}
	switch had := d.ballast.Size(); {
	case had < OpenRoom && n >= d.floor+d.floor/4+uint64(OpenRoom-had):
		if err := d.ballast.Hold(OpenRoom); err != nil && !disk.IsFull(err) {
			d.log.Warn("room cannot be held back", "err", err)
		}
	case n < d.floor/tightPart/tightPart && had > OpenRoom/2:
		// The state may have a memtable to write.
		if _, err := d.ballast.Release(had - OpenRoom/2); err != nil {
			d.log.Warn("held-back room cannot be given back", "err", err)
		}
	}
}

// errNoRoom refuses what would grow on a disk that is nearly full.
var errNoRoom = errors.New("cluster: the disk is nearly full")

// maySnapshot refuses a snapshot that could not be brought to its end. last is
// the size of the newest one.
func (d *diskWatch) maySnapshot(last int64) error {
	if d.free == nil {
		return nil
	}
	if d.low.Load() || d.left.Load() < d.floor+uint64(last)*3/2 {
		return errNoRoom
	}
	return nil
}

// guardedLog keeps commands out of the log while the disk is tight: a follower
// then lags and catches up when there is room, a leader steps down. What raft
// itself writes, votes and the first entry of a term, still goes in: it is small,
// and the log's segments have their room.
//
// Where the end of the log was cut off and what was to follow could not be
// written, raft goes on taking what is gone for its last entries, and the node
// never again takes one: it has to begin anew.
type guardedLog struct {
	LogStore
	watch *diskWatch
	fail  func(error)
	cut   *atomic.Bool // the end was cut off, and nothing written since
}

// StoreLog implements raft.LogStore.
func (g guardedLog) StoreLog(l *raft.Log) error { return g.StoreLogs([]*raft.Log{l}) }

// StoreLogs implements raft.LogStore.
func (g guardedLog) StoreLogs(logs []*raft.Log) error {
	err := g.store(logs)
	if err == nil {
		g.cut.Store(false)
	} else if g.cut.Load() {
		g.fail(fmt.Errorf("%w: %w", ErrStuck, err))
	}
	return err
}

func (g guardedLog) store(logs []*raft.Log) error {
	if g.watch.tight.Load() {
		for _, l := range logs {
			if l.Type == raft.LogCommand {
				return errNoRoom
			}
		}
	}
	return g.LogStore.StoreLogs(logs)
}

// DeleteRange implements raft.LogStore.
func (g guardedLog) DeleteRange(low, high uint64) error {
	last, err := g.LastIndex()
	if err != nil {
		return err
	}
	if high >= last {
		g.cut.Store(true)
	}
	return g.LogStore.DeleteRange(low, high)
}

// IsMonotonic implements raft.MonotonicLogStore for the log beneath.
func (g guardedLog) IsMonotonic() bool {
	m, ok := g.LogStore.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

// yield hands leadership to a voter that has room, if there is one.
func (n *Node) yield() {
	if !n.Leads() {
		return
	}
	ctx, cancel := context.WithTimeout(n.ctx, statusTimeout)
	defer cancel()
	for _, srv := range n.servers() {
		if srv.Suffrage != raft.Voter || nameOf(srv.ID) == n.cfg.ID {
			continue
		}
		p, ok := n.peer(nameOf(srv.ID))
		if !ok {
			continue
		}
		v, err := n.ask(ctx, p.API)
		if err != nil || v.low {
			continue
		}
		err = n.handOver(n.ctx, &srv)
		if err == nil {
			n.log.Warn("disk is low: another node leads", "node", srv.ID)
			return
		}
		n.log.Warn("disk is low, and leadership was not handed over", "node", srv.ID, "err", err)
	}
}
