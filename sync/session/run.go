package session

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/frame"
)

// Options are what Run needs beside store and transport.
type Options struct {
	Cluster [16]byte
	Key     ed25519.PublicKey // the district's receipt key
	Budget  func() int        // bytes that the link carries in a few seconds; nil: DefaultBudget
	// Thrift reports whether only what was recorded here may cross the line:
	// then nothing is pulled and nothing repaired. nil: never.
	Thrift func() bool
}

// DefaultBudget is a push's size in bytes while the link's speed is unknown.
const DefaultBudget = 64 << 10

// Report is what a session did.
type Report struct {
	Requests int
	Pushed   uint64 // entries that became safe
	Pulled   int    // documents taken from the hub
	Repaired int    // buckets that differed and were fetched whole
	Rewound  bool   // the hub was restored from a backup: entries are sent again
	Rechain  bool   // this store was a copy or an old image: it has a new epoch
	HubTime  int64  // the hub's unix seconds in the last response
	Offset   int64  // seconds by which this machine's clock was behind the hub
}

// RetryError carries how long the hub asked to be left alone.
type RetryError struct {
	Err   error
	After time.Duration
}

func (e *RetryError) Error() string { return e.Err.Error() }
func (e *RetryError) Unwrap() error { return e.Err }

// Bounds that turn a peer that talks in circles into an error.
const (
	maxReconcile = 4
	maxRepair    = 2
	maxIdle      = 8 // requests in a row that moved nothing
)

// Run holds one whole session: it pushes all that is pending, takes all that
// is unseen, and compares digests, repairing what differs. It returns nil only
// when nothing is pending. The report is valid beside an error too.
func Run(ctx context.Context, store Store, t Transport, o Options) (Report, error) {
	s := &talk{store: store, transport: t, o: o, introduce: store.Confirmed().Seq == 0}
	err := s.run(ctx)
	return s.report, err
}

type talk struct {
	store     Store
	transport Transport
	o         Options
	report    Report
	introduce bool // send the epoch: the hub may not know the chain
	reconcile int
}

func (s *talk) run(ctx context.Context) error {
	repairs, idle := 0, 0
	for {
		before := s.report
		cursor := s.store.Cursor()
		pack, _, err := s.store.Pack(s.budget())
		if err != nil {
			return fmt.Errorf("pack entries: %w", err)
		}
		quiet := s.o.Thrift != nil && s.o.Thrift()
		p, beat, err := s.exchange(ctx, request{pack: pack, ask: ask{quiet: quiet}})
		if errors.Is(err, ErrUnknownChain) && !s.introduce {
			s.introduce = true
			continue
		}
		if err != nil {
			return err
		}
		s.introduce = false
		if err := s.settle(p, beat, pack != nil); err != nil {
			return err
		}
		// A chain begins with its first pack: until then the hub knows no name for it.
		s.introduce = s.introduce || s.store.Confirmed().Seq == 0
		if err := s.absorb(p); err != nil {
			return err
		}
		if quiet && !s.pending() {
			return nil // what the hub has for us waits
		}
		if p.more || s.pending() {
			if s.report.Pushed == before.Pushed && s.store.Cursor() == cursor {
				if idle++; idle > maxIdle {
					return fmt.Errorf("%w: it moves nothing on", ErrProtocol)
				}
				continue
			}
			idle = 0
			continue
		}
		root := s.store.Root().Bytes()[:rootBytes]
		if bytes.Equal(root, p.root) {
			if err := s.store.Compared(nil); err != nil {
				return fmt.Errorf("note that digests agree: %w", err)
			}
			return nil
		}
		if repairs++; repairs > maxRepair {
			return fmt.Errorf("%w: digests still differ after repair", ErrProtocol)
		}
		if err := s.repair(ctx); err != nil {
			return fmt.Errorf("repair: %w", err)
		}
	}
}

// pending reports whether entries wait for the hub.
func (s *talk) pending() bool { return s.store.Heartbeat().Pending > 0 }

func (s *talk) budget() int {
	if s.o.Budget != nil {
		if n := s.o.Budget(); n > 0 {
			return min(n, frame.MaxPack)
		}
	}
	return DefaultBudget
}

// exchange fills in what every request says, sends it and decodes the answer.
// A response that is no success is returned as its error.
func (s *talk) exchange(ctx context.Context, q request) (*response, Heartbeat, error) {
	chain, epoch := s.store.Chain()
	q.beat = s.store.Heartbeat()
	q.confirmed, q.cursor = s.store.Confirmed().Seq, s.store.Cursor()
	if lacks(s.store) {
		q.confirmed = 0 // the answer says then how far the hub is
	}
	if s.introduce {
		q.epoch = epoch[:]
	} else {
		q.chain = chain[:8]
	}
	body, err := frame.Marshal(&q)
	if err != nil {
		return nil, q.beat, fmt.Errorf("encode request: %w", err)
	}
	raw, err := s.transport.Exchange(ctx, body)
	if err != nil {
		return nil, q.beat, err
	}
	s.report.Requests++
	p, err := decodeResponse(raw)
	if p != nil {
		s.report.HubTime, s.report.Offset = p.time, p.time-q.beat.At
	}
	if err != nil {
		return nil, q.beat, err
	}
	return p, q.beat, nil
}

// decodeResponse decodes an answer; one that is no success comes with its error.
func decodeResponse(raw []byte) (*response, error) {
	if len(raw) > MaxResponse {
		return nil, fmt.Errorf("%w: response of %d bytes", ErrProtocol, len(raw))
	}
	var p response
	if err := frame.Unmarshal(raw, &p); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrProtocol, err)
	}
	if p.code == codeOK {
		return &p, nil
	}
	err := p.code.err(p.detail)
	if p.retry > 0 {
		err = &RetryError{err, time.Duration(p.retry) * time.Second}
	}
	return &p, err
}

