package journal

import (
	"bytes"
	"errors"
	"hash/crc32"
	"path/filepath"
	"testing"

	"encoding/binary"

	"shangu/sync/disk"
	"shangu/sync/seal"
)

// A wrong key, or none, is refused and told apart from damage, and not a byte
// is changed.
func TestWrongKeyIsRefused(t *testing.T) {
	fs := disk.NewSim(1)
	o := Options{FS: fs, SegmentSize: 1024, Key: testKey}
	j := createWith(t, "j", o)
	for range 10 {
		if _, err := j.Append(batch(100)); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	files := func() (out [][]byte) {
		for _, name := range fs.Names() {
			b, err := disk.ReadFile(fs, name, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, []byte(name), b)
		}
		return out
	}
	before := files()
	for name, k := range map[string]seal.Key{"another": {9}, "none": {}} {
		o.Key = k
		if _, err := Open("j", testChain, o); !errors.Is(err, seal.ErrKey) || errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
		var n int
		if err := Salvage("j", o, func(uint64, []byte) error { n++; return nil }); err != nil || n > 0 {
			t.Errorf("%s: salvaged %d, %v", name, n, err)
		}
	}
	after := files()
	if len(after) != len(before) {
		t.Fatalf("%d files, were %d", len(after)/2, len(before)/2)
	}
	for i := range before {
		if !bytes.Equal(before[i], after[i]) {
			t.Errorf("changed: %.40q", after[i])
		}
	}
}

// No two records have the same nonce, not even one that is written over a torn
// one at the same place, with the same seq, in the same file.
func TestNoncesNeverRepeat(t *testing.T) {
	seen := nonces{}
	again := 0
	for seed := range uint64(200) {
		fs := disk.NewSim(seed)
		o := Options{FS: spy{fs, seen}, SegmentSize: 64 << 10, Key: testKey}
		j := createWith(t, "j", o)
		for range 3 {
			at := j.end
			fs.CutAfter(1) // the record is written, and never synced
			if _, err := j.Append(batch(10)); !errors.Is(err, disk.ErrCut) {
				t.Fatal(err)
			}
			fs.Boot()
			fs.CutAfter(-1)
			var err error
			if j, err = Open("j", testChain, o); err != nil {
				t.Fatal(err)
			}
			if j.end == at {
				again++
			}
		}
	}
	if len(seen) < 600 || again < 100 {
		t.Errorf("%d records were looked at, %d places written to again", len(seen), again)
	}
	for nonce, n := range seen {
		if n > 1 {
			t.Errorf("nonce %x was used %d times", nonce, n)
		}
	}
}

// nonces counts how often each was written.
type nonces map[string]int

// spy is a disk that looks at the records that are written to it.
type spy struct {
	disk.FS
	seen nonces
}

func (s spy) Open(name string, create bool) (disk.File, error) {
	f, err := s.FS.Open(name, create)
	return spyFile{f, s.seen}, err
}

type spyFile struct {
	disk.File
	seen nonces
}

func (f spyFile) WriteAt(b []byte, at int64) (int, error) {
	if r, ok := parseRecord(b); ok && at > 0 {
		f.seen[string(r.payload[:seal.NonceSize])]++
	}
	return f.File.WriteAt(b, at)
}

// Bytes changed by somebody who mends the checksum are damage, not a torn save.
func TestForgeryIsDamage(t *testing.T) {
	for _, last := range []bool{false, true} {
		fs := disk.NewSim(1)
		o := Options{FS: fs, SegmentSize: 4096, Key: testKey}
		j := createWith(t, "j", o)
		var at []int64
		for range 3 {
			at = append(at, j.end)
			if _, err := j.Append(batch(50)); err != nil {
				t.Fatal(err)
			}
		}
		where := at[1]
		if last {
			where = at[2]
		}
		fs.Damage(filepath.Join("j", j.segments[0].name()), func(b []byte) []byte {
			r := b[where:]
			r[recordHeader+20] ^= 1
			end := recordHeader + binary.BigEndian.Uint32(r[4:])
			binary.BigEndian.PutUint32(r, crc32.Checksum(r[4:end], castagnoli))
			return b
		})
		if _, err := Open("j", testChain, o); !errors.Is(err, ErrDamaged) {
			t.Errorf("last %v: %v", last, err)
		}
	}
}

// A journal of before there was a key is sealed whole when it is opened; a
// segment of it that is damaged stays, for Salvage, and the rest is sealed.
func TestOldJournalIsSealed(t *testing.T) {
	fs := disk.NewSim(1)
	o := Options{FS: fs, SegmentSize: 1024}
	j := createWith(t, "j", o)
	for range 20 {
		if _, err := j.Append(batch(100)); err != nil {
			t.Fatal(err)
		}
	}
	want, tip, segments := contents(t, j), j.Tip(), len(j.segments)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join("j", j.segments[1].name())
	fs.Damage(bad, func(b []byte) []byte { b[300] ^= 1; return b })
	o.Key = testKey
	j, err := Open("j", testChain, o)
	if err != nil {
		t.Fatal(err)
	}
	plain := 0
	for _, name := range fs.Names() {
		b, err := disk.ReadFile(fs, name, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.HasPrefix(b, []byte(magic)) {
			plain++
			if name != bad {
				t.Errorf("%s is plain", name)
			}
		}
	}
	if plain != 1 || len(j.segments) != segments || j.Tip() != tip {
		t.Errorf("%d plain, %d segments of %d, tip %v of %v", plain, len(j.segments), segments, j.Tip(), tip)
	}
	n := 0
	if err := Salvage("j", o, func(seq uint64, e []byte) error {
		if !bytes.Equal(e, want[seq-1]) {
			t.Errorf("entry %d is another", seq)
		}
		n++
		return nil
	}); err != nil || n != len(want)-1 {
		t.Errorf("salvaged %d of %d, %v", n, len(want), err)
	}
	if _, err := j.Append(batch(10)); err != nil {
		t.Error(err)
	}
}

// On a full disk nothing can be sealed: the journal goes on plain until there
// is room.
func TestFullDiskPutsSealingOff(t *testing.T) {
	fs := disk.NewSim(1)
	o := Options{FS: fs, SegmentSize: 4096}
	j := createWith(t, "j", o)
	if _, err := j.Append(batch(100)); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	o.Key = testKey
	o.FS = full1{fs}
	j, err := Open("j", testChain, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(batch(100)); err != nil || j.cover.sealed() {
		t.Fatalf("sealed %v, %v", j.cover.sealed(), err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	o.FS = fs
	if j, err = Open("j", testChain, o); err != nil || !j.cover.sealed() || len(contents(t, j)) != 2 {
		t.Fatalf("with room again: %v", err)
	}
}

// full1 is a disk that has no room for new files.
type full1 struct{ disk.FS }

func (f full1) Open(name string, create bool) (disk.File, error) {
	if create {
		return nil, disk.ErrFull
	}
	return f.FS.Open(name, create)
}
