package store

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"shangu/schema"
	"shangu/sync/digest"
	"shangu/sync/disk"
	"shangu/sync/seal"
)

var cutRuns = flag.Int("cutruns", 0, "runs of a dozen power cuts each; 0: as many as fit")

// drillSeed is the seed that a drill asked for, 1 otherwise.
func drillSeed() uint64 {
	if n, err := strconv.ParseUint(os.Getenv("SHANGU_DRILL_SEED"), 10, 64); err == nil {
		return n
	}
	return 1
}

// Power cuts under the whole store. Journal and small files lie on a disk that
// drops, tears and reorders what was not synced; Badger's files, none of which
// is ever synced, come back as any mixture of what they once were, or as
// nothing that Badger ever wrote. Every save that was confirmed is there, the
// store opens by itself, holds together, and never calls safe what the hub does
// not hold.
func TestPowerCutsUnderTheStore(t *testing.T) {
	runs := 6
	switch {
	case *cutRuns > 0:
		runs = *cutRuns
	case os.Getenv("SHANGU_DRILL_LONG") != "":
		runs = 2000
	case os.Getenv("SHANGU_DRILL_SEED") != "":
		runs = 25
	case testing.Short():
		runs = 3
	}
	var sum cutTally
	for seed := drillSeed(); seed < drillSeed()+uint64(runs); seed++ {
		c := &cutter{t: t, seed: seed, rnd: rand.New(rand.NewPCG(seed, 0xd15c)), tally: &sum}
		c.run()
	}
	t.Logf("drill: trials=%d lost=0 saw=%d saves confirmed, documents rebuilt %d times, brought up %d; last save whole %d, absent %d; longest opening %d ms",
		sum.cuts, sum.saves, sum.rebuilt, sum.cuts-sum.rebuilt, sum.kept, sum.lost, sum.longest.Milliseconds())
	if sum.cuts < runs*8 || sum.rebuilt == 0 || sum.rebuilt == sum.cuts || !testing.Short() && (sum.kept == 0 || sum.lost == 0) {
		t.Fatalf("the cuts are too kind: %+v", sum)
	}
}

type cutTally struct {
	cuts, saves, rebuilt, kept, lost int
	longest                          time.Duration
}

// cutter is one run: a store, its hub, and what the page was told.
type cutter struct {
	t     *testing.T
	seed  uint64
	rnd   *rand.Rand
	tally *cutTally

	dir  string
	key  seal.Key // half of the seeds seal what they write
	sim  *disk.Sim
	now  time.Time
	hub  *modelHub
	s    *Store
	past []image // what Badger's files were since the store was opened

	told  map[string]map[schema.Key]schema.Value // what was confirmed, by sheet
	doubt []Edit                                 // a save that was neither confirmed nor refused
	meta  string
	safe  uint64 // entries that the page called safe
}

// image is the content of Badger's files at one moment.
type image map[string][]byte

// head reads a file; of value logs, which are empty here, only the beginning.
func head(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if ext := filepath.Ext(name); ext == ".vlog" || ext == "" {
		return io.ReadAll(io.LimitReader(f, 64<<10))
	}
	return io.ReadAll(f)
}

func (c *cutter) image() image {
	m := image{}
	names, err := os.ReadDir(filepath.Join(c.dir, dirDocs))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, e := range names {
		b, err := head(filepath.Join(c.dir, dirDocs, e.Name()))
		switch {
		case errors.Is(err, os.ErrNotExist): // Badger is at work
		case err != nil:
			c.t.Fatal(err)
		default:
			m[e.Name()] = b
		}
	}
	return m
}

func (c *cutter) fail(format string, args ...any) {
	c.t.Helper()
	c.t.Fatalf("seed %d, cut %d: %s", c.seed, c.tally.cuts, fmt.Sprintf(format, args...))
}

func (c *cutter) open() error {
	began := time.Now()
	s, err := Open(c.dir, Options{
		Device: [16]byte{7}, Disk: c.disk(), SegmentSize: int64(2<<10) << c.rnd.IntN(4),
		Now: func() time.Time { return c.now }, Rand: rand2{c.rnd}, memTable: 512 << 10, Key: c.key,
	})
	if err != nil {
		return err
	}
	c.s = s
	if err := s.SetHome(homeSchool); err != nil {
		return errors.Join(err, s.Close())
	}
	c.tally.longest = max(c.tally.longest, time.Since(began))
	c.past = []image{c.image()}
	return nil
}

func (c *cutter) run() {
	c.dir = c.t.TempDir()
	if c.seed%2 == 0 {
		c.key = seal.Key{1, byte(c.seed)}
	}
	c.sim, c.now, c.hub = disk.NewSim(c.seed), time.Unix(1_790_000_000, 0), newModelHub()
	c.hub.full = true
	c.told = map[string]map[schema.Key]schema.Value{}
	if err := c.open(); err != nil {
		c.fail("new: %v", err)
	}
	for range 8 + c.rnd.IntN(8) {
		c.sim.CutAfter(1 + c.rnd.IntN(200))
		for !c.sim.Off() {
			c.step()
			if c.rnd.IntN(3) == 0 {
				c.past = append(c.past, c.image())
			}
		}
		c.cut()
	}
	c.sim.CutAfter(-1)
	drain(c.t, &c.hub, c.s)
	c.check()
	if err := c.s.Close(); err != nil {
		c.fail("close: %v", err)
	}
}

