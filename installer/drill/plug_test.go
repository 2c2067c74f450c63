package drill

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// logged makes a log of writes as QEMU writes it: sector and a byte, 0 for a flush.
func logged(writes ...[2]int) []byte {
	sector := func(words ...uint64) []byte {
		b := make([]byte, 512)
		for i, w := range words {
			binary.LittleEndian.PutUint64(b[8*i:], w)
		}
		return b
	}
	out := sector(logMagic, 1, uint64(len(writes)), 512)
	for _, w := range writes {
		if w[1] == 0 {
			out = append(out, sector(0, 0, logFlush)...)
			continue
		}
		out = append(append(out, sector(uint64(w[0]), 8, 0)...), bytes.Repeat([]byte{byte(w[1])}, page)...)
	}
	return out
}

// What was flushed stays; what came after stays or goes, and goes at times.
func TestReplayDropsWhatWasNotFlushed(t *testing.T) {
	log := logged([2]int{8, 1}, [2]int{16, 2}, [2]int{0, 0}, [2]int{8, 3}, [2]int{24, 4})
	var kept, lost int
	for seed := range uint64(40) {
		disk, err := os.Create(filepath.Join(t.TempDir(), "disk"))
		if err != nil {
			t.Fatal(err)
		}
		defer disk.Close()
		dropped, err := replay(disk, bytes.NewReader(log), rand.New(rand.NewPCG(seed, 1)))
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 4*page)
		disk.ReadAt(got, 0)
		late := 0
		switch got[page] {
		case 3:
			late++
		case 1:
		default:
			t.Fatalf("seed %d: page 1 holds %d", seed, got[page])
		}
		if got[3*page] == 4 {
			late++
		}
		if got[2*page] != 2 || late != 2-dropped {
			t.Fatalf("seed %d: %d after the flush, %d dropped, page 2 holds %d", seed, late, dropped, got[2*page])
		}
		kept, lost = kept+late, lost+dropped
	}
	if kept == 0 || lost == 0 {
		t.Errorf("%d kept, %d dropped", kept, lost)
	}
	if n, err := replay(nil, bytes.NewReader(log[:200]), nil); n != 0 || err != nil {
		t.Errorf("a machine that wrote nothing: %d, %v", n, err)
	}
}

// Exports and imports of attendance are read alike.
func TestMarksOfImportAndExportAreOne(t *testing.T) {
	in, err := marks([]byte("2026-10-20,am,三年级（1）班,,taken,,\n2026-10-20,am,三年级（1）班,G1,sick,,咳嗽\n"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := marks([]byte("\ufeff日期,时段,班级,全国学籍号,出勤状态,分钟,症状,点名人,不上课原因,备注\n2026-10-20,上午,三年级（1）班,G1,病假,,咳嗽,,,\n"))
	if err != nil {
		t.Fatal(err)
	}
	const sheet = "2026-10-20 am 三年级（1）班"
	if in[sheet] == "" || in[sheet] != out[sheet] {
		t.Errorf("%q and %q", in, out)
	}
}
