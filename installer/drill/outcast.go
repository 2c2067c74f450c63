package drill

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"shangu/installer/stage"
	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/frame"
	"shangu/sync/identity"
	"shangu/sync/link"
	"shangu/sync/session"
)

// outcast is a device that is going to be revoked.
type outcast struct {
	key   *identity.Key
	grant *link.Credentials
	epoch [16]byte

	mu      sync.Mutex
	answers []answer
}

// answer is what became of one session.
type answer struct {
	by     *asker
	began  time.Time
	err    error
	pulled int // documents, also before err
}

// served reports whether the hub took the device for one of its own.
func (a answer) served() bool { return a.err == nil || a.pulled > 0 }

func newOutcast(ctx context.Context, h *stage.Hub, node int) (d *outcast, err error) {
	word, err := h.Token(ctx, node, sampleSchool)
	if err != nil {
		return nil, err
	}
	token, err := identity.ParseToken(word)
	if err != nil {
		return nil, err
	}
	d = &outcast{}
	if d.key, err = identity.NewKey(rand.Reader); err != nil {
		return nil, err
	}
	if _, err = rand.Read(d.epoch[:]); err != nil {
		return nil, fmt.Errorf("draw epoch: %w", err)
	}
	d.grant, err = link.Enrol(ctx, link.Config{Hubs: []string{"https://" + h.Listen[node]}, Key: d.key}, token)
	return d, err
}

// shutOut returns nil once each of the askers was told that the device is
// revoked, in answer to what it asked after that.
func (d *outcast) shutOut(by []*asker, at time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range by {
		if !slices.ContainsFunc(d.answers, func(r answer) bool {
			return r.by == a && r.began.After(at) && errors.Is(r.err, session.ErrRevoked)
		}) {
			return fmt.Errorf("node %d has not told the device that it is revoked", a.node)
		}
	}
	return nil
}

// judge counts what was refused of what began after the revocation, and loses
// what was served. before is how long before the revocation the last session
// began that was served.
func (d *outcast) judge(at time.Time, o *Outcome, when string) (refused int, before time.Duration) {
	before = time.Hour
	for _, a := range d.answers {
		switch after := a.began.Sub(at); {
		case !a.served():
			if after > 0 {
				refused++
			}
		case after > 0:
			o.Lose("%s: node %d served a device that began to ask %v after it was revoked", when, a.by.node, after)
		default:
			before = min(before, -after)
		}
	}
	return refused, before
}

// asker asks one node on behalf of an outcast, over one connection or, if it is
// fresh, with its ticket over a new one each time.
type asker struct {
	*outcast
	node  int
	fresh bool
	link  *link.Link
	sent  chan struct{} // holds a word once bytes have gone out
}

// open opens the connection and asks once, so that there is a ticket.
func (a *asker) open(ctx context.Context, addr string) (err error) {
	a.sent = make(chan struct{}, 1)
	if a.link, err = link.Open(link.Config{Hubs: []string{"https://" + addr}, Key: a.key, Dial: a.dial}, a.grant); err != nil {
		return err
	}
	if got := a.ask(ctx); got.err != nil {
		return fmt.Errorf("ask node %d: %w", a.node, got.err)
	}
	return nil
}

// run asks until ctx ends.
func (a *asker) run(ctx context.Context) {
	pause := time.NewTicker(50 * time.Millisecond)
	defer pause.Stop()
	for ctx.Err() == nil {
		got := a.ask(ctx)
		a.mu.Lock()
		a.answers = append(a.answers, got)
		a.mu.Unlock()
		<-pause.C
	}
}

// ask holds one session from the beginning of the feed.
func (a *asker) ask(ctx context.Context) answer {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	n := &nosy{outcast: a.outcast}
	got := answer{by: a, began: time.Now()}
	_, got.err = session.Run(ctx, n, a.link, session.Options{Cluster: a.grant.Cluster, Key: a.grant.ReceiptKey()})
	got.pulled = n.pulled
	if a.fresh {
		got.err = errors.Join(got.err, a.link.Rest())
	}
	return got
}

func (a *asker) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &outgoing{c, a.sent}, nil
}

// outgoing is a connection that tells of what goes out.
type outgoing struct {
	net.Conn
	sent chan struct{}
}

func (c *outgoing) Write(b []byte) (n int, err error) {
	n, err = c.Conn.Write(b)
	select {
	case c.sent <- struct{}{}:
	default:
	}
	return n, err
}

// nosy is the session.Store of a device that has nothing to say and wants all.
type nosy struct {
	session.Store // what such a session does not need stays nil
	*outcast
	cursor uint64
	root   digest.Sum
	pulled int
}

func (n *nosy) Heartbeat() session.Heartbeat {
	return session.Heartbeat{At: time.Now().Unix(), Boot: 1, Version: "drill"}
}

func (n *nosy) Chain() (change.ChainID, [16]byte) {
	return frame.ChainOf(n.key.Device(), n.epoch), n.epoch
}

func (n *nosy) Confirmed() frame.Tip               { c, _ := n.Chain(); return frame.Genesis(c) }
func (n *nosy) Cursor() uint64                     { return n.cursor }
func (n *nosy) Pack(int) ([]byte, uint64, error)   { return nil, 0, nil }
func (n *nosy) TipAt(seq uint64) (frame.Tip, bool) { return n.Confirmed(), seq == 0 }
func (n *nosy) Root() digest.Sum                   { return n.root }
func (n *nosy) Compared([]digest.Bucket) error     { return nil }
func (n *nosy) Absorb(d session.Delta) error {
	n.cursor, n.root, n.pulled = d.Cursor, d.Root, n.pulled+len(d.Docs)
	return nil
}
