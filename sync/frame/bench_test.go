package frame_test

import (
	"testing"

	"shangu/schema/schooltest"
	"shangu/sync/change"
	"shangu/sync/frame"
	"shangu/sync/frame/frametest"
)

// school is the school of NUMBERS.md: 12 classes of 40, two sheets a day,
// 4.5 % exceptions, a visit or training record each day.
type school struct {
	roster []*change.Entry
	days   [][]*change.Entry
	chain  change.ChainID
}

func newSchool(days int) school {
	s := schooltest.New(1, schooltest.Shape{Classes: 12, Pupils: 480})
	w := frametest.NewWriter([16]byte{1}, [16]byte{2}, "admin")
	out := school{chain: w.Chain}
	dates := schooltest.SchoolDays(days)
	term := s.Term(1, dates, schooltest.Plan{Exceptions: days * 24 * 40 * 45 / 1000, Visits: days / 2, Trainings: days - days/2})
	w.Boot(term[0].Start - 86400_000)
	out.roster = w.Roster(s, term[0].Start-86300_000)
	for i := range term {
		out.days = append(out.days, w.Day(&term[i]))
	}
	return out
}

func packAll(b testing.TB, t *frame.Table, chain change.ChainID, tip frame.Tip, packs ...[]*change.Entry) (out [][]byte, end frame.Tip) {
	for _, entries := range packs {
		p, err := frame.PackEntries(t, chain, tip, entries)
		if err != nil {
			b.Fatal(err)
		}
		out = append(out, p)
		var buf []byte
		for _, e := range entries {
			buf = frame.AppendEntry(buf[:0], chain, e)
			tip = tip.Next(buf)
		}
	}
	return out, tip
}

func size(packs [][]byte) (n int) {
	for _, p := range packs {
		n += len(p)
	}
	return n
}

// BenchmarkDay packs and unpacks the days of a term, a pack a day, and the
// whole term as one.
func BenchmarkDay(b *testing.B) {
	s := newSchool(100)
	table := frame.NewTable()
	roster, tip := packAll(b, table, s.chain, frame.Genesis(s.chain), s.roster)
	start := table.Clone()
	days, _ := packAll(b, table.Clone(), s.chain, tip, s.days...)
	entries := 0
	var term []*change.Entry
	for _, d := range s.days {
		entries += len(d)
		term = append(term, d...)
	}
	one, _ := packAll(b, start.Clone(), s.chain, tip, term)
	largest := 0
	for _, d := range days {
		largest = max(largest, len(d))
	}
	b.Run("pack", func(b *testing.B) {
		b.ReportAllocs()
		cpu := cpuTime()
		for b.Loop() {
			packAll(b, start.Clone(), s.chain, tip, s.days...)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*entries), "ns/entry")
		b.ReportMetric(float64(cpuTime()-cpu)/float64(b.N*entries), "cpu-ns/entry")
		b.ReportMetric(float64(size(days))/float64(len(days)), "bytes/day")
		b.ReportMetric(float64(len(days[0])), "bytes/first-day")
		b.ReportMetric(float64(largest), "bytes/largest-day")
		b.ReportMetric(float64(size(one)), "bytes/term")
		b.ReportMetric(float64(size(roster)), "bytes/roster")
	})
	b.Run("unpack", func(b *testing.B) {
		b.ReportAllocs()
		cpu := cpuTime()
		for b.Loop() {
			t := start.Clone()
			for _, d := range days {
				if _, err := frame.Unpack(d, t, s.chain); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*entries), "ns/entry")
		b.ReportMetric(float64(cpuTime()-cpu)/float64(b.N*entries), "cpu-ns/entry")
		b.ReportMetric(float64(len(start.Aux())), "bytes/aux")
	})
}

// BenchmarkDoc encodes and decodes the documents and entries of one day.
func BenchmarkDoc(b *testing.B) {
	s := newSchool(1)
	var docs []*change.Doc
	var entries, raw [][]byte
	for _, e := range s.days[0] {
		d, _ := change.Merge(nil, e, change.Author{Chain: s.chain, Role: 1})
		docs = append(docs, d)
		raw = append(raw, frame.AppendDoc(nil, d))
		entries = append(entries, frame.AppendEntry(nil, s.chain, e))
	}
	each := func(name string, f func(i int)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			cpu := cpuTime()
			n := 0
			for b.Loop() {
				f(n % len(docs))
				n++
			}
			b.ReportMetric(float64(cpuTime()-cpu)/float64(n), "cpu-ns/item")
		})
	}
	var buf []byte
	each("AppendDoc", func(i int) { buf = frame.AppendDoc(buf[:0], docs[i]) })
	each("AppendEntry", func(i int) { buf = frame.AppendEntry(buf[:0], s.chain, s.days[0][i]) })
	each("DecodeDoc", func(i int) {
		if _, err := frame.DecodeDoc(raw[i]); err != nil {
			b.Fatal(err)
		}
	})
	each("DecodeEntry", func(i int) {
		if _, err := frame.DecodeEntry(entries[i], s.chain); err != nil {
			b.Fatal(err)
		}
	})
	b.Run("CompressDocs", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf = frame.CompressDocs(raw)
		}
		size := 0
		for _, d := range raw {
			size += len(d)
		}
		b.ReportMetric(float64(len(buf)), "bytes")
		b.ReportMetric(float64(size), "bytes-plain")
	})
}
