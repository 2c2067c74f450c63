package state

import (
	"strings"

	"github.com/dgraph-io/badger/v4"

	"shangu/schema"
)

// frontier knows a school's newest sheets, so that a sheet which was never
// there is not looked for in every table of the store: schools take the rolls
// day after day, and their ids begin with the date.
type frontier struct {
	known bool
	off   bool                // a day of more sheets than any school has
	last  string              // greatest id there is
	day   map[string]struct{} // ids of the day of last

	leaves int // of the day of last
}

const (
	dayLen    = len("2026-09-01")
	maxOfADay = 2048
)

func dayOf(id string) string { return id[:min(dayLen, len(id))] }

// isNew reports whether a document is a sheet that surely does not exist.
// False says nothing.
func (b *batch) isNew(k DocKey) bool {
	if k.Kind != schema.KindSheet || b.err != nil {
		return false
	}
	f := &b.viewer(k.Scope).sheets
	if !f.known {
		f.learn(b, k.Scope)
	}
	if f.off || k.ID <= f.last && dayOf(k.ID) != dayOf(f.last) {
		return false
	}
	_, there := f.day[k.ID]
	return !there
}

// learn reads the newest day from the store.
func (f *frontier) learn(b *batch, scope string) {
	*f = frontier{known: true, day: map[string]struct{}{}}
	docs, leaves := docPrefix(scope, schema.KindSheet), leafPrefix(scope, "")
	// read calls take for keys with a prefix, from the end or from a later start
	// on, until it returns false.
	read := func(prefix, from []byte, back bool, take func(it *badger.Item) bool) {
		o := badger.IteratorOptions{Reverse: back}
		if !back {
			o.Prefix = prefix
		}
		it := b.txn.NewIterator(o)
		defer it.Close()
		for it.Seek(append(prefix[:len(prefix):len(prefix)], from...)); it.ValidForPrefix(prefix) && take(it.Item()); it.Next() {
		}
	}
	last := func(prefix []byte) (rest string) {
		read(prefix, []byte{0xff}, true, func(it *badger.Item) bool {
			rest = string(it.Key()[len(prefix):])
			return false
		})
		return rest
	}
	f.last = last(docs)
	day := max(dayOf(f.last), dayOf(last(leaves)))
	if day == "" {
		return
	}
	read(docs, []byte(day), false, func(it *badger.Item) bool {
		id := string(it.Key()[len(docs):])
		if strings.HasPrefix(id, day) {
			f.add(id)
		}
		return strings.HasPrefix(id, day)
	})
	n := 0
	read(leafPrefix(scope, day), nil, false, func(it *badger.Item) bool {
		n++
		b.fail("read sheets", it.Value(func(v []byte) error {
			return eachSheet(v, func(_ place, rest, _ []byte) bool {
				f.add(day + string(rest))
				return true
			})
		}))
		return true
	})
	f.leaves = n // of an earlier day add counts none
}

// add takes a sheet that was written.
func (f *frontier) add(id string) {
	if !f.known || f.off {
		return
	}
	if id > f.last {
		if dayOf(id) != dayOf(f.last) {
			clear(f.day)
			f.leaves = 0
		}
		f.last = id
	}
	if dayOf(id) == dayOf(f.last) {
		f.day[id] = struct{}{}
	}
	if len(f.day) > maxOfADay {
		f.off, f.day = true, nil
	}
}
