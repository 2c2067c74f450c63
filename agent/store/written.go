package store

import (
	"bytes"
	"fmt"

	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/frame"
)

// Written returns what this computer wrote into a document of this school since
// its present epoch began, the earliest first, and the chain that it wrote in. It
// reads the whole journal, so it is for a page that somebody asks for now and then.
func (s *Store) Written(kind schema.Kind, id string) (change.ChainID, []*change.Entry, error) {
	s.mu.RLock()
	j, chain, home := s.journal, s.ident.chain(), s.home
	s.mu.RUnlock()
	var out []*change.Entry
	var failed error
	mark := []byte(id)
	err := j.Read(j.First(), func(_ uint64, raw []byte) bool {
		if !bytes.Contains(raw, mark) {
			return true // decoding them all takes ten times as long
		}
		e, err := frame.DecodeEntry(raw, chain)
		if err != nil {
			failed = err
			return false
		}
		if e.Kind == kind && e.ID == id && (e.Scope == "" || e.Scope == home) {
			out = append(out, e)
		}
		return true
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return chain, nil, fmt.Errorf("read what was written of %v: %w", kind, err)
	}
	return chain, out, nil
}
