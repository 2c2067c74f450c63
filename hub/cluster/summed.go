package cluster

import (
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"

	"shangu/sync/disk"
)

// summedSnapshots are raft's snapshot files with a checksum over what raft says
// of each, its index, term and members: of its content alone raft keeps one. It
// stands in the file meta.sum beside the others, 8 hexadecimal digits of CRC32C;
// a snapshot that v0.3.0 took has none. One whose checksum does not fit is as
// good as not there.
type summedSnapshots struct {
	*raft.FileSnapshotStore
	dir string
	log *slog.Logger
}

func (s summedSnapshots) file(id, name string) string {
	return filepath.Join(s.dir, "snapshots", id, name)
}

// metaSum is the checksum of what raft says of a snapshot.
func (s summedSnapshots) metaSum(id string) (string, error) {
	b, err := os.ReadFile(s.file(id, "meta.json"))
	return fmt.Sprintf("%08x", crc32.Checksum(b, castagnoli)), err
}

// List implements raft.SnapshotStore.
func (s summedSnapshots) List() ([]*raft.SnapshotMeta, error) {
	list, err := s.FileSnapshotStore.List()
	if err != nil {
		return nil, err
	}
	sound := list[:0]
	for _, m := range list {
		want, err := os.ReadFile(s.file(m.ID, "meta.sum"))
		if err == nil {
			var is string
			if is, err = s.metaSum(m.ID); err == nil && is != string(want) {
				s.log.Error("a snapshot is damaged", "id", m.ID)
				continue
			}
		}
		if err != nil && !os.IsNotExist(err) {
			return nil, fmt.Errorf("read snapshot %s: %w", m.ID, err)
		}
		sound = append(sound, m)
	}
	return sound, nil
}

// Create implements raft.SnapshotStore.
func (s summedSnapshots) Create(version raft.SnapshotVersion, index, term uint64, c raft.Configuration, at uint64, t raft.Transport) (raft.SnapshotSink, error) {
	sink, err := s.FileSnapshotStore.Create(version, index, term, c, at, t)
	if err != nil {
		return nil, err
	}
	return &summedSink{SnapshotSink: sink, in: s}, nil
}

type summedSink struct {
	raft.SnapshotSink
	in   summedSnapshots
	done bool // raft closes a sink again that its FSM has closed, and cancels ones
}

// Close implements io.Closer.
func (s *summedSink) Close() error {
	if err := s.SnapshotSink.Close(); err != nil || s.done {
		return err
	}
	s.done = true
	sum, err := s.in.metaSum(s.ID())
	if err == nil {
		err = disk.WriteFile(s.in.file(s.ID(), "meta.sum"), []byte(sum), 0o600)
	}
	if err != nil {
		return fmt.Errorf("sum snapshot %s: %w", s.ID(), err)
	}
	return nil
}

// Cancel implements raft.SnapshotSink.
func (s *summedSink) Cancel() error {
	s.done = true
	return s.SnapshotSink.Cancel()
}
