package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
	"github.com/vmihailenco/msgpack/v5"

	"shangu/hub/state"
	"shangu/sync/frame"
	"shangu/sync/session"
)

// Peer is a node's name and addresses.
type Peer = state.Node

// Times of membership changes.
const (
	memberTimeout = 10 * time.Second       // for a change to be accepted by raft
	joinEvery     = 300 * time.Millisecond // between two asks of a joining node
)

// catchUp is how many log entries a node may lack and still be given a vote. A
// voter that lags far behind would make every commit wait for it.
const catchUp = 256

// join is what a node says that wants to be in the cluster, or whose addresses
// changed: [id, raft, api, last].
type join struct {
	Peer
	last uint64 // its last log index
}

// EncodeMsgpack implements msgpack.CustomEncoder.
func (j *join) EncodeMsgpack(enc *msgpack.Encoder) error {
	return errors.Join(enc.EncodeArrayLen(4), enc.EncodeString(j.ID), enc.EncodeString(j.Raft),
		enc.EncodeString(j.API), enc.EncodeUint(j.last))
}

// DecodeMsgpack implements msgpack.CustomDecoder.
func (j *join) DecodeMsgpack(dec *msgpack.Decoder) error {
	r := frame.NewReader(dec)
	n := r.Array()
	if n < 4 {
		r.Fail("join of %d items", n)
	}
	j.ID, j.Raft, j.API, j.last = r.Str(), r.Str(), r.Str(), r.Uint64()
	r.Skip(n - 4)
	return r.Err()
}

// Bootstrap makes this node a cluster of one. On a node that is or was a member
// of a cluster it does nothing.
func (n *Node) Bootstrap() error {
	has, err := raft.HasExistingState(n.deps.Logs, n.deps.Logs, n.deps.Snapshots)
	if err == nil && !has {
		err = n.raft.BootstrapCluster(raft.Configuration{Servers: []raft.Server{n.self()}}).Error()
	}
	if err != nil {
		return fmt.Errorf("bootstrap node %s: %w", n.cfg.ID, err)
	}
	return nil
}

func (n *Node) self() raft.Server {
	return raft.Server{Suffrage: raft.Voter, ID: raft.ServerID(n.cfg.ID), Address: raft.ServerAddress(n.cfg.Addr)}
}

// servers is the membership as this node knows it.
func (n *Node) servers() []raft.Server {
	f := n.raft.GetConfiguration()
	if f.Error() != nil {
		return nil
	}
	return f.Configuration().Servers
}

