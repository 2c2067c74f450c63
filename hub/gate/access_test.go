package gate

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	mathrand "math/rand/v2"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"shangu/hub/state"
	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/frame"
	"shangu/sync/identity"
	"shangu/sync/link"
	"shangu/sync/session"
)

// The districts's documents that a device of school may read, told apart by
// what DOMAIN.md says and not by the hub's own rule: its own school's, and of
// the district's those that are for all. TestScopeIsExact has agreements.
func mayRead(school string, d *change.Doc) bool {
	if d.Scope == school {
		return true
	}
	names := func(f schema.FieldNum) bool { return d.Value(f).Text() == school }
	switch d.Kind {
	case schema.KindVisit:
		return names(schema.VisitHelper)
	case schema.KindSchool:
		return d.Scope == schema.DistrictScope && d.ID == school
	}
	return d.Scope == schema.DistrictScope && (d.Kind == schema.KindProgramme || d.Kind == schema.KindCalendar)
}

// A device with a good certificate that writes whatever it likes, asks for
// whatever it likes and speaks for whom it likes reads and writes what its
// school may, and nothing else, through whichever node.
func TestHostileDevice(t *testing.T) {
	seed, rounds := drillSeed(t), 60
	if drillLong() {
		rounds = 2000
	}
	random := mathrand.New(mathrand.NewPCG(seed, 3))
	d := newDistrict(t)
	nodes := []*node{d.open(), d.open(), d.open()}
	// The other school's secrets.
	honest := newSchool(d.enrolled(nodes[0], schoolB))
	honest.day(t)
	if _, err := honest.sync(t.Context(), honest.link(nil, nodes[0].url)); err != nil {
		t.Fatal(err)
	}
	before, err := d.state.DigestOf(schoolB)
	if err != nil {
		t.Fatal(err)
	}
	v := d.enrolled(nodes[0], schoolA)
	scopes := []string{"", schoolA, schoolB, schema.DistrictScope, "*", "3199000003", "a\x00b"}
	kinds := []schema.Kind{schema.KindSheet, schema.KindVisit, schema.KindTraining, schema.KindTeacher, schema.KindPupil, schema.KindClass, schema.KindEnrolment,
		schema.KindSchool, schema.KindAgreement, schema.KindProgramme, schema.KindCalendar, schema.KindCard, schema.KindQuarantine, 999}
	var ids []string
	for k := range honest.docs {
		ids = append(ids, k.ID)
	}
	one := func(n int) int { return random.IntN(n) }
	written, read, lost := 0, 0, 0
	links := make([]*link.Link, len(nodes))
	for i, n := range nodes {
		links[i] = v.link(nil, n.url)
	}
	for range rounds {
		v.epoch = [16]byte{byte(random.Uint64()), byte(random.Uint64()), byte(random.Uint64()), 1}
		device := v.key.Device()
		if one(8) == 0 { // another's chain
			device, v.epoch = honest.key.Device(), honest.epoch
		}
		chain := frame.ChainOf(device, v.epoch)
		var entries []*change.Entry
		for range 1 + one(6) {
			e := &change.Entry{Seq: uint64(len(entries) + 1), Account: "x", Scope: scopes[one(len(scopes))], Kind: kinds[one(len(kinds))], ID: ids[one(len(ids))]}
			if one(3) == 0 {
				e.ID = schoolB
			}
			for f := range 1 + one(3) {
				e.Fields = append(e.Fields, change.Field{Key: schema.Key{Num: schema.FieldNum(f*8 + 1 + one(8))}, Value: []schema.Value{schema.Str(schoolA), schema.Int(1), schema.Str(schoolB), schema.Nil}[one(4)]})
			}
			entries = append(entries, e)
		}
		pack, err := frame.PackEntries(frame.NewTable(), chain, frame.Genesis(chain), entries)
		if err != nil {
			t.Fatal(err)
		}
		tips := []frame.Tip{frame.Genesis(chain)}
		for _, e := range entries {
			tips = append(tips, tips[len(tips)-1].Next(frame.AppendEntry(nil, chain, e)))
		}
		h := &hostile{device: v, chain: chain, tips: tips, pack: pack, last: uint64(len(entries)), cursor: random.Uint64N(3) * 7,
			buckets: digest.Set{digest.Bucket{Kind: kinds[one(len(kinds))], Month: "2026-09"}: {}}}
		_, err = session.Run(t.Context(), h, links[one(len(links))], session.Options{Cluster: v.cr.Cluster, Key: v.cr.ReceiptKey()})
		if err != nil && (errors.Is(err, link.ErrNoAnswer) || errors.Is(err, link.ErrNotHub)) {
			t.Fatal(err)
		}
		written += len(entries)
		for _, doc := range h.got {
			read++
			if !mayRead(schoolA, doc) {
				lost++
				t.Errorf("it reads %s %v %s", doc.Scope, doc.Kind, doc.ID)
			}
		}
		after, err := d.state.DigestOf(schoolB)
		if err != nil {
			t.Fatal(err)
		}
		for b, sum := range before {
			if after[b] != sum {
				t.Fatalf("the other school's %v %s changed by %+v", b.Kind, b.Month, entries)
			}
		}
	}
	if read == 0 {
		t.Error("it read nothing at all: the test looks at nothing")
	}
	t.Logf("drill: trials=%d lost=%d saw=%d hostile entries through 3 gates, %d documents read, none of another school", rounds, lost, written, read)
}

