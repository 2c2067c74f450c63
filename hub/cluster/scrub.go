package cluster

import (
	"context"
	"errors"
	"hash/fnv"
	"time"

	"shangu/hub/state"
)

// ErrRotten: the disk does not give back what this node wrote to it. Started
// anew, the node sees so before it serves, and makes its state of its snapshot
// and log.
var ErrRotten = errors.New("cluster: this node's disk damaged its state")

// scrubPause is the rest between two schools: nothing waits for a scrub, and
// everything else waits for the disk.
const scrubPause = 100 * time.Millisecond

// handOvers is how often a leader with a damaged state tries to have another lead
// before it ends all the same.
const handOvers = 10

// scrubbed is what a node's last scrub found.
type scrubbed struct {
	at    int64 // unix seconds; 0: there was none since it started
	flaws []state.Flaw
}

// scrubbing reads the whole state anew now and then. Opening it reads every
// block, so the first time is a while after that, and another one on each node.
func (n *Node) scrubbing() {
	h := fnv.New32a()
	h.Write([]byte(n.cfg.ID))
	t := time.NewTimer(n.cfg.ScrubEvery/2 + n.cfg.ScrubEvery/2*time.Duration(h.Sum32()%64)/64)
	defer t.Stop()
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-t.C:
		}
		n.scrub()
		t.Reset(n.cfg.ScrubEvery)
	}
}

// scrub looks once, and does what follows from it. A node whose disk fails it
// ends and begins anew, a leader after another leads. One whose documents are
// not what its digests say, while another's are, serves no more (audit.go): its
// own snapshots may hold the same, so that beginning anew is no cure. Where all
// nodes find such a thing it is the program's doing, and stopping helps nobody.
func (n *Node) scrub() {
	began := n.deps.Now()
	d, flaws, err := n.deps.State.Scrub(n.ctx, func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(scrubPause):
			return nil
		}
	})
	switch {
	case n.ctx.Err() != nil:
		return
	case errors.Is(err, state.ErrDamaged):
		n.log.Error("the disk damaged this node's state; the node begins anew and heals it", "err", err)
		n.stepAside()
		n.fail(errors.Join(ErrRotten, err))
		return
	case err != nil:
		n.log.Warn("the state could not be read through", "err", err)
		return
	}
	n.scrubbed.Store(&scrubbed{n.now(), flaws})
	if len(flaws) == 0 {
		n.log.Info("the state was read through", "documents", d.Documents, "scopes", d.Scopes, "took", n.deps.Now().Sub(began).String())
		return
	}
	for _, f := range flaws {
		n.log.Error("this node's documents are not what their digests say", "what", f.Why)
	}
	if n.anotherIsSound() {
		n.differ()
	}
}

// stepAside has another node lead. One that started a moment ago does not stand
// for election before it is vouched for, which raft does not know.
func (n *Node) stepAside() {
	for range handOvers {
		if !n.Leads() || len(n.voters()) < 2 {
			return
		}
		err := n.handOver(n.ctx, nil)
		if err == nil {
			return
		}
		n.log.Warn("leadership was not handed over", "err", err)
		select {
		case <-n.ctx.Done():
			return
		case <-time.After(joinEvery):
		}
	}
}

// anotherIsSound reports whether some other node read its state through and
// found nothing.
func (n *Node) anotherIsSound() bool {
	ctx, cancel := context.WithTimeout(n.ctx, vetTimeout)
	defer cancel()
	for _, s := range n.servers() {
		id := nameOf(s.ID)
		p, ok := n.peer(id)
		if !ok || id == n.cfg.ID {
			continue
		}
		if v, err := n.ask(ctx, p.API); err == nil && v.scrubbed > 0 && v.flaws == 0 {
			return true
		}
	}
	return false
}
