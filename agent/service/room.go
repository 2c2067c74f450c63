package service

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"shangu/agent/store"
	"shangu/agent/web/front"
)

// How often the disk is looked at, and how often it is searched, while it is
// low, for what could be deleted.
const (
	tendEvery   = 2 * time.Second
	searchEvery = 5 * time.Minute
)

// MakeRoom gives held-back room of a data directory free if there is too little
// to open it. The caller holds its lock.
func MakeRoom(dir string) error {
	path := filepath.Join(dir, storeDir)
	if _, err := os.Stat(path); err != nil {
		return nil // nothing is held back yet
	}
	return store.MakeRoom(path)
}

// tend keeps the room that is held back for a full disk, and what day it is,
// until ctx is done. Sessions go on when there is room again.
func (a *Agent) tend(ctx context.Context) error {
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	low := false
	var searched time.Time
	for {
		a.clock.tick()
		healed := a.store.Tend()
		was := low
		low = a.store.Low()
		switch {
		case low && !was:
			a.o.Log.Error("disk is low: only attendance is saved", "free", a.store.Status().DiskFree)
		case was && !low || healed:
			a.o.Log.Info("disk has room again")
			a.saved()
		}
		if low && (searched.IsZero() || time.Since(searched) > searchEvery) {
			found := clutter(ctx, a.o.Dir)
			a.mu.Lock()
			a.clutter = found
			a.mu.Unlock()
			searched = time.Now()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// pile is something on the disk that takes room.
type pile struct {
	path string
	size int64
}

// Bounds of a search for what could be deleted: the page is to name something,
// and the search is not to keep a school's computer busy.
const (
	searchFor   = 3 * time.Second
	searchFiles = 200_000
	leastPile   = 1 << 20
	mostPiles   = 3
)

// needed are folders of the system, in which nobody should delete by hand.
var needed = []string{
	"windows", "program files", "program files (x86)", "programdata", "system volume information", "recovery", "$windows.~bt",
	"bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "lost+found", "proc", "run", "sbin", "snap", "sys", "usr",
	"pagefile.sys", "hiberfil.sys", "swapfile.sys", "swapfile",
}

// clutter looks for what takes most room on the disk that holds dir: damaged
// documents and old logs of our own, then other folders and files near the top of
// the disk, largest first.
func clutter(ctx context.Context, dir string) []pile {
	ctx, cancel := context.WithTimeout(ctx, searchFor)
	defer cancel()
	own, err := filepath.Abs(dir)
	if err != nil {
		return nil
	}
	sizes := map[string]int64{}
	left := searchFiles
	root, here := volume(own)
	// What cannot be read is passed over: a guess is better than none.
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if left--; left < 0 || ctx.Err() != nil {
			return fs.SkipAll
		}
		if err != nil || path == root {
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return nil
		}
		parts := strings.SplitN(rel, string(filepath.Separator), 4)
		if d.IsDir() {
			if path == own || !here(d) || slices.Contains(needed, strings.ToLower(parts[0])) {
				return fs.SkipDir
			}
			return nil
		}
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() || slices.Contains(needed, strings.ToLower(rel)) {
			return nil
		}
		folder := filepath.Join(parts[:max(1, min(len(parts)-1, 3))]...)
		sizes[filepath.Join(root, folder)] += info.Size()
		return nil
	})
	var out []pile
	for path, size := range sizes {
		if size >= leastPile {
			out = append(out, pile{path, size})
		}
	}
	slices.SortFunc(out, func(a, b pile) int {
		return cmp.Or(cmp.Compare(b.size, a.size), cmp.Compare(a.path, b.path))
	})
	return append(ownClutter(own), out[:min(len(out), mostPiles)]...)
}

// ownClutter is what of our own may go.
func ownClutter(dir string) (out []pile) {
	for _, pattern := range []string{filepath.Join(storeDir, "docs.damaged"), LogFile + ".*"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			continue
		}
		for _, path := range found {
			var size int64
			_ = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return nil
				}
				if info, err := d.Info(); err == nil {
					size += info.Size()
				}
				return nil
			})
			if size >= leastPile {
				out = append(out, pile{path, size})
			}
		}
	}
	return out
}

// inWords lists piles for a sentence.
func inWords(piles []pile) string {
	words := make([]string, len(piles))
	for i, p := range piles {
		words[i] = fmt.Sprintf("%s (%s)", p.path, front.Size(uint64(p.size)))
	}
	return strings.Join(words, ", ")
}