func (n *Node) voters() (ids []raft.ServerID) {
	for _, s := range n.servers() {
		if s.Suffrage == raft.Voter {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

func (n *Node) server(id string) (raft.Server, bool) {
	for _, s := range n.servers() {
		if s.ID == raft.ServerID(id) {
			return s, true
		}
	}
	return raft.Server{}, false
}

// Member reports whether this node is in the cluster, with or without a vote,
// as far as it knows.
func (n *Node) Member() bool {
	_, ok := n.server(n.cfg.ID)
	return ok
}

// Join asks the leader to take this node in, or to note its changed addresses,
// until it has; seeds are API addresses to ask besides those of the nodes that
// this one knows. It returns when the node has a vote, or has caught up and is
// one too many to get one. It fails with ErrRemoved or ErrTaken when asking
// again is useless.
func (n *Node) Join(ctx context.Context, seeds []string) error {
	t := time.NewTicker(joinEvery)
	defer t.Stop()
	var last error
	for {
		if n.settled() {
			return nil
		}
		done, err := n.askToJoin(ctx, seeds)
		switch {
		case done:
			return nil
		case errors.Is(err, ErrRemoved), errors.Is(err, ErrTaken):
			return fmt.Errorf("join: %w", err)
		}
		if err != nil && (last == nil || err.Error() != last.Error()) {
			n.log.Info("not in the cluster yet", "err", err)
		}
		last = err
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("join: %w", ctx.Err()), last)
		case <-n.ctx.Done():
			return errors.Join(fmt.Errorf("join: %w", session.ErrNoLeader), last)
		case <-t.C:
		}
	}
}

// settled reports whether the cluster knows this node as it is.
func (n *Node) settled() bool {
	s, ok := n.server(n.cfg.ID)
	p, known := n.peer(n.cfg.ID)
	return ok && known && s.Suffrage == raft.Voter && s.Address == raft.ServerAddress(n.cfg.Addr) && p == n.here()
}

func (n *Node) here() Peer { return Peer{ID: n.cfg.ID, Raft: n.cfg.Addr, API: n.cfg.API} }

func (n *Node) askToJoin(ctx context.Context, seeds []string) (done bool, err error) {
	body, err := frame.Marshal(&join{Peer: n.here(), last: n.raft.LastIndex()})
	if err != nil {
		return false, err
	}
	if n.Leads() {
		return n.admitNode(ctx, body)
	}
	// Only members that this node's own log names are asked by themselves: the
	// state of a restored node also names the cluster that it was taken from.
	for _, s := range n.servers() {
		if p, ok := n.peer(string(s.ID)); ok {
			seeds = append(seeds, p.API)
		}
	}
	err = session.ErrNoLeader
	for _, api := range seeds {
		if api == "" || api == n.cfg.API {
			continue
		}
		try, cancel := context.WithTimeout(ctx, memberTimeout)
		a, e := n.exchange(try, api, &call{op: opJoin, body: body})
		cancel()
		switch {
		case e == nil:
			return len(a.body) > 0, nil
		case errors.Is(e, ErrRemoved), errors.Is(e, ErrTaken):
			return false, e
		}
		err = e
	}
	return false, err
}

// admitNode is the leader's side of Join: first a follower without a vote, and
// once it has caught up a voter. It reports whether nothing is left to do.
func (n *Node) admitNode(ctx context.Context, body []byte) (bool, error) {
	var j join
	if err := frame.Unmarshal(body, &j); err != nil {
		return false, fmt.Errorf("read join: %w", err)
	}
	id, addr := raft.ServerID(j.ID), raft.ServerAddress(j.Raft)
	s, ok := n.server(j.ID)
	known, recorded := n.peer(j.ID)
	switch {
	case !ok && !recorded && j.last > 0:
		return false, fmt.Errorf("admit node %s: %w", j.ID, ErrRemoved)
	case ok && s.Address != addr && j.last == 0:
		return false, fmt.Errorf("admit node %s: %w", j.ID, ErrTaken)
	}
	if known != j.Peer {
		if err := n.record(ctx, j.Peer); err != nil {
			return false, err
		}
	}
	switch votes := ok && s.Suffrage == raft.Voter; {
	case votes && s.Address == addr:
		return true, nil
	case votes:
		return true, raftError(n.raft.AddVoter(id, addr, 0, memberTimeout).Error())
	case !ok || s.Address != addr:
		n.log.Info("node joins", "node", j.ID, "addr", j.Raft)
		return false, raftError(n.raft.AddNonvoter(id, addr, 0, memberTimeout).Error())
	case len(n.voters()) >= MaxVoters:
		return true, nil
	case j.last+catchUp < n.raft.LastIndex():
		return false, nil
	}
	return true, n.giveVote(j.ID)
}

// nodeAccount begins the name that the audit trail knows a node's own doing by.
const nodeAccount = "node:"

// record commits a node's addresses.
func (n *Node) record(ctx context.Context, p Peer) error {
	_, res, err := n.commit(ctx, state.EncodeSetNode(p, n.now(), nodeAccount+n.cfg.ID))
	if err != nil {
		return fmt.Errorf("record node %s: %w", p.ID, err)
	}
	return state.DecodeDone(res)
}

// register has the cluster know where this node, its leader, is reached.
func (n *Node) register(ctx context.Context) error {
	if p, ok := n.peer(n.cfg.ID); ok && p == n.here() {
		return nil
	}
	return n.record(ctx, n.here())
}

// giveVote makes a node a voter.
func (n *Node) giveVote(id string) error {
	s, ok := n.server(id)
	if !ok {
		return fmt.Errorf("promote node %s: %w", id, ErrUnknownNode)
	}
	if s.Suffrage == raft.Voter {
		return nil
	}
	if len(n.voters()) >= MaxVoters {
		return fmt.Errorf("promote node %s: %d nodes vote already", id, MaxVoters)
	}
	if err := n.raft.AddVoter(s.ID, s.Address, 0, memberTimeout).Error(); err != nil {
		return fmt.Errorf("promote node %s: %w", id, raftError(err))
	}
	n.log.Info("node votes", "node", id)
	return nil
}

// dropNode takes a node out. Its addresses go first: a leader that takes itself
// out leads no more afterwards.
func (n *Node) dropNode(ctx context.Context, id string) (uint64, error) {
	if _, ok := n.server(id); !ok {
		return 0, fmt.Errorf("remove node %s: %w", id, ErrUnknownNode)
	}
	if v := n.voters(); len(v) == 1 && v[0] == raft.ServerID(id) {
		return 0, fmt.Errorf("remove node %s: it is the last that votes", id)
	}
	index, res, err := n.commit(ctx, state.EncodeDropNode(id, n.now(), nodeAccount+n.cfg.ID))
	if err == nil {
		err = state.DecodeDone(res)
	}
	if err == nil {
		err = raftError(n.raft.RemoveServer(raft.ServerID(id), 0, memberTimeout).Error())
	}
	if err != nil {
		return 0, fmt.Errorf("remove node %s: %w", id, err)
	}
	n.log.Info("node removed", "node", id)
	return index, nil
}

// RemoveNode takes a node out of the cluster, through the leader.
func (n *Node) RemoveNode(ctx context.Context, id string) error {
	_, err := n.do(ctx, &call{op: opRemove, body: []byte(id)})
	return err
}

// Promote gives a node a vote, through the leader.
func (n *Node) Promote(ctx context.Context, id string) error {
	_, err := n.do(ctx, &call{op: opPromote, body: []byte(id)})
	return err
}
