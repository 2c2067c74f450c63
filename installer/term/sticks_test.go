package term

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/frame"
	"shangu/sync/session"
)

// TestVirtualMonthBySticks is TestVirtualMonth where nothing has a link, but for
// one school that has one now and then: what is recorded travels in pieces that
// somebody carries. They lie about for weeks, arrive in any order, twice or never,
// and so do the replies. Computers lose power, the hub is restored from an old
// backup. In the end every save is in its document or on a card, and all digests
// are equal. Half a month of it, but in the long form.
func TestVirtualMonthBySticks(t *testing.T) {
	seed, runs, days := uint64(time.Now().UnixNano()), 1, virtualDays/2
	if s := os.Getenv("SHANGU_DRILL_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("SHANGU_DRILL_SEED: %v", err)
		}
	}
	if os.Getenv("SHANGU_DRILL_LONG") != "" {
		runs, days = 200, virtualDays
	}
	var sum post
	trials := 0
	for i := range runs {
		t.Run(strconv.FormatUint(seed+uint64(i), 10), func(t *testing.T) {
			t.Logf("seed: SHANGU_DRILL_SEED=%d, %d days", seed+uint64(i), days)
			m := newMonth(t, seed+uint64(i))
			m.days = days
			for _, a := range m.agents {
				a.post = &post{a: a, links: a.name == "far"}
			}
			m.run()
			for _, a := range m.agents {
				p := a.post
				t.Logf("%s: %d bundles, delivered %d times, %d replies taken, %d of them stale, %d sent again", a.name, p.made, p.delivered, p.settled, p.stale, p.again)
				sum.made, sum.delivered, sum.twice = sum.made+p.made, sum.delivered+p.delivered, sum.twice+p.twice
				sum.settled, sum.stale, sum.again = sum.settled+p.settled, sum.stale+p.stale, sum.again+p.again
			}
			trials++
		})
	}
	if sum.twice == 0 || sum.stale == 0 || sum.settled == 0 {
		t.Errorf("%d bundles, %d delivered twice, %d replies, %d late: the simulator is not doing its work", sum.made, sum.twice, sum.settled, sum.stale)
	}
	lost := 0
	if t.Failed() {
		lost = 1
	}
	t.Logf("drill: trials=%d lost=%d saw=virtual months: %d bundles, %d delivered twice, %d replies, %d late", sum.delivered, lost, sum.made, sum.twice, sum.settled, sum.stale)
}

// post is what travels between a computer and the hub by hand.
type post struct {
	a       *simAgent
	links   bool // now and then there is a link too
	up      []parcel
	down    []answers
	wants   []digest.Bucket
	trusted int64

	made, delivered, twice, settled, stale, again int
}

// parcel is a bundle without its seal.
type parcel struct {
	carried []byte
	packs   [][]byte
	there   bool // it was delivered once
}

// answers is a reply without its seal.
type answers struct {
	chain change.ChainID
	time  int64
	items [][]byte
}

// trip is one step of somebody's way; false: take the link today.
func (p *post) trip() bool {
	r := p.a.r
	switch n := r.IntN(10); {
	case p.links && n == 9:
		return false
	case n < 4:
		p.export()
	case n < 7 && len(p.up) > 0:
		i := r.IntN(len(p.up))
		p.deliver(i)
		if r.IntN(3) == 0 { // the stick is lost, or wiped
			p.up = append(p.up[:i], p.up[i+1:]...)
		}
	case len(p.down) > 0:
		i := r.IntN(len(p.down))
		p.settle(p.down[i])
		if r.IntN(3) == 0 {
			p.down = append(p.down[:i], p.down[i+1:]...)
		}
	}
	return true
}

