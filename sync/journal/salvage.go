package journal

import (
	"fmt"
	"path/filepath"

	"shangu/sync/disk"
)

// Salvage calls f for every entry that can still be read from a
// damaged journal, in order of seq, and changes nothing. Where a record is not
// whole it looks for the next one that is.
func Salvage(dir string, fs disk.FS, f func(seq uint64, entry []byte) error) error {
	if fs == nil {
		fs = disk.OS
	}
	names, err := fs.List(dir)
	if err != nil {
		return fmt.Errorf("salvage journal: %w", err)
	}
	var last uint64
	for _, name := range names {
		if _, ok := parseName(name); !ok {
			continue
		}
		if last, err = salvage(fs, filepath.Join(dir, name), last, f); err != nil {
			return fmt.Errorf("salvage journal: %w", err)
		}
	}
	return nil
}

// salvage reads one segment. Entries up to last were seen before.
func salvage(fs disk.FS, name string, last uint64, f func(uint64, []byte) error) (uint64, error) {
	file, err := fs.Open(name, false)
	if err != nil {
		return last, err
	}
	defer file.Close()
	size, err := file.Size()
	if err != nil {
		return last, err
	}
	c := cursor{f: file, at: headerSize, size: size}
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
