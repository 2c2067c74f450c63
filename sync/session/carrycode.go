package session

import (
	"github.com/vmihailenco/msgpack/v5"

	"shangu/schema"
	"shangu/sync/digest"
	"shangu/sync/frame"
)

// heartbeat writes a heartbeat as requests and Carried have it.
func (w *writer) heartbeat(b *Heartbeat) {
	w.array(7)
	w.int(b.At)
	w.int(int64(b.Boot))
	w.int(b.Up)
	w.int(int64(b.Pending))
	w.str(b.Failure)
	w.int(int64(b.DiskFree))
	w.str(b.Version)
}

func readHeartbeat(r *frame.Reader) Heartbeat {
	n := r.Array()
	if n < 7 {
		r.Fail("heartbeat of %d fields", n)
	}
	b := Heartbeat{At: r.Int64(), Boot: r.Uint32(), Up: r.Int64(), Pending: r.Uint64(), Failure: r.Str(), DiskFree: r.Uint64(), Version: r.Str()}
	b.Failure, b.Version = clip(b.Failure), clip(b.Version)
	r.Skip(n - 7)
	return b
}

func (w *writer) bucket(b digest.Bucket) {
	w.array(2)
	w.int(int64(b.Kind))
	w.str(b.Month)
}

func readBucket(r *frame.Reader) digest.Bucket {
	n := r.Array()
	b := digest.Bucket{Kind: schema.Kind(r.Uint16()), Month: r.Str()}
	r.Skip(n - 2)
	return b
}

// fixed reads exactly len(dst) bytes.
func fixed(r *frame.Reader, dst []byte) {
	b := r.Bytes()
	if len(b) != len(dst) {
		r.Fail("%d bytes where %d belong", len(b), len(dst))
	}
	copy(dst, b)
}

// EncodeMsgpack implements msgpack.CustomEncoder. DESIGN.md has the table.
func (c *Carried) EncodeMsgpack(enc *msgpack.Encoder) error {
	w := writer{enc: enc}
	w.array(12)
	w.int(Version)
	w.bytes(c.Device[:])
	w.bytes(c.Epoch[:])
	w.heartbeat(&c.Beat)
	w.int(int64(c.Confirmed.Seq))
	w.bytes(c.Confirmed.Hash[:])
	w.int(int64(c.Last))
	w.bytes(c.Table)
	w.int(int64(c.Cursor))
	w.int(c.Offset)
	w.int(c.Trusted)
	w.array(len(c.Wants))
	for _, b := range c.Wants {
		w.bucket(b)
	}
	return w.err
}

// DecodeMsgpack implements msgpack.CustomDecoder.
func (c *Carried) DecodeMsgpack(dec *msgpack.Decoder) error {
	r := frame.NewReader(dec)
	n := r.Array()
	if n < 12 {
		r.Fail("carried of %d fields", n)
	}
	if v := r.Int64(); r.Err() == nil && v < 1 {
		r.Fail("version %d", v)
	}
	fixed(r, c.Device[:])
	fixed(r, c.Epoch[:])
	c.Beat = readHeartbeat(r)
	c.Confirmed.Seq = r.Uint64()
	fixed(r, c.Confirmed.Hash[:])
	c.Last, c.Table, c.Cursor = r.Uint64(), r.Bytes(), r.Uint64()
	c.Offset, c.Trusted = r.Int64(), r.Int64()
	for i, k := 0, r.Array(); i < k && r.Err() == nil; i++ {
		c.Wants = append(c.Wants, readBucket(r))
	}
	r.Skip(n - 12)
	if c.Last < c.Confirmed.Seq {
		r.Fail("entries %d to %d", c.Confirmed.Seq+1, c.Last)
	}
	return r.Err()
}

// EncodeMsgpack implements msgpack.CustomEncoder. DESIGN.md has the table.
func (s *Said) EncodeMsgpack(enc *msgpack.Encoder) error {
	w := writer{enc: enc}
	w.array(8)
	w.int(int64(s.Confirmed))
	w.int(int64(s.Cursor))
	w.int(s.At)
	w.int(int64(s.Boot))
	w.int(s.Up)
	w.bool(s.Digests)
	w.bucket(s.Bucket)
	w.bytes(s.Answer)
	return w.err
}

// DecodeMsgpack implements msgpack.CustomDecoder.
func (s *Said) DecodeMsgpack(dec *msgpack.Decoder) error {
	r := frame.NewReader(dec)
	n := r.Array()
	if n < 8 {
		r.Fail("exchange of %d fields", n)
	}
	s.Confirmed, s.Cursor, s.At, s.Boot, s.Up = r.Uint64(), r.Uint64(), r.Int64(), r.Uint32(), r.Int64()
	s.Digests, s.Bucket, s.Answer = r.Bool(), readBucket(r), r.Bytes()
	r.Skip(n - 8)
	return r.Err()
}
