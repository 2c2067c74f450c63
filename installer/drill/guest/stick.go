//go:build linux

package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"shangu/agent/service"
	"shangu/installer/host/cli"
	"shangu/sync/bundle"
	"shangu/sync/change"
	"shangu/sync/disk"
)

const (
	stick  = "/data"
	school = "/tmp/school" // a copy of the one on the disk of programs: the stick alone is pulled out
)

// Files that are written under one name again and again, beside bundles, each of
// which has a new one.
const (
	oneBackup = "backup.sgbk"
	oneReport = "report.csv"
)

// carry tells what is on the stick and then writes until the stick is gone:
// bundles, a report, and a backup by the agent's own command.
func carry(r *rand.Rand) error {
	if err := os.CopyFS(school, os.DirFS("/bin/school")); err != nil {
		return err
	}
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
		ok := false
		if f.Name() == oneBackup {
			ok = backedUp(data)
		} else {
			ok = whole(f.Name(), data)
		}
		tell("has %s %v", f.Name(), ok)
		if n, ok := bundle.ParseName(f.Name()); ok {
			next = max(next, n.Number+1)
		}
	}
	tell("state {}")
	for ; ; next++ {
		name, write := oneReport, writeReport
		switch n := r.IntN(20); {
		case n < 10:
			name, write = bundle.NameOf(bundle.Up, "2199109015", change.ChainID{1}, next).String(), writeBundle
		case n == 19:
			name, write = oneBackup, writeBackup
		}
		tell("write %s", name)
		if err := write(r, name); err != nil {
			return err
		}
		tell("wrote %s", name)
	}
}

// content is random, and ends with a sum of itself and its name.
func content(r *rand.Rand, name string) []byte {
	data := make([]byte, r.IntN(60_000))
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	sum := sum(name, data)
	return append(data, sum[:]...)
}

func writeBundle(r *rand.Rand, name string) error {
	data := content(r, name)
	err := bundle.Put(disk.OS, filepath.Join(stick, name), func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
	if err == nil {
		err = bundle.Sweep(disk.OS, stick, name)
	}
	return err
}

// writeReport writes as all commands do that are told a file's name.
func writeReport(r *rand.Rand, name string) error {
	return cli.SaveBytes(filepath.Join(stick, name), content(r, name))
}

func writeBackup(_ *rand.Rand, name string) error {
	return quiet("/bin/agent", "backup", "--dir", school, filepath.Join(stick, name))
}

// backedUp reads a backup to its end, as a restore does.
func backedUp(data []byte) bool {
	plain, _, err := service.Unseal(bytes.NewReader(data))
	if err == nil {
		_, err = service.CheckBackup(plain)
	}
	return err == nil
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
