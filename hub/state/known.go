package state

import (
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"

	"shangu/sync/change"
	"shangu/sync/session"
)

// known keeps decoded, for those who read, what every request asks for: the
// caller's device, the whole id of its chain, and on a follower where the nodes
// are. The log's own cache (State.devices) is the applying goroutine's alone.
//
// Whoever reads a device or the nodes notes the generation before its transaction begins,
// and what it read is kept only while that generation lasts. A command that
// changes devices or nodes ends it once it is committed and before anybody is told of
// the outcome: who was told of a revocation finds it.
type known struct {
	generation atomic.Uint64

	mu      sync.RWMutex
	devices map[[16]byte]Device
	chains  map[chainStart]change.ChainID
	nodes   []Node // nil: not read yet
}

// chainStart is what a request says of its chain. Chains are never removed and
// their ids never change.
type chainStart struct {
	device [16]byte
	id     [8]byte
}

// maxKnown bounds both maps; a full one is emptied.
const maxKnown = 8192

// forget ends a generation.
func (k *known) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.generation.Add(1)
	clear(k.devices)
	clear(k.chains)
	k.nodes = nil
}

func (k *known) device(id [16]byte) (d Device, ok bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	d, ok = k.devices[id]
	return d, ok
}

func (k *known) chain(at chainStart) (id change.ChainID, ok bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	id, ok = k.chains[at]
	return id, ok
}

// keep runs f unless the generation has ended.
func (k *known) keep(generation uint64, f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.generation.Load() == generation {
		f()
	}
}

func put[K comparable, V any](m *map[K]V, k K, v V) {
	switch {
	case *m == nil:
		*m = map[K]V{}
	case len(*m) >= maxKnown:
		clear(*m)
	}
	(*m)[k] = v
}

// Device returns a device; ok is false when it never enrolled. Its certificate
// is shared and must not be changed.
func (s *State) Device(id [16]byte) (d Device, ok bool, err error) {
	if d, ok := s.known.device(id); ok {
		return d, true, nil
	}
	generation := s.known.generation.Load()
	err = s.view("read device", func(txn *badger.Txn) error {
		ok, err = fetch(txn, idKey(keyDevice, id[:]), &d)
		return err
	})
	if ok && err == nil {
		s.known.keep(generation, func() { put(&s.known.devices, id, d) })
	}
	return d, ok, err
}

// Nodes lists the addresses of the hub's nodes by id. The list is shared and
// must not be changed.
func (s *State) Nodes() (ns []Node, err error) {
	s.known.mu.RLock()
	ns = s.known.nodes
	s.known.mu.RUnlock()
	if ns != nil {
		return ns, nil
	}
	generation := s.known.generation.Load()
	err = s.view("list nodes", func(txn *badger.Txn) error {
		ns, err = all[Node](txn, []byte{keyNode})
		return err
	})
	if err == nil {
		s.known.keep(generation, func() { s.known.nodes = ns })
	}
	return ns, err
}

// admit fails unless the caller's device is enrolled, for the school it says,
// and not revoked.
func (s *State) admit(c session.Caller) error {
	d, ok, err := s.Device(c.Device)
	switch {
	case err != nil:
		return err
	case !ok || d.School != c.School:
		return session.ErrRefused
	case d.Revoked != 0:
		return session.ErrRevoked
	}
	return nil
}

// Chain returns the whole id of a chain of the caller's device, of which start
// is the first 8 bytes or more; see session.Hub.
func (s *State) Chain(c session.Caller, start []byte) (id change.ChainID, err error) {
	if err := s.admit(c); err != nil {
		return id, err
	}
	if len(start) < 8 {
		return id, session.ErrUnknownChain
	}
	at := chainStart{c.Device, [8]byte(start)}
	if len(start) == 8 {
		if id, ok := s.known.chain(at); ok {
			return id, nil
		}
	}
	generation := s.known.generation.Load()
	err = s.view("read chain", func(txn *badger.Txn) error {
		id, _, err = findChain(txn, c.Device, start)
		return err
	})
	if err == nil {
		s.known.keep(generation, func() { put(&s.known.chains, at, id) })
	}
	return id, err
}

// findChain looks for a device's chain by the start of its id.
func findChain(txn *badger.Txn, device [16]byte, start []byte) (id change.ChainID, r chainRecord, err error) {
	if len(start) < 8 || len(start) > len(id) {
		return id, r, session.ErrUnknownChain
	}
	if len(start) == len(id) {
		id = change.ChainID(start)
		ok, err := fetch(txn, chainKey(id), &r)
		if err == nil && (!ok || r.device != device) {
			err = session.ErrUnknownChain
		}
		return id, r, err
	}
	it := txn.NewIterator(badger.IteratorOptions{Prefix: idKey(keyChain, start)})
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		r = chainRecord{}
		if err := it.Item().Value(func(v []byte) error { return decode(v, &r) }); err != nil {
			return id, r, err
		}
		if r.device == device {
			return change.ChainID(it.Item().Key()[1:]), r, nil
		}
	}
	return id, r, session.ErrUnknownChain
}
