package state

import (
	"encoding/binary"
	"fmt"

	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/frame"
)

// chunk is a run of a feed: what one chain's pack changed, in order of
// position. A feed is a list of chunks, each under the position of its last
// item, so that a reader who has seen up to a cursor seeks to cursor+1.
//
//	bytes    what
//	16       chain that wrote the items
//	then, for each item:
//	uvarint  position, less the position of the item before
//	uvarint  0, or 1 + position less place.other
//	uvarint  kind
//	uvarint  0 when the scope is the viewer's, else length, and the scope
//	uvarint  length, and the id
type chunk struct {
	viewer string
	items  int
	last   uint64
	bytes  []byte
}

// maxChunk bounds the items of a chunk: a reader decodes it from its start.
const maxChunk = 256

// feed appends a document's new place to a viewer's feed.
func (b *batch) feed(viewer string, k DocKey, p place) {
	c := b.feeds[viewer]
	if c != nil && (c.items >= maxChunk || change.ChainID(c.bytes[:16]) != p.chain) {
		b.endChunk(c)
		c = nil
	}
	if c == nil {
		c = &chunk{viewer: viewer, bytes: append(make([]byte, 0, 1024), p.chain[:]...)}
		b.feeds[viewer] = c
	}
	c.bytes = binary.AppendUvarint(c.bytes, p.pos-c.last)
	other := uint64(0)
	if p.other > 0 {
		other = 1 + p.pos - p.other
	}
	c.bytes = binary.AppendUvarint(c.bytes, other)
	c.bytes = binary.AppendUvarint(c.bytes, uint64(k.Kind))
	if k.Scope == viewer {
		c.bytes = append(c.bytes, 0)
	} else {
		c.bytes = binary.AppendUvarint(c.bytes, uint64(len(k.Scope)))
		c.bytes = append(c.bytes, k.Scope...)
	}
	c.bytes = binary.AppendUvarint(c.bytes, uint64(len(k.ID)))
	c.bytes = append(c.bytes, k.ID...)
	c.last = p.pos
	c.items++
}

func (b *batch) endChunk(c *chunk) {
	if c.viewer == common {
		b.s.commonEnd.Store(c.last) // before anybody can see the chunk
	}
	b.set(feedKey(c.viewer, c.last), c.bytes)
}

// endChunks writes the chunks of the item at hand, and its leaf.
func (b *batch) endChunks() {
	b.endLeaf()
	for _, c := range b.feeds {
		b.endChunk(c)
	}
	clear(b.feeds)
}

// feedItem is one line of a feed.
type feedItem struct {
	place
	key DocKey
}

// eachItem calls f for the items of a chunk after cursor until it returns false.
func eachItem(viewer string, b []byte, cursor uint64, f func(feedItem) bool) error {
	bad := fmt.Errorf("read feed of %s: %w", viewer, frame.ErrFormat)
	if len(b) < 16 {
		return bad
	}
	chain := change.ChainID(b[:16])
	b = b[16:]
	ok := true
	number := func() uint64 {
		n, k := binary.Uvarint(b)
		if k <= 0 {
			ok, b = false, nil
			return 0
		}
		b = b[k:]
		return n
	}
	text := func() string {
		n := number()
		if n > uint64(len(b)) {
			ok = false
			return ""
		}
		s := string(b[:n])
		b = b[n:]
		return s
	}
	var last uint64
	for len(b) > 0 {
		it := feedItem{place: place{chain: chain}}
		it.pos = last + number()
		if n := number(); n > 0 {
			it.other = it.pos - (n - 1)
		}
		it.key.Kind = schema.Kind(number())
		it.key.Scope = text()
		if it.key.Scope == "" {
			it.key.Scope = viewer
		}
		it.key.ID = text()
		if !ok {
			return bad
		}
		last = it.pos
		if it.pos > cursor && !f(it) {
			return nil
		}
	}
	return nil
}
