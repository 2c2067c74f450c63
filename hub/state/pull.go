package state

import (
	"github.com/dgraph-io/badger/v4"

	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/frame"
	"shangu/sync/session"
)

// Pull returns what the caller's school has not seen after cursor, about budget
// bytes of documents at most, but at least one when there is one.
//
// A cursor is a position in the one numbering that all feeds share, so that a
// school's own feed and the common one are read as one by a single number. An
// item is passed over when a newer one of the same document will be sent, and when only chain
// has written the document since the cursor, cleanly: the agent that pushed
// those entries has the outcome already. Cursor in the answer is the position
// up to which all was seen, sent or passed over; it does not move when there is
// nothing new. A cursor that was never given out comes from a time that this
// hub has lost: it was restored from a backup, and the feed is read anew.
func (s *State) Pull(c session.Caller, chain change.ChainID, cursor uint64, budget int) (d session.Delta, err error) {
	if err := s.admit(c); err != nil {
		return d, err
	}
	err = s.view("pull", func(txn *badger.Txn) error {
		if cursor > s.Cursor() {
			cursor = 0
		}
		p := puller{txn: txn, school: c.School, chain: chain, cursor: cursor, budget: budget, common: s.commonEnd.Load()}
		d, err = p.pull()
		return err
	})
	return d, err
}

type puller struct {
	txn    *badger.Txn
	school string
	chain  change.ChainID
	cursor uint64
	budget int
	common uint64 // the common feed has nothing past it that txn shows

	d     session.Delta
	bytes int
	gone  map[DocKey]bool
	sent  map[DocKey]bool
}

func (p *puller) pull() (session.Delta, error) {
	p.d.Cursor = p.cursor
	p.gone, p.sent = map[DocKey]bool{}, map[DocKey]bool{}
	own, all := p.reader(p.school), p.reader(common)
	defer own.close()
	defer all.close()
	for {
		a, err := own.peek()
		if err != nil {
			return p.d, err
		}
		b, err := all.peek()
		if err != nil {
			return p.d, err
		}
		next := own
		if a == nil || b != nil && b.pos < a.pos {
			a, next = b, all
		}
		if a == nil {
			break
		}
		full, err := p.take(a)
		if err != nil {
			return p.d, err
		}
		if full {
			p.d.More = true
			return p.d, nil
		}
		p.d.Cursor = a.pos
		next.pop()
	}
	for _, name := range []string{p.school, common} {
		var n counts
		if _, err := fetch(p.txn, schoolKey(name), &n); err != nil {
			return p.d, err
		}
		p.d.Root = p.d.Root.Add(n.root)
	}
	return p.d, nil
}

// take puts an item's document into the answer unless it is passed over; full
// says that there was no room for it.
func (p *puller) take(it *feedItem) (full bool, err error) {
	if it.chain == p.chain && it.other <= p.cursor {
		return false, nil
	}
	v, err := lookupDoc(p.txn, it.key)
	if err != nil {
		return false, err
	}
	if v == nil {
		return false, frame.ErrFormat
	}
	at, raw, err := splitPlace(v)
	if err != nil {
		return false, err
	}
	own := it.key.Scope == p.school
	if own && (p.superseded(it, at) || p.sent[it.key]) {
		return false, nil
	}
	d, err := frame.DecodeDoc(raw)
	if err != nil {
		return false, err
	}
	if !own && !sees(d, p.school) {
		if !p.gone[it.key] {
			if p.full(len(it.key.ID)) {
				return true, nil
			}
			p.gone[it.key] = true
			p.d.Gone = append(p.d.Gone, it.key)
		}
		return false, nil
	}
	if p.superseded(it, at) || p.sent[it.key] {
		return false, nil
	}
	if p.full(len(raw)) {
		return true, nil
	}
	p.sent[it.key] = true
	p.d.Docs = append(p.d.Docs, d)
	return false, nil
}

// superseded reports whether a newer item of the same document is sure to be
// sent. One that chain itself wrote is not: once the cursor has passed this
// item, it is passed over.
func (p *puller) superseded(it *feedItem, at place) bool {
	return at.pos != it.pos && at.chain != p.chain
}

func (p *puller) full(n int) bool {
	if p.bytes > 0 && p.bytes+n > p.budget {
		return true
	}
	p.bytes += n
	return false
}

func sees(d *change.Doc, school string) bool {
	for _, v := range viewersOf(d) {
		if v == school || v == common {
			return true
		}
	}
	return false
}

// feedReader reads a feed from a cursor on.
type feedReader struct {
	viewer string
	cursor uint64
	it     *badger.Iterator
	items  []feedItem
	opened bool
	ended  bool // nothing is there, and it is nil
}

func (p *puller) reader(viewer string) *feedReader {
	if viewer == common && p.cursor >= p.common {
		return &feedReader{viewer: viewer, ended: true}
	}
	it := p.txn.NewIterator(badger.IteratorOptions{Prefix: nameKey(keyFeed, viewer)})
	return &feedReader{viewer: viewer, cursor: p.cursor, it: it}
}

func (r *feedReader) close() {
	if !r.ended {
		r.it.Close()
	}
}

// peek returns the next item, nil at the feed's end.
func (r *feedReader) peek() (*feedItem, error) {
	for len(r.items) == 0 {
		if r.ended {
			return nil, nil
		}
		if !r.opened {
			r.it.Seek(feedKey(r.viewer, r.cursor+1))
			r.opened = true
		} else if r.it.Valid() {
			r.it.Next()
		}
		if !r.it.Valid() {
			return nil, nil
		}
		err := r.it.Item().Value(func(v []byte) error {
			return eachItem(r.viewer, v, r.cursor, func(it feedItem) bool {
				r.items = append(r.items, it)
				return true
			})
		})
		if err != nil {
			return nil, err
		}
	}
	return &r.items[0], nil
}

func (r *feedReader) pop() { r.items = r.items[1:] }

// Roots returns the digest root of each school that has one, the common one
// under "*".
func (s *State) Roots() (map[string]digest.Sum, error) {
	roots := map[string]digest.Sum{}
	err := s.view("read roots", func(txn *badger.Txn) error {
		return each(txn, []byte{keySchool}, func(key, v []byte) error {
			var n counts
			err := decode(v, &n)
			roots[string(key[1:])] = n.root
			return err
		})
	})
	return roots, err
}

// Cursor returns the last position given out in the feeds.
func (s *State) Cursor() uint64 { return s.progress().pos }
