package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/dgraph-io/badger/v4"

	"shangu/sync/change"
	"shangu/sync/frame"
	"shangu/sync/session"
)

// What says what an audit record is about. Numbers are trail format and never
// used again.
type What uint8

// Kinds of audit records.
const (
	WhatPack    What = 1  // a school's pack, as it came
	WhatAuthor  What = 2  // entries of the district's own chain: see Record.Body
	WhatInit    What = 3  // the district was founded or renamed; the command
	WhatToken   What = 4  // a token was issued; the command
	WhatEnrol   What = 5  // a token was spent; the command
	WhatRevoke  What = 6  // a device was revoked; the command
	WhatNode    What = 7  // a node's addresses; the command
	WhatDrop    What = 8  // a node was removed; the command
	WhatFeature What = 9  // the feature level rose; the command
	WhatEvent   What = 10 // what was done to the hub itself; the command
)

// Record is one record of the audit trail: something that changed, who changed
// it and when. Records are numbered without gaps from 1, and each is chained to
// the one before: Hash = SHA-256(hash before || the record's bytes). Before the
// first one the hash is 32 zeros.
type Record struct {
	N    uint64
	Hash [32]byte

	What    What
	Time    int64    // hub's unix seconds at which it was proposed
	School  string   // of the device, "" for an operator's doing
	Device  [16]byte // that sent or enrolled, or was revoked
	Account string   // of an operator; a pack's entries each name theirs

	// Of a pack or the district's entries: the chain, and its tip after them.
	Chain change.ChainID
	Tip   frame.Tip
	Clock change.Clock // that times of a pack's entries were corrected with

	// Body is the pack; for WhatAuthor the entries, each in canonical bytes
	// after its length as a uvarint; else the command as it was in the log.
	Body []byte

	raw []byte // as it is kept, without the hash
}

func (r *Record) walk(w *wire) {
	small(w, &r.What)
	w.int64(&r.Time)
	w.str(&r.School)
	w.fixed(r.Device[:])
	w.str(&r.Account)
	w.fixed(r.Chain[:])
	walkTip(w, &r.Tip)
	w.int64(&r.Clock.Hub)
	w.int64(&r.Clock.At)
	w.uint32(&r.Clock.Boot)
	w.int64(&r.Clock.Up)
	w.bytes(&r.Body)
}

// Place is what a receipt says of the record.
func (r *Record) Place() session.Place {
	return session.Place{N: r.N, Time: r.Time, Head: [8]byte(r.Hash[:8])}
}

// Stamp is the record's time as RFC 3339.
func (r *Record) Stamp() string { return time.Unix(r.Time, 0).UTC().Format(time.RFC3339) }

// Bytes are the record as the trail hashes it.
func (r *Record) Bytes() []byte { return r.raw }

// nextHead is the trail's hash after one more record.
func nextHead(head [32]byte, record []byte) (next [32]byte) {
	h := sha256.New()
	h.Write(head[:])
	h.Write(record)
	h.Sum(next[:0])
	return next
}

// note adds a record to the audit trail: its hash and its bytes, under its
// number.
func (b *batch) note(r *Record) session.Place {
	v := encode(append(b.s.slab.take(), r.Hash[:]...), r)
	r.N, r.Hash = b.at.count+1, nextHead(b.at.head, v[sha256.Size:])
	copy(v, r.Hash[:])
	b.set(recordKey(r.N), b.s.slab.put(v))
	b.at.count, b.at.head = r.N, r.Hash
	return r.Place()
}

// noteCommand records the command at hand.
func (b *batch) noteCommand(what What, now int64, account string) {
	b.note(&Record{What: what, Time: now, Account: account, Body: b.data})
}

// placeAt is the place in the trail of the pack that ends at seq, zero when a
// chain has none there.
func placeAt(txn *badger.Txn, chain change.ChainID, seq uint64) (session.Place, error) {
	var cp checkpoint
	if ok, err := fetch(txn, chainSeqKey(keyCheckpoint, chain, seq), &cp); err != nil || !ok {
		return session.Place{}, err
	}
	r, err := recordAt(txn, cp.record)
	if err != nil {
		return session.Place{}, err
	}
	return r.Place(), nil
}

// recordAt reads one record.
func recordAt(txn *badger.Txn, n uint64) (*Record, error) {
	v, err := lookup(txn, recordKey(n))
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, fmt.Errorf("audit record %d: %w", n, ErrUnknown)
	}
	return readRecord(n, bytes.Clone(v))
}

func readRecord(n uint64, v []byte) (*Record, error) {
	r := &Record{}
	if len(v) < sha256.Size {
		return nil, fmt.Errorf("audit record %d: %w: %d bytes", n, frame.ErrFormat, len(v))
	}
	if err := decode(v[sha256.Size:], r); err != nil {
		return nil, fmt.Errorf("audit record %d: %w", n, err)
	}
	r.N, r.Hash, r.raw = n, [32]byte(v), v[sha256.Size:]
	return r, nil
}

// PlaceAt is what a receipt says of the pack that ends at seq of a chain; zero
// when none does.
func (s *State) PlaceAt(chain change.ChainID, seq uint64) (p session.Place, err error) {
	err = s.view("read place in the audit trail", func(txn *badger.Txn) error {
		p, err = placeAt(txn, chain, seq)
		return err
	})
	return p, err
}

// Head is how far the audit trail goes: its number of records and its hash.
type Head struct {
	Count uint64
	Hash  [32]byte
}

// TrailHead returns how far the audit trail goes.
func (s *State) TrailHead() Head {
	at := s.progress()
	return Head{at.count, at.head}
}

// Record returns one record of the audit trail; it fails with ErrUnknown when
// there is none of that number.
func (s *State) Record(n uint64) (r *Record, err error) {
	err = s.view("read audit trail", func(txn *badger.Txn) error {
		r, err = recordAt(txn, n)
		return err
	})
	return r, err
}

// Records calls f for every record of the audit trail from number from on, in
// order, until it returns an error.
func (s *State) Records(from uint64, f func(*Record) error) error {
	return s.view("read audit trail", func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{keyRecord}, PrefetchValues: true, PrefetchSize: 32})
		defer it.Close()
		for it.Seek(recordKey(from)); it.Valid(); it.Next() {
			key := it.Item().Key()
			if len(key) != 9 {
				return fmt.Errorf("%w: audit key of %d bytes", frame.ErrFormat, len(key))
			}
			v, err := it.Item().ValueCopy(nil)
			if err != nil {
				return err
			}
			r, err := readRecord(binary.BigEndian.Uint64(key[1:]), v)
			if err == nil {
				err = f(r)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}
