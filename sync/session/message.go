package session

import (
	"errors"
	"fmt"
	"strings"

	"github.com/vmihailenco/msgpack/v5"

	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/frame"
)

// Version is the version of the conversation that this build speaks. A peer of
// the version before or after is understood: arrays may be longer than known
// here, and fields missing at their end have their zero value.
const Version = 1

// Limits on messages, in bytes.
const (
	MaxRequest  = frame.MaxPack + 4<<10
	MaxResponse = 4 << 20
	maxDocs     = 32 << 20 // documents of one response, expanded
)

// ask is what a request wants besides push and pull.
type ask struct {
	buckets bool          // the digests of all buckets
	bucket  digest.Bucket // the documents of this bucket, if its kind is not 0
	quiet   bool          // no documents: the school's line is nearly paid out for this month
}

// request is one message of an agent. DESIGN.md has the table.
type request struct {
	beat      Heartbeat
	chain     []byte // the chain's first 8 bytes; empty with an epoch
	epoch     []byte // 16 bytes when the hub may not know the chain
	confirmed uint64
	cursor    uint64
	pack      []byte
	ask       ask
}

// EncodeMsgpack implements msgpack.CustomEncoder.
func (q *request) EncodeMsgpack(enc *msgpack.Encoder) error {
	n := 7
	switch {
	case q.ask != ask{}:
	case q.pack != nil:
		n = 6
	default:
		n = 5
	}
	w := writer{enc: enc}
	w.array(n + 1)
	w.int(Version)
	w.heartbeat(&q.beat)
	w.bytes(q.chain)
	w.bytes(q.epoch)
	w.int(int64(q.confirmed))
	w.int(int64(q.cursor))
	if n > 5 {
		w.bytes(q.pack)
	}
	if n > 6 {
		w.array(4)
		w.bool(q.ask.buckets)
		w.int(int64(q.ask.bucket.Kind))
		w.str(q.ask.bucket.Month)
		w.bool(q.ask.quiet)
	}
	return w.err
}

// DecodeMsgpack implements msgpack.CustomDecoder.
func (q *request) DecodeMsgpack(dec *msgpack.Decoder) error {
	r := frame.NewReader(dec)
	n := r.Array()
	if n < 6 {
		r.Fail("request of %d fields", n)
	}
	if v := r.Int64(); r.Err() == nil && v < 1 {
		r.Fail("version %d", v)
	}
	q.beat = readHeartbeat(r)
	q.chain, q.epoch = r.Bytes(), r.Bytes()
	if len(q.chain) > 16 || len(q.epoch) != 0 && len(q.epoch) != 16 {
		r.Fail("chain of %d and epoch of %d bytes", len(q.chain), len(q.epoch))
	}
	q.confirmed, q.cursor = r.Uint64(), r.Uint64()
	if n > 6 {
		q.pack = r.Bytes()
	}
	if n > 7 {
		a := r.Array()
		if a < 3 {
			r.Fail("ask of %d fields", a)
		}
		q.ask = ask{buckets: r.Bool(), bucket: digest.Bucket{Kind: schema.Kind(r.Uint16()), Month: r.Str()}}
		if a > 3 {
			q.ask.quiet = r.Bool()
		}
		r.Skip(a - 4)
	}
	r.Skip(n - 8)
	return r.Err()
}

// code is the outcome of a request.
type code uint8

const (
	codeOK code = iota
	codeBusy
	codeNoLeader
	codeDiskFull
	codeRevoked
	codeRefused
	codeUnknownChain
)

// codeErrors pairs the codes with the errors that they stand for. frame's
// errors travel as codeRefused.
var codeErrors = []struct {
	code code
	err  error
}{
	{codeBusy, ErrBusy}, {codeNoLeader, ErrNoLeader}, {codeDiskFull, ErrDiskFull},
	{codeRevoked, ErrRevoked}, {codeUnknownChain, ErrUnknownChain}, {codeRefused, ErrRefused},
}

