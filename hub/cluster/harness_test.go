package cluster

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"shangu/hub/state"
	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/frame"
	"shangu/sync/seal"
	"shangu/sync/session"
)

// epoch is the hub's clock in tests, unix seconds.
const epoch = 1_800_000_000

// network is a network in memory: raft's transports and calls between gates.
type network struct {
	mu    sync.Mutex
	nodes map[string]*Node // by API address
	wires map[raft.ServerAddress]*raft.InmemTransport
	apart map[string]bool // nodes, by API address, that nobody reaches
}

func newNet() *network {
	return &network{nodes: map[string]*Node{}, wires: map[raft.ServerAddress]*raft.InmemTransport{}, apart: map[string]bool{}}
}

// plug connects a node's new transport with all others.
func (n *network) plug(addr string) *raft.InmemTransport {
	n.mu.Lock()
	defer n.mu.Unlock()
	a := raft.ServerAddress(addr)
	_, w := raft.NewInmemTransportWithTimeout(a, 2*time.Second)
	for other, o := range n.wires {
		if other != a {
			o.Connect(a, w)
			w.Connect(other, o)
		}
	}
	n.wires[a] = w
	return w
}

// cut parts a node from all others, and mend undoes it.
func (n *network) cut(c *Node) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.apart[c.cfg.API] = true
	for a, w := range n.wires {
		if a != raft.ServerAddress(c.cfg.Addr) {
			w.Disconnect(raft.ServerAddress(c.cfg.Addr))
		}
	}
	n.wires[raft.ServerAddress(c.cfg.Addr)].DisconnectAll()
}

// part cuts two nodes' transports from each other.
func (n *network) part(a, b *Node) {
	n.mu.Lock()
	defer n.mu.Unlock()
	x, y := raft.ServerAddress(a.cfg.Addr), raft.ServerAddress(b.cfg.Addr)
	n.wires[x].Disconnect(y)
	n.wires[y].Disconnect(x)
}

func (n *network) mend(c *Node) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.apart, c.cfg.API)
	mine := raft.ServerAddress(c.cfg.Addr)
	for a, w := range n.wires {
		if a != mine {
			w.Connect(mine, n.wires[mine])
			n.wires[mine].Connect(a, w)
		}
	}
}

// port is a node's way to the other gates.
type port struct {
	net  *network
	from string
}

// Forward implements Forwarder.
func (p port) Forward(ctx context.Context, api string, request []byte) ([]byte, error) {
	p.net.mu.Lock()
	to := p.net.nodes[api]
	cut := p.net.apart[p.from] || p.net.apart[api]
	p.net.mu.Unlock()
	if to == nil || cut {
		return nil, fmt.Errorf("node %s cannot be reached", api)
	}
	return to.Serve(ctx, request), nil
}

// world is a cluster under test.
type world struct {
	t    *testing.T
	ctx  context.Context
	dir  string
	net  *network
	tune func(*Config, *Deps)
	// blocks bounds what sealed states keep in memory, 0 by their default.
	blocks int64

	copies map[string]string // directories that are copies of a node's, by id
}

// patience is how much of the bubble's time whatever a test waits for may take:
// a wait without an end lets that time run on for ever, and the test hangs.
const patience = time.Hour

// inBubble runs a test in fake time with three nodes that agree, which are
// closed at its end.
func inBubble(t *testing.T, tune func(*Config, *Deps), f func(w *world, nodes []*Node)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		w := &world{t: t, ctx: ctx, dir: dir, net: newNet(), tune: tune}
		defer w.end()
		first := w.start("1")
		if err := first.Bootstrap(); err != nil {
			t.Fatal(err)
		}
		nodes := []*Node{first, w.start("2"), w.start("3")}
		for _, n := range nodes[1:] {
			w.join(n)
		}
		w.found(first)
		f(w, nodes)
	})
}

