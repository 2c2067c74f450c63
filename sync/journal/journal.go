package journal

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"shangu/sync/change"
	"shangu/sync/disk"
	"shangu/sync/frame"
)

// Journal is one chain's entries on disk. It is safe for concurrent use; saves
// that come together share one write and one sync, and reads wait for neither.
type Journal struct {
	dir   string
	chain change.ChainID
	opts  Options
	own   cover // what the key gives

	mu       sync.Mutex
	err      error     // set once: the journal takes no more
	segments []segment // by first seq; the last is written to
	start    frame.Tip // tip before the first entry of the last segment
	active   disk.File
	cover    cover     // of the records in it, and in those that come after it
	size     int64     // of the active file
	durable  frame.Tip // last synced entry
	end      int64     // where the next record goes in the active file
	marks    []mark    // places in the active segment, by seq
	next     frame.Tip // last entry that is queued
	queue    *group    // waits for the write in progress
	writing  bool
}

// group is the saves that share one write and one sync.
type group struct {
	records [][]byte
	size    int64
	first   uint64
	tips    []mark // one before each record, offsets within the group
	tip     frame.Tip
	cover   cover
	done    chan struct{}
	err     error
}

// mark is a place where a record begins, and the tip before it.
type mark struct {
	offset int64
	before frame.Tip
}

// markEvery is how far apart marks are, in bytes: what TipAt reads and hashes
// at most.
const markEvery = 32 << 10

// Create starts a journal in an empty directory. Its first entry follows after:
// frame.Genesis for a new chain. batches, when there are any, are written with
// it, so that the journal exists with all of them or not at all.
func Create(dir string, chain change.ChainID, after frame.Tip, batch [][]byte, o Options) (*Journal, error) {
	j := &Journal{dir: dir, chain: chain, opts: o.withDefaults(), durable: after, next: after}
	j.own = newCover(j.opts.Key, j.opts.Rand)
	j.cover = j.own
	names, err := j.opts.FS.List(dir)
	if err != nil {
		return nil, fmt.Errorf("create journal: %w", err)
	}
	for _, name := range names {
		if _, ok := parseName(name); ok {
			return nil, fmt.Errorf("create journal: %s is there already", filepath.Join(dir, name))
		}
	}
	if err := j.opts.FS.SyncDir(dir); err != nil {
		return nil, fmt.Errorf("create journal: %w", err)
	}
	g := &group{first: after.Seq + 1, tip: after, cover: j.cover}
	if len(batch) > 0 {
		if err := g.add(&j.next, batch); err != nil {
			return nil, fmt.Errorf("create journal: %w", err)
		}
	}
	if err := j.rotate(g); err != nil {
		return nil, fmt.Errorf("create journal: %w", err)
	}
	j.settle(g, j.begins())
	return j, nil
}

// Close closes the files. It waits for saves that are under way.
func (j *Journal) Close() error {
	j.mu.Lock()
	for j.writing {
		g := j.queue
		if g == nil {
			g = &group{done: make(chan struct{})} // carries nothing
			j.queue = g
		}
		j.mu.Unlock()
		<-g.done
		j.mu.Lock()
	}
	defer j.mu.Unlock()
	if errors.Is(j.err, ErrClosed) {
		return nil
	}
	j.err = errors.Join(ErrClosed, j.err)
	return j.active.Close()
}

// Chain names the journal's chain.
func (j *Journal) Chain() change.ChainID { return j.chain }

// Tip is the last durable entry.
func (j *Journal) Tip() frame.Tip {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.durable
}

// First is the seq of the oldest entry that is kept, or of the next one.
func (j *Journal) First() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.segments[0].first
}

// Append makes one batch of entries durable, all or none, and returns the tip
// after it. build gets the seq of the batch's first entry and returns the
// entries' canonical bytes, which Append does not keep; it is called under the
// journal's lock, so it must not call back. An empty batch writes nothing.
//
// After ErrDiskFull and errors of build nothing has happened. After any other
// error the batch may be found, whole, at the next Open, and the journal takes
// no more until then.
func (j *Journal) Append(build func(first uint64) ([][]byte, error)) (frame.Tip, error) {
	g, tip, err := j.enqueue(build)
	if err != nil || g == nil {
		return tip, err
	}
	<-g.done
	if g.err != nil {
		return frame.Tip{}, fmt.Errorf("append to journal: %w", g.err)
	}
	return tip, nil
}

// enqueue adds a batch to the group that is written next, and writes it itself
// when nobody else does.
func (j *Journal) enqueue(build func(first uint64) ([][]byte, error)) (*group, frame.Tip, error) {
	j.mu.Lock()
	if j.err != nil {
		j.mu.Unlock()
		return nil, frame.Tip{}, fmt.Errorf("append to journal: %w", j.err)
	}
	if err := j.room(); err != nil {
		j.mu.Unlock()
		return nil, frame.Tip{}, err
	}
	entries, err := build(j.next.Seq + 1)
	if err != nil || len(entries) == 0 {
		tip := j.next
		j.mu.Unlock()
		return nil, tip, err
	}
	if j.queue == nil {
		j.queue = &group{done: make(chan struct{})}
	}
	j.queue.cover = j.cover
	g := j.queue
	if err := g.add(&j.next, entries); err != nil {
		j.mu.Unlock()
		return nil, frame.Tip{}, err
	}
	tip := j.next
	lead := !j.writing
	if lead {
		j.queue, j.writing = nil, true
	}
	j.mu.Unlock()
	if lead {
		j.write(g)
	}
	return g, tip, nil
}

