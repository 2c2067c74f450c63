package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/hashicorp/raft"

	"shangu/hub/cluster/history"
	"shangu/sync/session"
)

// A fire is a cluster on simulated disks and a simulated network, schools that
// push and read, and a seed that decides what goes wrong when. The seed decides
// the schedule of faults; which goroutine comes first at one instant of the
// bubble's time is Go's choice.
type fire struct {
	*world
	rng     *rand.Rand
	weather *weather
	history history.History
	lie     lie

	mu     sync.Mutex
	drives map[string]*drive // by id
	alive  map[string]*Node
	dead   map[string]bool // crashed, to be started again
	out    map[string]bool // learned that it was taken out
	names  int             // ids given out
	faults map[string]int
	work   sync.WaitGroup // what nodes do besides
	over   atomic.Bool
	quit   atomic.Bool // clients give up
}

// settleWithin is how long a cluster may take, once all faults have ended, to
// take what schools still wait to push.
const settleWithin = 3 * time.Minute

// lie is a fault of the program under test, which the check must find.
type lie int

const (
	honest  lie = iota
	eager       // a push is acknowledged before it is committed
	stale       // a tip is read from any node's own state
	forgets     // acknowledged entries vanish from a node that comes back
)

// burn runs one simulation of the given length and returns what went wrong.
func burn(t *testing.T, seed uint64, length time.Duration, l lie) (f *fire, wrong []string) {
	f = &fire{rng: rand.New(rand.NewPCG(seed, 1)), weather: newWeather(seed), lie: l,
		drives: map[string]*drive{}, alive: map[string]*Node{}, dead: map[string]bool{}, out: map[string]bool{}, faults: map[string]int{}}
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		f.world = &world{t: t, ctx: ctx, dir: dir, net: newNet(), tune: f.tune}
		defer f.put()
		for range 3 {
			f.add()
		}
		first := f.alive["1"]
		f.found(first)
		var pens []*pen
		for i := range 3 {
			pens = append(pens, f.enrol(first, i))
		}
		var clients sync.WaitGroup
		for i, p := range pens {
			clients.Go(func() { f.writer(i, p, seed) })
			clients.Go(func() { f.reader(i, p, seed) })
		}
		for end := time.Now().Add(length); time.Now().Before(end); {
			f.harm()
			<-time.After(time.Duration(200+f.rng.IntN(2500)) * time.Millisecond)
		}
		f.heal()
		f.over.Store(true)
		done := make(chan struct{})
		go func() { clients.Wait(); close(done) }()
		for end := time.Now().Add(settleWithin); ; f.keep() {
			select {
			case <-done:
				wrong = f.judge(pens)
				return
			case <-time.After(time.Second):
			}
			if time.Now().After(end) {
				wrong = append(wrong, "schools wait for ever: "+f.describe())
				f.quit.Store(true)
				<-done
				return
			}
		}
	})
	return f, wrong
}

// tune puts a node on simulated hardware.
func (f *fire) tune(c *Config, d *Deps) {
	h := host(c.Addr)
	life := f.weather.begin(h)
	f.mu.Lock()
	if f.drives[c.ID] == nil {
		f.drives[c.ID] = newDrive(f.weather, h, f.rng.Uint64())
	}
	d.Logs = f.drives[c.ID]
	f.mu.Unlock()
	d.Transport = &wire{InmemTransport: d.Transport.(*raft.InmemTransport), weather: f.weather, from: h, life: life}
	d.Forward = gates{port: port{f.net, c.API}, weather: f.weather, life: life}
	c.TrailingLogs = 16
}

// add starts a node under a new name and has it join.
func (f *fire) add() {
	f.names++
	id := strconv.Itoa(f.names)
	n := f.start(id)
	f.mu.Lock()
	f.alive[id] = n
	f.mu.Unlock()
	if f.names == 1 {
		if err := n.Bootstrap(); err != nil {
			f.t.Fatal(err)
		}
		f.leader(n)
		return
	}
	f.join(n)
}

// join has a node ask to be in the cluster, as a starting node does.
func (f *fire) join(n *Node) {
	f.work.Go(func() {
		err := n.Join(f.ctx, f.doors())
		switch {
		case errors.Is(err, ErrRemoved): // a removal that nobody heard the end of
			f.mu.Lock()
			f.out[n.ID()] = true
			f.mu.Unlock()
		case err != nil && f.current(n.ID()) == n && !f.over.Load():
			f.t.Errorf("node %s could not join: %v", n.ID(), err)
		}
	})
}

func (f *fire) doors() (apis []string) {
	for i := range f.names {
		apis = append(apis, fmt.Sprintf("node%d:2", i+1))
	}
	return apis
}

