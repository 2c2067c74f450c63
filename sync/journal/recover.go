package journal

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"shangu/sync/change"
	"shangu/sync/disk"
	"shangu/sync/frame"
)

// tornSuffix is added to the name of a segment for the bytes of a save that the
// power cut tore: nobody was told that it was saved, but they are kept.
const tornSuffix = ".torn"

// maxTorn is the most of a torn save that is kept, in bytes.
const maxTorn = 64 << 10

// Open opens a journal. It reads the newest segment only. A save that a power
// cut tore is cut off, its bytes kept beside the segment; a record that was
// durable and is no longer whole is ErrDamaged, and nothing is changed.
func Open(dir string, chain change.ChainID, o Options) (*Journal, error) {
	j := &Journal{dir: dir, chain: chain, opts: o.withDefaults()}
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
	name := j.segments[len(j.segments)-1].name()
	if j.active, err = j.opts.FS.Open(filepath.Join(j.dir, name), false); err != nil {
		return err
	}
	if j.size, err = j.active.Size(); err != nil {
		return err
	}
	if j.start, err = j.readHeader(j.active, j.segments[len(j.segments)-1]); err != nil {
		return err
	}
	return j.recover(name)
}

// readHeader returns the tip before a segment's first entry.
func (j *Journal) readHeader(f disk.File, s segment) (frame.Tip, error) {
	b := make([]byte, headerSize)
	n, err := f.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return frame.Tip{}, err
	}
	chain, before, ok := parseHeader(b[:n])
	switch {
	case !ok || before.Seq+1 != s.first:
		return frame.Tip{}, &DamageError{s.name(), 0, s.first, "its header is not whole"}
	case chain != j.chain:
		return frame.Tip{}, fmt.Errorf("%w: %x", ErrChain, chain)
	}
	return before, nil
}

// recover finds the end of the newest segment.
func (j *Journal) recover(name string) error {
	j.durable, j.end = j.start, headerSize
	c := cursor{f: j.active, at: headerSize, size: j.size}
	for {
		r, ok, err := c.next(j.durable.Seq + 1)
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
	c := cursor{f: j.active, at: j.end, size: j.size}
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