// room refuses when the disk is nearly full.
func (j *Journal) room() error {
	if j.opts.Free == nil || j.opts.MinFree == 0 {
		return nil
	}
	free, err := j.opts.Free()
	if err != nil {
		return fmt.Errorf("append to journal: %w", err)
	}
	if free < j.opts.MinFree {
		return fmt.Errorf("append to journal: %w: %d MiB left, %d MiB wanted", ErrDiskFull, free>>20, j.opts.MinFree>>20)
	}
	return nil
}

// add puts a batch into the group and moves tip past it.
func (g *group) add(tip *frame.Tip, entries [][]byte) error {
	n := 0
	for _, e := range entries {
		if len(e) == 0 {
			return fmt.Errorf("append to journal: empty entry")
		}
		n += len(e)
	}
	if n > MaxBatch {
		return fmt.Errorf("append to journal: %w: %d bytes", ErrTooLarge, n)
	}
	g.tips = append(g.tips, mark{g.size, *tip})
	r := newRecord(tip.Seq+1, entries, g.cover)
	for _, e := range entries {
		*tip = tip.Next(e)
	}
	g.records = append(g.records, r)
	g.size += int64(len(r))
	g.tip = *tip
	return nil
}

// write makes a group durable and wakes those who wait. Whoever queued up in the
// meantime is served by a goroutine, so that nobody waits for others' saves.
func (j *Journal) write(g *group) {
	var err error
	at := j.end
	if g.size > 0 {
		at, err = j.put(g)
	}
	j.mu.Lock()
	more := j.queue
	j.queue = nil
	switch {
	case err == nil:
		if g.size > 0 {
			j.settle(g, at)
		}
	default:
		// What queued up behind continues a chain that is not there.
		if !errors.Is(err, ErrDiskFull) {
			j.err = err
		}
		j.next = j.durable
		if more != nil {
			more.err = err
			close(more.done)
			more = nil
		}
	}
	j.writing = more != nil
	j.mu.Unlock()
	g.err = err
	close(g.done)
	if more != nil {
		go j.write(more)
	}
}

// put writes and syncs a group and returns its offset. Only one put runs at a
// time; it reads what only it changes.
func (j *Journal) put(g *group) (at int64, err error) {
	if j.end+g.size > j.size {
		if j.end > j.begins() {
			return j.begins(), j.rotate(g)
		}
		// An empty segment that is too small grows.
		if err := disk.Preallocate(j.active, j.end+g.size); err != nil {
			return 0, full(err)
		}
		j.size = j.end + g.size
	}
	b, err := g.bytes(j.durable.Seq)
	if err != nil {
		return 0, err
	}
	if _, err := j.active.WriteAt(b, j.end); err != nil {
		return 0, err
	}
	return j.end, j.active.Datasync()
}

// begins is where the records of the active segment begin.
func (j *Journal) begins() int64 { return j.cover.header(header{}).size() }

func (g *group) bytes(durable uint64) ([]byte, error) {
	for _, r := range g.records {
		if err := finish(r, durable, g.cover); err != nil {
			return nil, err
		}
	}
	if len(g.records) == 1 {
		return g.records[0], nil
	}
	return slices.Concat(g.records...), nil
}

// settle takes note of a group that is durable.
func (j *Journal) settle(g *group, at int64) {
	for _, m := range g.tips {
		j.addMark(mark{at + m.offset, m.before})
	}
	j.durable, j.end = g.tip, at+g.size
}

func (j *Journal) addMark(m mark) {
	if n := len(j.marks); n == 0 || m.offset-j.marks[n-1].offset >= markEvery {
		j.marks = append(j.marks, m)
	}
}

// rotate starts a segment with a group in it. The file gets its name when all
// of it is synced: a segment that can be seen is whole, and so is the one
// before it. After ErrDiskFull all is as it was.
func (j *Journal) rotate(g *group) error {
	records, err := g.bytes(j.durable.Seq)
	if err != nil {
		return err
	}
	fs := j.opts.FS
	temp := filepath.Join(j.dir, tempName)
	if err := fs.Remove(temp); err != nil {
		return err
	}
	f, err := j.blank(temp)
	if err != nil {
		return full(err)
	}
	size := max(j.opts.SegmentSize, j.begins()+g.size)
	b := append(j.cover.header(header{chain: j.chain, before: j.durable}).append(nil), records...)
	if _, err = f.WriteAt(b, 0); err == nil {
		err = disk.Preallocate(f, size)
	}
	if err == nil {
		err = f.Datasync()
	}
	if err != nil {
		return full(errors.Join(err, f.Close(), fs.Remove(temp)))
	}
	seg := segment{j.durable.Seq + 1}
	if f, err = j.name(f, temp, filepath.Join(j.dir, seg.name())); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	old := j.active
	j.segments = append(slices.Clip(j.segments), seg)
	j.start, j.active, j.size, j.end, j.marks = j.durable, f, size, j.begins(), nil
	if old != nil {
		return old.Close()
	}
	return nil
}

// name gives a finished file its name and opens it under that: Windows renames
// no open file.
func (j *Journal) name(f disk.File, temp, name string) (disk.File, error) {
	if err := f.Close(); err != nil {
		return nil, err
	}
	if err := j.opts.FS.Rename(temp, name); err != nil {
		return nil, err
	}
	if err := j.opts.FS.SyncDir(j.dir); err != nil {
		return nil, err
	}
	return j.opts.FS.Open(name, false)
}

func full(err error) error {
	if disk.IsFull(err) {
		return fmt.Errorf("%w: %w", ErrDiskFull, err)
	}
	return err
}
