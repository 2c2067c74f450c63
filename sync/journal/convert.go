package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"shangu/sync/disk"
	"shangu/sync/seal"
)

// sealOld seals a journal of before there was a key, segment by segment, the
// newest last: where that one is sealed, all before it are. Each is written
// whole under a temporary name and takes the old one's place by its rename, so
// that a power cut leaves it in one form or the other. A segment that is
// damaged stays as it is, for Salvage.
func (j *Journal) sealOld() error {
	for i, s := range j.segments {
		last := j.durable.Seq
		if i+1 < len(j.segments) {
			last = j.segments[i+1].first - 1
		}
		if err := j.sealSegment(s, last); err != nil && !errors.Is(err, ErrDamaged) {
			return fmt.Errorf("seal %s: %w", s.name(), err)
		}
		if err := j.sealTorn(s); err != nil {
			return fmt.Errorf("seal %s: %w", s.name(), err)
		}
	}
	return nil
}

// sealSegment seals the segment whose last entry is last, if it is plain.
func (j *Journal) sealSegment(s segment, last uint64) error {
	name, fs := filepath.Join(j.dir, s.name()), j.opts.FS
	newest := s == j.segments[len(j.segments)-1]
	old, err := fs.Open(name, false)
	if err != nil {
		return err
	}
	defer old.Close()
	h, c, err := j.readHeader(old, s)
	if err != nil || c.sealed() {
		return err
	}
	size, err := old.Size()
	if err != nil {
		return err
	}
	temp := filepath.Join(j.dir, tempName)
	if err := fs.Remove(temp); err != nil {
		return err
	}
	f, err := fs.Open(temp, true)
	if err != nil {
		return err
	}
	end, err := j.copySealed(f, cursor{f: old, at: h.size(), size: size, cover: c}, h, last)
	if err == nil && newest {
		err = disk.Preallocate(f, max(end, j.opts.SegmentSize))
	}
	if err == nil {
		err = f.Datasync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, fs.Remove(temp))
	}
	// Windows renames over no open file.
	if err := old.Close(); err != nil {
		return err
	}
	if newest {
		if err := j.active.Close(); err != nil {
			return err
		}
		j.active = nil
	}
	if err := fs.Rename(temp, name); err != nil {
		return err
	}
	if err := fs.SyncDir(j.dir); err != nil {
		return err
	}
	if newest {
		return j.openNewest()
	}
	return nil
}

// copySealed writes the records up to the entry last, and returns where they end.
func (j *Journal) copySealed(f disk.File, from cursor, h header, last uint64) (at int64, err error) {
	h = j.own.header(h)
	if _, err := f.WriteAt(h.append(nil), 0); err != nil {
		return 0, err
	}
	at = h.size()
	for seq := h.before.Seq; seq < last; {
		r, ok, err := from.next(seq + 1)
		if err != nil {
			return at, err
		}
		if !ok {
			return at, &DamageError{segment{h.before.Seq + 1}.name(), from.at, seq + 1, "no whole record there"}
		}
		b := j.own.again(r)
		if err := finish(b, r.durable, j.own); err != nil {
			return at, err
		}
		if _, err := f.WriteAt(b, at); err != nil {
			return at, err
		}
		at += int64(len(b))
		seq += uint64(r.count)
	}
	return at, nil
}

// sealTorn seals the bytes that an old power cut tore off a segment.
func (j *Journal) sealTorn(s segment) error {
	name := s.name() + tornSuffix
	path := filepath.Join(j.dir, name)
	b, err := disk.ReadFile(j.opts.FS, path, 2*maxTorn)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil || seal.Sealed(b) {
		return err
	}
	if b, err = j.opts.Key.SealFile(name, b); err != nil {
		return err
	}
	return disk.WriteTo(j.opts.FS, path, b)
}
