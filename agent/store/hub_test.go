package store

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/frame"
	"shangu/sync/session"
)

// modelHub is a hub of one school in a few maps: what the store talks to in
// tests, through the real session. It keeps the invariants and nothing else.
type modelHub struct {
	chains map[change.ChainID]*modelChain
	docs   map[docKey]*modelDoc
	gone   map[docKey]uint64
	pos    uint64
	packs  uint64
	full   bool // sends everything at cursor 0, the own chain's too
}

type modelChain struct {
	tips     []frame.Tip // by seq
	table    *frame.Table
	verdicts []session.Verdict
	at       frame.Tip     // tip that place is of
	place    session.Place // in the trail
}

type modelDoc struct {
	doc    *change.Doc
	writes []modelWrite
}

type modelWrite struct {
	pos   uint64
	chain change.ChainID
	loud  bool // for everyone, the writer too
}

func newModelHub() *modelHub {
	return &modelHub{chains: map[change.ChainID]*modelChain{}, docs: map[docKey]*modelDoc{}, gone: map[docKey]uint64{}}
}

// backup copies a hub; the copy and the original share nothing that changes.
func (h *modelHub) backup() *modelHub {
	out := newModelHub()
	out.pos, out.full, out.packs = h.pos, h.full, h.packs
	for id, c := range h.chains {
		out.chains[id] = &modelChain{slices.Clone(c.tips), c.table.Clone(), slices.Clone(c.verdicts), c.at, c.place}
	}
	for k, d := range h.docs {
		out.docs[k] = &modelDoc{d.doc, slices.Clone(d.writes)}
	}
	maps.Copy(out.gone, h.gone)
	return out
}

// badNote is what the model's rules put into quarantine.
var badNote = schema.Str("坏")

func (h *modelHub) Ingest(_ context.Context, p session.Push) (a session.Ack, err error) {
	c := h.chains[p.Chain]
	if c == nil {
		if p.Epoch == ([16]byte{}) {
			return a, session.ErrUnknownChain
		}
		c = &modelChain{tips: []frame.Tip{frame.Genesis(p.Chain)}, table: frame.NewTable()}
		h.chains[p.Chain] = c
	}
	tip := c.tips[len(c.tips)-1]
	switch {
	case p.Pack == nil:
		a.Fits = p.Confirmed == tip.Seq
		a.Near = c.tips[min(p.Confirmed, tip.Seq)]
	default:
		head, err := frame.Peek(p.Pack)
		if err != nil {
			return a, err
		}
		a.Fits = head.First == tip.Seq+1 && head.Prev == [8]byte(tip.Hash[:8])
		a.Near = c.tips[min(head.First-1, tip.Seq)]
		if !a.Fits {
			break
		}
		u, err := frame.Unpack(p.Pack, c.table, p.Chain)
		if err != nil {
			return a, err
		}
		for i, e := range u.Entries {
			tip = tip.Next(u.Bytes[i])
			c.tips = append(c.tips, tip)
			h.apply(c, p, e, u.Bytes[i])
		}
	}
	a.Tip, a.Clock = tip, p.Clock
	if c.at.Seq != tip.Seq {
		h.packs++
		c.at, c.place = tip, session.Place{N: h.packs, Time: p.Clock.Hub}
	}
	a.Place = c.place
	for _, v := range c.verdicts {
		if v.Seq > p.Confirmed {
			a.Verdicts = append(a.Verdicts, v)
		}
	}
	return a, nil
}

func (h *modelHub) apply(c *modelChain, p session.Push, e *change.Entry, raw []byte) {
	for _, f := range e.Fields {
		if f.Value == badNote {
			c.verdicts = append(c.verdicts, session.Verdict{Seq: e.Seq, Outcome: change.Quarantined, Reason: "test"})
			h.write(p.Chain, e, true, schema.KindQuarantine, fmt.Sprintf("%x/%d", p.Chain, e.Seq),
				schema.QuarantineEntry, schema.Bin(string(raw)), schema.QuarantineState, schema.Int(schema.QuarantineWaiting))
			return
		}
	}
	k := keyOf("", e.Kind, e.ID)
	d := h.docs[k]
	if d == nil {
		d = &modelDoc{}
		h.docs[k] = d
	}
	doc, losses := change.Merge(d.doc, e, change.Author{Chain: p.Chain, Role: schema.RoleHost, Clock: p.Clock})
	doc.Scope = homeSchool
	d.doc = doc
	h.pos++
	d.writes = append(d.writes, modelWrite{h.pos, p.Chain, len(losses) > 0})
	for i, l := range losses {
		h.write(p.Chain, e, true, schema.KindCard, fmt.Sprintf("%x-%d-%d", p.Chain[:4], e.Seq, i),
			schema.CardDoc, schema.Str(e.ID), schema.CardLost, schema.Bin(string(l.Lost.Value)))
	}
	if len(losses) > 0 {
		c.verdicts = append(c.verdicts, session.Verdict{Seq: e.Seq, Outcome: change.Conflict})
	}
}

