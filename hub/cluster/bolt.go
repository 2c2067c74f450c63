package cluster

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"
)

// boltLog is a raft log and stable store in one bbolt file, for systems where
// raft-wal cannot run. Each StoreLogs is one synced transaction.
//
//	bucket "log":    8-byte index -> term 8 | type 1 | appended ns 8 | n uvarint, extensions | data
//	bucket "stable": key -> value
type boltLog struct{ db *bbolt.DB }

var (
	bucketLog    = []byte("log")
	bucketStable = []byte("stable")
)

// errNotFound is told apart by raft by its words alone.
var errNotFound = errors.New("not found")

// openTimeout is how long another process may hold the file.
const openTimeout = 2 * time.Second

// deleteChunk bounds one transaction of DeleteRange, so that compaction does
// not hold up appends for long.
const deleteChunk = 2048

func openBolt(path string) (*boltLog, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("open raft log: %w", err)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: openTimeout, FreelistType: bbolt.FreelistMapType, NoFreelistSync: true})
	if err != nil {
		return nil, fmt.Errorf("open raft log %s: %w", path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		_, e1 := tx.CreateBucketIfNotExists(bucketLog)
		_, e2 := tx.CreateBucketIfNotExists(bucketStable)
		return errors.Join(e1, e2)
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open raft log %s: %w", path, err), db.Close())
	}
	return &boltLog{db}, nil
}

// Close closes the file.
func (b *boltLog) Close() error { return b.db.Close() }

// IsMonotonic tells raft to leave no gaps, as raft-wal does.
func (b *boltLog) IsMonotonic() bool { return true }

// FirstIndex implements raft.LogStore.
func (b *boltLog) FirstIndex() (uint64, error) { return b.edge((*bbolt.Cursor).First) }

// LastIndex implements raft.LogStore.
func (b *boltLog) LastIndex() (uint64, error) { return b.edge((*bbolt.Cursor).Last) }

func (b *boltLog) edge(to func(*bbolt.Cursor) ([]byte, []byte)) (index uint64, err error) {
	err = b.db.View(func(tx *bbolt.Tx) error {
		if k, _ := to(tx.Bucket(bucketLog).Cursor()); k != nil {
			index = binary.BigEndian.Uint64(k)
		}
		return nil
	})
	return index, err
}

// GetLog implements raft.LogStore.
func (b *boltLog) GetLog(index uint64, l *raft.Log) error {
	return b.db.View(func(tx *bbolt.Tx) error {
		v := tx.Bucket(bucketLog).Get(indexKey(index))
		if v == nil {
			return raft.ErrLogNotFound
		}
		return decodeLog(index, v, l)
	})
}

// StoreLog implements raft.LogStore.
func (b *boltLog) StoreLog(l *raft.Log) error { return b.StoreLogs([]*raft.Log{l}) }

// StoreLogs implements raft.LogStore.
func (b *boltLog) StoreLogs(logs []*raft.Log) error {
	return b.db.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(bucketLog)
		bucket.FillPercent = 1 // keys only grow
		for _, l := range logs {
			if err := bucket.Put(indexKey(l.Index), encodeLog(l)); err != nil {
				return fmt.Errorf("store log %d: %w", l.Index, err)
			}
		}
		return nil
	})
}

// DeleteRange implements raft.LogStore. Raft deletes from one end of the log,
// so a crash between chunks has to leave that end shorter, not a hole: the
// front is deleted upwards, the tail downwards.
func (b *boltLog) DeleteRange(lo, hi uint64) error {
	last, err := b.LastIndex()
	if err != nil {
		return err
	}
	tail := hi >= last
	for done := false; !done; {
		err := b.db.Update(func(tx *bbolt.Tx) error {
			bucket := tx.Bucket(bucketLog)
			c := bucket.Cursor()
			// Deleting while a cursor moves skips keys: collect, then delete.
			var keys [][]byte
			k, step := seek(c, lo, hi, tail)
			for ; k != nil && len(keys) < deleteChunk; k = step() {
				if i := binary.BigEndian.Uint64(k); i < lo || i > hi {
					break
				}
				keys = append(keys, append([]byte(nil), k...))
			}
			for _, k := range keys {
				if err := bucket.Delete(k); err != nil {
					return err
				}
			}
			done = len(keys) < deleteChunk
			return nil
		})
		if err != nil {
			return fmt.Errorf("delete logs %d to %d: %w", lo, hi, err)
		}
	}
	return nil
}

// seek places a cursor at one end of [lo, hi] and returns how to go on.
func seek(c *bbolt.Cursor, lo, hi uint64, fromEnd bool) (key []byte, step func() []byte) {
	if !fromEnd {
		k, _ := c.Seek(indexKey(lo))
		return k, func() []byte { k, _ := c.Next(); return k }
	}
	prev := func() []byte { k, _ := c.Prev(); return k }
	k, _ := c.Seek(indexKey(hi))
	switch {
	case k == nil:
		k, _ = c.Last()
	case binary.BigEndian.Uint64(k) > hi:
		k = prev()
	}
	return k, prev
}

// Set implements raft.StableStore.
func (b *boltLog) Set(key, val []byte) error {
	return b.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucketStable).Put(key, val) })
}

// Get implements raft.StableStore.
func (b *boltLog) Get(key []byte) (val []byte, err error) {
	err = b.db.View(func(tx *bbolt.Tx) error {
		v := tx.Bucket(bucketStable).Get(key)
		if v == nil {
			return errNotFound
		}
		val = append([]byte(nil), v...)
		return nil
	})
	return val, err
}

// SetUint64 implements raft.StableStore.
func (b *boltLog) SetUint64(key []byte, n uint64) error { return b.Set(key, indexKey(n)) }

// GetUint64 implements raft.StableStore.
func (b *boltLog) GetUint64(key []byte) (uint64, error) {
	v, err := b.Get(key)
	if err != nil {
		return 0, err
	}
	if len(v) != 8 {
		return 0, fmt.Errorf("stable value %q has %d bytes", key, len(v))
	}
	return binary.BigEndian.Uint64(v), nil
}

func indexKey(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func encodeLog(l *raft.Log) []byte {
	v := make([]byte, 0, 17+binary.MaxVarintLen32+len(l.Extensions)+len(l.Data))
	v = binary.BigEndian.AppendUint64(v, l.Term)
	v = append(v, byte(l.Type))
	var at int64
	if !l.AppendedAt.IsZero() {
		at = l.AppendedAt.UnixNano()
	}
	v = binary.BigEndian.AppendUint64(v, uint64(at))
	v = binary.AppendUvarint(v, uint64(len(l.Extensions)))
	v = append(v, l.Extensions...)
	return append(v, l.Data...)
}

func decodeLog(index uint64, v []byte, l *raft.Log) error {
	if len(v) < 18 {
		return fmt.Errorf("read log %d: %d bytes", index, len(v))
	}
	*l = raft.Log{Index: index, Term: binary.BigEndian.Uint64(v), Type: raft.LogType(v[8])}
	if at := int64(binary.BigEndian.Uint64(v[9:])); at != 0 {
		l.AppendedAt = time.Unix(0, at)
	}
	n, k := binary.Uvarint(v[17:])
	rest := v[17+max(k, 0):]
	if k <= 0 || n > uint64(len(rest)) {
		return fmt.Errorf("read log %d: bad length", index)
	}
	// The bytes are the database's own and gone after the transaction.
	rest = append([]byte(nil), rest...)
	if n > 0 {
		l.Extensions = rest[:n:n]
	}
	l.Data = rest[n:]
	return nil
}
