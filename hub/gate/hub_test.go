package gate

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"shangu/hub/authority"
	"shangu/hub/state"
	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/frame"
	"shangu/sync/identity"
	"shangu/sync/link"
	"shangu/sync/seal"
	"shangu/sync/session"
)

const (
	schoolA = "3199000001"
	schoolB = "3199000002"
)

// district is a hub's real state behind as many gates as a test opens, of
// which one leads: the log is a counter and a lock in place of raft.
type district struct {
	t       testing.TB
	dir     string
	secrets *authority.Secrets
	state   *state.State
	now     atomic.Int64 // unix seconds; 0: the machine's

	mu     sync.Mutex
	index  uint64
	gates  []*node
	leader *node
	hold   chan struct{} // when set, Ingest waits for it
	beats  []session.Heartbeat

	canned atomic.Int64 // when set, sessions are answered with this many bytes
}

// node is one gate of a district.
type node struct {
	d    *district
	gate *Gate
	addr string
	url  string
	reg  *prometheus.Registry

	barriers atomic.Int64 // asked for
}

func newDistrict(t testing.TB) *district {
	t.Helper()
	s, err := authority.New("山谷区", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d := &district{t: t, dir: t.TempDir(), secrets: s}
	if d.state, err = state.Open(d.dir+"/state", state.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.state.Close() })
	d.mustDo(state.EncodeInit(state.Init{Cluster: s.Cluster, Name: s.Name}))
	a := state.Author{Account: "test", Now: time.Now().Unix()}
	for _, code := range []string{schoolA, schoolB} {
		a.Changes = append(a.Changes, state.Change{Scope: schema.DistrictScope, Kind: schema.KindSchool, ID: code,
			Fields: []change.Field{{Key: schema.Key{Num: schema.SchoolName}, Value: schema.Str("学校" + code)}}})
	}
	if _, err := state.DecodeAuthor(d.do(state.EncodeAuthor(a))); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *district) clock() time.Time {
	if n := d.now.Load(); n != 0 {
		return time.Unix(n, 0)
	}
	return time.Now()
}

func (d *district) do(cmd []byte) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.index++
	r, err := d.state.ApplyBatch([]state.LogEntry{{Index: d.index, Term: 1, Data: cmd}})
	if err != nil {
		d.t.Error(err)
		return nil
	}
	return r[0]
}

func (d *district) mustDo(cmd []byte) {
	d.t.Helper()
	if err := state.DecodeDone(d.do(cmd)); err != nil {
		d.t.Fatal(err)
	}
}

// Propose implements authority.Proposer.
func (d *district) Propose(_ context.Context, cmd []byte) ([]byte, error) { return d.do(cmd), nil }

// open opens another gate; the first one leads.
func (d *district) open(change ...func(*Config)) *node {
	d.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		d.t.Fatal(err)
	}
	return d.openOn(l, change...)
}

func (d *district) openOn(l net.Listener, change ...func(*Config)) *node {
	d.t.Helper()
	var err error
	n := &node{d: d, addr: l.Addr().String(), url: "https://" + l.Addr().String(), reg: prometheus.NewRegistry()}
	id := "n" + string(rune('1'+len(d.gates)))
	self, err := d.secrets.OpenNode(d.dir+"/"+id, id, []string{n.addr}, d.clock(), rand.Reader, seal.Files{})
	if err != nil {
		d.t.Fatal(err)
	}
	log := authority.OverState(d.state, d, d.clock, "test")
	c := Config{
		Secrets: d.secrets, Node: self, Registry: log, Cluster: n, Metrics: n.reg, Now: d.clock,
		Authority: authority.NewAuthority(d.secrets, log, log, d.clock, rand.Reader),
		LeaderAPI: func() string {
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.leader == nil {
				return ""
			}
			return d.leader.addr
		},
		Heard: func(_ session.Caller, _ int64, b session.Heartbeat) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.beats = append(d.beats, b)
		},
	}
	for _, f := range change {
		f(&c)
	}
	if n.gate, err = New(c); err != nil {
		d.t.Fatal(err)
	}
	n.gate.converse = func(ctx context.Context, h session.Hub, sd session.District, c session.Caller, now int64, body []byte) session.Answer {
		if size := d.canned.Load(); size > 0 {
			return session.Answer{Body: append([]byte{0x91}, make([]byte, size-1)...)}
		}
		return session.Serve(ctx, h, sd, c, now, body)
	}
	d.mu.Lock()
	if d.leader == nil {
		d.leader = n
	}
	d.gates = append(d.gates, n)
	d.mu.Unlock()
	served := make(chan error, 1)
	go func() { served <- n.gate.Serve(l) }()
	d.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := n.gate.Close(ctx); err != nil {
			d.t.Error(err)
		}
		if err := <-served; err != nil {
			d.t.Error(err)
		}
	})
	return n
}

func (d *district) lead(n *node) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.leader = n
}

// Leads implements Cluster.
func (n *node) Leads() bool {
	n.d.mu.Lock()
	defer n.d.mu.Unlock()
	return n.d.leader == n
}

// Ready implements Cluster.
func (n *node) Ready(context.Context) error {
	n.d.mu.Lock()
	defer n.d.mu.Unlock()
	if n.d.leader == nil {
		return session.ErrNoLeader
	}
	return nil
}

// Barrier implements Cluster.
func (n *node) Barrier(ctx context.Context) error {
	n.barriers.Add(1)
	return n.Ready(ctx)
}

// Serve implements Cluster: it echoes.
func (n *node) Serve(_ context.Context, request []byte) []byte {
	return append([]byte("served "), request...)
}