// step is something that an agent does, during which the power may fail.
func (c *cutter) step() {
	c.now = c.now.Add(time.Duration(c.rnd.IntN(4000)) * time.Second)
	s := c.s
	var err error
	switch n := c.rnd.IntN(100); {
	case n < 72:
		c.save(1 + c.rnd.IntN(3))
		return
	case n < 74: // an import
		c.save(60)
		return
	case n < 90:
		l := &link{hub: &c.hub, device: s.o.Device, now: c.now.Unix(), lose: func() bool { return c.rnd.IntN(9) == 0 }}
		if _, err = l.sync(s); errors.Is(err, errLost) {
			err = nil
		}
		c.safe = max(c.safe, s.Status().Safe)
	case n < 94:
		st := s.Status()
		err = s.Rechain(st.Tip - st.Pending)
	case n < 95:
		_, err = s.Verify(true)
	case n < 97:
		m := fmt.Sprint(c.rnd.Uint64())
		if err = s.SetMeta("m", []byte(m)); err == nil {
			c.meta = m
		}
	default: // an orderly end: from then on Badger's files are believed
		if err = s.Close(); err == nil {
			err = c.open()
		}
	}
	if err != nil && !c.sim.Off() {
		c.fail("%v", err)
	}
}

func (c *cutter) save(n int) {
	edits := make([]Edit, n)
	for i := range edits {
		edits[i] = sheet(c.rnd.IntN(60), 1+c.rnd.IntN(3), c.rnd.IntN(7), c.rnd.IntN(7), c.rnd.IntN(7))
		edits[i].Fields = append(edits[i].Fields, note(fmt.Sprint(c.rnd.Uint64())))
	}
	_, err := c.s.Save(ctx, "a", edits)
	switch {
	case err == nil:
		c.tally.saves++
		c.tell(edits)
	case c.sim.Off():
		c.doubt = edits
	default:
		c.fail("save: %v", err)
	}
}

// tell notes what the page said is saved.
func (c *cutter) tell(edits []Edit) {
	for _, e := range edits {
		if c.told[e.ID] == nil {
			c.told[e.ID] = map[schema.Key]schema.Value{}
		}
		for _, f := range e.Fields {
			c.told[e.ID][f.Key] = f.Value
		}
	}
}

// cut ends the power, leaves on the disks what a cut may leave, and starts again.
func (c *cutter) cut() {
	c.tally.cuts++
	c.past = append(c.past, c.image())
	_ = c.s.Close() // whatever it says, and whatever it writes: it is overwritten
	c.restore()
	c.sim.Boot()
	err := c.open()
	for try := 0; err != nil; try++ {
		if !errors.Is(err, disk.ErrCut) || try > 3 {
			c.fail("does not open: %v", err)
		}
		c.sim.Boot()
		err = c.open()
	}
	if c.s.Status().Rebuilt != "" {
		c.tally.rebuilt++
	}
	c.check()
}

// restore makes Badger's files what a cut may leave of them.
func (c *cutter) restore() {
	dir := filepath.Join(c.dir, dirDocs)
	if err := os.RemoveAll(dir); err != nil {
		c.fail("%v", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		c.fail("%v", err)
	}
	// The store died with it open. The mark was durable before Badger began.
	if err := os.WriteFile(filepath.Join(c.dir, fileOpen), nil, 0o600); err != nil {
		c.fail("%v", err)
	}
	names := map[string]bool{}
	for _, m := range c.past {
		for name := range m {
			names[name] = true
		}
	}
	how := c.rnd.IntN(6)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if b, ok := c.remains(name, how); ok {
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
				c.fail("%v", err)
			}
		}
	}
}

// remains is what is left of one of Badger's files; ok is false for nothing.
func (c *cutter) remains(name string, how int) (b []byte, ok bool) {
	const page = 4 << 10
	last := c.past[len(c.past)-1]
	pick := func() ([]byte, bool) { b, ok := c.past[c.rnd.IntN(len(c.past))][name]; return b, ok }
	switch how {
	case 0: // a killed process: all is there
		b, ok = last[name]
	case 1: // all files as of one earlier moment
		b, ok = c.past[len(c.past)/2][name]
	case 2: // each file as of a moment of its own
		b, ok = pick()
	case 3, 4: // each page
		if b, ok = last[name]; !ok {
			if b, ok = pick(); !ok {
				return nil, false
			}
		}
		b = slices.Clone(b)
		if c.rnd.IntN(4) == 0 { // this one had been written back
			return b, true
		}
		for at := 0; at < len(b); at += page {
			to := min(at+page, len(b))
			if c.rnd.IntN(4) > 0 {
				continue
			}
			old, _ := pick()
			clear(b[at:to])
			if at < len(old) {
				copy(b[at:to], old[at:])
			}
		}
	default: // rot, which no cut makes: cut short, garbled, zeroed, gone
		if b, ok = last[name]; !ok || len(b) == 0 || c.rnd.IntN(4) > 0 {
			return b, ok
		}
		b = slices.Clone(b)
		switch at := c.rnd.IntN(len(b)); c.rnd.IntN(4) {
		case 0:
			b = b[:at]
		case 1:
			for range 1 + c.rnd.IntN(20) {
				b[c.rnd.IntN(len(b))] ^= byte(1 + c.rnd.IntN(255))
			}
		case 2:
			clear(b[at:])
		default:
			return nil, false
		}
	}
	return b, ok
}