// members are the nodes that are in the cluster.
func (f *fire) members() []*Node {
	return slices.DeleteFunc(f.living(), func(n *Node) bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.out[n.ID()]
	})
}

func (f *fire) current(id string) *Node {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.alive[id]
}

func (f *fire) living() (out []*Node) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.alive {
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b *Node) int { return len(a.ID())*1000 + int(a.ID()[0]) - len(b.ID())*1000 - int(b.ID()[0]) })
	return out
}

// crash takes a node's power away: what its disk had not synced may be gone,
// what it says from now on reaches nobody.
func (f *fire) crash(n *Node) {
	id, h := n.ID(), host(n.cfg.Addr)
	f.weather.begin(h)
	f.mu.Lock()
	f.drives[id] = f.drives[id].die()
	delete(f.alive, id)
	f.dead[id] = true
	f.mu.Unlock()
	f.net.mu.Lock()
	delete(f.net.nodes, n.cfg.API)
	f.net.mu.Unlock()
	f.weather.resume(h)
	// Its directory is free when its goroutines have ended.
	if err := n.Close(); err != nil {
		f.t.Logf("crashed node %s: %v", id, err)
	}
}

// wake starts a crashed node again.
func (f *fire) wake(id string) {
	f.mu.Lock()
	delete(f.dead, id)
	f.mu.Unlock()
	n := f.start(id)
	f.mu.Lock()
	f.alive[id] = n
	f.mu.Unlock()
	f.join(n)
}

func (f *fire) count(what string) { f.faults[what]++ }

// harm does one thing that goes wrong, or ends one.
func (f *fire) harm() {
	nodes := f.living()
	pick := func() *Node { return nodes[f.rng.IntN(len(nodes))] }
	switch f.rng.IntN(15) {
	case 0, 1: // a node is alone
		h := host(pick().cfg.Addr)
		for i := range f.names {
			other := fmt.Sprintf("node%d", i+1)
			f.weather.sever(h, other)
			f.weather.sever(other, h)
		}
		f.count("parted")
	case 2: // one way
		a, b := host(pick().cfg.Addr), host(pick().cfg.Addr)
		f.weather.sever(a, b)
		f.count("one-way")
	case 3: // on and off
		a, b := host(pick().cfg.Addr), host(pick().cfg.Addr)
		for range 6 {
			f.weather.sever(a, b)
			f.weather.sever(b, a)
			<-time.After(time.Duration(100+f.rng.IntN(900)) * time.Millisecond)
			f.weather.clear()
			<-time.After(time.Duration(100+f.rng.IntN(900)) * time.Millisecond)
		}
		f.count("flapping")
	case 4:
		f.weather.rough(f.rng.Float64()/4, time.Duration(f.rng.IntN(400))*time.Millisecond)
		f.count("lossy")
	case 5:
		f.drives[pick().ID()].ail(time.Duration(f.rng.IntN(3000))*time.Millisecond, false)
		f.count("slow disk")
	case 6:
		f.drives[pick().ID()].ail(0, true)
		f.count("failing fsync")
	case 7:
		f.weather.stall(host(pick().cfg.Addr))
		f.count("pause")
	case 8, 9:
		if len(nodes) > 1 {
			f.crash(pick())
			f.count("crash")
		}
	case 10: // power is cut everywhere
		for _, n := range nodes {
			f.crash(n)
			f.count("crash")
		}
		f.heal()
	case 11:
		n := pick()
		f.work.Go(func() { n.raft.Snapshot().Error() })
		f.count("snapshot")
	case 12:
		if f.names < 9 && len(nodes) < 5 {
			f.add()
			f.count("join")
		}
	case 13:
		if len(nodes) > 3 && len(f.dead) == 0 {
			f.retire(nodes)
		}
	default:
		f.heal()
	}
	for id := range f.dead {
		if f.rng.IntN(2) == 0 {
			f.wake(id)
		}
	}
	if len(f.living()) == 0 {
		f.heal()
	}
}

// retire takes a node out of the cluster for good.
func (f *fire) retire(nodes []*Node) {
	n := nodes[f.rng.IntN(len(nodes))]
	asked := nodes[f.rng.IntN(len(nodes))]
	ctx, cancel := context.WithTimeout(f.ctx, 10*time.Second)
	defer cancel()
	if err := asked.RemoveNode(ctx, n.ID()); err != nil {
		return // perhaps done, perhaps not: then it stays
	}
	f.crash(n)
	delete(f.dead, n.ID())
	f.count("removed")
}

