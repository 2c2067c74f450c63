package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/frame"
)

// Carried is all that an agent has to say in a session, in one piece, for
// somebody to carry to the hub; its packs go beside it. It holds what the agent
// has no receipt for, so that each one stands alone: how many are on the way,
// in which order they arrive and how often makes no difference.
type Carried struct {
	Device    [16]byte
	Epoch     [16]byte
	Beat      Heartbeat
	Confirmed frame.Tip // the tip that the agent holds a receipt for
	Last      uint64    // the last entry in the packs; Confirmed.Seq if there are none
	Table     []byte    // the pack table at Confirmed, as Table.MarshalBinary writes it
	Cursor    uint64
	Offset    int64 // seconds by which the agent's clock was behind the hub's when it last learned so
	Trusted   int64 // the greatest hub's time that the agent knows of, unix seconds
	Wants     []digest.Bucket
}

// Chain is the chain that the entries belong to.
func (c *Carried) Chain() change.ChainID { return frame.ChainOf(c.Device, c.Epoch) }

// Aged is the heartbeat as the agent would send it now, were it here: the time
// on the way is no error of its clock. Only a clock that runs ahead of the hub's,
// or says a time before one that the agent knows to have passed, is taken to be
// wrong, by all the difference.
func (c *Carried) Aged(now int64) Heartbeat {
	b := c.Beat
	if sent := b.At + c.Offset; c.Trusted <= sent && sent <= now {
		b.At += now - sent
		b.Up += now - sent
	}
	return b
}

// Fate is how a carried chain and the hub's go together.
type Fate uint8

// Fates.
const (
	// Taken: all that was carried is at the hub now, or was there before.
	Taken Fate = iota
	// Behind: the hub ends before the carried entries begin. It was restored
	// from a backup, or an earlier file is missing.
	Behind
	// Parted: the hub has other entries in this place. The agent is a copy, or
	// came from an old image.
	Parted
	// Moved: the chain grew at the hub in the middle of it, by another way.
	Moved
)

// Delivery is what became of a Carried.
type Delivery struct {
	Fate        Fate
	Applied     uint64 // entries that the hub took
	Known       uint64 // entries that it had
	Conflicts   int    // of those that it took
	Quarantined int
	Pulled      bool // all changes for the school are in the answers; else the next trip brings the rest
}

// Bounds of Deliver.
const (
	maxWants   = 512 // buckets asked for
	maxAnswers = 1 << 16
)

// Deliver holds the agent's half of a session at the hub, out of a Carried.
// packs returns one pack after the other, then io.EOF. Every exchange is handed
// to take, for the way back; after about budget bytes of them no more changes are
// asked for. now is the hub's unix seconds. An error means that the hub could not
// serve it or that the bytes are none: doing it again is harmless.
func Deliver(ctx context.Context, c *Carried, packs func() ([]byte, error), t Transport, now int64, budget int, take func(*Said) error) (Delivery, error) {
	d := deliverer{c: c, transport: t, take: take, beat: c.Aged(now), budget: budget, confirmed: c.Confirmed.Seq, cursor: c.Cursor}
	err := d.run(ctx, packs)
	return d.report, err
}

type deliverer struct {
	c         *Carried
	transport Transport
	take      func(*Said) error
	beat      Heartbeat
	budget    int
	answers   int

	confirmed uint64 // as requests say it
	cursor    uint64
	more      bool // there is more to pull
	report    Delivery
}

func (d *deliverer) run(ctx context.Context, packs func() ([]byte, error)) error {
	p, err := d.ask(ctx, request{}, d.c.Last-d.c.Confirmed.Seq)
	if err != nil {
		return err
	}
	hub := d.c.Confirmed
	if a := p.ack; a != nil {
		hub = frame.Tip{Seq: a.seq, Hash: [32]byte(a.hash)}
	}
	switch {
	case hub.Seq < d.c.Confirmed.Seq:
		d.report.Fate = Behind
	case hub.Seq > d.c.Last:
		// The agent will know whether this is more of its chain or another's.
		d.report.Known = d.c.Last - d.c.Confirmed.Seq
	default:
		if err := d.push(ctx, hub, packs); err != nil {
			return err
		}
	}
	if d.report.Fate == Behind || d.report.Fate == Parted {
		return nil
	}
	return d.pull(ctx)
}

// push sends what the hub lacks. hub is its tip, inside of what is carried.
func (d *deliverer) push(ctx context.Context, hub frame.Tip, packs func() ([]byte, error)) error {
	w := walk{chain: d.c.Chain(), at: d.c.Confirmed, table: frame.NewTable()}
	if w.at.Seq < hub.Seq {
		if err := w.table.UnmarshalBinary(d.c.Table); err != nil {
			return fmt.Errorf("read pack table: %w", err)
		}
	} else if w.at != hub {
		d.report.Fate = Parted
		return nil
	}
	for {
		pack, err := packs()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		head, err := frame.Peek(pack)
		if err != nil {
			return err
		}
		last := head.First + uint64(head.Count) - 1
		if head.First != w.at.Seq+1 || last > d.c.Last {
			return fmt.Errorf("%w: entries %d to %d after entry %d", frame.ErrFormat, head.First, last, w.at.Seq)
		}
		known := min(hub.Seq-min(hub.Seq, w.at.Seq), uint64(head.Count))
		if known > 0 {
			rest, err := w.past(pack, hub)
			if errors.Is(err, errParted) {
				d.report.Fate = Parted
				return nil
			}
			if err != nil {
				return err
			}
			d.report.Known += known
			d.confirmed = min(hub.Seq, last)
			if pack = rest; pack == nil {
				continue
			}
		}
		w.at.Seq = last
		if ok, err := d.send(ctx, pack, last); !ok || err != nil {
			return err
		}
	}
	if w.at.Seq != d.c.Last {
		return fmt.Errorf("%w: it ends at entry %d, not %d", frame.ErrFormat, w.at.Seq, d.c.Last)
	}
	return nil
}

