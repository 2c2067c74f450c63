package state

// ApplyBatch applies log entries in order and returns one result for each; a
// nil result says that the entry had been applied before. An error means that
// the store failed: the node must stop, and can redo the entries after a
// restart.
func (s *State) ApplyBatch(entries []LogEntry) ([][]byte, error) {
	s.applying.Lock()
	defer s.applying.Unlock()
	if s.broken != nil {
		return nil, s.broken
	}
	at := s.progress()
	b := &batch{s: s, at: at, redo: at, dirty: map[saver]struct{}{}, feeds: map[string]*chunk{}}
	s.slab.reset()
	b.txn = s.db.NewTransaction(true)
	results := make([][]byte, len(entries))
	for i := range entries {
		e := &entries[i]
		if e.Index <= b.at.index {
			continue
		}
		results[i] = b.apply(e)
		b.endChunks()
		b.at = progress{index: e.Index, term: e.Term, pos: b.at.pos, count: b.at.count, head: b.at.head}
		if b.err != nil {
			break
		}
	}
	if b.err == nil {
		b.commit()
	}
	b.txn.Discard()
	if b.err != nil {
		s.broken = b.err
		return nil, b.err
	}
	s.setProgress(b.at)
	return results, nil
}

// apply applies one log entry.
func (b *batch) apply(e *LogEntry) []byte {
	b.index, b.data, b.item = e.Index, e.Data, 0
	b.itemBytes, b.itemKeys = 0, 0
	if len(e.Data) == 0 {
		return finish(ErrCommand)
	}
	body := e.Data[1:]
	switch e.Data[0] {
	case cmdInit:
		return command(body, b.init)
	case cmdIngest:
		return command(body, b.ingest)
	case cmdAuthor:
		b.room()
		return command(body, b.author)
	case cmdToken:
		return command(body, b.issue)
	case cmdEnrol:
		return command(body, b.enrol)
	case cmdRevoke:
		return command(body, b.revoke)
	case cmdNode:
		return command(body, b.setNode)
	case cmdDropNode:
		return command(body, b.dropNode)
	case cmdSettle:
		b.room()
		return command(body, b.settle)
	case cmdFeature:
		return command(body, b.feature)
	case cmdEvent:
		return command(body, b.event)
	}
	return finish(ErrCommand)
}

// command decodes a command's body and applies it. The result of one that
// cannot be read begins with the same field as every other result: the error.
func command[T any, P interface {
	*T
	record
}](body []byte, f func(P) []byte) []byte {
	c := P(new(T))
	if decode(body, c) != nil {
		return finish(ErrCommand)
	}
	return f(c)
}
