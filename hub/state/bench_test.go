package state

import (
	"fmt"
	"runtime"
	"testing"

	"shangu/schema/schooltest"
	"shangu/sync/session"
)

// benchSchools is how many schools push in the benchmark.
const benchSchools = 100

// prepared is the log of a term of school days from many schools: one pack a
// school and day, 64 packs a command.
func prepared(b *testing.B, days int) (l *raftLog, begun, documents int) {
	l = &raftLog{}
	school := schooltest.New(1, schooltest.Shape{Classes: 12, Pupils: 480})
	dates := schooltest.SchoolDays(days)
	terms := school.Term(2, dates, schooltest.Plan{Exceptions: days * 43, Trainings: days})
	pens := make([]*pen, benchSchools)
	for i := range pens {
		pens[i] = newPen([]string{schoolA, schoolB, schoolC}[i%3], i)
	}
	l.begin(pens...)
	// Each pen is a school of its own to the counts: give it its own code.
	for i, p := range pens {
		p.school = fmt.Sprintf("21991%05d", i)
	}
	l.entries = nil
	cs := []Change{}
	for _, p := range pens {
		cs = append(cs, schoolChange(p.school, "校"))
	}
	l.begin()
	l.add(EncodeAuthor(Author{"admin", hubNow, cs}))
	for _, p := range pens {
		hash := [32]byte(append(p.device[:], p.device[:]...))
		l.add(
			EncodeToken(IssueToken{Hash: hash, School: p.school, Role: TokenSchool, Now: 1, Expires: hubNow}),
			EncodeEnrol(Enrol{Hash: hash, Role: TokenSchool, Device: p.device, Certificate: []byte("c"), Now: 2}),
		)
	}
	begun = len(l.entries)
	var pushes []session.Push
	for d := range terms {
		for _, p := range pens {
			p.day(&terms[d])
			documents += len(p.wait)
			pushes = append(pushes, p.push(b))
			if len(pushes) == 64 {
				l.add(EncodeIngest(hubNow, pushes, nil))
				pushes = nil
			}
		}
	}
	l.add(EncodeIngest(hubNow, pushes, nil))
	return l, begun, documents
}

func BenchmarkApply(b *testing.B) {
	const days = 40
	l, begun, documents := prepared(b, days)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		s := open(b)
		s.must(b, l.entries[:begun]...)
		runtime.GC()
		b.StartTimer()
		for i := begun; i < len(l.entries); i++ {
			for _, r := range s.must(b, l.entries[i]) {
				rs, err := DecodeIngest(r)
				if err != nil {
					b.Fatal(err)
				}
				for j := range rs {
					if rs[j].Err != nil || !rs[j].Ack.Fits || len(rs[j].Ack.Verdicts) > 0 {
						b.Fatal(rs[j])
					}
				}
			}
		}
		b.StopTimer()
		s.Close()
		b.StartTimer()
	}
	b.ReportMetric(float64(documents)*float64(b.N)/b.Elapsed().Seconds(), "docs/s")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(documents)/float64(b.N), "ns/doc")
}
