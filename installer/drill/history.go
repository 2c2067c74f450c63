package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"reflect"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"shangu/hub/node"
	"shangu/installer/host/local"
	"shangu/installer/stage"
	"shangu/schema"
)

// histories has devices push and ask for receipts at any node of a real hub
// while its nodes are killed, paused and added, and holds all that they were
// told against what one hub that never fails could have told.
var histories = Drill{Name: "history", Holds: []int{2, 3, 4}, Run: runHistories}

// readersEach is how many goroutines ask for the end of each chain.
const readersEach = 2

func runHistories(ctx context.Context, b *Bench) (o Outcome, err error) {
	s, err := b.Stage(ctx)
	if err != nil {
		return o, err
	}
	defer s.Close()
	l, err := newLedger(s.Work)
	if err != nil {
		return o, err
	}
	h, err := l.restored(ctx, s)
	if err != nil {
		return o, err
	}
	var before node.Proof
	if err := s.Ask(ctx, &before, "hub", "audit", "verify", "--dir", h.Dirs[0]); err != nil {
		return o, err
	}
	var scribes []*scribe
	for i, c := range []struct {
		school   string
		from, to int
	}{{sampleSchool, 0, scribeDays / 2}, {sampleSchool, scribeDays / 2, scribeDays}, {secondSchool, 0, scribeDays}} {
		sc, err := newScribe(ctx, h, i, c.school, b.Seed+1, c.from, c.to)
		if err != nil {
			return o, err
		}
		scribes = append(scribes, sc)
	}
	w := &witness{}
	for _, at := range h.Listen {
		w.knows(at)
	}
	clerks, quit := context.WithCancel(ctx)
	var busy sync.WaitGroup
	// Nobody is left when the stage is taken down.
	defer func() { quit(); busy.Wait() }()
	for i, sc := range scribes {
		first := i * (1 + readersEach)
		busy.Go(func() { newClerk(sc, w, first, b.Seed).push(clerks) })
		for k := range readersEach {
			busy.Go(func() { newClerk(sc, w, first+1+k, b.Seed).read(clerks) })
		}
	}
	f := &harm{s: s, h: h, w: w, rng: rand.New(rand.NewPCG(b.Seed, 0x415)), seen: map[string]int{}}
	for o.Trials < b.trials(len(harms), 60) {
		if err := f.next(ctx, o.Trials); err != nil {
			return o, err
		}
		o.Trials++
	}
	w.over.Store(true)
	done := make(chan struct{})
	go func() { busy.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		o.Lose("a device still waits for a receipt a minute after the last fault")
		quit()
		<-done
	}
	for _, said := range w.wrong {
		o.Lose("%s", said)
	}
	verdict := w.history.Check()
	if verdict != porcupine.Ok {
		o.Lose("what devices were told is not linearizable: %s", verdict)
	}
	entries := once(ctx, s, h, scribes, before, &o)
	all, unknown := w.history.Len()
	o.Saw = fmt.Sprintf("%d pushes and reads at any of %d nodes, %d with an unknown outcome; linearizable: %s; %d entries once on each node; %v",
		all, len(h.Dirs), unknown, verdict, entries, f.seen)
	return o, nil
}

// restored founds a district that comes from a backup, so that whoever joins
// needs a snapshot, and adds nodes until there are three.
func (l *ledger) restored(ctx context.Context, s *stage.Stage) (*stage.Hub, error) {
	h, err := l.open(ctx, s, 1)
	if err != nil {
		return nil, err
	}
	backup := filepath.Join(s.Work, "backup")
	if _, err := s.Run(ctx, "hub", "backup", backup, "--dir", h.Dirs[0]); err != nil {
		return nil, err
	}
	return h, errors.Join(goBack(ctx, s, h, backup), h.Add(ctx), h.Add(ctx))
}

// once holds what each node has against what devices have receipts for: all of
// it, once, and nothing else. It returns how many entries that are.
func once(ctx context.Context, s *stage.Stage, h *stage.Hub, scribes []*scribe, before node.Proof, o *Outcome) (entries uint64) {
	for _, sc := range scribes {
		entries += uint64(sc.known.Load())
	}
	want := map[string]map[string]map[string]string{}
	for _, school := range []string{sampleSchool, secondSchool} {
		want[school] = node.Digests(holding(scribes, school))
	}
	for n, dir := range h.Dirs {
		if err := stage.Until(ctx, time.Minute, func() error { return alike(ctx, dir, want) }); err != nil {
			o.Lose("%s: %v", h.Name(n), err)
		}
		var proof node.Proof
		if err := s.Ask(ctx, &proof, "hub", "audit", "verify", "--dir", dir); err != nil || len(proof.Problems) > 0 {
			o.Lose("%s: the audit trail does not prove: %v %v", h.Name(n), proof.Problems, err)
			continue
		}
		if got := proof.Entries - before.Entries; got != entries {
			o.Lose("%s: %d entries in the audit trail, devices have receipts for %d", h.Name(n), got, entries)
		}
		if got := proof.Chains - before.Chains; got != len(scribes) {
			o.Lose("%s: %d chains in the audit trail of %d devices", h.Name(n), got, len(scribes))
		}
	}
	return entries
}

