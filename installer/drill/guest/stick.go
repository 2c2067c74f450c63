//go:build linux

package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"shangu/sync/bundle"
	"shangu/sync/change"
	"shangu/sync/disk"
)

// carry tells what is on the stick and then exports until the stick is gone.
func carry(r *rand.Rand) error {
	const stick = "/data"
	files, err := os.ReadDir(stick)
	if err != nil {
		return err
	}
	next := uint64(1)
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(stick, f.Name()))
		if err != nil {
			return fmt.Errorf("read %s: %w", f.Name(), err)
		}
		tell("has %s %v", f.Name(), whole(f.Name(), data))
		if n, ok := bundle.ParseName(f.Name()); ok {
			next = max(next, n.Number+1)
		}
	}
	tell("state {}")
	for ; ; next++ {
		name := bundle.NameOf(bundle.Up, "2199109015", change.ChainID{1}, next).String()
		data := make([]byte, r.IntN(60_000))
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		sum := sum(name, data)
		data = append(data, sum[:]...)
		tell("write %s", name)
		err := bundle.Put(disk.OS, filepath.Join(stick, name), func(w io.Writer) error {
			_, err := w.Write(data)
			return err
		})
		if err == nil {
			err = bundle.Sweep(disk.OS, stick, name)
		}
		if err != nil {
			return err
		}
		tell("wrote %s", name)
	}
}

// sum ends a file, so that whoever finds it can tell whether it is whole: what
// the witness was told of it may have been cut off with the power.
func sum(name string, data []byte) [sha256.Size]byte {
	return sha256.Sum256(append([]byte(name), data...))
}

func whole(name string, data []byte) bool {
	n := len(data) - sha256.Size
	return n >= 0 && sum(name, data[:n]) == [sha256.Size]byte(data[n:])
}
