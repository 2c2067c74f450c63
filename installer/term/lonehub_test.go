package term

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"testing"
	"time"

	"shangu/hub/state"
	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/session"
)

// loneHub is a hub of one node whose log is a slice: the real state, without
// Raft, for the simulator. It can crash, redo its log and be restored.
type loneHub struct {
	t   *testing.T
	dir string
	key ed25519.PrivateKey
	pub ed25519.PublicKey

	now     func() time.Time
	state   *state.State
	log     []state.LogEntry
	cluster [16]byte
}

func newLoneHub(t *testing.T, now func() time.Time) *loneHub {
	pub, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	h := &loneHub{t: t, dir: t.TempDir(), now: now, key: key, pub: pub, cluster: [16]byte{'s', 'i', 'm'}}
	h.open()
	h.propose(state.EncodeInit(state.Init{Cluster: h.cluster, Name: "云岭区"}))
	return h
}

func (h *loneHub) open() {
	s, err := state.Open(h.dir, state.Options{})
	if err != nil {
		h.t.Fatal(err)
	}
	h.state = s
}

func (h *loneHub) close() {
	if err := h.state.Close(); err != nil {
		h.t.Error(err)
	}
}

// propose appends a command to the log and applies it.
func (h *loneHub) propose(cmd []byte) []byte {
	e := state.LogEntry{Index: uint64(len(h.log) + 1), Term: 1, Data: cmd}
	h.log = append(h.log, e)
	out, err := h.state.ApplyBatch([]state.LogEntry{e})
	if err != nil {
		h.t.Fatalf("apply log entry %d: %v", e.Index, err)
	}
	return out[0]
}

// redo closes the store, opens it again and applies the whole log once more.
func (h *loneHub) redo() {
	h.close()
	h.open()
	if _, err := h.state.ApplyBatch(h.log); err != nil {
		h.t.Fatalf("redo the log: %v", err)
	}
}

// backup is a snapshot and the place in the log at which it was taken.
type backup struct {
	bytes []byte
	index int
}

func (h *loneHub) backup() backup {
	s, err := h.state.Snapshot()
	if err != nil {
		h.t.Fatal(err)
	}
	defer s.Close()
	var b bytes.Buffer
	if _, err := s.WriteTo(&b); err != nil {
		h.t.Fatal(err)
	}
	return backup{b.Bytes(), len(h.log)}
}

// restore goes back to a backup: all that came after it is forgotten here.
func (h *loneHub) restore(b backup) {
	if err := h.state.Restore(bytes.NewReader(b.bytes)); err != nil {
		h.t.Fatal(err)
	}
	h.log = h.log[:b.index]
}

// Ingest implements session.Hub.
func (h *loneHub) Ingest(_ context.Context, p session.Push) (session.Ack, error) {
	out := h.propose(state.EncodeIngest(h.now().Unix(), []session.Push{p}, nil))
	results, err := state.DecodeIngest(out)
	if err != nil {
		return session.Ack{}, err
	}
	if len(results) != 1 {
		return session.Ack{}, fmt.Errorf("%d results for one push", len(results))
	}
	return results[0].Ack, results[0].Err
}

// Chain implements session.Hub.
func (h *loneHub) Chain(_ context.Context, c session.Caller, start []byte) (change.ChainID, error) {
	return h.state.Chain(c, start)
}

// Pull implements session.Hub.
func (h *loneHub) Pull(_ context.Context, c session.Caller, chain change.ChainID, cursor uint64, budget int) (session.Delta, error) {
	return h.state.Pull(c, chain, cursor, budget)
}

// Buckets implements session.Hub.
func (h *loneHub) Buckets(_ context.Context, c session.Caller) (digest.Set, error) {
	return h.state.Buckets(c)
}

// Bucket implements session.Hub.
func (h *loneHub) Bucket(_ context.Context, c session.Caller, b digest.Bucket) ([]*change.Doc, error) {
	return h.state.Bucket(c, b)
}

// errWeather is what a transport says when the weather has it.
var errWeather = errors.New("the link broke")

// simLink carries requests to the hub, badly.
type simLink struct {
	hub    *loneHub
	caller session.Caller
	fault  func() fault
}

// fault is what happens to one exchange.
type fault int

const (
	carried fault = iota
	lostRequest
	lostResponse // the hub has done it; the agent does not know
	twice        // a proxy sends the request again
	flipped      // a bit of the request turns over
	cutShort     // the request ends early
)

// Exchange implements session.Transport.
func (l *simLink) Exchange(ctx context.Context, request []byte) ([]byte, error) {
	serve := func(b []byte) []byte {
		return session.Serve(ctx, l.hub, session.District{Cluster: l.hub.cluster, Key: l.hub.key}, l.caller, l.hub.now().Unix(), b).Body
	}
	switch l.fault() {
	case lostRequest:
		return nil, errWeather
	case lostResponse:
		serve(request)
		return nil, errWeather
	case twice:
		serve(request)
		return serve(request), nil
	case flipped:
		b := bytes.Clone(request)
		b[len(b)/2] ^= 0x10
		return serve(b), nil
	case cutShort:
		return serve(request[:len(request)/2]), nil
	}
	return serve(request), nil
}