// start opens a node in its own directory: a new one, or again.
func (w *world) start(id string) *Node {
	w.t.Helper()
	n, err := w.open(id)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// key seals a node's disk; a copy of a disk has the key of the one it is of.
func (w *world) key(id string) seal.Key {
	if of, ok := w.copies[id]; ok {
		id = of
	}
	return seal.Key([]byte(fmt.Sprintf("%-32.32s", "key of node "+id)))
}

func (w *world) open(id string) (*Node, error) {
	w.t.Helper()
	cfg := Config{ID: id, Dir: filepath.Join(w.dir, id, "raft"), Addr: "node" + id + ":1", API: "node" + id + ":2", AuditEvery: time.Hour}
	key := w.key(id)
	st, err := state.Open(filepath.Join(w.dir, id, "state"), state.Options{Rebuild: true, Key: key, Blocks: w.blocks})
	if err != nil {
		w.t.Fatal(err)
	}
	d := Deps{State: st, Key: key, Transport: w.net.plug(cfg.Addr), Forward: port{w.net, cfg.API}, Now: func() time.Time { return time.Unix(epoch, 0) }}
	if w.tune != nil {
		w.tune(&cfg, &d)
	}
	n, err := Open(cfg, d)
	if err == nil {
		w.net.mu.Lock()
		w.net.nodes[cfg.API] = n
		w.net.mu.Unlock()
	}
	return n, err
}

// stop closes a node and takes it off the network.
func (w *world) stop(n *Node) {
	w.t.Helper()
	if err := n.Close(); err != nil {
		w.t.Errorf("close node %s: %v", n.ID(), err)
	}
	w.net.cut(n)
	w.net.mu.Lock()
	defer w.net.mu.Unlock()
	delete(w.net.nodes, n.cfg.API)
	delete(w.net.wires, raft.ServerAddress(n.cfg.Addr))
	delete(w.net.apart, n.cfg.API)
}

func (w *world) end() {
	for _, api := range slices.Sorted(maps.Keys(w.net.nodes)) {
		w.stop(w.net.nodes[api])
	}
	// Raft leaves goroutines to their timeouts.
	<-time.After(time.Minute)
}

func (w *world) join(n *Node) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, time.Minute)
	defer cancel()
	if err := n.Join(ctx, []string{"node1:2", "node2:2"}); err != nil {
		w.t.Fatal(err)
	}
}

// until waits for something to become true, a minute of the bubble's time at
// most.
func (w *world) until(what string, f func() bool) {
	w.t.Helper()
	w.untilAll(what, func() string {
		if f() {
			return ""
		}
		return "not yet"
	})
}

// untilAll is until, of something that says what is amiss.
func (w *world) untilAll(what string, amiss func() string) {
	w.t.Helper()
	t := time.NewTicker(20 * time.Millisecond)
	defer t.Stop()
	for end := time.Now().Add(time.Minute); ; <-t.C {
		now := amiss()
		if now == "" {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("waited in vain: %s: %s", what, now)
		}
	}
}

// leader waits for a leader among nodes that can commit.
func (w *world) leader(nodes ...*Node) (l *Node) {
	w.t.Helper()
	w.until("a leader", func() bool {
		for _, n := range nodes {
			if n.Leads() && n.Ready(w.ctx) == nil {
				l = n
				return true
			}
		}
		return false
	})
	return l
}

const school = "2199109011"

// found makes a district with one school.
func (w *world) found(n *Node) {
	w.t.Helper()
	w.leader(n)
	if err := w.foundDistrict(n); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) foundDistrict(n *Node) error {
	if _, err := n.Propose(w.ctx, state.EncodeInit(state.Init{Cluster: [16]byte{1}, Name: "云岭区"})); err != nil {
		return err
	}
	res, err := n.Propose(w.ctx, state.EncodeAuthor(state.Author{Account: "admin", Now: epoch, Changes: []state.Change{{
		Scope: schema.DistrictScope, Kind: schema.KindSchool, ID: school, Latest: true, Fields: []change.Field{
			{Key: schema.Key{Num: schema.SchoolName}, Value: schema.Str("甲")},
			{Key: schema.Key{Num: schema.SchoolCategory}, Value: schema.Str("小学")},
			{Key: schema.Key{Num: schema.SchoolTownship}, Value: schema.Str("双溪镇")},
		}}}}))
	if err != nil {
		return err
	}
	_, err = state.DecodeAuthor(res)
	return err
}

