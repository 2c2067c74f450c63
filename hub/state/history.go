package state

import (
	"encoding/hex"
	"fmt"
	"time"

	"github.com/dgraph-io/badger/v4"

	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
	"shangu/sync/frame"
)

// History calls f for each entry of a chain in order, up to seq, with the audit
// record that holds it. The entry is good until f returns, but for texts and
// values.
func (s *State) History(chain change.ChainID, upTo uint64, f func(*Record, *change.Entry) error) error {
	return s.view("read history", func(txn *badger.Txn) error {
		return replay(txn, chain, upTo, func(k *link) error {
			for _, e := range k.entries {
				if e.Seq > upTo {
					break
				}
				if err := f(k.record, e); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// Reader unpacks the records of the audit trail as they come, each chain's over
// what came before: it must see all records of a chain that it is asked about.
type Reader struct {
	tables map[change.ChainID]*frame.Table
	u      frame.Unpacker
}

// Entries returns the entries that a record holds, none for a command. They are
// good until the next call, but for texts and values.
func (r *Reader) Entries(rec *Record) ([]*change.Entry, error) {
	if rec.What != WhatPack && rec.What != WhatAuthor {
		return nil, nil
	}
	if r.tables == nil {
		r.tables = map[change.ChainID]*frame.Table{}
	}
	t := r.tables[rec.Chain]
	if t == nil {
		t = frame.NewTable()
		r.tables[rec.Chain] = t
	}
	entries, _, err := unpackRecord(&r.u, rec, t, rec.Chain)
	if err != nil {
		return nil, fmt.Errorf("audit record %d: %w", rec.N, err)
	}
	return entries, nil
}

// Say puts what a record is about into words.
func (r *Record) Say() *text.Message {
	if len(r.Body) == 0 {
		return text.New("audit.unreadable", "n", r.N)
	}
	body := r.Body[1:]
	device := hex.EncodeToString(r.Device[:])
	switch r.What {
	case WhatPack:
		return text.New("audit.what_pack", "school", r.School, "device", device, "seq", r.Tip.Seq)
	case WhatAuthor:
		return text.New("audit.what_author", "seq", r.Tip.Seq)
	case WhatEnrol:
		return text.New("audit.what_enrol", "school", r.School, "device", device)
	case WhatInit:
		var c Init
		if decode(body, &c) == nil {
			return text.New("audit.what_init", "name", c.Name)
		}
	case WhatToken:
		var c IssueToken
		if decode(body, &c) == nil {
			return text.New("audit.what_token", "school", c.School, "hash", hex.EncodeToString(c.Hash[:4]), "expires", time.Unix(c.Expires, 0).UTC().Format(time.RFC3339))
		}
	case WhatRevoke:
		var c Revoke
		if decode(body, &c) == nil {
			return text.New("audit.what_revoke", "school", r.School, "device", device, "reason", c.Reason)
		}
	case WhatNode:
		var c setNode
		if decode(body, &c) == nil {
			return text.New("audit.what_node", "id", c.node.ID, "raft", c.node.Raft, "api", c.node.API)
		}
	case WhatDrop:
		var c dropNode
		if decode(body, &c) == nil {
			return text.New("audit.what_drop", "id", c.id)
		}
	case WhatFeature:
		var c feature
		if decode(body, &c) == nil {
			return text.New("audit.what_feature", "level", c.level)
		}
	case WhatEvent:
		var c Event
		if decode(body, &c) == nil {
			return text.New("audit.what_"+c.What, "note", c.Note)
		}
	}
	return text.New("audit.unreadable", "n", r.N)
}

// ScopeOf is the school whose document an entry of a record changes.
func (r *Record) ScopeOf(e *change.Entry) string {
	switch {
	case e.Scope != "":
		return e.Scope
	case r.School == "":
		return schema.DistrictScope
	}
	return r.School
}
