package cluster

import (
	"bufio"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/hashicorp/raft"

	"shangu/sync/seal"
)

// sealedLog seals what log entries say before they reach the disk. Which term
// an entry is of, and its place, stay readable; they are authenticated with it.
// Raft's few stable values, its term and its vote, are left as they are.
//
// An entry's extensions, which we use for nothing else, say that it is sealed:
//
//	bytes  meaning
//	1      1
//	12     nonce
//
// and its data is what AES-256-GCM makes of it, with its tag. An entry of before
// there was a key has no extensions and is read as it is. Where those end stands
// beside raft's values, so that an entry whose extensions rotted is not taken for
// one of them.
type sealedLog struct {
	LogStore
	aead cipher.AEAD
	from uint64 // the first entry that is sealed
}

// keySealedFrom names the first sealed entry in the stable store.
var keySealedFrom = []byte("SealedFrom")

const (
	sealedMark      = 1
	sealedExtension = 1 + seal.NonceSize
)

func newSealedLog(l LogStore, k seal.Key) (s sealedLog, err error) {
	s = sealedLog{LogStore: l, aead: k.AEAD("raft log")}
	if s.from, err = stable(l, keySealedFrom); err != nil || s.from > 0 {
		return s, err
	}
	first, err := l.FirstIndex()
	if err != nil {
		return s, fmt.Errorf("look for sealed entries: %w", err)
	}
	last, err := l.LastIndex()
	if err != nil {
		return s, fmt.Errorf("look for sealed entries: %w", err)
	}
	for s.from = max(first, 1); s.from <= last; s.from++ {
		var e raft.Log
		if err := l.GetLog(s.from, &e); err != nil {
			return s, fmt.Errorf("look for sealed entries: %w", err)
		}
		if isSealed(&e) {
			break
		}
	}
	if err := l.SetUint64(keySealedFrom, s.from); err != nil {
		return s, fmt.Errorf("note the first sealed entry: %w", err)
	}
	return s, nil
}

func isSealed(l *raft.Log) bool {
	return len(l.Extensions) == sealedExtension && l.Extensions[0] == sealedMark
}

// bound is what an entry's seal is good for.
func bound(l *raft.Log) []byte {
	b := binary.BigEndian.AppendUint64(nil, l.Index)
	b = binary.BigEndian.AppendUint64(b, l.Term)
	return append(b, byte(l.Type))
}

// StoreLog implements raft.LogStore.
func (s sealedLog) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

// StoreLogs implements raft.LogStore. The entries are raft's own and stay as
// they are.
func (s sealedLog) StoreLogs(logs []*raft.Log) error {
	out := make([]*raft.Log, len(logs))
	for i, l := range logs {
		ext := make([]byte, sealedExtension)
		ext[0] = sealedMark
		if _, err := rand.Read(ext[1:]); err != nil {
			return fmt.Errorf("seal log %d: %w", l.Index, err)
		}
		c := *l
		c.Extensions, c.Data = ext, s.aead.Seal(nil, ext[1:], l.Data, bound(l))
		out[i] = &c
	}
	return s.LogStore.StoreLogs(out)
}

// GetLog implements raft.LogStore.
func (s sealedLog) GetLog(index uint64, l *raft.Log) error {
	if err := s.LogStore.GetLog(index, l); err != nil {
		return err
	}
	if !isSealed(l) {
		if index >= s.from {
			return fmt.Errorf("read log %d: %w", index, seal.ErrForged)
		}
		return nil
	}
	data, err := s.aead.Open(nil, l.Extensions[1:], l.Data, bound(l))
	if err != nil {
		return fmt.Errorf("read log %d: %w", index, seal.ErrForged)
	}
	l.Data, l.Extensions = data, nil
	return nil
}

// IsMonotonic implements raft.MonotonicLogStore: what the log beneath says.
func (s sealedLog) IsMonotonic() bool {
	m, ok := s.LogStore.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

// sealedSnapshots seals snapshots on their way to the disk, those of this node
// and those that a leader sends. Whoever opens one gets its content, and its
// length as it is sent: a follower counts the bytes.
type sealedSnapshots struct {
	raft.SnapshotStore
	key seal.Key
}

// Create implements raft.SnapshotStore.
func (s sealedSnapshots) Create(version raft.SnapshotVersion, index, term uint64, c raft.Configuration, at uint64, t raft.Transport) (raft.SnapshotSink, error) {
	sink, err := s.SnapshotStore.Create(version, index, term, c, at, t)
	if err != nil {
		return nil, err
	}
	w, err := s.key.Writer(sink)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("seal snapshot: %w", err), sink.Cancel())
	}
	return &sealedSink{sink, w}, nil
}

type sealedSink struct {
	raft.SnapshotSink
	w io.WriteCloser // nil once it is closed: raft closes a sink again that its FSM has closed
}

// Write implements io.Writer.
func (s *sealedSink) Write(b []byte) (int, error) { return s.w.Write(b) }

// Close implements io.Closer: the snapshot is whole.
func (s *sealedSink) Close() error {
	if s.w != nil {
		if err := s.w.Close(); err != nil {
			return errors.Join(fmt.Errorf("seal snapshot: %w", err), s.SnapshotSink.Cancel())
		}
		s.w = nil
	}
	return s.SnapshotSink.Close()
}

// Open implements raft.SnapshotStore. A snapshot of before there was a key is
// read as it is.
func (s sealedSnapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	meta, r, err := s.SnapshotStore.Open(id)
	if err != nil {
		return nil, nil, err
	}
	br := bufio.NewReader(r)
	if b, err := br.Peek(seal.StreamMagic); err != nil || !seal.IsStream(b) {
		return meta, opened{br, r}, nil
	}
	plain, size, err := s.key.Reader(br, meta.Size)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open snapshot %s: %w", id, err), r.Close())
	}
	m := *meta
	m.Size = size
	return &m, opened{plain, r}, nil
}

type opened struct {
	io.Reader
	io.Closer
}
