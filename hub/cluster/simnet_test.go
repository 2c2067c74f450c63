package cluster

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// errLost ends a call whose question or answer the simulated network lost.
var errLost = errors.New("simulated network: lost")

// lostAfter is how long a caller waits for what was lost.
const lostAfter = 500 * time.Millisecond

// weather is what a network in memory does to messages on their way. Hosts are
// the parts of addresses before the colon. A host's life counts its starts:
// what an earlier life still says or answers is heard by nobody.
type weather struct {
	mu      sync.Mutex
	rng     *rand.Rand
	cut     map[[2]string]bool // from, to
	loss    float64
	delay   time.Duration // at most, each way
	lives   map[string]int
	stalled map[string]chan struct{} // closed when the host goes on
}

func newWeather(seed uint64) *weather {
	return &weather{rng: rand.New(rand.NewPCG(seed, 2)), cut: map[[2]string]bool{}, lives: map[string]int{}, stalled: map[string]chan struct{}{}}
}

func host(addr string) string { h, _, _ := strings.Cut(addr, ":"); return h }

// clear ends all faults of the network.
func (w *weather) clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.cut)
	w.loss, w.delay = 0, 0
}

// sever cuts messages from one host to another, one way.
func (w *weather) sever(from, to string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut[[2]string{from, to}] = true
}

// rough makes all messages slow and some lost.
func (w *weather) rough(loss float64, delay time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.loss, w.delay = loss, delay
}

// begin starts a new life of a host and returns it.
func (w *weather) begin(h string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lives[h]++
	return w.lives[h]
}

func (w *weather) life(h string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lives[h]
}

// stall stops a host's messages and disk until resume.
func (w *weather) stall(h string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stalled[h] == nil {
		w.stalled[h] = make(chan struct{})
	}
}

func (w *weather) resume(h string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.stalled[h]; c != nil {
		close(c)
		delete(w.stalled, h)
	}
}

// awake returns when a host is not stalled.
func (w *weather) awake(h string) {
	if c := w.stallOf(h); c != nil {
		<-c
	}
}

func (w *weather) stallOf(h string) chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stalled[h]
}

// reached waits for a host that is stalled as long as a caller has patience.
func (w *weather) reached(h string) error {
	c := w.stallOf(h)
	if c == nil {
		return nil
	}
	select {
	case <-c:
		return nil
	case <-time.After(4 * lostAfter):
		return errLost
	}
}

// pass carries a message from one host to another, or loses it.
func (w *weather) pass(from, to string) error {
	if err := w.reached(from); err != nil {
		return err
	}
	w.mu.Lock()
	cut := w.cut[[2]string{from, to}] || w.loss > 0 && w.rng.Float64() < w.loss
	var wait time.Duration
	if w.delay > 0 {
		wait = time.Duration(w.rng.Int64N(int64(w.delay)))
	}
	w.mu.Unlock()
	if cut {
		wait = lostAfter
	}
	if wait > 0 {
		<-time.After(wait)
	}
	if cut {
		return errLost
	}
	return w.reached(to)
}

// call is a question from one life of a host to another, and its answer.
func (w *weather) call(from string, life int, to string, f func() error) error {
	theirs := w.life(to)
	if err := w.pass(from, to); err != nil {
		return err
	}
	if w.life(from) != life || w.life(to) != theirs {
		return errLost
	}
	if err := f(); err != nil {
		return err
	}
	if err := w.pass(to, from); err != nil {
		return err
	}
	if w.life(from) != life || w.life(to) != theirs {
		return errLost
	}
	return nil
}

// wire is raft's transport through the weather.
type wire struct {
	*raft.InmemTransport
	weather *weather
	from    string
	life    int
}

func (w *wire) call(to raft.ServerAddress, f func() error) error {
	return w.weather.call(w.from, w.life, host(string(to)), f)
}

// AppendEntriesPipeline implements raft.Transport: one call after the other.
func (w *wire) AppendEntriesPipeline(raft.ServerID, raft.ServerAddress) (raft.AppendPipeline, error) {
	return nil, raft.ErrPipelineReplicationNotSupported
}

// AppendEntries implements raft.Transport.
func (w *wire) AppendEntries(id raft.ServerID, to raft.ServerAddress, q *raft.AppendEntriesRequest, a *raft.AppendEntriesResponse) error {
	return w.call(to, func() error { return w.InmemTransport.AppendEntries(id, to, q, a) })
}

// RequestVote implements raft.Transport.
func (w *wire) RequestVote(id raft.ServerID, to raft.ServerAddress, q *raft.RequestVoteRequest, a *raft.RequestVoteResponse) error {
	return w.call(to, func() error { return w.InmemTransport.RequestVote(id, to, q, a) })
}

// RequestPreVote implements raft.WithPreVote.
func (w *wire) RequestPreVote(id raft.ServerID, to raft.ServerAddress, q *raft.RequestPreVoteRequest, a *raft.RequestPreVoteResponse) error {
	return w.call(to, func() error { return w.InmemTransport.RequestPreVote(id, to, q, a) })
}

// InstallSnapshot implements raft.Transport.
func (w *wire) InstallSnapshot(id raft.ServerID, to raft.ServerAddress, q *raft.InstallSnapshotRequest, a *raft.InstallSnapshotResponse, r io.Reader) error {
	return w.call(to, func() error { return w.InmemTransport.InstallSnapshot(id, to, q, a, r) })
}

// TimeoutNow implements raft.Transport.
func (w *wire) TimeoutNow(id raft.ServerID, to raft.ServerAddress, q *raft.TimeoutNowRequest, a *raft.TimeoutNowResponse) error {
	return w.call(to, func() error { return w.InmemTransport.TimeoutNow(id, to, q, a) })
}

// gates is a node's way to the other gates, through the weather.
type gates struct {
	port
	weather *weather
	life    int
}

// Forward implements Forwarder.
func (g gates) Forward(ctx context.Context, api string, request []byte) (response []byte, err error) {
	type got struct {
		b   []byte
		err error
	}
	// The caller may give up earlier; the call goes on, as on a real network.
	done := make(chan got, 1)
	go func() {
		var b []byte
		err := g.weather.call(host(g.from), g.life, host(api), func() (err error) {
			b, err = g.port.Forward(ctx, api, request)
			return err
		})
		done <- got{b, err}
	}()
	select {
	case r := <-done:
		return r.b, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