// send pushes a pack that ends at last; ok is false when it did not fit.
func (d *deliverer) send(ctx context.Context, pack []byte, last uint64) (ok bool, err error) {
	p, err := d.ask(ctx, request{pack: pack}, d.c.Last-d.confirmed)
	if err != nil {
		return false, err
	}
	a := p.ack
	switch {
	case a == nil:
		return false, fmt.Errorf("%w: no receipt for a push", ErrProtocol)
	case !a.fits && a.seq > d.confirmed:
		d.report.Fate = Moved
		return false, nil
	case !a.fits:
		d.report.Fate = Parted
		return false, nil
	case a.seq != last:
		return false, fmt.Errorf("%w: a receipt for entry %d, not %d", ErrProtocol, a.seq, last)
	}
	d.report.Applied += last - d.confirmed
	for _, v := range a.verdicts {
		switch {
		case v.Seq <= d.confirmed:
		case v.Outcome == change.Conflict:
			d.report.Conflicts++
		case v.Outcome == change.Quarantined:
			d.report.Quarantined++
		}
	}
	d.confirmed = last
	return true, nil
}

// pull asks for what the school has not seen, for the buckets that the agent
// wants whole, and for the digests of all.
func (d *deliverer) pull(ctx context.Context) error {
	for idle := 0; d.more && d.budget > 0 && idle < maxIdle; {
		before := d.cursor
		if _, err := d.ask(ctx, request{}, 0); err != nil {
			return err
		}
		if idle++; d.cursor != before {
			idle = 0
		}
	}
	if d.report.Pulled = !d.more; d.more {
		return nil
	}
	for _, b := range d.c.Wants[:min(len(d.c.Wants), maxWants)] {
		if d.budget <= 0 {
			d.report.Pulled = false
			return nil
		}
		if _, err := d.ask(ctx, request{ask: ask{bucket: b}}, 0); err != nil {
			return err
		}
	}
	_, err := d.ask(ctx, request{ask: ask{buckets: true}}, 0)
	return err
}

// ask holds one exchange and hands it over.
func (d *deliverer) ask(ctx context.Context, q request, pending uint64) (*response, error) {
	q.beat, q.epoch, q.confirmed, q.cursor = d.beat, d.c.Epoch[:], d.confirmed, d.cursor
	q.beat.Pending = pending
	body, err := frame.Marshal(&q)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	raw, err := d.transport.Exchange(ctx, body)
	if err != nil {
		return nil, err
	}
	p, err := decodeResponse(raw)
	if err != nil {
		return nil, err
	}
	if d.answers++; d.answers > maxAnswers {
		return nil, fmt.Errorf("%w: more than %d answers", frame.ErrLimit, maxAnswers)
	}
	d.budget -= len(raw)
	said := &Said{Confirmed: q.confirmed, Cursor: q.cursor, At: d.beat.At, Boot: d.beat.Boot, Up: d.beat.Up,
		Digests: q.ask.buckets, Bucket: q.ask.bucket, Answer: raw}
	if err := d.take(said); err != nil {
		return nil, err
	}
	if q.ask == (ask{}) {
		d.cursor, d.more = p.cursor, p.more
	}
	return p, nil
}

// walk goes along carried entries that the hub has already.
type walk struct {
	chain    change.ChainID
	at       frame.Tip
	table    *frame.Table
	unpacker frame.Unpacker
}

var errParted = errors.New("session: the chains part")

// past goes through a pack up to the hub's tip. What comes after the tip is
// packed anew, as the agent would have done had it known the tip; nil if nothing
// does. It fails with errParted when the hub's tip is not in this chain.
func (w *walk) past(pack []byte, hub frame.Tip) ([]byte, error) {
	before := w.table.Clone()
	u, err := w.unpacker.Unpack(pack, w.table, w.chain)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(u.Head.Prev[:], w.at.Hash[:8]) {
		return nil, fmt.Errorf("%w: packs that do not follow each other", frame.ErrFormat)
	}
	for i, e := range u.Entries {
		w.at = w.at.Next(u.Bytes[i])
		before.Observe(e)
		if w.at.Seq != hub.Seq {
			continue
		}
		if w.at != hub {
			return nil, errParted
		}
		if i+1 == len(u.Entries) {
			return nil, nil
		}
		return frame.PackEntries(before, w.chain, hub, u.Entries[i+1:])
	}
	return nil, nil
}
