package state

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/dgraph-io/badger/v4"
	"github.com/klauspost/compress/zstd"

	"shangu/sync/disk"
	"shangu/sync/frame"
)

// A snapshot is a header, then a zstd stream of frames:
//
//	bytes   what
//	8       "shangusn"
//	1       version, 1
//	zstd:
//	  4     length of the frame, big-endian; 0 ends the stream
//	  4     CRC32C of the frame
//	  n     pairs: uvarint length, key, uvarint length, value; in key order
//	  ...
//	  8     after the empty frame: how many pairs there were
const (
	snapshotMagic   = "shangusn"
	snapshotVersion = 1
	snapshotFrame   = 256 << 10
	maxFrame        = 8 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Snapshot is the state at one log entry. It holds a read transaction open
// until it is closed; applying goes on beside it.
type Snapshot struct {
	Index, Term uint64
	Trail       Head // how far the audit trail goes
	s           *State
	txn         *badger.Txn
}

// Snapshot fixes the present state for writing. It must not run beside
// ApplyBatch, as raft sees to.
func (s *State) Snapshot() (*Snapshot, error) {
	s.applying.Lock()
	defer s.applying.Unlock()
	if s.broken != nil {
		return nil, s.broken
	}
	s.mu.RLock() // released by Close: a restore waits for it
	at := s.progress()
	return &Snapshot{at.index, at.term, Head{at.count, at.head}, s, s.db.NewTransaction(false)}, nil
}

// Close lets the snapshot go.
func (n *Snapshot) Close() {
	if n.txn != nil {
		n.txn.Discard()
		n.txn = nil
		n.s.mu.RUnlock()
	}
}

// WriteTo writes the snapshot. It implements io.WriterTo.
func (n *Snapshot) WriteTo(w io.Writer) (int64, error) {
	count := &countingWriter{w: w}
	if err := n.write(count); err != nil {
		return count.n, fmt.Errorf("write snapshot: %w", err)
	}
	return count.n, nil
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

func (n *Snapshot) write(w io.Writer) error {
	if _, err := w.Write(append([]byte(snapshotMagic), snapshotVersion)); err != nil {
		return err
	}
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	if err != nil {
		return err
	}
	var pairs uint64
	buf := make([]byte, 8, snapshotFrame+64<<10)
	flush := func() error {
		binary.BigEndian.PutUint32(buf, uint32(len(buf)-8))
		binary.BigEndian.PutUint32(buf[4:], crc32.Checksum(buf[8:], castagnoli))
		_, err := z.Write(buf)
		buf = buf[:8]
		return err
	}
	err = each(n.txn, nil, func(key, v []byte) error {
		buf = binary.AppendUvarint(buf, uint64(len(key)))
		buf = append(buf, key...)
		buf = binary.AppendUvarint(buf, uint64(len(v)))
		buf = append(buf, v...)
		pairs++
		if len(buf) >= snapshotFrame {
			return flush()
		}
		return nil
	})
	if err == nil && len(buf) > 8 {
		err = flush()
	}
	if err == nil {
		err = flush()
	}
	if err == nil {
		_, err = z.Write(binary.BigEndian.AppendUint64(nil, pairs))
	}
	return errors.Join(err, z.Close())
}

// Restore replaces the state by a snapshot's: it is written to a new directory
// and synced, and only then does the pointer file name it. On an error the
// state is as it was, and the caller must treat that as fatal: the log behind
// the snapshot may be gone.
func (s *State) Restore(r io.Reader) error {
	if err := s.restore(r); err != nil {
		return fmt.Errorf("restore snapshot: %w", err)
	}
	return nil
}

func (s *State) restore(r io.Reader) error {
	s.applying.Lock()
	defer s.applying.Unlock()
	s.scrubbing.Lock()
	defer s.scrubbing.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.db.Opts().Dir
	n, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(was), "db-"))
	if err != nil {
		return err
	}
	name := "db-" + strconv.Itoa(n+1)
	dir := filepath.Join(s.dir, name)
	if err := disk.OS.Remove(dir); err != nil {
		return err
	}
	db, at, err := openDB(dir, s.o)
	if err == nil {
		err = fill(db, r)
		if err == nil {
			err = db.Sync()
		}
		// Reopened, because the progress is read on opening, and to see that it opens.
		if e := db.Close(); err == nil {
			err = e
		}
	}
	if err == nil {
		err = disk.SyncTree(dir)
	}
	if err == nil {
		db, at, err = openDB(dir, s.o)
	}
	if err == nil && at.index == 0 {
		db.Close()
		err = fmt.Errorf("%w: no applied index", frame.ErrFormat)
	}
	if err != nil {
		return errors.Join(err, disk.OS.Remove(dir))
	}
	if err := disk.WriteFile(filepath.Join(s.dir, current), []byte(name), 0o600); err != nil {
		return errors.Join(err, db.Close())
	}
	old := s.db
	s.db, s.broken, s.plain = db, nil, db.Opts().ExternalMagicVersion < magicLeaves
	s.setProgress(at)
	if err := errors.Join(s.forget(), old.Close()); err != nil {
		return err
	}
	return disk.OS.Remove(was)
}

// fill reads a snapshot into an empty database.
func fill(db *badger.DB, r io.Reader) error {
	head := make([]byte, len(snapshotMagic)+1)
	if _, err := io.ReadFull(r, head); err != nil {
		return err
	}
	if string(head[:8]) != snapshotMagic || head[8] != snapshotVersion {
		return fmt.Errorf("%w: not a snapshot of this version", frame.ErrFormat)
	}
	z, err := zstd.NewReader(bufio.NewReaderSize(r, 64<<10), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(32<<20))
	if err != nil {
		return err
	}
	defer z.Close()
	wb := db.NewWriteBatch()
	defer wb.Cancel()
	var pairs uint64
	for {
		var h [8]byte
		if _, err := io.ReadFull(z, h[:]); err != nil {
			return err
		}
		n := binary.BigEndian.Uint32(h[:])
		if n > maxFrame {
			return fmt.Errorf("frame of %d bytes: %w", n, frame.ErrLimit)
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(z, b); err != nil {
			return err
		}
		if crc32.Checksum(b, castagnoli) != binary.BigEndian.Uint32(h[4:]) {
			return fmt.Errorf("%w: checksum", frame.ErrFormat)
		}
		if n == 0 {
			break
		}
		for len(b) > 0 {
			var key, v []byte
			if key, b, err = cutBytes(b); err != nil {
				return err
			}
			if v, b, err = cutBytes(b); err != nil {
				return err
			}
			if err := wb.Set(key, v); err != nil {
				return err
			}
			pairs++
		}
	}
	var tail [8]byte
	if _, err := io.ReadFull(z, tail[:]); err != nil {
		return err
	}
	if want := binary.BigEndian.Uint64(tail[:]); want != pairs {
		return fmt.Errorf("%w: %d pairs of %d", frame.ErrFormat, pairs, want)
	}
	return wb.Flush()
}

func cutBytes(b []byte) (p, rest []byte, err error) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n > uint64(len(b)-k) {
		return nil, nil, fmt.Errorf("%w: pair cut short", frame.ErrFormat)
	}
	return b[k : k+int(n)], b[k+int(n):], nil
}
