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
	prefix := docPrefix(scope, schema.KindSheet)
	*f = frontier{known: true, day: map[string]struct{}{}}
	each := func(o badger.IteratorOptions, from []byte, take func(id string) bool) {
		it := b.txn.NewIterator(o)
		defer it.Close()
		for it.Seek(from); it.ValidForPrefix(prefix); it.Next() {
			if !take(string(it.Item().Key()[len(prefix):])) {
				return
			}
		}
	}
	each(badger.IteratorOptions{Reverse: true}, append(prefix[:len(prefix):len(prefix)], 0xff), func(id string) bool {
		f.last = id
		return false
	})
	if f.last == "" {
		return
	}
	day := dayOf(f.last)
	each(badger.IteratorOptions{Prefix: prefix}, append(prefix[:len(prefix):len(prefix)], day...), func(id string) bool {
		if !strings.HasPrefix(id, day) {
			return false
		}
		f.add(id)
		return true
	})
}

// add takes a sheet that was written.
func (f *frontier) add(id string) {
	if !f.known || f.off {
		return
	}
	if id > f.last {
		if dayOf(id) != dayOf(f.last) {
			clear(f.day)
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
