package cluster

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// diskEvery is how often the free space is looked at.
const diskEvery = time.Second

// diskWatch knows whether the disk is low. It says so below the floor, and no
// more once a quarter above it is free, so that it does not flap.
type diskWatch struct {
	dir   string
	floor uint64
	free  func(string) (uint64, error)
	log   *slog.Logger
	low   atomic.Bool
}

func newDiskWatch(dir string, floor uint64, free func(string) (uint64, error), log *slog.Logger) *diskWatch {
	d := &diskWatch{dir: dir, floor: floor, free: free, log: log}
	d.look()
	return d
}

func (d *diskWatch) run(ctx context.Context) {
	if d.free == nil {
		return
	}
	t := time.NewTicker(diskEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			d.look()
		}
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
	switch low := d.low.Load(); {
	case !low && n < d.floor:
		d.low.Store(true)
		d.log.Error("disk is low: pushes are refused", "dir", d.dir, "free", n, "floor", d.floor)
	case low && n >= d.floor+d.floor/4:
		d.low.Store(false)
		d.log.Info("disk has room again: pushes are taken", "dir", d.dir, "free", n)
	}
}
