package cluster

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"github.com/vmihailenco/msgpack/v5"

	"shangu/sync/frame"
	"shangu/sync/session"
)

// statusTimeout is how long Status waits for the other nodes: a status that is
// asked for because nodes are down must not hang on them.
const statusTimeout = 600 * time.Millisecond

// LagUnknown is the lag of a node that did not answer.
const LagUnknown = -1

// Status is how a node sees itself and its cluster.
type Status struct {
	ID      string       `json:"id"`
	Leader  string       `json:"leader"` // node id, "" while there is none
	Term    uint64       `json:"term"`
	Applied uint64       `json:"applied"` // index of the last log entry that this node's state holds
	Nodes   []NodeStatus `json:"nodes"`
	Ready   bool         `json:"ready"` // can commit, or reaches a leader that can
	Why     string       `json:"why,omitempty"`
	// Rebuilt says why the node made its state anew when it started, "" if it
	// did not.
	Rebuilt string `json:"rebuilt,omitempty"`
}

// NodeStatus is one member of the cluster.
type NodeStatus struct {
	ID    string `json:"id"`
	Addr  string `json:"addr"` // of its raft transport
	API   string `json:"api"`
	Voter bool   `json:"voter"`
	Lag   int64  `json:"lag"` // log entries behind the most advanced node; LagUnknown
	// DiskLow says that its disk is nearly full: a leader takes no pushes then.
	DiskLow bool `json:"disk_low,omitempty"`
	// Scrubbed is when it last read its whole state, unix seconds, 0 if it did
	// not since it started; Flaws is how much it found that does not hold.
	Scrubbed int64 `json:"scrubbed,omitempty"`
	Flaws    int   `json:"flaws,omitempty"`
}

// vitals is what a node tells others of itself: [applied, last, low, scrubbed,
// flaws].
type vitals struct {
	applied, last uint64
	low           bool // its disk is nearly full
	scrubbed      int64
	flaws         int
}

func (n *Node) vitals() vitals {
	found := n.scrubbed.Load()
	return vitals{n.raft.AppliedIndex(), n.raft.LastIndex(), n.disk.low.Load(), found.at, min(len(found.flaws), math.MaxUint16)}
}

// EncodeMsgpack implements msgpack.CustomEncoder.
func (v *vitals) EncodeMsgpack(enc *msgpack.Encoder) error {
	return errors.Join(enc.EncodeArrayLen(5), enc.EncodeUint(v.applied), enc.EncodeUint(v.last), enc.EncodeBool(v.low),
		enc.EncodeInt(v.scrubbed), enc.EncodeUint(uint64(v.flaws)))
}

// DecodeMsgpack implements msgpack.CustomDecoder.
func (v *vitals) DecodeMsgpack(dec *msgpack.Decoder) error {
	r := frame.NewReader(dec)
	n := r.Array()
	if n < 2 {
		r.Fail("vitals of %d items", n)
	}
	v.applied, v.last = r.Uint64(), r.Uint64()
	if n > 2 {
		v.low = r.Bool()
	}
	if n > 4 {
		v.scrubbed, v.flaws = r.Int64(), int(r.Uint16())
	}
	r.Skip(n - min(n, 5))
	return r.Err()
}

// Ready returns nil where this node can commit, or reaches a leader that can.
func (n *Node) Ready(ctx context.Context) error {
	if err := n.Err(); err != nil {
		return err
	}
	if n.differs.Load() {
		return ErrDiffers
	}
	return n.Barrier(ctx)
}

// Status asks the other nodes how far they are. It answers within a second,
// with or without them and with or without a leader.
func (n *Node) Status(ctx context.Context) Status {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	mine := n.vitals()
	s := Status{ID: n.cfg.ID, Term: n.raft.CurrentTerm(), Applied: mine.applied}
	if damage := n.deps.State.Damage(); damage != nil {
		s.Rebuilt = damage.Error()
	}
	if l, ok := n.Leader(); ok {
		s.Leader = l.ID
	}
	apis := map[string]string{}
	if peers, err := n.deps.State.Nodes(); err == nil {
		for _, p := range peers {
			apis[p.ID] = p.API
		}
	}
	var work sync.WaitGroup
	var ready error
	work.Go(func() { ready = n.Ready(ctx) })
	servers := n.servers()
	found := make([]*vitals, len(servers))
	for i, srv := range servers {
		id := nameOf(srv.ID)
		s.Nodes = append(s.Nodes, NodeStatus{ID: id, Addr: string(srv.Address), API: apis[id], Voter: srv.Suffrage == raft.Voter, Lag: LagUnknown})
		if id == n.cfg.ID {
			found[i] = &mine
			continue
		}
		work.Go(func() {
			if v, err := n.ask(ctx, apis[id]); err == nil {
				found[i] = &v
			}
		})
	}
	work.Wait()
	if s.Ready = ready == nil; !s.Ready {
		s.Why = ready.Error()
	}
	last := mine.last
	for _, v := range found {
		if v != nil {
			last = max(last, v.last)
		}
	}
	for i, v := range found {
		if v != nil {
			s.Nodes[i].Lag = int64(last - min(last, v.applied))
			s.Nodes[i].DiskLow, s.Nodes[i].Scrubbed, s.Nodes[i].Flaws = v.low, v.scrubbed, v.flaws
		}
	}
	return s
}

func (n *Node) ask(ctx context.Context, api string) (v vitals, err error) {
	if api == "" {
		return v, session.ErrNoLeader
	}
	a, err := n.exchange(ctx, api, &call{op: opStatus})
	if err != nil {
		return v, err
	}
	if err := frame.Unmarshal(a.body, &v); err != nil {
		return v, fmt.Errorf("read vitals of %s: %w", api, err)
	}
	return v, nil
}
