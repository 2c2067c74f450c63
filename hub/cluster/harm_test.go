package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// harmRaft cuts one file that raft keeps short, garbles, zeroes or deletes it, as
// chance has it, and says how.
func harmRaft(t *testing.T, rnd *rand.Rand, dir string) string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files = append(files, name)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in %s: %v", dir, err)
	}
	slices.Sort(files)
	name := files[rnd.IntN(len(files))]
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	// A segment has all its room from the first entry on: harm what is in it.
	full := len(b)
	for full > 0 && b[full-1] == 0 {
		full--
	}
	at := rnd.IntN(full + 1)
	how := rnd.IntN(4)
	switch how {
	case 0:
		err = os.Truncate(name, int64(at))
	case 1:
		for range 1 + rnd.IntN(50) {
			if full > 0 {
				b[rnd.IntN(full)] ^= byte(1 + rnd.IntN(255))
			}
		}
		err = os.WriteFile(name, b, 0o600)
	case 2:
		clear(b[at:])
		err = os.WriteFile(name, b, 0o600)
	default:
		err = os.Remove(name)
	}
	if err != nil {
		t.Fatal(err)
	}
	rel, err := filepath.Rel(dir, name)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s %s at %d of %d", rel, []string{"cut short", "garbled", "zeroed", "deleted"}[how], at, full)
}

// TestHarmedRaftFilesHealFromTheOthers: a stopped node's log, snapshots and note
// of its starts are harmed at random, one file at a time. Started again it finds
// that, or nothing is missing; either way, once it has what the others have, it
// holds all that was acknowledged. At times only one other node is there, which
// lacks what this one acknowledged: then the two serve nothing, or all of it.
func TestHarmedRaftFilesHealFromTheOthers(t *testing.T) {
	trials := 12
	if os.Getenv("SHANGU_DRILL_SEED") != "" {
		trials = 60
	}
	if os.Getenv("SHANGU_DRILL_LONG") != "" {
		trials = 2000
	}
	if testing.Short() {
		trials = 6
	}
	seed := seedOf(t)
	rnd := rand.New(rand.NewPCG(seed, 0x4a12))
	seen := map[string]int{}
	// A world grows with what is written into it.
	for done := 0; done < trials; done += 6 {
		inBubble(t, short, func(w *world, nodes []*Node) {
			pens := []*pen{w.enrol(w.leader(nodes...), 1)}
			for range min(6, trials-done) {
				w.harm(nodes, pens, rnd, seen)
				if t.Failed() {
					t.Logf("seed %d, world %d", seed, done)
					return
				}
			}
		})
	}
	t.Logf("drill: trials=%d lost=0 saw=found and filled anew %d, mended or not needed %d; with one other node alone %d, of them silent till the third came %d",
		trials, seen["found"], seen["sound"], seen["alone"], seen["silent"])
	if seen["found"] == 0 || trials >= 60 && (seen["sound"] == 0 || seen["alone"] == 0) {
		t.Fatalf("the harm is too kind, or too much: %v", seen)
	}
}

// harm is one trial.
func (w *world) harm(nodes []*Node, pens []*pen, rnd *rand.Rand, seen map[string]int) {
	t := w.t
	t.Helper()
	l := w.leader(nodes...)
	n := other(nodes, l)
	at := func(n *Node) int { return int(n.ID()[0] - '1') }
	third := nodes[3-at(l)-at(n)]
	w.write(nodes, pens, 5+rnd.IntN(20)).Wait()
	if rnd.IntN(2) == 0 {
		w.agree(nodes...)
		w.snapshot(n)
	}
	alone := rnd.IntN(3) == 0
	if alone { // what follows only l and n acknowledge
		w.stop(third)
	}
	live := []*Node{l, n}
	if !alone {
		live = nodes
	}
	w.write(live, pens, 1+rnd.IntN(8)).Wait()
	w.stop(n)
	said := harmRaft(t, rnd, filepath.Join(w.dir, n.ID(), "raft"))
	if alone {
		seen["alone"]++
		w.stop(l)
		nodes[at(third)] = w.start(third.ID())
	}
	fresh, err := w.open(n.ID())
	switch {
	case err == nil:
		seen["sound"]++
	case !errors.Is(err, ErrLog):
		t.Errorf("%s: %v", said, err)
		return
	default:
		seen["found"]++
	}
	if alone {
		// Who leads now, if anybody does, has all that was acknowledged.
		together := []*Node{nodes[at(third)]}
		if err == nil {
			together = append(together, fresh)
		}
		if led := w.leadsWithin(30*time.Second, together...); led != nil {
			w.holdsAll(led, pens)
		} else {
			seen["silent"]++
		}
		nodes[at(l)] = w.start(l.ID())
	}
	if err != nil {
		rest := []*Node{nodes[at(l)], nodes[at(third)]}
		w.leader(rest...)
		// As hub serve does: its data is set aside, and it joins anew.
		w.lose(n.ID(), "raft")
		w.lose(n.ID(), "state")
		fresh = w.start(n.ID())
		w.join(fresh)
	}
	nodes[at(n)] = fresh
	w.leader(nodes...)
	w.write(nodes, pens, 3).Wait()
	w.agree(nodes...)
	for _, n := range nodes {
		w.holdsAll(n, pens)
	}
	if t.Failed() {
		t.Logf("%s; alone: %v; opened: %v", said, alone, err)
	}
}

// leadsWithin waits for one of some nodes to lead.
func (w *world) leadsWithin(d time.Duration, nodes ...*Node) *Node {
	t := time.NewTicker(100 * time.Millisecond)
	defer t.Stop()
	for end := time.Now().Add(d); time.Now().Before(end); <-t.C {
		for _, n := range nodes {
			if n.Leads() && n.fresh(w.ctx) == nil {
				return n
			}
		}
	}
	return nil
}