// heal ends all faults and starts what is down.
func (f *fire) heal() {
	f.weather.clear()
	for _, n := range f.living() {
		f.weather.resume(host(n.cfg.Addr))
		f.drives[n.ID()].ail(0, false)
		if n.Err() != nil { // the service manager starts it anew
			f.crash(n)
		}
	}
	f.mu.Lock()
	var dead []string
	for id := range f.dead {
		dead = append(dead, id)
	}
	f.mu.Unlock()
	slices.Sort(dead)
	for _, id := range dead {
		f.drives[id].ail(0, false)
		f.wake(id)
	}
}

// keep does what a service manager does: what failed is started anew, unless it
// said that this is useless.
func (f *fire) keep() {
	for _, n := range f.living() {
		err := n.Err()
		if err == nil {
			continue
		}
		f.crash(n)
		if Final(err) {
			f.mu.Lock()
			delete(f.dead, n.ID())
			f.mu.Unlock()
			f.count("ended: " + cmp.Or(errors.Unwrap(err), err).Error())
			continue
		}
		f.wake(n.ID())
	}
}

// describe says how the nodes stand.
func (f *fire) describe() (s string) {
	for _, n := range f.living() {
		at, sum, err := n.deps.State.NodeDigest()
		s += fmt.Sprintf("node %s: %v, stage %d, last %d, applied %d, state at %d %.4x (%v), leads %v, members %v, err %v; ", n.ID(), n.raft.State(), n.guard.at(),
			n.raft.LastIndex(), n.raft.AppliedIndex(), at, sum, err, n.Leads(), n.servers(), n.Err())
	}
	return s
}

func (f *fire) put() {
	for _, n := range f.living() {
		f.net.mu.Lock()
		delete(f.net.nodes, n.cfg.API)
		f.net.mu.Unlock()
		if err := n.Close(); err != nil {
			f.t.Logf("close node %s: %v", n.ID(), err)
		}
	}
	f.work.Wait()
	<-time.After(time.Minute)
}

// leading is a node that says it leads, as a gate finds it.
func (f *fire) leading(rng *rand.Rand) *Node {
	nodes := f.living()
	rng.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
	for _, n := range nodes {
		if n.Leads() {
			return n
		}
	}
	return nil
}

// ask has a node answer; ok is false when no answer reached the client, which
// then knows nothing.
func (f *fire) ask(n *Node, g func(ctx context.Context) error) (ok bool) {
	h := host(n.cfg.Addr)
	life := f.weather.life(h)
	ctx, cancel := context.WithTimeout(f.ctx, 4*time.Second)
	defer cancel()
	f.weather.awake(h)
	err := g(ctx)
	f.weather.awake(h)
	return err == nil && f.weather.life(h) == life
}

const clientWait = 50 * time.Millisecond

// writer is an agent: it saves an entry, pushes it until it knows the outcome,
// and goes on.
func (f *fire) writer(chain int, p *pen, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 100+uint64(chain)))
	for seq := 1; !f.over.Load(); seq++ {
		push, err := p.pack()
		if err != nil {
			f.t.Error(err)
			return
		}
		for done := false; !done; {
			if f.quit.Load() {
				return
			}
			n := f.leading(rng)
			if n == nil {
				<-time.After(clientWait)
				continue
			}
			called := f.history.Tick()
			var ack session.Ack
			ok := f.ask(n, func(ctx context.Context) (err error) {
				if f.lie == eager {
					gone, cancel := context.WithCancel(ctx)
					cancel()
					_, _ = n.Ingest(gone, push)
					ack.Tip = p.tip
					return nil
				}
				ack, err = n.Ingest(ctx, push)
				return err
			})
			f.history.Note(2*chain, history.Asked{Chain: chain, Seq: seq}, called, history.Told{Tip: int(ack.Tip.Seq), Unknown: !ok})
			switch {
			case !ok:
				<-time.After(clientWait)
			case ack.Tip == p.tip:
				done = true
			default: // it says something that cannot be: the check will say so
				f.t.Logf("chain %d: entry %d was answered with tip %d", chain, seq, ack.Tip.Seq)
				return
			}
		}
		<-time.After(time.Duration(rng.IntN(300)) * time.Millisecond)
	}
}

// reader asks where a chain ends, by either of the two ways.
func (f *fire) reader(chain int, p *pen, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 200+uint64(chain)))
	for !f.over.Load() {
		<-time.After(time.Duration(rng.IntN(400)) * time.Millisecond)
		n := f.leading(rng)
		if f.lie == stale {
			if all := f.living(); len(all) > 0 {
				n = all[rng.IntN(len(all))]
			}
		}
		if n == nil {
			continue
		}
		called := f.history.Tick()
		var tip uint64
		ok := f.ask(n, func(ctx context.Context) error {
			switch {
			case f.lie == stale:
				_, at, _, err := n.deps.State.Tip(p.caller, p.chain[:], 0)
				tip = at.Seq
				return err
			case rng.IntN(2) == 0:
				ack, err := n.Ingest(ctx, session.Push{Caller: p.caller, Chain: p.chain, Epoch: p.epoch})
				tip = ack.Tip.Seq
				return err
			}
			_, at, _, err := n.Tip(ctx, p.caller, p.chain[:], 0)
			tip = at.Seq
			return err
		})
		if ok {
			f.history.Note(2*chain+1, history.Asked{Chain: chain}, called, history.Told{Tip: int(tip)})
		}
	}
}

