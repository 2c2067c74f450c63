package cluster

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
)

// keyCurrentTerm is raft's name for its term in the stable store.
var keyCurrentTerm = []byte("CurrentTerm")

// revive lets a cluster of one begin on a state that has applied entries but
// has no log: one from a backup. Raft gets a snapshot of just that index and
// term whose only member is this node, so that its log goes on behind what the
// state holds. An empty state, or a node with a log, is left as it is.
func (n *Node) revive() error {
	d := n.deps
	index, term := d.State.Applied()
	has, err := raft.HasExistingState(d.Logs, d.Logs, d.Snapshots)
	if err != nil || has || index == 0 {
		return err
	}
	if err := d.Logs.SetUint64(keyCurrentTerm, term); err != nil {
		return fmt.Errorf("revive: set term: %w", err)
	}
	members := raft.Configuration{Servers: []raft.Server{n.self()}}
	sink, err := d.Snapshots.Create(raft.SnapshotVersionMax, index, term, members, index, d.Transport)
	if err != nil {
		return fmt.Errorf("revive: create snapshot: %w", err)
	}
	view, err := d.State.Snapshot()
	if err == nil {
		err = writeSnapshot(sink, view)
		view.Close()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("revive: %w", err), sink.Cancel())
	}
	return sink.Close()
}