// settle takes the push's part of a response.
func (s *talk) settle(p *response, beat Heartbeat, pushed bool) error {
	a := p.ack
	if a == nil {
		if pushed {
			return fmt.Errorf("%w: no receipt for a push", ErrProtocol)
		}
		return nil
	}
	chain, _ := s.store.Chain()
	confirmed := s.store.Confirmed()
	own, known := s.store.TipAt(a.seq)
	r := Receipt{Chain: chain, Tip: own, Place: Place{N: a.n, Time: p.time - a.age, Head: [8]byte(a.head)}, Sig: a.sig}
	clock := change.Clock{Hub: p.time, At: beat.At, Boot: beat.Boot, Up: beat.Up}
	if !a.fits {
		r.Tip = frame.Tip{Seq: a.seq, Hash: [32]byte(a.hash)}
	}
	if !known && a.fits {
		return fmt.Errorf("%w: receipt for entry %d, which is not here", ErrProtocol, a.seq)
	}
	if !r.Verify(s.o.Key, s.o.Cluster) {
		return fmt.Errorf("%w: the receipt for entry %d is not signed by this district or covers other entries", ErrProtocol, a.seq)
	}
	if a.fits {
		if a.seq <= confirmed.Seq {
			return nil
		}
		if err := s.store.Confirm(r, a.verdicts, clock); err != nil {
			return fmt.Errorf("store receipt: %w", err)
		}
		s.report.Pushed += a.seq - confirmed.Seq
		return nil
	}
	if s.reconcile++; s.reconcile > maxReconcile {
		return fmt.Errorf("%w: the chains do not come together", ErrProtocol)
	}
	switch {
	case known && own == r.Tip && a.seq > confirmed.Seq:
		// The response to an earlier push was lost; the hub has it all.
		if err := s.store.Confirm(r, a.verdicts, clock); err != nil {
			return fmt.Errorf("store receipt: %w", err)
		}
		s.report.Pushed += a.seq - confirmed.Seq
	case known && own == r.Tip && a.seq < confirmed.Seq:
		s.report.Rewound = true
		if err := s.store.Rewind(own); err != nil {
			return fmt.Errorf("send again from entry %d: %w", own.Seq+1, err)
		}
	case known && own == r.Tip && !pushed && lacks(s.store):
		if err := s.store.Confirm(r, nil, clock); err != nil {
			return fmt.Errorf("store receipt: %w", err)
		}
	case known && own == r.Tip:
		return fmt.Errorf("%w: it refuses entries that continue its tip", ErrProtocol)
	default:
		// The hub's chain is not ours: this store is a copy or an old image.
		var parted uint64
		if near, ok := s.store.TipAt(a.nearSeq); ok && near.Hash == [32]byte(a.nearHash) {
			parted = a.nearSeq
		}
		s.report.Rechain = true
		if err := s.store.Rechain(parted); err != nil {
			return fmt.Errorf("start a new epoch after entry %d: %w", parted, err)
		}
		s.introduce = true
	}
	return nil
}

func (s *talk) absorb(p *response) error {
	d := Delta{Gone: p.gone, Cursor: p.cursor, More: p.more}
	if len(p.root) == rootBytes {
		d.Root[0] = binary.BigEndian.Uint64(p.root)
	}
	var err error
	if d.Docs, err = expand(p.docs); err != nil {
		return err
	}
	if len(d.Docs) == 0 && len(d.Gone) == 0 && d.Cursor == s.store.Cursor() {
		return nil
	}
	if err := s.store.Absorb(d); err != nil {
		return fmt.Errorf("take %d documents from the hub: %w", len(d.Docs), err)
	}
	s.report.Pulled += len(d.Docs)
	return nil
}

// repair fetches every bucket whose digest differs.
func (s *talk) repair(ctx context.Context) error {
	p, _, err := s.exchange(ctx, request{ask: ask{buckets: true}})
	if err != nil {
		return err
	}
	own, err := s.store.Buckets()
	if err != nil {
		return err
	}
	differ := differing(own, p.buckets)
	if err := s.store.Compared(differ); err != nil {
		return fmt.Errorf("note which digests differ: %w", err)
	}
	for _, b := range differ {
		p, _, err := s.exchange(ctx, request{ask: ask{bucket: b}})
		if err != nil {
			return err
		}
		docs, err := expand(p.docs)
		if err != nil {
			return err
		}
		if err := s.store.Replace(b, docs); err != nil {
			return fmt.Errorf("replace %v %s: %w", b.Kind, b.Month, err)
		}
		s.report.Repaired++
	}
	return nil
}

// differing are the buckets that two sides do not hold alike.
func differing(own, theirs digest.Set) (differ []digest.Bucket) {
	for b, sum := range theirs {
		if own[b] != sum {
			differ = append(differ, b)
		}
	}
	for b := range own {
		if _, ok := theirs[b]; !ok {
			differ = append(differ, b)
		}
	}
	return differ
}

func expand(b []byte) ([]*change.Doc, error) {
	if len(b) == 0 {
		return nil, nil
	}
	raw, err := frame.ExpandDocs(b, maxDocs)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrProtocol, err)
	}
	docs := make([]*change.Doc, len(raw))
	for i, r := range raw {
		if docs[i], err = frame.DecodeDoc(r); err != nil {
			return nil, fmt.Errorf("%w: %v", ErrProtocol, err)
		}
	}
	return docs, nil
}