// Ingest implements session.Hub.
func (n *node) Ingest(ctx context.Context, p session.Push) (session.Ack, error) {
	if !n.Leads() {
		return session.Ack{}, session.ErrNoLeader
	}
	n.d.mu.Lock()
	hold := n.d.hold
	n.d.mu.Unlock()
	if p.Pack == nil {
		_, tip, near, err := n.d.state.Tip(p.Caller, p.Chain[:], p.Confirmed)
		if errors.Is(err, session.ErrUnknownChain) && p.Epoch != [16]byte{} {
			tip, near, err = frame.Genesis(p.Chain), frame.Genesis(p.Chain), nil
		}
		return session.Ack{Tip: tip, Near: near, Fits: tip.Seq == p.Confirmed, Clock: p.Clock}, err
	}
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return session.Ack{}, ctx.Err()
		}
	}
	r, err := state.DecodeIngest(n.d.do(state.EncodeIngest(p.Clock.Hub, []session.Push{p}, nil)))
	if err != nil {
		return session.Ack{}, err
	}
	return r[0].Ack, r[0].Err
}

// Chain implements session.Hub.
func (n *node) Chain(_ context.Context, c session.Caller, start []byte) (change.ChainID, error) {
	return n.d.state.Chain(c, start)
}

// Pull implements session.Hub.
func (n *node) Pull(_ context.Context, c session.Caller, chain change.ChainID, cursor uint64, budget int) (session.Delta, error) {
	return n.d.state.Pull(c, chain, cursor, budget)
}

// Buckets implements session.Hub.
func (n *node) Buckets(_ context.Context, c session.Caller) (digest.Set, error) {
	return n.d.state.Buckets(c)
}

// Bucket implements session.Hub.
func (n *node) Bucket(_ context.Context, c session.Caller, b digest.Bucket) ([]*change.Doc, error) {
	return n.d.state.Bucket(c, b)
}

// device is a school's computer.
type device struct {
	t     testing.TB
	key   *identity.Key
	state string
	epoch [16]byte
	cr    *link.Credentials
}

func newDevice(t testing.TB) *device {
	t.Helper()
	d := &device{t: t, state: t.TempDir() + "/link.json"}
	var err error
	if d.key, err = identity.NewKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(rand.Reader, d.epoch[:]); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *district) token(school string) identity.Token {
	d.t.Helper()
	log := authority.OverState(d.state, d, d.clock, "test")
	a := authority.NewAuthority(d.secrets, log, log, d.clock, rand.Reader)
	t, _, err := a.Issue(context.Background(), identity.RoleSchool, school, time.Hour)
	if err != nil {
		d.t.Fatal(err)
	}
	return t
}

func (d *device) enrol(t identity.Token, hubs ...string) error {
	var err error
	d.cr, err = link.Enrol(d.t.Context(), link.Config{Hubs: hubs, Key: d.key}, t)
	return err
}

// enrolled is a device that the hub knows.
func (d *district) enrolled(n *node, school string) *device {
	d.t.Helper()
	v := newDevice(d.t)
	if err := v.enrol(d.token(school), n.url); err != nil {
		d.t.Fatal(err)
	}
	return v
}

func (d *device) link(change func(*link.Config), hubs ...string) *link.Link {
	d.t.Helper()
	c := link.Config{Hubs: hubs, Key: d.key, State: d.state, Files: seal.Files{}, DialTimeout: 5 * time.Second}
	if change != nil {
		change(&c)
	}
	l, err := link.Open(c, d.cr)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() {
		if err := l.Close(); err != nil {
			d.t.Error(err)
		}
	})
	return l
}

// hello is a request with nothing to push, in the bytes that a session sends.
func (d *device) hello() []byte { return d.request(nil) }

// request is a session's request, written by hand so that a test says what is
// in it: [version, [at, boot, up, pending, failure, disk, version], chain, epoch, confirmed, cursor, pack].
func (d *device) request(pack []byte) []byte {
	b := []byte{0x96, 1}
	if pack != nil {
		b[0] = 0x97
	}
	b = append(b, 0x97, 0xce)
	b = binary.BigEndian.AppendUint32(b, uint32(time.Now().Unix()))
	b = append(b, 1, 10, 0, 0xa0, 0xcd, 0x10, 0, 0xa3, '1', '.', '0')
	b = append(b, 0xc4, 0)
	b = append(append(b, 0xc4, 16), d.epoch[:]...)
	b = append(b, 0, 0)
	if pack != nil {
		b = append(b, 0xc5, byte(len(pack)>>8), byte(len(pack)))
		b = append(b, pack...)
	}
	return b
}

// code is the outcome in a session's response: 0 is success.
func code(t testing.TB, response []byte) byte {
	t.Helper()
	if len(response) < 3 || response[0]&0xf0 != 0x90 {
		t.Fatalf("not a response: % x", response)
	}
	return response[2]
}

// resumed is how many requests came over resumed connections, and how many not.
func (n *node) resumed() (yes, no int) {
	families, err := n.reg.Gather()
	if err != nil {
		n.d.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "shangu_gate_sync_connections_total" {
			continue
		}
		for _, m := range f.Metric {
			if m.Label[0].GetValue() == "true" {
				yes = int(m.Counter.GetValue())
			} else {
				no = int(m.Counter.GetValue())
			}
		}
	}
	return yes, no
}

func insecure() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

// get asks a gate as a tool that does not check certificates.
func get(t testing.TB, url string) (int, string) {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: insecure(), DisableKeepAlives: true}}
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}