func (w *world) propose(n *Node, cmd []byte) []byte {
	w.t.Helper()
	res, err := n.Propose(w.ctx, cmd)
	if err != nil {
		w.t.Fatal(err)
	}
	return res
}

// pen is a device that saves sheets, one at a time.
type pen struct {
	caller session.Caller
	epoch  [16]byte
	chain  change.ChainID
	tip    frame.Tip
	table  *frame.Table
}

// enrol makes a device of the school.
func (w *world) enrol(n *Node, number int) *pen {
	w.t.Helper()
	p, err := w.enrolDevice(n, number)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) enrolDevice(n *Node, number int) (*pen, error) {
	hash := sha256.Sum256(fmt.Appendf(nil, "device %d", number))
	p := &pen{caller: session.Caller{Device: [16]byte(hash[:16]), School: school}, epoch: [16]byte(hash[16:]), table: frame.NewTable()}
	p.chain = frame.ChainOf(p.caller.Device, p.epoch)
	p.tip = frame.Genesis(p.chain)
	_, err := n.Propose(w.ctx, state.EncodeToken(state.IssueToken{Hash: hash, School: school, Role: state.TokenSchool, Now: epoch, Expires: epoch + 1000}))
	if err != nil {
		return nil, err
	}
	res, err := n.Propose(w.ctx, state.EncodeEnrol(state.Enrol{Hash: hash, Role: state.TokenSchool, Device: p.caller.Device, Certificate: []byte("c"), Now: epoch}))
	if err != nil {
		return nil, err
	}
	_, err = state.DecodeEnrol(res)
	return p, err
}

// next packs one more sheet.
func (p *pen) next(t *testing.T) session.Push {
	t.Helper()
	push, err := p.pack()
	if err != nil {
		t.Fatal(err)
	}
	return push
}

func (p *pen) pack() (session.Push, error) {
	e := &change.Entry{Seq: p.tip.Seq + 1, At: epoch, Boot: 1, Up: int64(p.tip.Seq), Account: "li", Kind: schema.KindSheet,
		ID: schema.SheetID{Date: schema.DateOf(2026, 9, 1) + schema.Date(p.tip.Seq), Session: schema.SessionAM,
			Class: schema.ClassID(2026, fmt.Sprintf("%x班", p.caller.Device[:2]))}.String(),
		Fields: []change.Field{
			{Key: schema.Key{Num: schema.SheetState}, Value: schema.Int(schema.SheetTaken)},
			{Key: schema.Key{Num: schema.SheetTaker}, Value: schema.Str("李")},
			{Key: schema.Key{Num: schema.SheetRoll}, Value: schema.Int(40)},
		}}
	pack, err := frame.PackEntries(p.table, p.chain, p.tip, []*change.Entry{e})
	if err != nil {
		return session.Push{}, err
	}
	push := session.Push{Caller: p.caller, Chain: p.chain, Epoch: p.epoch, Pack: pack, Confirmed: p.tip.Seq, Pending: 1,
		Clock: change.Clock{Hub: epoch, At: epoch, Boot: 1, Up: 5000}}
	p.tip = p.tip.Next(frame.AppendEntry(nil, p.chain, e))
	return push, nil
}

// agree waits until the nodes have applied the same and hold the same.
func (w *world) agree(nodes ...*Node) {
	w.t.Helper()
	l := w.leader(nodes...)
	w.untilAll("the nodes to hold the same", func() string {
		at, sum, err := l.deps.State.NodeDigest()
		agreed, held := err == nil, fmt.Sprintf("leader %s: %d %x %v", l.ID(), at, sum[:4], err)
		for _, n := range nodes {
			index, got, e := n.deps.State.NodeDigest()
			agreed = agreed && e == nil && index == at && got == sum
			held += fmt.Sprintf("; %s: %d %x %v, raft %v at %d of %d, failed %v", n.ID(), index, got[:4], e,
				n.raft.State(), n.raft.AppliedIndex(), n.raft.LastIndex(), n.Err())
		}
		if agreed {
			return ""
		}
		return held
	})
}