// write makes a document that only the hub writes.
func (h *modelHub) write(chain change.ChainID, e *change.Entry, loud bool, kind schema.Kind, id string, pairs ...any) {
	d := &change.Doc{Scope: homeSchool, Kind: kind, ID: id}
	for i := 0; i < len(pairs); i += 2 {
		d.Cells = append(d.Cells, change.Cell{
			Key: schema.Key{Num: pairs[i].(schema.FieldNum)}, Value: pairs[i+1].(schema.Value),
			Version: change.Ref{Chain: chain, Seq: e.Seq}, Role: schema.RoleDistrict,
		})
	}
	h.pos++
	h.docs[keyOf("", kind, id)] = &modelDoc{d, []modelWrite{{h.pos, chain, loud}}}
}

func (h *modelHub) Chain(_ context.Context, _ session.Caller, start []byte) (change.ChainID, error) {
	for id := range h.chains {
		if string(id[:len(start)]) == string(start) {
			return id, nil
		}
	}
	return change.ChainID{}, session.ErrUnknownChain
}

func (h *modelHub) Pull(_ context.Context, _ session.Caller, chain change.ChainID, cursor uint64, budget int) (d session.Delta, err error) {
	type item struct {
		pos uint64
		doc *change.Doc
	}
	if cursor > h.pos {
		cursor = 0
	}
	var items []item
	for _, m := range h.docs {
		for _, w := range slices.Backward(m.writes) {
			if w.pos <= cursor {
				break
			}
			if w.chain != chain || w.loud || h.full && cursor == 0 {
				items = append(items, item{w.pos, m.doc})
				break
			}
		}
	}
	slices.SortFunc(items, func(a, b item) int { return int(a.pos) - int(b.pos) })
	d.Cursor = h.pos
	size := 0
	for _, i := range items {
		if size += len(frame.AppendDoc(nil, i.doc)); size > budget && len(d.Docs) > 0 {
			d.More, d.Cursor = true, i.pos-1
			break
		}
		d.Docs = append(d.Docs, i.doc)
	}
	d.Root = h.digest().Root()
	return d, nil
}

func (h *modelHub) digest() digest.Set {
	set := digest.Set{}
	for _, m := range h.docs {
		set.Replace(nil, m.doc)
	}
	return set
}

func (h *modelHub) Buckets(context.Context, session.Caller) (digest.Set, error) {
	return h.digest(), nil
}

func (h *modelHub) Bucket(_ context.Context, _ session.Caller, b digest.Bucket) (docs []*change.Doc, err error) {
	for _, m := range h.docs {
		if digest.BucketOf(m.doc) == b {
			docs = append(docs, m.doc)
		}
	}
	return docs, nil
}

// link carries requests to a model hub. lose says, for each half of the way,
// whether it is lost there.
type link struct {
	hub    **modelHub
	device [16]byte
	now    int64
	lose   func() bool
}

var errLost = errors.New("lost on the way")

var (
	receiptKey  = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	testCluster = [16]byte{0xc1}
)

func (l *link) Exchange(ctx context.Context, request []byte) ([]byte, error) {
	if l.lose != nil && l.lose() {
		return nil, errLost
	}
	caller := session.Caller{Device: l.device, School: homeSchool}
	a := session.Serve(ctx, *l.hub, session.District{Key: receiptKey, Cluster: testCluster}, caller, l.now, request)
	if l.lose != nil && l.lose() {
		return nil, errLost
	}
	return a.Body, nil
}

func (l *link) sync(s *Store) (session.Report, error) {
	return session.Run(ctx, s, l, session.Options{
		Cluster: testCluster, Key: receiptKey.Public().(ed25519.PublicKey), Budget: func() int { return 2000 },
	})
}

// drain syncs stores with a hub until nothing moves, and compares everything.
func drain(t testing.TB, h **modelHub, stores ...*Store) {
	t.Helper()
	for range 2 {
		for _, s := range stores {
			l := &link{hub: h, device: s.o.Device, now: s.o.Now().Unix()}
			if _, err := l.sync(s); err != nil {
				t.Fatalf("sync: %v", err)
			}
		}
	}
	want := (*h).digest()
	for i, s := range stores {
		if st := s.Status(); st.Pending != 0 {
			t.Fatalf("store %d: %d entries wait", i, st.Pending)
		}
		if got := s.Digest(); !maps.Equal(got, want) {
			t.Fatalf("store %d differs from the hub: %v, hub %v", i, got.JSON(), want.JSON())
		}
		sound(t, s)
	}
}

func receiptPublic() ed25519.PublicKey { return receiptKey.Public().(ed25519.PublicKey) }
