package state

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dgraph-io/badger/v4"

	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/digest"
	"shangu/sync/disk"
	"shangu/sync/frame"
)

// Digested is how much of the state's documents a check has read.
type Digested struct {
	Scopes    int    // schools and the district, each held against its digests
	Documents uint64 // read and digested, each once for every school that sees it
}

// Scrub reads the whole state anew and says what is wrong with it: every block
// of every table against its checksum, then the documents of each who sees some
// against the digests that were kept as they came. A read of a block that is
// damaged tells nobody: it finds nothing there. An error is ErrDamaged where
// the disk does not give back what was written; it is something else where the
// machine would not let it read. pause is called now and then, with no lock
// held, and ends the scrub by its error.
func (s *State) Scrub(ctx context.Context, pause func(context.Context) error) (d Digested, flaws []Flaw, err error) {
	if err := s.verify(); err != nil {
		return d, nil, err
	}
	var viewers []string
	err = s.view("scrub", func(txn *badger.Txn) (err error) {
		viewers, err = viewersIn(txn)
		return err
	})
	for _, name := range viewers {
		if err == nil {
			err = pause(ctx)
		}
		if err != nil {
			return d, nil, err
		}
		err = s.view("scrub", func(txn *badger.Txn) error {
			n, f, err := checkViewer(txn, name)
			flaws = append(flaws, f...)
			d.Scopes++
			d.Documents += n
			return err
		})
	}
	return d, flaws, err
}

// verify reads every block of the database that is open.
func (s *State) verify() error {
	// Not s.mu: a restore that waited for it would have every reader wait.
	s.scrubbing.Lock()
	defer s.scrubbing.Unlock()
	s.mu.RLock()
	db := s.db
	s.mu.RUnlock()
	if db == nil {
		return fmt.Errorf("scrub: %w", ErrClosed)
	}
	err := verifyTables(db)
	if err == nil || disk.NotDamage(err) {
		return err
	}
	return fmt.Errorf("scrub: %w: %w", ErrDamaged, err)
}

// documents holds all documents against their digests.
func (p *Proof) documents(txn *badger.Txn) error {
	viewers, err := viewersIn(txn)
	for _, name := range viewers {
		n, flaws, err := checkViewer(txn, name)
		if err != nil {
			return err
		}
		p.Scopes++
		p.Documents += n
		for _, f := range flaws {
			if len(p.Problems) < maxFlaws {
				p.Problems = append(p.Problems, f)
			}
		}
	}
	return err
}

// viewersIn are all who have a document, or a digest of one.
func viewersIn(txn *badger.Txn) ([]string, error) {
	found := map[string]struct{}{}
	for _, prefix := range []byte{keyDoc, keyLeaf, keyDigest, keyForeign} {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{prefix}})
		for it.Rewind(); it.Valid(); {
			name, _, ok := strings.Cut(string(it.Item().Key()[1:]), "\x00")
			if !ok {
				it.Close()
				return nil, fmt.Errorf("%w: key of %d bytes", frame.ErrFormat, len(it.Item().Key()))
			}
			found[name] = struct{}{}
			it.Seek(append([]byte{prefix}, name+"\x01"...))
		}
		it.Close()
	}
	// What the district keeps is seen by schools, and by all.
	delete(found, schema.DistrictScope)
	found[common] = struct{}{}
	return slices.Sorted(maps.Keys(found)), nil
}

// checkViewer holds the documents that one viewer sees against its digests.
func checkViewer(txn *badger.Txn, name string) (read uint64, flaws []Flaw, err error) {
	found := digest.Set{}
	take := func(key, v []byte) error {
		d, err := docOf(v)
		k, ok := splitDocKey(key[1:])
		if err != nil || !ok || keyOf(d) != k {
			flaws = append(flaws, Flaw{0, text.New("audit.bad_document", "scope", k.Scope, "kind", k.Kind.String(), "id", k.ID).Code()})
			return nil
		}
		if slices.Contains(viewersOf(d), name) {
			read++
			found.Replace(nil, d)
		}
		return nil
	}
	scope := name
	if name == common {
		scope = schema.DistrictScope
	}
	switch err := each(txn, nameKey(keyDoc, scope), take); {
	case errors.Is(err, frame.ErrFormat): // a leaf that cannot be read
		flaws = append(flaws, Flaw{0, text.New("audit.bad_document", "scope", scope, "kind", schema.KindSheet.String(), "id", "-").Code()})
	case err != nil:
		return read, flaws, err
	}
	prefix := nameKey(keyForeign, name)
	err = each(txn, prefix, func(key, _ []byte) error {
		k, ok := splitDocKey(key[len(prefix):])
		if !ok {
			return frame.ErrFormat
		}
		v, err := lookupDoc(txn, k)
		if err != nil || v == nil {
			return err // its digest does not fit then
		}
		return take(docKey(k), v)
	})
	if err != nil {
		return read, flaws, err
	}
	kept := digest.Set{}
	prefix = nameKey(keyDigest, name)
	err = each(txn, prefix, func(key, v []byte) error {
		b, sum, ok := splitDigest(key[len(prefix):], v)
		if !ok {
			return frame.ErrFormat
		}
		kept[b] = sum
		return nil
	})
	if err != nil {
		return read, flaws, err
	}
	var n counts
	if _, err := fetch(txn, schoolKey(name), &n); err != nil {
		return read, flaws, err
	}
	if n.root != kept.Root() {
		flaws = append(flaws, Flaw{0, text.New("audit.bad_root", "scope", name).Code()})
	}
	every := maps.Clone(found)
	maps.Copy(every, kept)
	byKind := func(a, b digest.Bucket) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Month, b.Month))
	}
	for _, b := range slices.SortedFunc(maps.Keys(every), byKind) {
		if found[b] != kept[b] {
			flaws = append(flaws, Flaw{0, text.New("audit.bad_digest", "scope", name, "kind", b.Kind.String(), "month", b.Month).Code()})
		}
	}
	return read, flaws, nil
}
