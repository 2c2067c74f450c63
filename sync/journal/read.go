package journal

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sort"

	"shangu/sync/disk"
	"shangu/sync/frame"
)

// cursor reads records one after the other.
type cursor struct {
	f      disk.File
	at     int64
	size   int64
	cover  cover
	either bool   // records that are plain will do, too
	plain  []byte // room for what was opened

	win  []byte // bytes of the file from base on
	base int64
}

// window is how much a cursor reads at a time, in bytes.
const window = 64 << 10

// view returns n bytes at the cursor, fewer at the end of the file.
func (c *cursor) view(n int64) ([]byte, error) {
	n = min(n, c.size-c.at)
	if off := c.at - c.base; off >= 0 && off+n <= int64(len(c.win)) {
		return c.win[off : off+n], nil
	}
	want := min(max(n, window), c.size-c.at)
	if int64(cap(c.win)) < want {
		c.win = make([]byte, want)
	}
	c.win, c.base = c.win[:want], c.at
	k, err := c.f.ReadAt(c.win, c.at)
	c.win = c.win[:k]
	if err != nil && (err != io.EOF || int64(k) < n) {
		return nil, err
	}
	return c.win[:n], nil
}

// next reads the record at the cursor and moves past it; ok is false, and the
// cursor stays, when there is no whole record. first is the seq that it must
// begin with, 0 for any. The record is valid until the next call. A record that
// begins with first and is not what was sealed is errForged.
func (c *cursor) next(first uint64) (r record, ok bool, err error) {
	head, err := c.view(recordHeader)
	if err != nil {
		return r, false, err
	}
	r, ok = parseRecordHeader(head, c.size-c.at)
	if !ok || first != 0 && r.first != first {
		return r, false, nil
	}
	b, err := c.view(r.size)
	if err != nil {
		return r, false, err
	}
	if r, ok = parseRecord(b); !ok {
		return r, false, nil
	}
	payload, err := c.cover.open(b, r.payload, c.plain)
	switch {
	case err == nil:
		if c.cover.sealed() {
			c.plain = payload
		}
		r.payload = payload
	case !c.either:
		if first == 0 {
			err = nil
		}
		return r, false, err
	}
	if !r.counted() {
		return r, false, nil
	}
	c.at += r.size
	return r, true, nil
}

// Read calls f for the durable entries from seq on, each in its canonical bytes,
// which are valid during the call, until f returns false. It sees what was
// durable when it began, and holds up no save. It fails with ErrBefore,
// ErrDamaged or the disk's error.
func (j *Journal) Read(from uint64, f func(seq uint64, entry []byte) bool) error {
	err := j.scan(from, false, func(seq uint64, e []byte, _ frame.Tip) bool { return f(seq, e) })
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	return nil
}

// TipAt returns the chain's tip at seq; ok is false when the journal does not
// reach there. In the newest segment it costs the hashing of
// 32 KiB, in an older one of that segment.
func (j *Journal) TipAt(seq uint64) (tip frame.Tip, ok bool, err error) {
	j.mu.Lock()
	if seq == j.durable.Seq {
		defer j.mu.Unlock()
		return j.durable, true, nil
	}
	oldest := j.segments[0].first
	beyond := seq > j.durable.Seq
	j.mu.Unlock()
	if beyond || seq+1 < oldest {
		return tip, false, nil
	}
	// The entry after seq knows the tip before it.
	err = j.scan(seq+1, true, func(_ uint64, _ []byte, before frame.Tip) bool {
		tip, ok = before, true
		return false
	})
	if err != nil {
		return tip, false, fmt.Errorf("tip %d: %w", seq, err)
	}
	return tip, ok, nil
}

