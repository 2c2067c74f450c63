package cluster

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// errSync is what a disk says whose fsync fails.
var errSync = errors.New("simulated disk: fsync failed")

// drive is a raft log on a simulated disk: what StoreLogs returned for is
// durable, and of what it is writing when the machine dies a part may be.
type drive struct {
	weather *weather
	host    string

	mu      sync.Mutex
	rng     *rand.Rand
	logs    map[uint64]*raft.Log
	stable  map[string][]byte
	numbers map[string]uint64
	writing []*raft.Log
	slow    time.Duration // an fsync takes up to this
	failing bool
}

func newDrive(w *weather, host string, seed uint64) *drive {
	return &drive{weather: w, host: host, rng: rand.New(rand.NewPCG(seed, 3)),
		logs: map[uint64]*raft.Log{}, stable: map[string][]byte{}, numbers: map[string]uint64{}}
}

// die is what the machine's next life finds. The dying one keeps writing to
// this drive, which nobody reads any more.
func (d *drive) die() *drive {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := newDrive(d.weather, d.host, d.rng.Uint64())
	next.logs, next.stable, next.numbers = maps.Clone(d.logs), maps.Clone(d.stable), maps.Clone(d.numbers)
	for _, l := range d.writing[:d.rng.IntN(len(d.writing)+1)] {
		next.logs[l.Index] = l
	}
	return next
}

func (d *drive) ail(slow time.Duration, failing bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.slow, d.failing = slow, failing
}

// sync waits as long as the disk takes.
func (d *drive) sync() error {
	d.mu.Lock()
	var wait time.Duration
	if d.slow > 0 {
		wait = time.Duration(d.rng.Int64N(int64(d.slow)))
	}
	failing := d.failing
	d.mu.Unlock()
	if wait > 0 {
		<-time.After(wait)
	}
	d.weather.awake(d.host)
	if failing {
		return errSync
	}
	return nil
}

// StoreLogs implements raft.LogStore.
func (d *drive) StoreLogs(logs []*raft.Log) error {
	own := make([]*raft.Log, len(logs))
	for i, l := range logs {
		c := *l
		c.Data, c.Extensions = slices.Clone(l.Data), slices.Clone(l.Extensions)
		own[i] = &c
	}
	d.mu.Lock()
	d.writing = own
	d.mu.Unlock()
	err := d.sync()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.writing = nil
	if err != nil {
		return err
	}
	for _, l := range own {
		d.logs[l.Index] = l
	}
	return nil
}

// StoreLog implements raft.LogStore.
func (d *drive) StoreLog(l *raft.Log) error { return d.StoreLogs([]*raft.Log{l}) }

// GetLog implements raft.LogStore.
func (d *drive) GetLog(index uint64, l *raft.Log) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	found, ok := d.logs[index]
	if !ok {
		return raft.ErrLogNotFound
	}
	*l = *found
	return nil
}

// IsMonotonic implements raft.MonotonicLogStore, as the product's logs do: raft
// leaves no gaps in it.
func (d *drive) IsMonotonic() bool { return true }

// DeleteRange implements raft.LogStore.
func (d *drive) DeleteRange(low, high uint64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := low; i <= high; i++ {
		delete(d.logs, i)
	}
	return nil
}

// FirstIndex implements raft.LogStore.
func (d *drive) FirstIndex() (first uint64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.logs {
		if first == 0 || i < first {
			first = i
		}
	}
	return first, nil
}

// LastIndex implements raft.LogStore.
func (d *drive) LastIndex() (last uint64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.logs {
		last = max(last, i)
	}
	return last, nil
}

// Set implements raft.StableStore. Raft ends the process when it fails, so it
// may only be slow.
func (d *drive) Set(key, v []byte) error {
	d.pause()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stable[string(key)] = slices.Clone(v)
	return nil
}

func (d *drive) pause() {
	if err := d.sync(); err != nil {
		return
	}
}

// Get implements raft.StableStore.
func (d *drive) Get(key []byte) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	v, ok := d.stable[string(key)]
	if !ok {
		return nil, errors.New("not found")
	}
	return v, nil
}

// SetUint64 implements raft.StableStore.
func (d *drive) SetUint64(key []byte, v uint64) error {
	d.pause()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.numbers[string(key)] = v
	return nil
}

// GetUint64 implements raft.StableStore.
func (d *drive) GetUint64(key []byte) (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	v, ok := d.numbers[string(key)]
	if !ok {
		return 0, errors.New("not found")
	}
	return v, nil
}

// Close implements LogStore.
func (d *drive) Close() error { return nil }
