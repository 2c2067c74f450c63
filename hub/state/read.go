package state

import (
	"encoding/binary"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/frame"
	"shangu/sync/session"
)

// fetch decodes the record of a key; false when there is none.
func fetch(txn *badger.Txn, key []byte, r record) (bool, error) {
	v, err := lookup(txn, key)
	if v == nil || err != nil {
		return false, err
	}
	return true, decode(v, r)
}

// each calls f for every key with a prefix, in order, until it returns an error.
// Leaves are read as what they stand for. It is for transactions that only read.
func each(txn *badger.Txn, prefix []byte, f func(key, value []byte) error) error {
	leaves := readLeaves(txn, prefix)
	defer leaves.close()
	it := txn.NewIterator(badger.IteratorOptions{Prefix: prefix, PrefetchValues: true, PrefetchSize: 32})
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		item := it.Item()
		if len(prefix) == 0 && item.Key()[0] == keyLeaf {
			continue
		}
		err := leaves.before(item.Key(), f)
		if err == nil {
			err = item.Value(func(v []byte) error { return f(item.Key(), v) })
		}
		if err != nil {
			return err
		}
	}
	return leaves.before(nil, f)
}

// all decodes the records of every key with a prefix.
func all[T any, P interface {
	*T
	record
}](txn *badger.Txn, prefix []byte) (out []T, err error) {
	err = each(txn, prefix, func(_, v []byte) error {
		var r T
		if err := decode(v, P(&r)); err != nil {
			return err
		}
		out = append(out, r)
		return nil
	})
	return out, err
}

// Tip returns the end of a chain of the caller's device and the checkpoint at
// or before seq. chain may be cut to its first 8 bytes; the full id comes back.
func (s *State) Tip(c session.Caller, chain []byte, seq uint64) (full change.ChainID, tip, near frame.Tip, err error) {
	if err := s.admit(c); err != nil {
		return full, tip, near, err
	}
	err = s.view("read tip", func(txn *badger.Txn) error {
		id, r, err := findChain(txn, c.Device, chain)
		if err != nil {
			return err
		}
		full, tip, near = id, r.tip, r.tip
		if seq < tip.Seq {
			near, err = checkpointBefore(txn, full, seq)
		}
		return err
	})
	return full, tip, near, err
}

// Verdicts lists what became of a chain's entries after seq that were not
// simply applied.
func (s *State) Verdicts(chain change.ChainID, after uint64) (vs []session.Verdict, err error) {
	err = s.view("read verdicts", func(txn *badger.Txn) error {
		vs, err = verdictsAfter(txn, chain, after)
		return err
	})
	return vs, err
}

// Buckets returns the digests of all that the caller's school sees.
func (s *State) Buckets(c session.Caller) (set digest.Set, err error) {
	if err := s.admit(c); err != nil {
		return nil, err
	}
	err = s.view("read digests", func(txn *badger.Txn) error {
		set, err = bucketsOf(txn, c.School)
		return err
	})
	return set, err
}

// DigestOf returns the digests of all that a school sees.
func (s *State) DigestOf(school string) (set digest.Set, err error) {
	err = s.view("read digests", func(txn *badger.Txn) error {
		set, err = bucketsOf(txn, school)
		return err
	})
	return set, err
}

