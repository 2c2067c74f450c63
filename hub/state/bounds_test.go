package state

import (
	"strings"
	"testing"

	"shangu/schema"
	"shangu/sync/change"
)

// What an entry names must fit where the hub keeps what came of it.
func TestALongItemIsQuarantined(t *testing.T) {
	p := newPen(schoolA, 1)
	l := &raftLog{}
	l.begin(p)
	s := open(t)
	s.must(t, l.entries...)
	for _, n := range []int{change.MaxItem, change.MaxItem + 1} {
		p.save("", 900, "d", change.Field{Key: schema.Key{Num: 7, Sub: strings.Repeat("x", n)}, Value: schema.Int(1)})
	}
	ack, err := l.ingest(t, s, p.push(t))
	if err != nil || len(ack.Verdicts) != 1 || ack.Verdicts[0].Seq != 2 || ack.Verdicts[0].Outcome != change.Quarantined {
		t.Errorf("%+v %v", ack, err)
	}
}

// An agent that comes back from an old image may have missed any number of
// verdicts; the answer stays within what it can take.
func TestVerdictsAreBounded(t *testing.T) {
	p := newPen(schoolA, 1)
	l := &raftLog{}
	l.begin(p)
	s := open(t)
	s.must(t, l.entries...)
	for range 2 {
		for range maxVerdicts / 2 {
			p.save("", schema.KindSheet, "no sheet", set(schema.SheetState, schema.Int(1)))
		}
		p.save("", schema.KindSheet, "nor this", set(schema.SheetState, schema.Int(1)))
		if ack, err := l.ingest(t, s, p.push(t)); err != nil || len(ack.Verdicts) != maxVerdicts/2+1 {
			t.Fatalf("%d verdicts, %v", len(ack.Verdicts), err)
		}
	}
	vs, err := s.Verdicts(p.chain, 0)
	if err != nil || len(vs) != maxVerdicts || vs[0].Seq != 1 {
		t.Errorf("%d verdicts, %v", len(vs), err)
	}
}
