package cluster

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/hashicorp/raft"

	"shangu/hub/state"
)

// snapshotMagic begins every snapshot; 8 bytes follow, the index of the last
// command in it, then the state. Raft's own index of a snapshot may be that of
// an entry without a command, which the state never sees.
const snapshotMagic = "shangu snapshot 1\n"

// errFailed answers entries after the state could not take one.
var errFailed = errors.New("cluster: the node's state failed")

// ErrStuck: this node can take no entry any more until it is started anew: the
// end of its log was cut off and what follows could not be written (diskwatch.go),
// or a leader sends it one snapshot over and over. A node whose log
// holds entries that were never committed, up to where the snapshot ends or past
// it, goes on taking them for its last ones when it has installed the snapshot,
// and refuses what follows it (raft keeps its last index and term in memory, and
// forgets to reset them). Started anew it takes the snapshot for its last entry.
var ErrStuck = errors.New("cluster: this node cannot go on with its log as raft knows it")

// maxSame is how many snapshots of one index may follow each other: where nothing
// but changes of membership happened in between there are some.
const maxSame = 4

// fsm is the thin layer between raft and the state.
type fsm struct {
	state *state.State
	fatal func(error) // called once, with the first failure
	// mayDump says why there is no room for a snapshot, nil when there is.
	mayDump func() error

	mu      sync.Mutex
	applied uint64        // index of the last command that the state holds
	moved   chan struct{} // closed when applied grows
	err     error         // why the state takes nothing any more
	restore error         // the last failed restore, for Open
	same    int           // snapshots of one index that were restored, one after the other
}

func newFSM(s *state.State, fatal func(error)) *fsm {
	index, _ := s.Applied()
	return &fsm{state: s, fatal: fatal, applied: index, moved: make(chan struct{})}
}

// Apply implements raft.FSM.
func (f *fsm) Apply(l *raft.Log) any { return f.ApplyBatch([]*raft.Log{l})[0] }

// ApplyBatch implements raft.BatchingFSM. A command's result is its []byte or
// an error.
func (f *fsm) ApplyBatch(logs []*raft.Log) []any {
	out := make([]any, len(logs))
	entries := make([]state.LogEntry, 0, len(logs))
	at := make([]int, 0, len(logs))
	for i, l := range logs {
		if l.Type == raft.LogCommand {
			entries = append(entries, state.LogEntry{Index: l.Index, Term: l.Term, Data: l.Data})
			at = append(at, i)
		}
	}
	if len(entries) == 0 {
		return out
	}
	results, err := f.apply(entries)
	for j, i := range at {
		if err != nil {
			out[i] = err
			continue
		}
		out[i] = results[j]
	}
	return out
}

func (f *fsm) apply(entries []state.LogEntry) ([][]byte, error) {
	if err := f.failure(); err != nil {
		return nil, err
	}
	results, err := f.state.ApplyBatch(entries)
	if err == nil && len(results) != len(entries) {
		err = fmt.Errorf("%d results for %d entries", len(results), len(entries))
	}
	if err != nil {
		return nil, f.fail(fmt.Errorf("apply log %d: %w", entries[0].Index, err))
	}
	f.advance(entries[len(entries)-1].Index)
	return results, nil
}

func (f *fsm) advance(index uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if index > f.applied {
		f.same = 0
	}
	f.applied = index
	close(f.moved)
	f.moved = make(chan struct{})
}

// again counts a snapshot of the index that the last one had.
func (f *fsm) again(index uint64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.applied != index {
		return nil
	}
	if f.same++; f.same > maxSame {
		return ErrStuck
	}
	return nil
}

func (f *fsm) failure() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// fail stops the state: an entry that one node skips would make it differ from
// the others for ever. Its index was not stored, so a restart tries it again.
func (f *fsm) fail(err error) error {
	err = fmt.Errorf("%w: %w", errFailed, err)
	f.mu.Lock()
	first := f.err == nil
	if first {
		f.err = err
	}
	f.mu.Unlock()
	if first {
		f.fatal(err)
	}
	return err
}

