package state

import "github.com/dgraph-io/badger/v4"

// slab is the memory of a transaction's writes: keys, values and Badger's
// entries. Badger copies them when it commits, so the next transaction uses the
// same memory. What does not fit comes from the heap.
type slab struct {
	bytes   []byte
	entries []badger.Entry
}

// Room for a transaction that is committed at its bounds, and then some.
const (
	slabBytes   = partBytes + partBytes/2
	slabEntries = partKeys + partKeys/4
)

// reset gives the memory to the next transaction. The last one has ended.
func (s *slab) reset() {
	if s.bytes == nil {
		s.bytes = make([]byte, 0, slabBytes)
		s.entries = make([]badger.Entry, 0, slabEntries)
	}
	clear(s.entries)
	s.bytes, s.entries = s.bytes[:0], s.entries[:0]
}

// take returns an empty slice to append to; put says what became of it.
func (s *slab) take() []byte { return s.bytes[len(s.bytes):] }

// put keeps what was appended to the slice that take returned, and nothing may
// be appended to it any more. It has moved to the heap if there was no room.
func (s *slab) put(b []byte) []byte {
	n := len(s.bytes)
	if len(b) <= cap(s.bytes)-n && (len(b) == 0 || &s.bytes[:n+1][n] == &b[0]) {
		s.bytes = s.bytes[:n+len(b)]
	}
	return b[:len(b):len(b)]
}

// entry returns an entry of Badger's.
func (s *slab) entry(key, value []byte) *badger.Entry {
	if len(s.entries) == cap(s.entries) {
		return &badger.Entry{Key: key, Value: value}
	}
	s.entries = append(s.entries, badger.Entry{Key: key, Value: value})
	return &s.entries[len(s.entries)-1]
}