// drain makes whole rounds until nothing is left to carry.
func (p *post) drain() {
	for round := 0; ; round++ {
		p.export()
		p.deliver(len(p.up) - 1)
		s := p.settle(p.down[len(p.down)-1])
		p.a.m.clock.now = p.a.m.clock.now.Add(time.Hour)
		if p.a.store.Status().Pending == 0 && !s.Rewound && !s.Rechain && !s.More && s.Compared && len(s.Differ) == 0 {
			return
		}
		if round == 6 {
			p.a.m.t.Fatalf("%s: after %d rounds %d entries wait, %+v", p.a.name, round, p.a.store.Status().Pending, s)
		}
	}
}

func (p *post) export() {
	a, t := p.a, p.a.m.t
	out := a.store.Outbox(uint64(1 + a.r.IntN(300)))
	table, err := out.Table()
	if err != nil {
		t.Fatal(err)
	}
	_, epoch := a.store.Chain()
	c := session.Carried{Device: a.device, Epoch: epoch, Beat: a.store.Heartbeat(), Confirmed: out.At(), Last: out.End(), Table: table,
		Cursor: a.store.Cursor(), Trusted: p.trusted, Wants: p.wants}
	b, err := frame.Marshal(&c)
	if err != nil {
		t.Fatal(err)
	}
	made := parcel{carried: b}
	budget := 100 + a.r.IntN(2000)
	for {
		pack, _, err := out.Pack(budget)
		if err != nil {
			t.Fatal(err)
		}
		if pack == nil {
			break
		}
		made.packs = append(made.packs, bytes.Clone(pack))
	}
	p.up, p.made = append(p.up, made), p.made+1
}

// handover is the hub as the one sees it who brings a bundle there.
type handover struct {
	l *simLink
	r *rand.Rand
}

// Exchange implements session.Transport. Now and then the hub has done it and
// dies before it says so.
func (h handover) Exchange(ctx context.Context, b []byte) ([]byte, error) {
	a := session.Serve(ctx, h.l.hub, session.District{Cluster: h.l.hub.cluster, Key: h.l.hub.key}, h.l.caller, h.l.hub.now().Unix(), b)
	if h.r.IntN(40) == 0 {
		return nil, errWeather
	}
	return a.Body, nil
}

func (p *post) deliver(i int) {
	a, t := p.a, p.a.m.t
	var c session.Carried
	if err := frame.Unmarshal(p.up[i].carried, &c); err != nil {
		t.Fatal(err)
	}
	made := answers{chain: c.Chain(), time: a.m.clock.now.Unix()}
	for {
		next := 0
		made.items = nil
		_, err := session.Deliver(context.Background(), &c, func() ([]byte, error) {
			if next == len(p.up[i].packs) {
				return nil, io.EOF
			}
			next++
			return p.up[i].packs[next-1], nil
		}, handover{a.link, a.r}, a.m.clock.now.Unix(), 1<<20, func(s *session.Said) error {
			b, err := frame.Marshal(s)
			made.items = append(made.items, b)
			return err
		})
		if err == errWeather {
			continue
		}
		if err != nil {
			t.Fatalf("%s: deliver: %v", a.name, err)
		}
		break
	}
	if p.up[i].there {
		p.twice++
	}
	p.up[i].there = true
	p.down, p.delivered = append(p.down, made), p.delivered+1
}

func (p *post) settle(b answers) session.Settled {
	a := p.a
	next := 0
	s, err := session.Settle(a.store, session.Options{Cluster: a.m.hub.cluster, Key: a.m.hub.pub}, b.chain, func() (*session.Said, error) {
		if next == len(b.items) {
			return nil, io.EOF
		}
		next++
		said := new(session.Said)
		return said, frame.Unmarshal(b.items[next-1], said)
	})
	if err != nil {
		a.m.t.Fatalf("%s: settle: %v", a.name, err)
	}
	p.settled++
	p.trusted = max(p.trusted, b.time)
	if s.Stale > 0 {
		p.stale++
	}
	if s.Rewound || s.Rechain {
		p.again++
	}
	if s.Compared {
		p.wants = s.Differ
	}
	a.repairs += s.Repaired
	return s
}