// wait returns when the state holds the command at index.
func (f *fsm) wait(ctx context.Context, index uint64) error {
	for {
		f.mu.Lock()
		applied, moved, err := f.applied, f.moved, f.err
		f.mu.Unlock()
		switch {
		case err != nil:
			return err
		case applied >= index:
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Snapshot implements raft.FSM.
func (f *fsm) Snapshot() (raft.FSMSnapshot, error) {
	if err := f.failure(); err != nil {
		return nil, err
	}
	if f.mayDump != nil {
		if err := f.mayDump(); err != nil {
			return nil, fmt.Errorf("take snapshot: %w", err)
		}
	}
	s, err := f.state.Snapshot()
	if err != nil {
		return nil, fmt.Errorf("take snapshot: %w", err)
	}
	return &snapshot{state: f.state, view: s}, nil
}

// Restore implements raft.FSM. A state that could not be restored is of no use
// to anybody, so it ends the node.
func (f *fsm) Restore(r io.ReadCloser) error {
	defer r.Close()
	err := f.load(r)
	if err != nil {
		err = fmt.Errorf("restore snapshot: %w", err)
		f.mu.Lock()
		f.restore = err
		f.mu.Unlock()
		return f.fail(err)
	}
	index, _ := f.state.Applied()
	f.advance(index)
	return nil
}

func (f *fsm) load(r io.Reader) error {
	br := bufio.NewReaderSize(r, 64<<10)
	index, err := readSnapshotHeader(br)
	if err == nil {
		err = errors.Join(f.failure(), f.again(index))
	}
	if err != nil {
		return err
	}
	return f.state.Restore(br)
}

// snapshot implements raft.FSMSnapshot.
type snapshot struct {
	state *state.State
	view  *state.Snapshot
}

// Persist implements raft.FSMSnapshot. The state is made durable before the
// snapshot is: from then on the log before it may go.
func (s *snapshot) Persist(sink raft.SnapshotSink) error {
	err := s.state.Sync()
	if err == nil {
		err = writeSnapshot(sink, s.view)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("persist snapshot: %w", err), sink.Cancel())
	}
	if err := sink.Close(); err != nil {
		return fmt.Errorf("persist snapshot: %w", err)
	}
	return nil
}

// Release implements raft.FSMSnapshot.
func (s *snapshot) Release() { s.view.Close() }

func writeSnapshot(w io.Writer, view *state.Snapshot) error {
	bw := bufio.NewWriterSize(w, 64<<10)
	bw.WriteString(snapshotMagic)
	bw.Write(binary.BigEndian.AppendUint64(nil, view.Index))
	if _, err := view.WriteTo(bw); err != nil {
		return err
	}
	return bw.Flush()
}

func readSnapshotHeader(r io.Reader) (index uint64, err error) {
	b := make([]byte, len(snapshotMagic)+8)
	if _, err := io.ReadFull(r, b); err != nil {
		return 0, fmt.Errorf("read snapshot header: %w", err)
	}
	if string(b[:len(snapshotMagic)]) != snapshotMagic {
		return 0, errors.New("read snapshot header: not a snapshot of ours")
	}
	return binary.BigEndian.Uint64(b[len(snapshotMagic):]), nil
}

// covered reports whether the state already holds what the newest snapshot
// holds, so that it need not be restored. Where it does not, it must be: raft
// would go on behind the snapshot and silently leave out what the state lost.
func covered(snaps raft.SnapshotStore, s *state.State) (bool, error) {
	list, err := snaps.List()
	if err != nil {
		return false, fmt.Errorf("list snapshots: %w", err)
	}
	if len(list) == 0 {
		return true, nil
	}
	_, r, err := snaps.Open(list[0].ID)
	if err != nil {
		return false, fmt.Errorf("open snapshot %s: %w", list[0].ID, err)
	}
	defer r.Close()
	need, err := readSnapshotHeader(r)
	if err != nil {
		return false, fmt.Errorf("snapshot %s: %w", list[0].ID, err)
	}
	have, _ := s.Applied()
	return have >= need, nil
}
