package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"shangu/sync/frame"
)

// ErrDiffers: this node's state is not what the others hold. The same log gives
// the same state, so its disk or memory changed something.
var ErrDiffers = errors.New("cluster: this node's state differs from the others'; take the node out and let it join anew with an empty directory")

// auditTries is how often an audit looks for a moment in which all nodes have
// applied the same, auditWait how long it waits in between.
const (
	auditTries = 10
	auditWait  = time.Second
)

// sum is the digest of a node's state at a log index: [index, sum].
type sum struct {
	index uint64
	sum   []byte
}

// EncodeMsgpack implements msgpack.CustomEncoder.
func (s *sum) EncodeMsgpack(enc *msgpack.Encoder) error {
	return errors.Join(enc.EncodeArrayLen(2), enc.EncodeUint(s.index), enc.EncodeBytes(s.sum))
}

// DecodeMsgpack implements msgpack.CustomDecoder.
func (s *sum) DecodeMsgpack(dec *msgpack.Decoder) error {
	r := frame.NewReader(dec)
	n := r.Array()
	if n < 2 {
		r.Fail("sum of %d items", n)
	}
	s.index, s.sum = r.Uint64(), r.Bytes()
	r.Skip(n - 2)
	return r.Err()
}

func (n *Node) sum() (*sum, error) {
	index, b, err := n.deps.State.NodeDigest()
	return &sum{index, b[:]}, err
}

// auditing has the nodes compared now and then while l lasts.
func (n *Node) auditing(l *leadership) {
	t := time.NewTicker(n.cfg.AuditEvery)
	defer t.Stop()
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-t.C:
			n.audit(l.ctx)
		}
	}
}

// audit compares the nodes' states at one log index, at a moment when nothing
// moves, and tells those that differ from most.
func (n *Node) audit(ctx context.Context) {
	t := time.NewTicker(auditWait)
	defer t.Stop()
	for range auditTries {
		if n.compare(ctx) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// compare reports whether every node that answered was at the leader's index.
func (n *Node) compare(ctx context.Context) (still bool) {
	mine, err := n.sum()
	if err != nil {
		n.log.Error("audit", "err", err)
		return false
	}
	found := map[string]*sum{n.cfg.ID: mine}
	for _, s := range n.servers() {
		p, ok := n.peer(nameOf(s.ID))
		if !ok || p.ID == n.cfg.ID {
			continue
		}
		a, err := n.exchange(ctx, p.API, &call{op: opSum})
		if err != nil {
			continue // a node that is away is compared another time
		}
		var theirs sum
		if err := frame.Unmarshal(a.body, &theirs); err != nil {
			n.log.Error("audit", "node", p.ID, "err", err)
			continue
		}
		if theirs.index != mine.index {
			return false
		}
		found[p.ID] = &theirs
	}
	right := majority(found, mine)
	for id, s := range found {
		if !bytes.Equal(s.sum, right) {
			n.log.Error("a node's state differs from the others'", "node", id, "index", s.index)
			n.condemn(ctx, id)
		}
	}
	return true
}

// majority is the sum that most nodes have, the leader's among equals.
func majority(found map[string]*sum, leaders *sum) []byte {
	count := map[string]int{}
	for _, s := range found {
		count[string(s.sum)]++
	}
	best := string(leaders.sum)
	for s, c := range count {
		if c > count[best] {
			best = s
		}
	}
	return []byte(best)
}

// condemn tells a node that it differs.
func (n *Node) condemn(ctx context.Context, id string) {
	if id == n.cfg.ID {
		n.differ()
		return
	}
	p, _ := n.peer(id)
	if _, err := n.exchange(ctx, p.API, &call{op: opDiffers}); err != nil {
		n.log.Error("a node that differs could not be told", "node", id, "err", err)
	}
}

// differ stops a node from serving: it is not ready, and does not lead.
func (n *Node) differ() {
	if n.differs.Swap(true) {
		return
	}
	n.log.Error("this node serves no more", "err", ErrDiffers)
	if n.raft.State().String() == "Leader" {
		go func() {
			if err := n.handOver(n.ctx, nil); err != nil {
				n.log.Warn("leadership was not handed over", "err", fmt.Errorf("audit: %w", err))
			}
		}()
	}
}