// alike returns nil if a node's digests are those that are wanted, by school.
func alike(ctx context.Context, dir string, want map[string]map[string]map[string]string) error {
	door, ok := local.Client(dir)
	if !ok {
		return errors.New("the node does not answer at its local door")
	}
	for school, digests := range want {
		q, err := http.NewRequestWithContext(ctx, http.MethodGet, local.Origin+"/v1/digest?school="+school, nil)
		if err != nil {
			return err
		}
		r, err := door.Do(q)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || r.StatusCode != http.StatusOK {
			return fmt.Errorf("digest of %s: %s: %.200s: %w", school, r.Status, body, err)
		}
		var got map[string]map[string]string
		if err := json.Unmarshal(body, &got); err != nil {
			return fmt.Errorf("digest of %s: %w", school, err)
		}
		for _, kind := range []schema.Kind{schema.KindSheet, schema.KindVisit, schema.KindTraining} {
			if k := kind.String(); !reflect.DeepEqual(got[k], digests[k]) {
				return fmt.Errorf("school %s has other %s than devices have receipts for: %v, not %v", school, k, got[k], digests[k])
			}
		}
	}
	return nil
}

// harm is what goes wrong with the nodes.
type harm struct {
	s    *stage.Stage
	h    *stage.Hub
	w    *witness
	rng  *rand.Rand
	seen map[string]int
}

// harms are the faults, each made once before chance chooses.
var harms = []struct {
	name string
	make func(*harm, context.Context) error
}{
	{"leader killed", (*harm).killLeader},
	{"leader paused", (*harm).pauseLeader},
	{"killed during a join", (*harm).joined},
	{"any node killed", (*harm).killAny},
	{"two killed", (*harm).killTwo},
}

// next makes the fault of a trial after a while and waits until all nodes are
// ready again.
func (f *harm) next(ctx context.Context, trial int) error {
	k := trial
	if trial >= len(harms) {
		k = f.rng.IntN(len(harms))
	}
	what := harms[k]
	if len(f.h.Dirs) > 4 && what.name == "killed during a join" {
		what = harms[0] // there are nodes enough
	}
	f.seen[what.name]++
	if err := errors.Join(wait(ctx, f.chance(800)), what.make(f, ctx)); err != nil {
		return fmt.Errorf("%s: %w", what.name, err)
	}
	for n := range f.h.Dirs {
		if err := f.h.WaitReady(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// chance is a time of up to so many milliseconds.
func (f *harm) chance(ms int) time.Duration { return time.Duration(f.rng.IntN(ms)) * time.Millisecond }

// kill kills nodes at once and starts them again after a while.
func (f *harm) kill(ctx context.Context, nodes ...int) error {
	for _, n := range nodes {
		if err := f.s.Kill(f.h.Name(n)); err != nil {
			return err
		}
	}
	if err := wait(ctx, f.chance(1000)); err != nil {
		return err
	}
	for _, n := range nodes {
		if err := f.s.Restart(f.h.Name(n)); err != nil {
			return err
		}
	}
	return nil
}

func (f *harm) killLeader(ctx context.Context) error {
	n, err := f.h.Leader(ctx)
	if err != nil {
		return err
	}
	return f.kill(ctx, n)
}

func (f *harm) killAny(ctx context.Context) error { return f.kill(ctx, f.rng.IntN(len(f.h.Dirs))) }

// killTwo takes the majority away, if there are three nodes.
func (f *harm) killTwo(ctx context.Context) error {
	return f.kill(ctx, f.rng.Perm(len(f.h.Dirs))[:2]...)
}

// pauseLeader has the leader hang for longer than its lease.
func (f *harm) pauseLeader(ctx context.Context) error {
	n, err := f.h.Leader(ctx)
	if err != nil {
		return err
	}
	pid := f.s.PID(f.h.Name(n))
	return errors.Join(pause(pid), wait(ctx, time.Second+f.chance(1500)), resume(pid))
}

// joined kills a node while a fresh one takes its snapshot and joins: not the
// first, which is the one that it was told of.
func (f *harm) joined(ctx context.Context) error {
	old := len(f.h.Dirs)
	leader, err := f.h.Leader(ctx)
	if err != nil {
		return err
	}
	victim := 1 + f.rng.IntN(old-1)
	if leader != 0 {
		victim = leader
	}
	done := make(chan error, 1)
	go func() { done <- f.h.Add(ctx) }()
	// The invitation needs a leader; the one who was invited asks until there is one.
	err = stage.Until(ctx, time.Minute, func() error {
		if len(done) == 0 && f.s.PID(f.h.Name(old)) == 0 {
			return errors.New("the fresh node has not been started")
		}
		return nil
	})
	err = errors.Join(err, wait(ctx, f.chance(700)), f.kill(ctx, victim), <-done)
	if err == nil {
		f.w.knows(f.h.Listen[old])
	}
	return err
}
