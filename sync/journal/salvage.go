package journal

import (
	"fmt"
	"io"
	"path/filepath"

	"shangu/sync/change"
)

// ChainIn says whose entries a directory holds, by the first of its segments
// whose header is whole. Of o it uses FS.
func ChainIn(dir string, o Options) (chain change.ChainID, err error) {
	o = o.withDefaults()
	names, err := o.FS.List(dir)
	if err != nil {
		return chain, fmt.Errorf("name chain: %w", err)
	}
	for _, name := range names {
		if _, ok := parseName(name); !ok {
			continue
		}
		f, err := o.FS.Open(filepath.Join(dir, name), false)
		if err != nil {
			return chain, fmt.Errorf("name chain: %w", err)
		}
		b := make([]byte, headerSealed)
		n, err := f.ReadAt(b, 0)
		f.Close()
		if err != nil && err != io.EOF {
			return chain, fmt.Errorf("name chain: %w", err)
		}
		if h, ok := parseHeader(b[:n]); ok {
			return h.chain, nil
		}
	}
	return chain, fmt.Errorf("name chain: %w in %s", ErrMissing, dir)
}

// Salvage calls f for every entry that can still be read from a
// damaged journal, in order of seq, and changes nothing. Where a record is not
// whole it looks for the next one that is. Of o it uses FS and Key.
func Salvage(dir string, o Options, f func(seq uint64, entry []byte) error) error {
	o = o.withDefaults()
	names, err := o.FS.List(dir)
	if err != nil {
		return fmt.Errorf("salvage journal: %w", err)
	}
	var last uint64
	for _, name := range names {
		if _, ok := parseName(name); !ok {
			continue
		}
		if last, err = salvage(o, filepath.Join(dir, name), last, f); err != nil {
			return fmt.Errorf("salvage journal: %w", err)
		}
	}
	return nil
}

// salvage reads one segment. Entries up to last were seen before.
func salvage(o Options, name string, last uint64, f func(uint64, []byte) error) (uint64, error) {
	file, err := o.FS.Open(name, false)
	if err != nil {
		return last, err
	}
	defer file.Close()
	size, err := file.Size()
	if err != nil {
		return last, err
	}
	// The header may be what is damaged: records are taken in either form.
	c := cursor{f: file, at: headerSize, size: size, cover: newCover(o.Key, o.Rand), either: true}
	for c.at < size {
		r, ok, err := c.next(0)
		if err != nil {
			return last, err
		}
		if !ok {
			c.at += align
			continue
		}
		seq := r.first
		for rest := r.payload; len(rest) > 0; seq++ {
			var e []byte
			e, rest, _ = cutEntry(rest)
			if seq > last {
				if err := f(seq, e); err != nil {
					return last, err
				}
				last = seq
			}
		}
	}
	return last, nil
}
