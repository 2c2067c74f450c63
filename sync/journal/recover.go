package journal

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"shangu/sync/change"
	"shangu/sync/disk"
)

// tornSuffix is added to the name of a segment for the bytes of a save that the
// power cut tore: nobody was told that it was saved, but they are kept.
const tornSuffix = ".torn"

// maxTorn is the most of a torn save that is kept, in bytes.
const maxTorn = 64 << 10

// Open opens a journal. It reads the newest segment only. A save that a power
// cut tore is cut off, its bytes kept beside the segment; a record that was
// durable and is no longer whole is ErrDamaged, and records that are sealed under
// another key are seal.ErrKey: nothing is changed then.
func Open(dir string, chain change.ChainID, o Options) (*Journal, error) {
	j := &Journal{dir: dir, chain: chain, opts: o.withDefaults()}
	j.own = newCover(j.opts.Key, j.opts.Rand)
	if err := j.open(); err != nil {
		if j.active != nil {
			j.active.Close()
		}
		return nil, fmt.Errorf("open journal: %w", err)
	}
	return j, nil
}

func (j *Journal) open() error {
	names, err := j.opts.FS.List(j.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if s, ok := parseName(name); ok {
			j.segments = append(j.segments, s) // List sorts, and names sort by seq
		} else if name == tempName {
			if err := j.opts.FS.Remove(filepath.Join(j.dir, name)); err != nil {
				return err
			}
		}
	}
	if len(j.segments) == 0 {
		return fmt.Errorf("%w in %s", ErrMissing, j.dir)
	}
	if err := j.openNewest(); err != nil {
		return err
	}
	if j.cover.sealed() == j.own.sealed() {
		return nil
	}
	if err := j.sealOld(); !disk.IsFull(err) {
		return err
	}
	// There is no room to seal anything now. What is saved is saved plain until
	// the next opening.
	return nil
}

// openNewest opens the segment that is written to, and finds its end.
func (j *Journal) openNewest() (err error) {
	newest := j.segments[len(j.segments)-1]
	if j.active, err = j.opts.FS.Open(filepath.Join(j.dir, newest.name()), false); err != nil {
		return err
	}
	if j.size, err = j.active.Size(); err != nil {
		return err
	}
	h, c, err := j.readHeader(j.active, newest)
	if err != nil {
		return err
	}
	j.start, j.cover, j.marks = h.before, c, nil
	return j.recover(newest.name())
}

// readHeader reads a segment's header, and how its records are covered.
func (j *Journal) readHeader(f disk.File, s segment) (h header, c cover, err error) {
	b := make([]byte, headerSealed)
	n, err := f.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return h, c, err
	}
	h, ok := parseHeader(b[:n])
	switch {
	case !ok || h.before.Seq+1 != s.first:
		return h, c, &DamageError{s.name(), 0, s.first, "its header is not whole"}
	case h.chain != j.chain:
		return h, c, fmt.Errorf("%w: %x", ErrChain, h.chain)
	}
	c, err = h.cover(j.own)
	return h, c, err
}

// recover finds the end of the newest segment.
func (j *Journal) recover(name string) error {
	j.durable, j.end = j.start, j.begins()
	c := cursor{f: j.active, at: j.end, size: j.size, cover: j.cover}
	for {
		r, ok, err := c.next(j.durable.Seq + 1)
		if errors.Is(err, errForged) {
			return &DamageError{name, j.end, j.durable.Seq + 1, err.Error()}
		}
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		j.addMark(mark{j.end, j.durable})
		for rest := r.payload; len(rest) > 0; {
			var e []byte
			e, rest, _ = cutEntry(rest)
			j.durable = j.durable.Next(e)
		}
		j.end = c.at
	}
	j.next = j.durable
	return j.cutTail(name)
}

// cutTail deals with what follows the last whole record. It is nothing, or the
// remains of the one write that was under way at a power cut. But if a whole
// record follows that was written when the broken one was known to be synced,
// this is no power cut.
func (j *Journal) cutTail(name string) error {
	broken := j.durable.Seq + 1
	from, to, err := dirtyRange(j.active, j.end, j.size)
	if err != nil || from == to {
		return err
	}
	c := cursor{f: j.active, at: j.end, size: j.size, cover: j.cover}
	for c.at += align; c.at < j.size; c.at += align {
		at := c.at
		r, ok, err := c.next(0)
		if err != nil {
			return err
		}
		if ok && r.durable >= broken {
			return &DamageError{name, j.end, broken, fmt.Sprintf("entry %d follows it, written when it was safe", r.first)}
		}
		c.at = at
	}
	torn := make([]byte, min(to-from, maxTorn))
	if _, err := j.active.ReadAt(torn, from); err != nil && err != io.EOF {
		return err
	}
	if err := disk.WriteTo(j.opts.FS, filepath.Join(j.dir, name+tornSuffix), torn); err != nil {
		return err
	}
	for at := from; at < to; {
		n, err := j.active.WriteAt(blank[:min(to-at, int64(len(blank)))], at)
		if err != nil {
			return err
		}
		at += int64(n)
	}
	return j.active.Datasync()
}

var blank [64 << 10]byte

// dirtyRange returns the part of a file between from and to outside which there
// are zeros only.
func dirtyRange(f disk.File, from, to int64) (first, last int64, err error) {
	var buf [64 << 10]byte
	first, last = to, from
	for at := from; at < to; {
		n, err := f.ReadAt(buf[:min(to-at, int64(len(buf)))], at)
		if n == 0 && err != nil {
			return 0, 0, err
		}
		if trimmed := strings.TrimRight(string(buf[:n]), "\x00"); trimmed != "" {
			lead := len(trimmed) - len(strings.TrimLeft(trimmed, "\x00"))
			first, last = min(first, at+int64(lead)), at+int64(len(trimmed))
		}
		at += int64(n)
	}
	if first > last {
		return from, from, nil
	}
	return first, last, nil
}
