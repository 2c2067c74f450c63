package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"

	"github.com/dgraph-io/badger/v4"

	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/frame"
)

// state is where the documents stand. It is written in every transaction, so
// that what is in Badger is always the state after some step, whole.
type state struct {
	Format    int       `json:"format"`
	Chain     hexBytes  `json:"chain"`
	Applied   uint64    `json:"applied"`   // last journal entry that the views hold
	Confirmed frame.Tip `json:"confirmed"` // what the hub has
	Cursor    uint64    `json:"cursor"`    // of the hub's feed
	Tally     tally     `json:"tally"`     // of the confirmed documents
	Check     check     `json:"check"`     // of digests, at the last session
	// Hole: the documents were rebuilt, and what the hub alone has is not here
	// until digests have been compared.
	Hole bool `json:"hole,omitempty"`

	// Unfinished: a rebuild is under way, and was not done when a crash left
	// this. It begins again.
	Unfinished bool `json:"unfinished,omitempty"`

	// What the other keys come to together. A power cut may keep a later
	// transaction and lose an earlier one: then they do not agree.
	Root  []byte `json:"root"`  // digest of the confirmed documents
	View  []byte `json:"view"`  // digest of what readers see
	Names int    `json:"names"` // in the pack table
	Aux   uint32 `json:"aux"`   // CRC32C of the rest of it
}

// stateFormat is the version of what is in Badger. Another one is rebuilt.
const stateFormat = 2

// tally counts documents.
type tally struct {
	Kinds       map[schema.Kind]int `json:"kinds"`
	Conflicts   int                 `json:"conflicts"`   // cards that nobody settled
	Quarantined int                 `json:"quarantined"` // entries that wait in quarantine

	days map[schema.Date]int // documents of this school about each day; not in Badger: counted anew, or as an orderly end left them
}

func (t *tally) add(d *change.Doc, n int) {
	if d == nil {
		return
	}
	if t.Kinds == nil {
		t.Kinds = map[schema.Kind]int{}
	}
	if t.Kinds[d.Kind] += n; t.Kinds[d.Kind] == 0 {
		delete(t.Kinds, d.Kind)
	}
	if day, ok := dayOf(d); ok {
		if t.days == nil {
			t.days = map[schema.Date]int{}
		}
		if t.days[day] += n; t.days[day] == 0 {
			delete(t.days, day)
		}
	}
	switch d.Kind {
	case schema.KindCard:
		if d.Value(schema.CardSettled).IsNil() {
			t.Conflicts += n
		}
	case schema.KindQuarantine:
		if st, _ := d.Value(schema.QuarantineState).Int(); st == schema.QuarantineWaiting {
			t.Quarantined += n
		}
	}
}

func (t *tally) clone() tally {
	out := *t
	out.Kinds = make(map[schema.Kind]int, len(t.Kinds))
	for k, n := range t.Kinds {
		out.Kinds[k] = n
	}
	out.days = maps.Clone(t.days)
	return out
}

func (t *tally) total() (n int) {
	for _, k := range t.Kinds {
		n += k
	}
	return n
}

// errForeign: what is in Badger does not go with the journal.
var errForeign = errors.New("documents do not go with the journal")

// load reads the state, the digests and the pack table; ok is false when Badger
// is empty.
func (s *Store) load() (ok bool, err error) {
	err = s.db.View(func(txn *badger.Txn) error {
		st, sum, err := readState(txn)
		if err != nil || st == nil {
			return err
		}
		s.st, s.stateSum, ok = *st, sum, true
		if s.conf, err = readBuckets(txn); err != nil {
			return err
		}
		if st.Unfinished {
			return fmt.Errorf("%w: a rebuild was not finished", errForeign)
		}
		if err := s.loadTable(txn); err != nil {
			return err
		}
		if s.closed != nil {
			return s.sound(sum)
		}
		if err := agree(s.st, s.conf, s.names, s.aux); err != nil {
			return err
		}
		s.st.Tally.days, s.views, err = whole(txn, st, s.conf)
		return err
	})
	return ok, err
}

// readState reads the state and its sum; nil when Badger is empty.
func readState(txn *badger.Txn) (st *state, sum uint32, err error) {
	item, err := txn.Get([]byte{keyState})
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	st = &state{}
	err = item.Value(func(b []byte) error {
		sum = stateSum(b)
		return json.Unmarshal(b, st)
	})
	if err == nil && st.Format != stateFormat {
		err = fmt.Errorf("%w: format %d", errForeign, st.Format)
	}
	return st, sum, err
}

// whole reads every document and holds them all against the digests and what the
// state says they come to. It returns how many there are about each day, and
// which ones have a view.
func whole(txn *badger.Txn, st *state, digests digest.Set) (days map[schema.Date]int, views []docKey, err error) {
	conf, view := digest.Set{}, digest.Set{}
	var confirmed tally
	var last docKey
	var below *change.Doc
	err = scan(txn, func(k docKey, layer byte, d *change.Doc) error {
		if layer == layerConfirmed {
			conf.Replace(nil, d)
			view.Replace(nil, d)
			confirmed.add(d, 1)
			last, below = k, d
			return nil
		}
		if k != last {
			below = nil
		}
		view.Replace(below, d)
		views = append(views, k)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if !maps.Equal(conf, digests) || !bytes.Equal(conf.Root().Bytes(), st.Root) ||
		!bytes.Equal(view.Root().Bytes(), st.View) || !confirmed.equal(st.Tally) {
		return nil, nil, fmt.Errorf("%w: some are missing", errForeign)
	}
	return confirmed.days, views, nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func readBuckets(txn *badger.Txn) (digest.Set, error) {
	out := digest.Set{}
	err := each(txn, []byte{keyBucket}, func(k, v []byte) error {
		sum, ok := digest.FromBytes(v)
		if !ok || len(k) < 3 {
			return fmt.Errorf("%w: bad digest", errForeign)
		}
		out[digest.Bucket{Kind: schema.Kind(k[1])<<8 | schema.Kind(k[2]), Month: string(k[3:])}] = sum
		return nil
	})
	return out, err
}

func (s *Store) loadTable(txn *badger.Txn) error {
	s.table, s.names, s.aux = frame.NewTable(), 0, nil
	err := each(txn, []byte{keyNames}, func(k, v []byte) error {
		if !bytes.Equal(k, namesKey(s.table.Len())) {
			return fmt.Errorf("%w: names after %d are missing", errForeign, s.table.Len())
		}
		return s.table.Extend(v)
	})
	if err != nil {
		return err
	}
	s.names = s.table.Len()
	item, err := txn.Get([]byte{keyAux})
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if s.aux, err = item.ValueCopy(nil); err != nil {
		return err
	}
	return s.table.SetAux(s.aux)
}

// each calls f for every key with a prefix.
func each(txn *badger.Txn, prefix []byte, f func(key, value []byte) error) error {
	it := txn.NewIterator(badger.IteratorOptions{Prefix: prefix, PrefetchValues: false})
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		item := it.Item()
		if err := item.Value(func(v []byte) error { return f(item.Key(), v) }); err != nil {
			return err
		}
	}
	return nil
}