// check holds the store against what the page was told and what the hub holds.
func (c *cutter) check() {
	v, err := c.s.Verify(false)
	if err != nil || len(v.Problems) > 0 {
		c.fail("verify: %v %v", err, v.Problems)
	}
	st := c.s.Status()
	held := uint64(0)
	if h := c.hub.chains[st.Chain]; h != nil {
		held = uint64(len(h.tips)) - 1
	}
	if confirmed := c.s.Confirmed(); confirmed.Seq > held || st.Receipt.Tip.Seq > held ||
		confirmed.Seq > 0 && c.hub.chains[st.Chain].tips[confirmed.Seq] != confirmed {
		c.fail("it says that %d entries are safe, receipt %d; the hub holds %d", confirmed.Seq, st.Receipt.Tip.Seq, held)
	}
	if st.Safe < c.safe {
		c.fail("%d entries were called safe, now %d are", c.safe, st.Safe)
	}
	if b, err := c.s.Meta("m"); err != nil || c.meta != "" && string(b) != c.meta {
		// One that was under way may be there; it is a number as well.
		if _, perr := strconv.ParseUint(string(b), 10, 64); err != nil || perr != nil {
			c.fail("meta: %q, told %q: %v", b, c.meta, err)
		}
		c.meta = string(b)
	}
	if c.doubt != nil {
		c.settle()
	}
	if c.rnd.IntN(4) == 0 {
		l := &link{hub: &c.hub, device: c.s.o.Device, now: c.now.Unix()}
		if _, err := l.sync(c.s); err != nil {
			c.fail("sync: %v; differing: %v", err, c.differing())
		}
	}
	for id, fields := range c.told {
		d, err := c.s.Doc("", schema.KindSheet, id)
		if err != nil || d == nil {
			c.fail("%s was saved and is not there: %v", id, err)
		}
		for k, want := range fields {
			if got := d.Lookup(k); got != want && !(want.IsNil() && got.IsNil()) {
				c.fail("%s: field %v is %q, %q was saved", id, k, got, want)
			}
		}
	}
}

// differing are the buckets that store and hub do not agree on.
func (c *cutter) differing() (out []digest.Bucket) {
	ours, err := c.s.Buckets()
	if err != nil {
		c.fail("%v", err)
	}
	theirs := c.hub.digest()
	all := maps.Clone(ours)
	maps.Copy(all, theirs)
	for b := range all {
		if ours[b] != theirs[b] {
			out = append(out, b)
		}
	}
	return out
}

// settle finds out whether the save during which the power failed is there: all
// of it or nothing.
func (c *cutter) settle() {
	edits := c.doubt
	c.doubt = nil
	there := 0
	seen := map[string]schema.Value{} // the last note of each sheet counts
	for _, e := range edits {
		seen[e.ID] = e.Fields[len(e.Fields)-1].Value
	}
	for id, note := range seen {
		d, err := c.s.Doc("", schema.KindSheet, id)
		if err != nil {
			c.fail("%v", err)
		}
		if d != nil && d.Lookup(schema.Key{Num: schema.SheetNote}) == note {
			there++
		}
	}
	switch there {
	case 0:
		c.tally.lost++
	case len(seen):
		c.tally.kept++
		c.tell(edits)
	default:
		c.fail("%d of %d sheets of one save are there", there, len(seen))
	}
}

// lieEnv makes the disk of the trials one that lies.
const lieEnv = "SHANGU_STORE_LYING_DISK"

func (c *cutter) disk() disk.FS {
	if os.Getenv(lieEnv) != "" {
		return lyingDisk{c.sim}
	}
	return c.sim
}

// lyingDisk says that it synced what it did not.
type lyingDisk struct{ disk.FS }

type lyingFile struct{ disk.File }

func (d lyingDisk) Open(name string, create bool) (disk.File, error) {
	f, err := d.FS.Open(name, create)
	if err != nil {
		return nil, err
	}
	return lyingFile{f}, nil
}

func (lyingFile) Datasync() error { return nil }

// The trials find a loss where there is one.
func TestTrialsFindASkippedSync(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestPowerCutsUnderTheStore$", "-cutruns", "3")
	cmd.Env = append(os.Environ(), lieEnv+"=1", "SHANGU_DRILL_SEED=1")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatalf("nothing is ever synced, and no trial notices:\n%s", out)
	}
	if !regexp.MustCompile(`seed \d+, cut \d+: `).Match(out) {
		t.Fatalf("it fails over something else:\n%s", out)
	}
}
