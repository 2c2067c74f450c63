package journal

import (
	"bytes"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"shangu/sync/disk"
	"shangu/sync/seal"
)

var (
	cuts    = flag.Int("cuts", 3000, "power cuts to try")
	cutSeed = flag.Uint64("cutseed", drillSeed(), "seed of the first cut")
)

// drillSeed is the seed that a drill asked for, 1 otherwise.
func drillSeed() uint64 {
	if n, err := strconv.ParseUint(os.Getenv("SHANGU_DRILL_SEED"), 10, 64); err == nil {
		return n
	}
	return 1
}

// Whenever the power fails: what was confirmed is there, what was not is there
// whole or not at all, and the journal opens by itself and goes on. A third of
// the journals are plain, a third sealed, and a third are sealed as they are
// opened again.
func TestPowerCuts(t *testing.T) {
	n := *cuts
	if testing.Short() {
		n = 300
	}
	var lost, kept, torn, rotated, second, converted int
	for seed := *cutSeed; seed < *cutSeed+uint64(n); seed++ {
		rnd := rand.New(rand.NewPCG(seed, 0xc07))
		fs := disk.NewSim(seed)
		o := Options{FS: fs, SegmentSize: int64(512 << rnd.IntN(4))}
		if seed%3 == 1 {
			o.Key = testKey
		}
		var confirmed [][]byte
		var j *Journal
		for { // the power may fail while the journal is made, too
			if rnd.IntN(4) == 0 {
				fs.CutAfter(1 + rnd.IntN(12))
			}
			var err error
			if j, err = Open("j", testChain, o); errors.Is(err, ErrMissing) {
				j, err = Create("j", testChain, genesis, nil, o)
			}
			if err == nil {
				break
			}
			if !errors.Is(err, disk.ErrCut) {
				t.Fatalf("seed %d: %v", seed, err)
			}
			fs.Boot()
		}
		for life := range 1 + rnd.IntN(3) {
			fs.CutAfter(1 + rnd.IntN(60))
			var doubt [][]byte
			for {
				sizes := make([]int, 1+rnd.IntN(6))
				for i := range sizes {
					sizes[i] = rnd.IntN(400)
				}
				var batch [][]byte
				_, err := j.Append(func(first uint64) ([][]byte, error) {
					for i, n := range sizes {
						batch = append(batch, entry(first+uint64(i), n))
					}
					return batch, nil
				})
				if err != nil {
					doubt = batch
					break
				}
				confirmed = append(confirmed, batch...)
			}
			if len(j.segments) > 2 {
				rotated++
			}
			fs.Boot()
			if seed%3 == 2 && o.Key.IsZero() {
				o.Key = testKey
				converted++
			}
			var err error
			for try := 0; ; try++ {
				if rnd.IntN(3) == 0 && try < 3 {
					fs.CutAfter(1 + rnd.IntN(6)) // and again, while it mends
					second++
				}
				if j, err = Open("j", testChain, o); !errors.Is(err, disk.ErrCut) {
					break
				}
				fs.Boot()
			}
			if err != nil {
				t.Fatalf("seed %d, life %d: %v", seed, life, err)
			}
			fs.CutAfter(-1)
			got := contents(t, j)
			switch len(got) {
			case len(confirmed):
				lost++
			case len(confirmed) + len(doubt):
				kept++
			default:
				t.Fatalf("seed %d, life %d: %d entries, confirmed %d, in doubt %d", seed, life, len(got), len(confirmed), len(doubt))
			}
			for i, e := range got {
				want := append(confirmed[:len(confirmed):len(confirmed)], doubt...)[i]
				if !bytes.Equal(e, want) {
					t.Fatalf("seed %d, life %d: entry %d is not what was saved", seed, life, i+1)
				}
			}
			if err := j.Verify(nil); err != nil {
				t.Fatalf("seed %d, life %d: %v", seed, life, err)
			}
			confirmed = append(confirmed[:0:0], got...)
		}
		for _, name := range fs.Names() {
			if filepath.Ext(name) == tornSuffix {
				torn++
			}
			b, err := disk.ReadFile(fs, name, 1<<20)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			for i, e := range confirmed {
				if !o.Key.IsZero() && len(e) > 12 && bytes.Contains(b, e) {
					t.Fatalf("seed %d: %s shows entry %d", seed, name, i+1)
				}
			}
		}
	}
	t.Logf("drill: trials=%d lost=0 saw=last save whole %d, absent %d, torn tails %d, cuts while mending %d, sealed on the way %d", n, kept, lost, torn, second, converted)
	t.Logf("%d cuts: last save lost %d, kept %d, torn %d, after rotation %d, cut while mending %d", n, lost, kept, torn, rotated, second)
	if lost == 0 || kept == 0 || torn == 0 || rotated == 0 {
		t.Fatal("the cuts are too kind")
	}
}

