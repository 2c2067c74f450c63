package disk

import (
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// sector is what a real disk writes whole or not at all.
const sector = 512

// Sim is a disk in memory whose power can fail. At a cut, each sector that was
// written but not synced is kept or lost on its own, in no order; one may be
// torn in the middle; a length that was not synced may have grown or not; and of
// the names that were changed but not synced with their directory only a first
// part is kept. The same seed and the same calls give the same losses.
//
// A Sim is safe for concurrent use.
type Sim struct {
	mu    sync.Mutex
	rnd   *rand.Rand
	names map[string]*inode // as running programs see them
	held  map[string]*inode // as a cut would leave them at least
	moves []move            // changes to names that no SyncDir has made durable, oldest first
	left  int               // operations until the power fails; negative: it does not
	cut   bool
	life  int // counts the cuts; handles of an earlier life are dead
	fault error
	full  bool
	fat   bool
}

// inode is a file's content, as written and as synced.
type inode struct {
	now, held []byte
	dirty     []span // what was written since the last sync
	sized     string // the name beside which a FAT holds its size
}

type span struct{ from, to int64 }

// move is one change to the names: from "" is a new file, to "" a removal.
type move struct {
	from, to string
	node     *inode
}

// NewSim returns an empty disk.
func NewSim(seed uint64) *Sim {
	return &Sim{
		rnd: rand.New(rand.NewPCG(seed, 0x5e1f)), left: -1,
		names: map[string]*inode{}, held: map[string]*inode{},
	}
}

// CutAfter lets the power fail during the n-th operation from now: the n-th
// write, sync or change of a name fails with ErrCut, and so does all after it,
// until Boot.
func (s *Sim) CutAfter(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left = n
}

// FailSync makes every later Datasync fail with err, nil for none. What was
// written stays unsynced.
func (s *Sim) FailSync(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = err
}

// Fill makes every write that needs new room fail, as on a full disk.
func (s *Sim) Fill(full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.full = full
}

// FAT makes the disk a stick: a file's size is durable beside the name that the
// file had when it was last synced, so that a file which was renamed and not
// synced since may be empty after a cut.
func (s *Sim) FAT(fat bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fat = fat
}

// Cut fails the power now.
func (s *Sim) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = true
}

// Off reports whether the power has failed and not come back.
func (s *Sim) Off() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cut
}

// Boot ends a cut, or brings one about and ends it: what was not synced is lost
// as the seed has it, and every open file is dead.
func (s *Sim) Boot() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.moves[:s.rnd.IntN(len(s.moves)+1)] {
		s.held = apply(s.held, m)
	}
	s.moves = nil
	settled := map[*inode]*inode{}
	names := map[string]*inode{}
	for _, name := range sortedNames(s.held) {
		node := s.held[name]
		if settled[node] == nil {
			settled[node] = s.settle(node)
			if settled[node].sized = name; s.fat && node.sized != name && s.rnd.IntN(2) == 0 {
				settled[node].now, settled[node].held = nil, nil
			}
		}
		names[name] = settled[node]
	}
	s.names, s.held = names, clone(names)
	s.cut, s.left, s.fault = false, -1, nil
	s.life++
}

// settle draws what a cut leaves of a file.
func (s *Sim) settle(n *inode) *inode {
	size := int64(len(n.held))
	if grown := int64(len(n.now)); grown > size && s.rnd.IntN(2) == 0 {
		size += s.rnd.Int64N(grown-size) + 1
	}
	out := make([]byte, size)
	copy(out, n.held)
	for _, d := range n.dirty {
		for from := d.from; from < d.to; {
			to := min(d.to, from/sector*sector+sector)
			keep := s.rnd.IntN(2) == 0
			end := to
			if s.rnd.IntN(8) == 0 { // torn within the sector
				keep, end = true, from+s.rnd.Int64N(to-from)
			}
			if keep && from < size {
				copy(out[from:min(end, size)], n.now[from:])
			}
			from = to
		}
	}
	return &inode{now: out, held: slices.Clone(out)}
}

// Names returns every file's name, sorted, for tests that damage files.
func (s *Sim) Names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return sortedNames(s.names)
}

// Damage changes a file behind everybody's back, durably: rot, not a cut.
func (s *Sim) Damage(name string, f func([]byte) []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.names[filepath.Clean(name)]; n != nil {
		n.now = f(slices.Clone(n.now))
		n.held, n.dirty = slices.Clone(n.now), nil
	}
}

// step counts an operation and fails it when the power is gone.
func (s *Sim) step() error {
	if s.left > 0 {
		s.left--
		if s.left == 0 {
			s.cut = true
		}
	}
	if s.cut {
		return ErrCut
	}
	return nil
}

