package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"shangu/schema/text"
	"shangu/sync/change"
	"shangu/sync/frame"
)

// Proof is what VerifyTrail found.
type Proof struct {
	Head           // as recomputed from the records
	Packs   uint64 // records that hold entries
	Entries uint64 // in them, all read and hashed
	Chains  int    // that the entries make
	Digested
	// Problems are what does not hold, the first of each pass over the trail;
	// none: it is whole.
	Problems []Flaw
}

// Flaw is something that does not hold in the audit trail.
type Flaw struct {
	N   uint64 `json:"n"`   // audit record; 0 when it is about none
	Why string `json:"why"` // as schema/text codes it
}

// maxFlaws is how many flaws a proof names: the first is what matters.
const maxFlaws = 16

func (p *Proof) flaw(n uint64, id string, kv ...any) {
	if len(p.Problems) < maxFlaws {
		p.Problems = append(p.Problems, Flaw{n, text.New(id, kv...).Code()})
	}
}

// VerifyTrail reads the audit trail whole. It numbers and hashes all records
// anew and compares with what was kept as they came; then, chain by chain, it
// unpacks every pack and hashes its entries, and compares with the tips that
// receipts were given for; at last it digests every document anew and compares
// with the digests that were kept as they came. It holds one chain's table in
// memory at a time.
func (s *State) VerifyTrail() (p Proof, err error) {
	err = s.view("verify audit trail", func(txn *badger.Txn) error {
		p = Proof{}
		if err := p.records(txn); err != nil {
			return err
		}
		if err := p.chains(txn); err != nil {
			return err
		}
		return p.documents(txn)
	})
	return p, err
}

// records recomputes numbers and hashes.
func (p *Proof) records(txn *badger.Txn) error {
	err := each(txn, []byte{keyRecord}, func(key, v []byte) error {
		if len(key) != 9 {
			p.flaw(p.Count+1, "audit.bad_key", "bytes", len(key))
			return nil
		}
		n := binary.BigEndian.Uint64(key[1:])
		if n != p.Count+1 {
			p.flaw(p.Count+1, "audit.missing", "n", p.Count+1, "found", n)
		}
		p.Count = n
		if len(v) < sha256.Size {
			p.flaw(n, "audit.changed", "n", n)
			return nil
		}
		if next := nextHead(p.Hash, v[sha256.Size:]); !bytes.Equal(next[:], v[:sha256.Size]) {
			p.flaw(n, "audit.changed", "n", n)
		}
		p.Hash = [32]byte(v) // from here on what follows is judged by itself
		r, err := readRecord(n, v)
		if err != nil {
			p.flaw(n, "audit.unreadable", "n", n)
			return nil
		}
		if r.What == WhatPack || r.What == WhatAuthor {
			p.Packs++
		}
		return nil
	})
	if err != nil {
		return err
	}
	var at progress
	if _, err := fetch(txn, metaApplied, &at); err != nil {
		return err
	}
	if at.count != p.Count || at.head != p.Hash {
		p.flaw(p.Count, "audit.other_end", "n", p.Count, "count", at.count)
	}
	return nil
}

// chains recomputes the entries' hashes.
func (p *Proof) chains(txn *badger.Txn) error {
	var packs uint64
	err := each(txn, []byte{keyChain}, func(key, v []byte) error {
		var c chainRecord
		if err := decode(v, &c); err != nil {
			return fmt.Errorf("chain: %w", err)
		}
		p.Chains++
		id := change.ChainID(key[1:])
		tip := frame.Genesis(id)
		err := replay(txn, id, ^uint64(0), func(k *link) error {
			packs++
			p.Entries += uint64(len(k.entries))
			tip = k.tip
			if k.record.Device != c.device {
				return flawed(k.record.N, "audit.other_device", "n", k.record.N)
			}
			return nil
		})
		if f, ok := errors.AsType[*flawError](err); ok {
			p.Problems = append(p.Problems, f.Flaw)
			return nil
		}
		if err == nil && tip != c.tip {
			p.flaw(0, "audit.other_tip", "chain", fmt.Sprintf("%x", id), "seq", c.tip.Seq, "found", tip.Seq)
		}
		return err
	})
	if err == nil && packs != p.Packs && len(p.Problems) == 0 {
		p.flaw(0, "audit.loose_pack", "packs", p.Packs, "found", packs)
	}
	return err
}

// flawError carries a flaw out of a replay.
type flawError struct{ Flaw }

func (e *flawError) Error() string { return text.Parse(e.Why).Error() }

func flawed(n uint64, id string, kv ...any) error {
	return &flawError{Flaw{n, text.New(id, kv...).Code()}}
}

// link is one record of a chain's entries as replay reads it.
type link struct {
	record  *Record
	entries []*change.Entry // good until the next link, but for texts and values
	tip     frame.Tip       // after them
}

// replay calls f for each pack of a chain in order, up to the one that holds
// entry upTo, unpacked over the table that the packs before it make. A pack that
// does not continue the chain, or is not what its record and checkpoint say,
// ends it with a flawError.
func replay(txn *badger.Txn, id change.ChainID, upTo uint64, f func(*link) error) error {
	table, tip := frame.NewTable(), frame.Genesis(id)
	var u frame.Unpacker
	errEnd := errors.New("end")
	err := each(txn, idKey(keyCheckpoint, id[:]), func(key, v []byte) error {
		if tip.Seq >= upTo {
			return errEnd
		}
		var cp checkpoint
		if err := decode(v, &cp); err != nil {
			return err
		}
		seq := binary.BigEndian.Uint64(key[17:])
		r, err := recordAt(txn, cp.record)
		if errors.Is(err, ErrUnknown) {
			return flawed(cp.record, "audit.gone", "n", cp.record, "seq", seq)
		}
		if err != nil {
			return flawed(cp.record, "audit.unreadable", "n", cp.record)
		}
		entries, raw, err := unpackRecord(&u, r, table, id)
		if err != nil || r.Chain != id {
			return flawed(r.N, "audit.unreadable", "n", r.N)
		}
		for i, b := range raw {
			if entries[i].Seq != tip.Seq+1 {
				return flawed(r.N, "audit.broken_chain", "n", r.N, "seq", tip.Seq+1)
			}
			tip = tip.Next(b)
		}
		if tip != r.Tip || tip != (frame.Tip{Seq: seq, Hash: cp.hash}) {
			return flawed(r.N, "audit.broken_chain", "n", r.N, "seq", seq)
		}
		return f(&link{r, entries, tip})
	})
	if errors.Is(err, errEnd) {
		return nil
	}
	return err
}

// unpackRecord returns a record's entries and their canonical bytes.
func unpackRecord(u *frame.Unpacker, r *Record, table *frame.Table, id change.ChainID) (entries []*change.Entry, raw [][]byte, err error) {
	switch r.What {
	case WhatPack:
		p, err := u.Unpack(r.Body, table, id)
		if err != nil {
			return nil, nil, err
		}
		return p.Entries, p.Bytes, nil
	case WhatAuthor:
		for b := r.Body; len(b) > 0; {
			var one []byte
			if one, b, err = cutBytes(b); err != nil {
				return nil, nil, err
			}
			e, err := frame.DecodeEntry(one, id)
			if err != nil {
				return nil, nil, err
			}
			entries, raw = append(entries, e), append(raw, one)
		}
		return entries, raw, nil
	}
	return nil, nil, fmt.Errorf("%w: record %d holds no entries", frame.ErrFormat, r.N)
}
