// Package digest answers one question: do both sides hold the same documents?
//
// A document's hash covers its kind, id and each field's key, value and
// version, not the times and names beside them. A bucket (kind and month) sums
// the hashes of its documents, so that one changed document changes it in
// constant time, in any order. The package imports schema and sync/change and
// does no I/O.
package digest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"shangu/schema"
	"shangu/sync/change"
)

// Sum is the digest of a set of documents. The zero Sum is the empty set.
type Sum [4]uint64

// Of hashes one document. A nil document is the empty set.
func Of(d *change.Doc) (s Sum) {
	if d == nil {
		return s
	}
	b := make([]byte, 0, 1024)
	str := func(v string) {
		b = binary.AppendUvarint(b, uint64(len(v)))
		b = append(b, v...)
	}
	b = append(b, "shangu digest v1"...)
	b = binary.AppendUvarint(b, uint64(d.Kind))
	str(d.ID)
	for i := range d.Cells {
		c := &d.Cells[i]
		b = binary.AppendUvarint(b, uint64(c.Key.Num))
		str(c.Key.Sub)
		str(string(c.Value))
		b = append(b, c.Version.Chain[:]...)
		b = binary.AppendUvarint(b, c.Version.Seq)
	}
	h := sha256.Sum256(b)
	for i := range s {
		s[i] = binary.BigEndian.Uint64(h[8*i:])
	}
	return s
}

// Add returns the digest of the union of two disjoint sets.
func (s Sum) Add(o Sum) Sum {
	for i := range s {
		s[i] += o[i]
	}
	return s
}

// Sub returns the digest without a subset.
func (s Sum) Sub(o Sum) Sum {
	for i := range s {
		s[i] -= o[i]
	}
	return s
}

// Bytes returns the 32 bytes of s, big-endian.
func (s Sum) Bytes() []byte {
	b := make([]byte, 0, 32)
	for _, v := range s {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	return b
}

// FromBytes reads what Bytes wrote; ok is false for any other length.
func FromBytes(b []byte) (s Sum, ok bool) {
	if len(b) != 32 {
		return s, false
	}
	for i := range s {
		s[i] = binary.BigEndian.Uint64(b[8*i:])
	}
	return s, true
}

// String is the hex of the first 16 bytes, as commands print it.
func (s Sum) String() string { return hex.EncodeToString(s.Bytes()[:16]) }

// Bucket is a kind and month that are digested together.
type Bucket struct {
	Kind  schema.Kind
	Month string // yyyy-mm; schema.NoMonth for kinds without a date
}

// BucketOf returns the bucket of a document.
func BucketOf(d *change.Doc) Bucket {
	return Bucket{d.Kind, schema.MonthOf(d.Kind, d.ID, d.Lookup)}
}

// Set is the digests of all that one school sees.
type Set map[Bucket]Sum

// Replace takes the old state of a document out and puts the new one in.
// Either may be nil.
func (t Set) Replace(old, new *change.Doc) {
	if old != nil {
		t.add(BucketOf(old), Sum{}.Sub(Of(old)))
	}
	if new != nil {
		t.add(BucketOf(new), Of(new))
	}
}

func (t Set) add(b Bucket, s Sum) {
	sum := t[b].Add(s)
	if sum == (Sum{}) {
		delete(t, b)
		return
	}
	t[b] = sum
}

// Root sums all buckets: equal roots mean equal documents.
func (t Set) Root() (s Sum) {
	for _, v := range t {
		s = s.Add(v)
	}
	return s
}

// JSON is the form that commands print: kind, month, hex.
func (t Set) JSON() map[string]map[string]string {
	out := map[string]map[string]string{}
	for b, s := range t {
		k := b.Kind.String()
		if out[k] == nil {
			out[k] = map[string]string{}
		}
		out[k][b.Month] = s.String()
	}
	return out
}