// hostile is the store of a device that lies about everything.
type hostile struct {
	*device
	chain   change.ChainID
	tips    []frame.Tip
	pack    []byte
	last    uint64
	sent    bool
	cursor  uint64
	buckets digest.Set
	got     []*change.Doc
}

func (h *hostile) Heartbeat() session.Heartbeat      { return session.Heartbeat{At: 1, Version: "1.0.0"} }
func (h *hostile) Chain() (change.ChainID, [16]byte) { return h.chain, h.epoch }
func (h *hostile) Confirmed() frame.Tip              { return frame.Genesis(h.chain) }
func (h *hostile) Cursor() uint64                    { return h.cursor }
func (h *hostile) Rewind(frame.Tip) error            { return nil }
func (h *hostile) Rechain(uint64) error              { return nil }
func (h *hostile) Root() digest.Sum                  { return digest.Sum{} }
func (h *hostile) Buckets() (digest.Set, error)      { return h.buckets, nil }
func (h *hostile) Absorb(d session.Delta) error {
	h.got, h.cursor = append(h.got, d.Docs...), d.Cursor
	return nil
}
func (h *hostile) Confirm(session.Receipt, []session.Verdict, change.Clock) error { return nil }

func (h *hostile) TipAt(seq uint64) (frame.Tip, bool) {
	if seq >= uint64(len(h.tips)) {
		return frame.Tip{}, false
	}
	return h.tips[seq], true
}

func (h *hostile) Compared([]digest.Bucket) error { return nil }

func (h *hostile) Pack(int) ([]byte, uint64, error) {
	if h.sent {
		return nil, 0, nil
	}
	h.sent = true
	return h.pack, h.last, nil
}

func (h *hostile) Replace(_ digest.Bucket, docs []*change.Doc) error {
	h.got = append(h.got, docs...)
	return nil
}