func bucketsOf(txn *badger.Txn, school string) (digest.Set, error) {
	set := digest.Set{}
	for _, name := range []string{school, common} {
		prefix := nameKey(keyDigest, name)
		err := each(txn, prefix, func(key, v []byte) error {
			k, sum, ok := splitDigest(key[len(prefix):], v)
			if !ok {
				return frame.ErrFormat
			}
			set[k] = set[k].Add(sum)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return set, nil
}

// splitDigest reads what follows the viewer in a digest's key, and the digest.
func splitDigest(key, v []byte) (b digest.Bucket, sum digest.Sum, ok bool) {
	if len(key) < 2 {
		return b, sum, false
	}
	sum, ok = digest.FromBytes(v)
	return digest.Bucket{Kind: schema.Kind(binary.BigEndian.Uint16(key)), Month: string(key[2:])}, sum, ok
}

// Bucket returns the documents of one bucket that the caller's school sees, for
// repair.
func (s *State) Bucket(c session.Caller, b digest.Bucket) (docs []*change.Doc, err error) {
	if err := s.admit(c); err != nil {
		return nil, err
	}
	err = s.view("read bucket", func(txn *badger.Txn) error {
		take := func(v []byte) error {
			d, err := docOf(v)
			if err == nil && digest.BucketOf(d) == b {
				docs = append(docs, d)
			}
			return err
		}
		own := docPrefix(c.School, b.Kind)
		if b.Kind == schema.KindSheet && b.Month != schema.NoMonth {
			own = append(own, b.Month...) // a sheet's id begins with its date
		}
		if err := each(txn, own, func(_, v []byte) error { return take(v) }); err != nil {
			return err
		}
		prefix := nameKey(keyForeign, c.School)
		err := each(txn, prefix, func(key, _ []byte) error {
			k, ok := splitDocKey(key[len(prefix):])
			if !ok {
				return frame.ErrFormat
			}
			if k.Kind != b.Kind {
				return nil
			}
			v, err := lookupDoc(txn, k)
			if err != nil {
				return err
			}
			if v == nil {
				return fmt.Errorf("%w: no document %s", frame.ErrFormat, k.ID)
			}
			return take(v)
		})
		if err != nil {
			return err
		}
		if !seenByAll(b.Kind) {
			return nil
		}
		return each(txn, docPrefix(schema.DistrictScope, b.Kind), func(_, v []byte) error { return take(v) })
	})
	return docs, err
}

// seenByAll reports whether the district's documents of a kind are seen by all
// schools.
func seenByAll(k schema.Kind) bool {
	_, all := schema.Viewers(k, schema.DistrictScope, "", func(func(schema.Key, schema.Value)) {})
	return all
}

// Doc returns a document, nil if there is none.
func (s *State) Doc(k DocKey) (d *change.Doc, err error) {
	err = s.view("read document", func(txn *badger.Txn) error {
		d, _, err = readDoc(txn, k)
		return err
	})
	return d, err
}

func readDoc(txn *badger.Txn, k DocKey) (*change.Doc, place, error) {
	v, err := lookupDoc(txn, k)
	if v == nil || err != nil {
		return nil, place{}, err
	}
	p, raw, err := splitPlace(v)
	if err != nil {
		return nil, p, err
	}
	d, err := frame.DecodeDoc(raw)
	return d, p, err
}

// Docs calls f for every document of a kind in a scope, in order of id, until
// it returns an error.
func (s *State) Docs(scope string, k schema.Kind, f func(*change.Doc) error) error {
	return s.view("read documents", func(txn *badger.Txn) error {
		return each(txn, docPrefix(scope, k), func(_, v []byte) error {
			d, err := docOf(v)
			if err != nil {
				return err
			}
			return f(d)
		})
	})
}

// Pack returns the audit trail's bytes of the pack that holds an entry: a pack
// as it came, or for the district's chain its entries, each after its length
// as a uvarint. ok is false when the chain does not reach there.
func (s *State) Pack(chain change.ChainID, seq uint64) (pack []byte, ok bool, err error) {
	err = s.view("read pack", func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: idKey(keyCheckpoint, chain[:])})
		defer it.Close()
		if it.Seek(chainSeqKey(keyCheckpoint, chain, seq)); !it.Valid() {
			return nil
		}
		var cp checkpoint
		if err := it.Item().Value(func(v []byte) error { return decode(v, &cp) }); err != nil {
			return err
		}
		r, err := recordAt(txn, cp.record)
		if err != nil || r.Chain != chain {
			return err
		}
		pack, ok = r.Body, true
		return nil
	})
	return pack, ok, err
}