// Open implements FS.
func (s *Sim) Open(name string, create bool) (File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name = filepath.Clean(name)
	n := s.names[name]
	switch {
	case s.cut:
		return nil, ErrCut
	case create && n != nil:
		return nil, &os.PathError{Op: "open", Path: name, Err: os.ErrExist}
	case !create && n == nil:
		return nil, &os.PathError{Op: "open", Path: name, Err: os.ErrNotExist}
	case create:
		if err := s.step(); err != nil {
			return nil, err
		}
		n = &inode{}
		s.change(move{to: name, node: n})
	}
	return &simFile{s: s, n: n, life: s.life}, nil
}

// List implements FS.
func (s *Sim) List(dir string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cut {
		return nil, ErrCut
	}
	prefix := filepath.Clean(dir) + string(filepath.Separator)
	var out []string
	for _, name := range sortedNames(s.names) {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			rest, _, _ = strings.Cut(rest, string(filepath.Separator))
			if len(out) == 0 || out[len(out)-1] != rest {
				out = append(out, rest)
			}
		}
	}
	return slices.Compact(out), nil
}

// Rename implements FS.
func (s *Sim) Rename(from, to string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.step(); err != nil {
		return err
	}
	from, to = filepath.Clean(from), filepath.Clean(to)
	before := len(s.moves)
	for _, name := range sortedNames(s.names) {
		if rest, ok := under(name, from); ok {
			s.change(move{from: name, to: to + rest, node: s.names[name]})
		}
	}
	if len(s.moves) == before {
		return &os.PathError{Op: "rename", Path: from, Err: os.ErrNotExist}
	}
	return nil
}

// Remove implements FS.
func (s *Sim) Remove(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.step(); err != nil {
		return err
	}
	for _, n := range sortedNames(s.names) {
		if _, ok := under(n, filepath.Clean(name)); ok {
			s.change(move{from: n})
		}
	}
	return nil
}

// SyncDir implements FS. Directories themselves are taken as durable.
func (s *Sim) SyncDir(dir string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.step(); err != nil {
		return err
	}
	dir = filepath.Clean(dir)
	// A file system's journal keeps order: what came before a synced change
	// is durable with it.
	last := -1
	for i, m := range s.moves {
		if filepath.Dir(m.from) == dir || filepath.Dir(m.to) == dir {
			last = i
		}
	}
	for _, m := range s.moves[:last+1] {
		s.held = apply(s.held, m)
	}
	s.moves = slices.Delete(s.moves, 0, last+1)
	return nil
}

func (s *Sim) change(m move) {
	s.names = apply(s.names, m)
	s.moves = append(s.moves, m)
}

func apply(names map[string]*inode, m move) map[string]*inode {
	if m.from != "" {
		delete(names, m.from)
	}
	if m.to != "" {
		names[m.to] = m.node
	}
	return names
}

func clone(m map[string]*inode) map[string]*inode {
	out := make(map[string]*inode, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

func sortedNames(m map[string]*inode) []string {
	out := make([]string, 0, len(m))
	for name := range m {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// under returns what follows dir in name, if name is dir or in it.
func under(name, dir string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(name, dir)
	return rest, ok && (rest == "" || rest[0] == filepath.Separator)
}

type simFile struct {
	s    *Sim
	n    *inode
	life int
}

func (f *simFile) dead() bool { return f.s.cut || f.life != f.s.life }

func (f *simFile) ReadAt(b []byte, off int64) (int, error) {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	if f.dead() {
		return 0, ErrCut
	}
	if off >= int64(len(f.n.now)) {
		return 0, io.EOF
	}
	n := copy(b, f.n.now[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt of a write during which the power fails leaves all of it unsynced:
// any part may be found after the cut.
func (f *simFile) WriteAt(b []byte, off int64) (int, error) {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	if f.dead() {
		return 0, ErrCut
	}
	err := f.s.step()
	end := off + int64(len(b))
	if grow := end - int64(len(f.n.now)); grow > 0 {
		if f.s.full {
			return 0, ErrFull
		}
		f.n.now = append(f.n.now, make([]byte, grow)...)
	}
	copy(f.n.now[off:], b)
	f.n.dirty = append(f.n.dirty, span{off, end})
	if err != nil {
		return 0, err
	}
	return len(b), nil
}

func (f *simFile) Size() (int64, error) {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	if f.dead() {
		return 0, ErrCut
	}
	return int64(len(f.n.now)), nil
}

func (f *simFile) Datasync() error {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	if f.dead() {
		return ErrCut
	}
	if err := f.s.step(); err != nil {
		return err
	}
	if f.s.fault != nil {
		return f.s.fault
	}
	// Only what is dirty is copied: a sync costs what was written.
	if grow := len(f.n.now) - len(f.n.held); grow > 0 {
		f.n.held = append(f.n.held, make([]byte, grow)...)
	}
	for _, d := range f.n.dirty {
		copy(f.n.held[d.from:d.to], f.n.now[d.from:d.to])
	}
	f.n.dirty = nil
	if f.s.fat {
		for name, n := range f.s.names {
			if n == f.n {
				f.n.sized = name
			}
		}
	}
	return nil
}

func (f *simFile) Close() error { return nil }