// One token, two machines, two nodes, at the same time: one is let in.
func TestOneTokenTwoNodes(t *testing.T) {
	d := newDistrict(t)
	nodes := []*node{d.open(), d.open()}
	const races = 20
	lost := 0
	for range races {
		token := d.token(schoolA)
		var errs [2]error
		var work sync.WaitGroup
		for i := range errs {
			v := newDevice(t)
			work.Go(func() { errs[i] = v.enrol(token, nodes[i].url) })
		}
		work.Wait()
		if (errs[0] == nil) == (errs[1] == nil) || !errors.Is(errors.Join(errs[:]...), link.ErrToken) {
			lost++
			t.Errorf("%v and %v", errs[0], errs[1])
		}
	}
	// A guesser behind the same address is stopped, and stops nobody else.
	d.now.Store(time.Now().Unix())
	stopped := 0
	for range 60 {
		guess, err := identity.NewToken(identity.RoleSchool, schoolA, d.secrets.Pin(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if err := newDevice(t).enrol(guess, nodes[0].url); errors.Is(err, session.ErrBusy) {
			stopped++
		} else if err == nil {
			lost++
			t.Error("a guess was right")
		}
	}
	barriers := nodes[0].barriers.Load()
	if err := newDevice(t).enrol(d.token(schoolB), nodes[0].url); err != nil {
		lost++
		t.Errorf("an honest school behind the guesser's address: %v", err)
	}
	if stopped < 40 || barriers > races+30 {
		t.Errorf("%d of 60 guesses were stopped, %d barriers asked for", stopped, barriers)
	}
	t.Logf("drill: trials=%d lost=%d saw=%d races for a token: one winner each; %d of 60 guesses stopped unread, an honest school behind the same address let in", races+60, lost, races, stopped)
}

// A revoked device is refused at its next request on every node, over
// connections that are open and with tickets that it holds.
func TestRevocationIsAtOnce(t *testing.T) {
	d := newDistrict(t)
	nodes := []*node{d.open(), d.open(), d.open()}
	v := d.enrolled(nodes[0], schoolA)
	links := make([]*link.Link, len(nodes))
	for i, n := range nodes {
		links[i] = v.link(func(c *link.Config) { c.State = "" }, n.url)
		if _, err := links[i].Exchange(t.Context(), v.hello()); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	d.mustDo(state.EncodeRevoke(state.Revoke{Device: v.key.Device(), Now: 1, Account: "op"}))
	lost, trials := 0, 0
	for round := range 2 { // the open connection, then its ticket
		for i, l := range links {
			trials++
			if _, err := l.Exchange(t.Context(), v.hello()); !errors.Is(err, session.ErrRevoked) {
				lost++
				t.Errorf("round %d, node %d: %v", round, i+1, err)
			}
			if err := l.Rest(); err != nil {
				t.Error(err)
			}
		}
	}
	t.Logf("drill: trials=%d lost=%d saw=refused on open connections and tickets at 3 gates within %v of the revocation", trials, lost, time.Since(start).Round(time.Millisecond))
}

// Whoever opens connections and says nothing, drips a header or speaks an old
// TLS keeps no school out and costs bounded memory.
func TestCrowd(t *testing.T) {
	const most = 64
	d := newDistrict(t)
	n := d.open(func(c *Config) { c.Connections, c.HeaderTimeout = most, 20*time.Second })
	v := d.enrolled(n, schoolA)
	if c, err := tls.Dial("tcp", n.addr, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}); err == nil {
		c.Close()
		t.Error("TLS 1.2 was spoken")
	}
	ctx, stop := context.WithCancel(t.Context())
	var attack sync.WaitGroup
	var mu sync.Mutex
	opened := 0
	for i := range 4 {
		attack.Go(func() {
			var held []net.Conn
			defer func() {
				for _, c := range held {
					c.Close()
				}
			}()
			pause := time.NewTicker(5 * time.Millisecond)
			defer pause.Stop()
			for ctx.Err() == nil {
				<-pause.C
				c, err := net.Dial("tcp", n.addr)
				if err != nil {
					continue
				}
				if held = append(held, c); i%2 == 0 {
					tc := tls.Client(c, insecure())
					c.SetDeadline(time.Now().Add(2 * time.Second))
					if tc.Handshake() == nil {
						io.WriteString(tc, "POST /v1/sync HTTP/1.1\r\nHost: h\r\nA")
					}
				}
				mu.Lock()
				opened++
				mu.Unlock()
				if len(held) > 200 {
					held[0].Close()
					held = held[1:]
				}
			}
		})
	}
	crowded := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return opened > 4*most
	}
	sessions, lost, failed := 0, 0, 0
	var slowest time.Duration
	for ; sessions < 25 || !crowded() && t.Context().Err() == nil; sessions++ {
		start := time.Now()
		done := false
		for try := 0; try < 10 && !done; try++ {
			l := v.link(func(c *link.Config) { c.State = "" }, n.url)
			if _, err := l.Exchange(t.Context(), v.hello()); err != nil {
				failed++
				continue
			}
			done = true
		}
		if slowest = max(slowest, time.Since(start)); !done {
			lost++
			t.Error("an honest session was kept out")
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	stop()
	attack.Wait()
	t.Logf("drill: trials=%d lost=%d saw=%d hostile connections against %d places: %d of %d honest sessions through (%d tries again, slowest %v), heap %d MiB",
		opened, lost, opened, most, sessions-lost, sessions, failed, slowest.Round(time.Millisecond), m.HeapAlloc>>20)
}
