package session

import (
	"fmt"
	"io"

	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/frame"
)

// Said is one exchange that Deliver held in an agent's place, on its way back
// to the agent: what of the request decides how the answer is to be read, and
// the answer.
type Said struct {
	Confirmed uint64
	Cursor    uint64
	At        int64 // of the heartbeat: the clock that times were corrected with
	Boot      uint32
	Up        int64
	Digests   bool          // the answer has the digests of all buckets
	Bucket    digest.Bucket // the answer has the documents of this bucket, if its kind is not 0
	Answer    []byte
}

// Settled is what an agent took from answers that were carried to it.
type Settled struct {
	Report
	Stale    int             // answers passed over: the agent is further, or took another way since
	More     bool            // the hub has more for this school than was carried
	Compared bool            // the digests were compared
	Differ   []digest.Bucket // what the agent holds differs from the hub here: to be asked for
}

// Settle takes what Deliver's exchanges brought into a store. next returns one
// after the other, then io.EOF; chain is the one that they were about.
//
// The agent may have gone on meanwhile, over a link or by another stick, so each
// answer is taken only as far as it still goes with what is here: receipts always
// (they only ever add), a hub that fell back only while the agent stands where it
// stood, documents only while the agent's chain ends where the hub's did and the
// feed is not past them. What is passed over comes again with the next session.
func Settle(store Store, o Options, chain change.ChainID, next func() (*Said, error)) (Settled, error) {
	s := settler{talk: talk{store: store, o: o}, chain: chain}
	for {
		said, err := next()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = s.take(said)
		}
		if err != nil {
			s.Report = s.report
			return s.Settled, err
		}
	}
	s.Report = s.report
	return s.Settled, nil
}

type settler struct {
	talk
	Settled
	chain change.ChainID
}

func (s *settler) take(said *Said) error {
	p, err := decodeResponse(said.Answer)
	if p != nil {
		s.report.HubTime = max(s.report.HubTime, p.time)
	}
	if err != nil {
		return err
	}
	s.report.Requests++
	if own, _ := s.store.Chain(); own != s.chain {
		s.Stale++
		return nil
	}
	if err := s.receipt(said, p); err != nil {
		return err
	}
	tip := said.Confirmed
	if p.ack != nil {
		tip = p.ack.seq
	}
	if own, _ := s.store.Chain(); own != s.chain || s.store.Confirmed().Seq != tip {
		s.Stale++
		return nil
	}
	cursor := s.store.Cursor()
	switch {
	case said.Digests && said.Cursor == cursor:
		return s.compare(p)
	case said.Bucket.Kind != 0 && said.Cursor == cursor:
		docs, err := expand(p.docs)
		if err != nil {
			return err
		}
		if err := s.store.Replace(said.Bucket, docs); err != nil {
			return fmt.Errorf("replace %v %s: %w", said.Bucket.Kind, said.Bucket.Month, err)
		}
		s.report.Repaired++
		return nil
	case said.Digests || said.Bucket.Kind != 0:
		s.Stale++
		return nil
	case said.Cursor == cursor, said.Cursor < cursor && cursor < p.cursor:
		s.More = p.more
		return s.absorb(p)
	}
	s.Stale++
	return nil
}

// receipt takes the push's part of an answer.
func (s *settler) receipt(said *Said, p *response) error {
	a := p.ack
	if a == nil {
		return nil
	}
	confirmed := s.store.Confirmed().Seq
	own, known := s.store.TipAt(a.seq)
	if !a.fits {
		known = known && own == frame.Tip{Seq: a.seq, Hash: [32]byte(a.hash)}
	}
	switch {
	case known && a.seq == confirmed, a.fits && a.seq < confirmed:
		return nil
	case a.seq > confirmed && known && confirmed < said.Confirmed:
		// It tells of no verdicts on the entries before said.Confirmed.
		return nil
	case a.seq < confirmed && confirmed != said.Confirmed:
		// The hub was there once; since then it has given receipts for more.
		return nil
	case a.fits && !known:
		// An old image of this store; the next exchange has what tells where they part.
		return nil
	}
	return s.settle(p, Heartbeat{At: said.At, Boot: said.Boot, Up: said.Up}, true)
}

// compare notes the buckets that are not as the hub has them.
func (s *settler) compare(p *response) error {
	own, err := s.store.Buckets()
	if err != nil {
		return err
	}
	s.Differ, s.Compared = differing(own, p.buckets), true
	if err := s.store.Compared(s.Differ); err != nil {
		return fmt.Errorf("note which digests differ: %w", err)
	}
	return nil
}
