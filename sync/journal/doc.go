// Package journal is the agent's outbox and the first thing that is written: an
// append-only file of entries in their canonical bytes, cut into segments, each
// save one record, durable before anybody is told that it is saved.
//
// A journal holds one chain. It hashes the entries' bytes and numbers them, and
// knows nothing of what they say. It imports sync/frame for the tip, sync/change
// for the chain's name, sync/disk and, where it has a key, sync/seal; the disk, and the word on how much room is
// left, are passed in. The format is a table in DESIGN.md.
package journal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"shangu/sync/disk"
	"shangu/sync/seal"
)

// Errors of this package. Callers test with errors.Is.
var (
	// ErrDiskFull: there is less room than MinFree; nothing was written.
	ErrDiskFull = errors.New("journal: the disk is nearly full")
	// ErrDamaged: bytes that were durable once are no longer what they were.
	// Nothing is changed, so that Salvage can read what is left.
	ErrDamaged = errors.New("journal: damaged")
	// ErrChain: the files belong to another chain.
	ErrChain = errors.New("journal: files of another chain")
	// ErrMissing: there is no journal in the directory.
	ErrMissing = errors.New("journal: no segment")
	// ErrBefore: the entries asked for are before the oldest segment.
	ErrBefore = errors.New("journal: entries before the oldest segment")
	// ErrTooLarge: a batch over MaxBatch.
	ErrTooLarge = errors.New("journal: batch too large")
	// ErrClosed: the journal was closed.
	ErrClosed = errors.New("journal: closed")
)

// DamageError says where a journal is damaged. It is ErrDamaged.
type DamageError struct {
	File   string
	Offset int64  // of the record that is not whole
	Seq    uint64 // of the first entry that cannot be read
	Why    string
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("%v: %s at byte %d, entry %d: %s", ErrDamaged, e.File, e.Offset, e.Seq, e.Why)
}

func (e *DamageError) Unwrap() error { return ErrDamaged }

// DefaultSegment is a segment's size in bytes: a school's entries of about a
// year, and little enough to read whole at each start.
const DefaultSegment = 1 << 20

// MaxBatch is the most that one Append may write, in bytes of entries. It is
// what recovery holds in memory at once.
const MaxBatch = 32 << 20

// Options are a journal's settings. The zero value is the agent's.
type Options struct {
	// FS is the disk; nil is the real one.
	FS disk.FS
	// SegmentSize is the size in bytes that segments are preallocated to,
	// DefaultSegment if 0. A larger batch gets a segment of its own size.
	SegmentSize int64
	// Free says how many bytes the disk has left; nil: nobody asks.
	Free func() (uint64, error)
	// MinFree is the room in bytes below which Append refuses.
	MinFree uint64
	// Key seals the records; the zero key leaves them plain. Segments of
	// before there was a key are sealed when the journal is opened.
	Key seal.Key
	// Rand gives the nonces of sealed records; nil is the system's.
	Rand io.Reader
}

func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = disk.OS
	}
	if o.SegmentSize <= 0 {
		o.SegmentSize = DefaultSegment
	}
	o.SegmentSize = max(o.SegmentSize, headerSealed+recordHeader)
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	return o
}