// judge says what is wrong once all is well again: what clients saw must be
// possible, and every node must hold each acknowledged entry once.
func (f *fire) judge(pens []*pen) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if r := f.history.Check(); r != porcupine.Ok {
		say("what clients saw is not linearizable: %s", r)
	}
	l := f.leading(f.rng)
	if l == nil {
		return append(wrong, "nobody leads: "+f.describe())
	}
	if f.lie == forgets {
		return append(wrong, f.rob(l, pens)...)
	}
	for end := time.Now().Add(settleWithin); !f.alike(f.leading(f.rng)); f.keep() {
		if <-time.After(time.Second); time.Now().After(end) {
			return append(wrong, "nodes do not get to hold the same: "+f.describe())
		}
	}
	nodes := f.members()
	for _, n := range nodes {
		wrong = append(wrong, f.missing(n, pens)...)
	}
	return wrong
}

// alike reports whether all members hold what the leader holds.
func (f *fire) alike(l *Node) bool {
	if l == nil {
		return false
	}
	at, sum, err := l.deps.State.NodeDigest()
	for _, n := range f.members() {
		i, s, e := n.deps.State.NodeDigest()
		if err != nil || e != nil || i != at || s != sum {
			return false
		}
	}
	return true
}

// missing lists what a node does not hold of what was acknowledged, or holds twice.
func (f *fire) missing(n *Node, pens []*pen) (wrong []string) {
	saved := 0
	for i, p := range pens {
		_, tip, _, err := n.deps.State.Tip(p.caller, p.chain[:], 0)
		if err != nil || tip != p.tip {
			wrong = append(wrong, fmt.Sprintf("node %s: chain %d ends at %d, acknowledged %d (%v)", n.ID(), i, tip.Seq, p.tip.Seq, err))
		}
		saved += int(p.tip.Seq)
	}
	rows, err := n.deps.State.Summary()
	if err != nil || len(rows) != 1 || rows[0].Sheets != int64(saved) {
		wrong = append(wrong, fmt.Sprintf("node %s: %d sheets acknowledged, it counts %+v (%v)", n.ID(), saved, rows, err))
	}
	return wrong
}

// rob makes one more entry that the pens think acknowledged.
func (f *fire) rob(l *Node, pens []*pen) []string {
	pens[0].next(f.t)
	return f.missing(l, pens)
}

func seedOf(t *testing.T) uint64 {
	t.Helper()
	if s := os.Getenv("SHANGU_DRILL_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return seed
	}
	return uint64(time.Now().UnixNano())
}

func TestUnderFire(t *testing.T) {
	runs, length := 3, time.Minute
	switch {
	case os.Getenv("SHANGU_DRILL_LONG") != "":
		runs, length = 200, 3*time.Minute
	case testing.Short():
		runs = 1
	}
	seed := seedOf(t)
	faults, trials, ops, lost := map[string]int{}, 0, 0, 0
	for i := range runs {
		s := seed + uint64(i)
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			f, wrong := burn(t, s, length, honest)
			for what, n := range f.faults {
				faults[what] += n
				trials += n
			}
			n, _ := f.history.Len()
			ops += n
			lost += len(wrong)
			for _, w := range wrong {
				t.Errorf("seed %d: %s", s, w)
			}
		})
	}
	t.Logf("drill: trials=%d lost=%d saw=seed %d, %d histories of %d operations, %v of the bubble's time each, %v", trials, lost, seed, runs, ops, length, faults)
}

// TestTheCheckFindsLies: a simulation that finds nothing proves something only
// if it finds what is there.
func TestTheCheckFindsLies(t *testing.T) {
	if testing.Short() {
		t.Skip("several simulations")
	}
	for name, l := range map[string]lie{"acknowledged before it is committed": eager, "read from any node": stale, "an entry is gone": forgets} {
		t.Run(name, func(t *testing.T) {
			for seed := uint64(1); seed <= 8; seed++ {
				if _, wrong := burn(t, seed, 40*time.Second, l); len(wrong) > 0 {
					t.Logf("seed %d: %v", seed, wrong)
					return
				}
			}
			t.Error("eight simulations did not find it")
		})
	}
}
