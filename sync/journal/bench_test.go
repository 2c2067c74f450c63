package journal

import (
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"shangu/sync/disk"
)

// saveSize is a clerk's save in bytes: a sheet with two or three marks.
const saveSize = 200

// BenchmarkSave measures a save beside the bare cost of writing and syncing as
// many bytes at the end of a preallocated file on the same disk, in turns, so
// that both see the same machine. "ratio" is the quotient of the medians.
func BenchmarkSave(b *testing.B) {
	dir := b.TempDir()
	j := create(b, disk.OS, filepath.Join(dir, "j"), DefaultSegment)
	defer j.Close()
	f, err := disk.OS.Open(filepath.Join(dir, "bare"), true)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if err := disk.Preallocate(f, DefaultSegment); err != nil {
		b.Fatal(err)
	}
	if err := f.Datasync(); err != nil {
		b.Fatal(err)
	}
	raw := entry(1, saveSize)
	bytes := newRecord(1, [][]byte{raw}, cover{})
	var saves, bare []time.Duration
	at := int64(0)
	for b.Loop() {
		start := time.Now()
		if _, err := j.Append(func(uint64) ([][]byte, error) { return [][]byte{raw}, nil }); err != nil {
			b.Fatal(err)
		}
		saves = append(saves, time.Since(start))
		start = time.Now()
		if _, err := f.WriteAt(bytes, at); err != nil {
			b.Fatal(err)
		}
		if err := f.Datasync(); err != nil {
			b.Fatal(err)
		}
		bare = append(bare, time.Since(start))
		if at += int64(len(bytes)); at+int64(len(bytes)) > DefaultSegment {
			at = 0
		}
	}
	report(b, saves, bare)
}

func report(b *testing.B, saves, bare []time.Duration) {
	at := func(d []time.Duration, q float64) float64 {
		slices.Sort(d)
		return float64(d[int(q*float64(len(d)-1))].Nanoseconds()) / 1000
	}
	b.ReportMetric(at(saves, .5), "p50-µs")
	b.ReportMetric(at(saves, .99), "p99-µs")
	b.ReportMetric(at(bare, .5), "bare-p50-µs")
	b.ReportMetric(at(bare, .99), "bare-p99-µs")
	b.ReportMetric(at(saves, .5)/at(bare, .5), "ratio-p50")
	b.ReportMetric(at(saves, .99)/at(bare, .99), "ratio-p99")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkSaveMany measures savers who come together.
func BenchmarkSaveMany(b *testing.B) {
	j := create(b, disk.OS, b.TempDir(), DefaultSegment)
	defer j.Close()
	raw := entry(1, saveSize)
	var n atomic.Int64
	b.SetParallelism(16)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := j.Append(func(uint64) ([][]byte, error) { return [][]byte{raw}, nil }); err != nil {
				b.Error(err)
			}
			n.Add(1)
		}
	})
	b.ReportMetric(float64(n.Load())/b.Elapsed().Seconds(), "saves/s")
}

// BenchmarkOpen measures the opening of a journal of five years.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	j := create(b, disk.OS, dir, DefaultSegment)
	many := make([]int, 500)
	for i := range many {
		many[i] = saveSize
	}
	for range 50 {
		if _, err := j.Append(batch(many...)); err != nil {
			b.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		j, err := Open(dir, testChain, Options{})
		if err != nil {
			b.Fatal(err)
		}
		j.Close()
	}
	b.ReportMetric(float64(len(j.segments)), "segments")
}