// Several saves in one write: the cut may keep the second and lose the first.
// Neither was confirmed, so this is no damage.
func TestTornGroupIsNoDamage(t *testing.T) { bothWays(t, tornGroup) }

func tornGroup(t *testing.T, key seal.Key) {
	for seed := range uint64(200) {
		fs := disk.NewSim(seed)
		j := createWith(t, "j", Options{FS: fs, SegmentSize: 64 << 10, Key: key})
		if _, err := j.Append(batch(100, 100)); err != nil {
			t.Fatal(err)
		}
		g := &group{cover: j.cover}
		tip := j.durable
		for range 5 {
			entries, _ := batch(700, 10)(tip.Seq + 1)
			if err := g.add(&tip, entries); err != nil {
				t.Fatal(err)
			}
		}
		b, err := g.bytes(j.durable.Seq)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := j.active.WriteAt(b, j.end); err != nil {
			t.Fatal(err)
		}
		fs.Boot()
		j, err = Open("j", testChain, j.opts)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if n := len(contents(t, j)); n < 2 || n%2 != 0 {
			t.Fatalf("seed %d: %d entries", seed, n)
		}
		if _, err := j.Append(batch(5)); err != nil {
			t.Fatal(err)
		}
		n := len(contents(t, j))
		if j, err = Open("j", testChain, j.opts); err != nil || len(contents(t, j)) != n {
			t.Fatalf("seed %d: what was cut off came back: %v", seed, err)
		}
	}
}

// Rot in what was durable is refused, told apart from a torn save, and leaves
// every byte as it was; Salvage reads around it.
func TestDamageIsRefused(t *testing.T) { bothWays(t, damageIsRefused) }