func codeOf(err error) code {
	if err == nil {
		return codeOK
	}
	for _, c := range codeErrors {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	if errors.Is(err, frame.ErrFormat) || errors.Is(err, frame.ErrLimit) {
		return codeRefused
	}
	return codeNoLeader
}

func (c code) err(detail string) error {
	for _, k := range codeErrors {
		if k.code == c {
			if detail != "" {
				return fmt.Errorf("%w: %s", k.err, detail)
			}
			return k.err
		}
	}
	return fmt.Errorf("%w: code %d", ErrProtocol, c)
}

// ackPart is the push's part of a response. The hash of a tip that fits is not
// sent.
type ackPart struct {
	fits     bool
	seq      uint64
	sig      []byte
	n        uint64 // of the audit record
	age      int64  // seconds by which the receipt's time is before the response's
	head     []byte // 8 bytes
	verdicts []Verdict
	hash     []byte // if !fits: of the tip
	nearSeq  uint64
	nearHash []byte
}

// response is one message of the hub. DESIGN.md has the table.
type response struct {
	code    code
	time    int64
	ack     *ackPart
	cursor  uint64
	root    []byte // first 8 bytes of the root digest; empty while more is to come
	more    bool
	docs    []byte // frame.CompressDocs
	gone    []DocKey
	buckets digest.Set
	retry   uint32 // seconds to wait before the next request
	detail  string
}

// maxWord bounds what is taken of a heartbeat's texts, in bytes: they wait in
// the leader's memory and go into its log, for each device.
const maxWord = 128

func clip(s string) string {
	if len(s) > maxWord {
		s = strings.ToValidUTF8(s[:maxWord], "")
	}
	return s
}

// EncodeMsgpack implements msgpack.CustomEncoder.
func (p *response) EncodeMsgpack(enc *msgpack.Encoder) error {
	n := 6
	switch {
	case p.detail != "" || p.retry != 0:
		n = 11
	case len(p.buckets) > 0:
		n = 9
	case len(p.gone) > 0:
		n = 8
	case len(p.docs) > 0:
		n = 7
	}
	w := writer{enc: enc}
	w.array(n + 1)
	w.int(Version)
	w.int(int64(p.code))
	w.int(p.time)
	w.ack(p.ack)
	w.int(int64(p.cursor))
	w.bytes(p.root)
	w.bool(p.more)
	if n > 6 {
		w.bytes(p.docs)
	}
	if n > 7 {
		w.array(len(p.gone))
		for _, g := range p.gone {
			w.array(3)
			w.str(g.Scope)
			w.int(int64(g.Kind))
			w.str(g.ID)
		}
	}
	if n > 8 {
		w.array(len(p.buckets))
		for b, s := range p.buckets {
			w.array(3)
			w.int(int64(b.Kind))
			w.str(b.Month)
			w.bytes(s.Bytes())
		}
	}
	if n > 9 {
		w.int(int64(p.retry))
		w.str(p.detail)
	}
	return w.err
}

func (w *writer) ack(a *ackPart) {
	if a == nil {
		w.nil()
		return
	}
	n := 6
	switch {
	case !a.fits:
		n = 10
	case len(a.verdicts) > 0:
		n = 7
	}
	w.array(n)
	w.bool(a.fits)
	w.int(int64(a.seq))
	w.bytes(a.sig)
	w.int(int64(a.n))
	w.int(a.age)
	w.bytes(a.head)
	if n > 6 {
		w.array(len(a.verdicts))
		for _, v := range a.verdicts {
			w.array(3)
			w.int(int64(v.Seq))
			w.int(int64(v.Outcome))
			w.str(v.Reason)
		}
	}
	if n > 7 {
		w.bytes(a.hash)
		w.int(int64(a.nearSeq))
		w.bytes(a.nearHash)
	}
}

// DecodeMsgpack implements msgpack.CustomDecoder.
func (p *response) DecodeMsgpack(dec *msgpack.Decoder) error {
	r := frame.NewReader(dec)
	n := r.Array()
	if n < 7 {
		r.Fail("response of %d fields", n)
	}
	if v := r.Int64(); r.Err() == nil && v < 1 {
		r.Fail("version %d", v)
	}
	p.code, p.time = code(r.Uint16()), r.Int64()
	p.ack = readAck(r)
	p.cursor, p.root, p.more = r.Uint64(), r.Bytes(), r.Bool()
	if n > 7 {
		p.docs = r.Bytes()
	}
	if n > 8 {
		for i, k := 0, r.Array(); i < k && r.Err() == nil; i++ {
			m := r.Array()
			p.gone = append(p.gone, DocKey{r.Str(), schema.Kind(r.Uint16()), r.Str()})
			r.Skip(m - 3)
		}
	}
	if n > 9 {
		p.buckets = digest.Set{}
		for i, k := 0, r.Array(); i < k && r.Err() == nil; i++ {
			m := r.Array()
			b := digest.Bucket{Kind: schema.Kind(r.Uint16()), Month: r.Str()}
			sum, ok := digest.FromBytes(r.Bytes())
			if !ok {
				r.Fail("digest of another length")
			}
			p.buckets[b] = sum
			r.Skip(m - 3)
		}
	}
	if n > 10 {
		p.retry = r.Uint32()
	}
	if n > 11 {
		p.detail = r.Str()
	}
	r.Skip(n - 12)
	return r.Err()
}

func readAck(r *frame.Reader) *ackPart {
	if r.IsNil() {
		return nil
	}
	n := r.Array()
	if n < 6 {
		r.Fail("ack of %d fields", n)
	}
	a := &ackPart{fits: r.Bool(), seq: r.Uint64(), sig: r.Bytes(), n: r.Uint64(), age: r.Int64(), head: r.Bytes()}
	if r.Err() == nil && len(a.head) != len(Place{}.Head) {
		r.Fail("trail hash of %d bytes", len(a.head))
	}
	if n > 6 {
		for i, k := 0, r.Array(); i < k && r.Err() == nil; i++ {
			m := r.Array()
			a.verdicts = append(a.verdicts, Verdict{r.Uint64(), change.Outcome(r.Uint16()), r.Str()})
			r.Skip(m - 3)
		}
	}
	if n > 9 {
		a.hash, a.nearSeq, a.nearHash = r.Bytes(), r.Uint64(), r.Bytes()
	}
	r.Skip(n - 10)
	if !a.fits && (len(a.hash) != 32 || len(a.nearHash) != 32) {
		r.Fail("tip without a hash")
	}
	return a
}

// writer writes typed values and keeps the first error.
type writer struct {
	enc *msgpack.Encoder
	err error
}

func (w *writer) do(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *writer) array(n int)    { w.do(w.enc.EncodeArrayLen(n)) }
func (w *writer) int(n int64)    { w.do(w.enc.EncodeInt(n)) }
func (w *writer) str(s string)   { w.do(w.enc.EncodeString(s)) }
func (w *writer) bytes(b []byte) { w.do(w.enc.EncodeBytes(b)) }
func (w *writer) bool(b bool)    { w.do(w.enc.EncodeBool(b)) }
func (w *writer) nil()           { w.do(w.enc.EncodeNil()) }