// Verify reads everything: each record's checksum, each entry's place, each
// segment's header against the hash of all before it. check, if not nil, sees
// every entry.
func (j *Journal) Verify(check func(seq uint64, entry []byte) error) error {
	j.mu.Lock()
	first, tip := j.segments[0].first, j.durable
	j.mu.Unlock()
	var failed error
	last := first - 1
	err := j.scan(first, true, func(seq uint64, e []byte, before frame.Tip) bool {
		last = seq
		if seq == tip.Seq && before.Next(e) != tip {
			failed = fmt.Errorf("%w: the chain's hash at entry %d is not the one at opening", ErrDamaged, seq)
		} else if check != nil {
			failed = check(seq, e)
		}
		return failed == nil && seq < tip.Seq
	})
	switch {
	case err != nil:
		return fmt.Errorf("verify journal: %w", err)
	case failed != nil:
		return fmt.Errorf("verify journal: %w", failed)
	case last < tip.Seq:
		return fmt.Errorf("verify journal: %w: ends at entry %d of %d", ErrDamaged, last, tip.Seq)
	}
	return nil
}

// scan calls f for every durable entry from seq on, with the tip before it if
// hash is set, until f returns false.
func (j *Journal) scan(from uint64, hash bool, f func(seq uint64, entry []byte, before frame.Tip) bool) error {
	j.mu.Lock()
	segments, durable, end, marks := j.segments, j.durable, j.end, j.marks
	j.mu.Unlock()
	if from > durable.Seq {
		return nil
	}
	if from == 0 || from < segments[0].first {
		return fmt.Errorf("%w: %d, the oldest is %d", ErrBefore, from, segments[0].first)
	}
	i := sort.Search(len(segments), func(i int) bool { return segments[i].first > from }) - 1
	var before frame.Tip // of the segment at hand, from the one before it
	for ; i < len(segments); i++ {
		s := scanner{j: j, seg: segments[i], last: durable.Seq, hash: hash}
		if i+1 < len(segments) {
			s.last = segments[i+1].first - 1
		} else {
			s.end = end
			s.marks = marks
		}
		tip, more, err := s.run(from, before, f)
		if err != nil || !more {
			return err
		}
		before = tip
	}
	return nil
}

// scanner reads one segment.
type scanner struct {
	j     *Journal
	seg   segment
	last  uint64 // seq of its last entry that is durable
	end   int64  // where that ends; 0 in a sealed segment
	marks []mark
	hash  bool
}

func (s *scanner) run(from uint64, expect frame.Tip, f func(uint64, []byte, frame.Tip) bool) (tip frame.Tip, more bool, err error) {
	file, err := s.j.opts.FS.Open(filepath.Join(s.j.dir, s.seg.name()), false)
	if err != nil {
		return tip, false, err
	}
	defer file.Close()
	h, cov, err := s.j.readHeader(file, s.seg)
	if err != nil {
		return tip, false, err
	}
	tip = h.before
	if s.hash && expect.Seq > 0 && expect != tip {
		return tip, false, &DamageError{s.seg.name(), 0, s.seg.first, "its header does not continue the segment before it"}
	}
	c := cursor{f: file, at: h.size(), size: s.end, cover: cov}
	if s.end == 0 {
		if c.size, err = file.Size(); err != nil {
			return tip, false, err
		}
	}
	if i := sort.Search(len(s.marks), func(i int) bool { return s.marks[i].before.Seq >= from }) - 1; i >= 0 {
		c.at, tip = s.marks[i].offset, s.marks[i].before
	}
	for tip.Seq < s.last {
		r, ok, err := c.next(tip.Seq + 1)
		if errors.Is(err, errForged) {
			return tip, false, &DamageError{s.seg.name(), c.at, tip.Seq + 1, err.Error()}
		}
		if err != nil {
			return tip, false, err
		}
		if !ok {
			return tip, false, &DamageError{s.seg.name(), c.at, tip.Seq + 1, "no whole record there"}
		}
		for rest := r.payload; len(rest) > 0; {
			var e []byte
			e, rest, _ = cutEntry(rest)
			if tip.Seq+1 >= from && !f(tip.Seq+1, e, tip) {
				return tip, false, nil
			}
			if s.hash {
				tip = tip.Next(e)
			} else {
				tip.Seq++
			}
		}
	}
	if tip.Seq != s.last {
		return tip, false, &DamageError{s.seg.name(), c.at, s.last + 1, "its last record runs into the next segment"}
	}
	return tip, true, nil
}