func damageIsRefused(t *testing.T, key seal.Key) {
	make1 := func() (*disk.Sim, *Journal) {
		fs := disk.NewSim(1)
		j := createWith(t, "j", Options{FS: fs, SegmentSize: 2048, Key: key})
		for range 40 {
			if _, err := j.Append(batch(60, 60)); err != nil {
				t.Fatal(err)
			}
		}
		return fs, j
	}
	fs, j := make1()
	newest, sealed := j.segments[len(j.segments)-1], j.segments[1]
	whole := len(contents(t, j))
	o := j.opts
	damage := map[string]struct {
		seg segment
		at  int64
	}{
		"newest, first record":  {newest, j.begins() + 40},
		"newest, record length": {newest, j.begins() + 5},
		"newest, header":        {newest, 30},
		"sealed, record":        {sealed, headerSize + 300},
		"sealed, header":        {sealed, 3},
		"sealed, last record":   {sealed, 1700},
	}
	if j.end < headerSize+400 {
		t.Fatalf("too little in the newest segment: %d", j.end)
	}
	for name, d := range damage {
		t.Run(name, func(t *testing.T) {
			fs, _ = make1()
			o.FS = fs
			file := filepath.Join("j", d.seg.name())
			fs.Damage(file, func(b []byte) []byte { b[d.at] ^= 0x10; return b })
			before, err := disk.ReadFile(fs, file, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			j, err := Open("j", testChain, o)
			if d.seg == sealed {
				if err != nil {
					t.Fatalf("opening reads more than the newest segment: %v", err)
				}
				err = j.Verify(nil)
			}
			var where *DamageError
			if !errors.Is(err, ErrDamaged) || !errors.As(err, &where) || where.File != d.seg.name() {
				t.Fatal(err)
			}
			after, err := disk.ReadFile(fs, file, 1<<20)
			if err != nil || !bytes.Equal(before, after) {
				t.Fatal("the file was changed")
			}
			var got int
			var last uint64
			err = Salvage("j", o, func(seq uint64, e []byte) error {
				if seq <= last || !bytes.Equal(e, entry(seq, 60)) {
					t.Fatalf("entry %d after %d", seq, last)
				}
				got, last = got+1, seq
				return nil
			})
			if err != nil || got < whole-2 || got > whole {
				t.Fatalf("salvaged %d of %d: %v", got, whole, err)
			}
		})
	}
	t.Run("a segment is missing", func(t *testing.T) {
		fs, _ = make1()
		o.FS = fs
		if err := fs.Remove(filepath.Join("j", sealed.name())); err != nil {
			t.Fatal(err)
		}
		j, err := Open("j", testChain, o)
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Verify(nil); !errors.Is(err, ErrDamaged) {
			t.Fatal(err)
		}
	})
	t.Run("another chain", func(t *testing.T) {
		fs, _ = make1()
		if _, err := Open("j", [16]byte{9}, Options{FS: fs}); !errors.Is(err, ErrChain) {
			t.Fatal(err)
		}
	})
	t.Run("nothing there", func(t *testing.T) {
		if _, err := Open("j", testChain, Options{FS: disk.NewSim(1)}); !errors.Is(err, ErrMissing) {
			t.Fatal(err)
		}
	})
}

// FuzzRecovery opens segments of any content: no panic, no allocation beyond the
// file, and whatever opens can be read, verified and written to.
func FuzzRecovery(f *testing.F) {
	fs := disk.NewSim(1)
	j := create(f, fs, "j", 512)
	for _, sizes := range [][]int{{10}, {3, 4, 5}, {40}} {
		if _, err := j.Append(batch(sizes...)); err != nil {
			f.Fatal(err)
		}
	}
	name := filepath.Join("j", j.segments[0].name())
	good, err := disk.ReadFile(fs, name, 1<<20)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, uint16(0), byte(0))
	f.Add(good[:150], uint16(100), byte(1))
	f.Add(good, uint16(80), byte(0xff))
	f.Add(good, uint16(160), byte(4))
	f.Fuzz(func(t *testing.T, b []byte, at uint16, flip byte) {
		if len(b) > 16<<10 {
			return
		}
		b = bytes.Clone(b)
		if len(b) > headerSize { // a header that is right lets the fuzzer in
			copy(b, good[:headerSize])
		}
		if int(at) < len(b) {
			b[at] ^= flip
		}
		fs := disk.NewSim(1)
		if err := disk.WriteTo(fs, name, b); err != nil {
			t.Fatal(err)
		}
		o := Options{FS: fs, SegmentSize: 512}
		j, err := Open("j", testChain, o)
		if err != nil {
			after, rerr := disk.ReadFile(fs, name, 1<<20)
			if rerr != nil || !bytes.Equal(after, b) {
				t.Fatalf("refused (%v) and changed", err)
			}
			return
		}
		had := contents(t, j)
		if err := j.Verify(nil); err != nil {
			t.Fatal(err)
		}
		if _, err := j.Append(batch(7, 70)); err != nil {
			t.Fatal(err)
		}
		if n := len(contents(t, reopen(t, j))); n != len(had)+2 {
			t.Fatalf("%d entries, then %d", len(had), n)
		}
	})
}
