package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"shangu/sync/change"
	"shangu/sync/frame"
)

// Budgets of a response's documents, in bytes before compression. A push that
// has more behind it is answered with little, so that what was recorded at the
// school is safe before what others recorded arrives.
const (
	pullBudget     = 256 << 10
	pullBehindPush = 16 << 10
)

// retrySeconds is when an agent may come again after the hub could not serve
// it, unless the hub says otherwise by a RetryError. The agent adds its own
// jitter.
const retrySeconds = 15

// Pushes reports whether a request carries a pack, so that who admits requests
// can keep heartbeats apart. It says no of bytes that are no request.
func Pushes(body []byte) bool {
	var q request
	return len(body) <= MaxRequest && frame.Unmarshal(body, &q) == nil && q.pack != nil
}

// Answer is what Serve made of a request.
type Answer struct {
	Body    []byte    // the response, to be sent whatever Err says
	Beat    Heartbeat // what the agent said of itself
	Entries uint64    // entries by which the push moved the chain
	Waiting uint64    // entries that still wait at the agent once it has the answer
	Err     error     // why the request was refused, for the log; nil if it was served
}

// Serve answers one request of an authenticated caller. now is the hub's time
// in unix seconds; body is at most MaxRequest bytes. The answer always has a
// body: errors travel to the agent as codes.
func Serve(ctx context.Context, hub Hub, d District, c Caller, now int64, body []byte) Answer {
	var q request
	p := response{time: now}
	a := Answer{}
	if len(body) > MaxRequest {
		a.Err = fmt.Errorf("request of %d bytes: %w", len(body), frame.ErrLimit)
	} else if a.Err = frame.Unmarshal(body, &q); a.Err == nil {
		a.Beat = q.beat
		a.Waiting = q.beat.Pending
		a.Entries, a.Err = serve(ctx, hub, d, c, &q, &p)
		if p.ack != nil && p.ack.seq > q.confirmed { // held already, though the answer was lost, or now
			a.Waiting -= min(a.Waiting, p.ack.seq-q.confirmed)
		}
	}
	if a.Err != nil {
		p = response{time: now, code: codeOf(a.Err), cursor: q.cursor}
		switch p.code {
		case codeBusy, codeNoLeader, codeDiskFull:
			p.retry = retrySeconds
			if r, ok := errors.AsType[*RetryError](a.Err); ok {
				p.retry = uint32(r.After / time.Second)
			}
		case codeRefused:
			p.detail = a.Err.Error()
		}
	}
	out, err := frame.Marshal(&p)
	if err != nil { // a value of ours that cannot be encoded: say so rather than nothing
		a.Err = errors.Join(a.Err, fmt.Errorf("encode response: %w", err))
		out, _ = frame.Marshal(&response{time: now, code: codeNoLeader})
	}
	a.Body = out
	return a
}

func serve(ctx context.Context, hub Hub, d District, c Caller, q *request, p *response) (uint64, error) {
	push := Push{
		Caller: c, Pack: q.pack, Confirmed: q.confirmed, Pending: q.beat.Pending,
		Clock: change.Clock{Hub: p.time, At: q.beat.At, Boot: q.beat.Boot, Up: q.beat.Up},
	}
	if len(q.epoch) == 16 {
		push.Epoch = [16]byte(q.epoch)
		push.Chain = frame.ChainOf(c.Device, push.Epoch)
	} else {
		if len(q.chain) < 8 {
			return 0, fmt.Errorf("%w: chain of %d bytes", frame.ErrFormat, len(q.chain))
		}
		full, err := hub.Chain(ctx, c, q.chain)
		if err != nil {
			return 0, err
		}
		push.Chain = full
	}
	ack, err := hub.Ingest(ctx, push)
	if err != nil {
		return 0, fmt.Errorf("ingest: %w", err)
	}
	var moved uint64
	if ack.Fits && ack.Tip.Seq > q.confirmed {
		moved = ack.Tip.Seq - q.confirmed
	}
	if q.pack != nil || !ack.Fits {
		r := Receipt{Chain: push.Chain, Tip: ack.Tip, Place: ack.Place}
		r.Sign(d.Key, d.Cluster)
		p.ack = &ackPart{fits: ack.Fits, seq: ack.Tip.Seq, sig: r.Sig, n: r.N, age: p.time - r.Time, head: r.Head[:], verdicts: ack.Verdicts}
		if !ack.Fits {
			p.ack.hash, p.ack.nearSeq, p.ack.nearHash = ack.Tip.Hash[:], ack.Near.Seq, ack.Near.Hash[:]
		}
	}
	switch {
	case q.ask.buckets:
		p.cursor, p.more = q.cursor, true
		p.buckets, err = hub.Buckets(ctx, c)
		return moved, err
	case q.ask.bucket.Kind != 0:
		p.cursor, p.more = q.cursor, true
		docs, err := hub.Bucket(ctx, c, q.ask.bucket)
		if err != nil {
			return moved, err
		}
		p.docs = compress(docs)
		return moved, nil
	}
	if q.ask.quiet {
		p.cursor, p.more = q.cursor, true
		return moved, nil
	}
	budget := pullBudget
	if q.beat.Pending > moved {
		budget = pullBehindPush
	}
	delta, err := hub.Pull(ctx, c, push.Chain, q.cursor, budget)
	if err != nil {
		return moved, fmt.Errorf("pull: %w", err)
	}
	p.cursor, p.more, p.gone = delta.Cursor, delta.More, delta.Gone
	p.docs = compress(delta.Docs)
	if !delta.More {
		p.root = delta.Root.Bytes()[:rootBytes]
	}
	return moved, nil
}

// rootBytes is how much of a root digest a response carries: enough to notice
// a difference that came about by accident; repair compares whole digests.
const rootBytes = 8

func compress(docs []*change.Doc) []byte {
	if len(docs) == 0 {
		return nil
	}
	raw := make([][]byte, len(docs))
	for i, d := range docs {
		raw[i] = frame.AppendDoc(nil, d)
	}
	return frame.CompressDocs(raw)
}
