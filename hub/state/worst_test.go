package state

import (
	"fmt"
	"strings"
	"testing"

	"shangu/schema"
	"shangu/sync/change"
)

// No entry, however well it uses its limits, may make more of itself than a
// transaction takes: that would stop every node, and again at each restart.
func TestTheWorstEntriesFitInATransaction(t *testing.T) {
	fields := func(n int, value string) (fs []change.Field) {
		for i := range n {
			fs = append(fs, change.Field{Key: schema.Key{Num: 9, Sub: fmt.Sprintf("%04d", i)}, Value: schema.Str(value)})
		}
		return fs
	}
	for name, c := range map[string]struct {
		first, second []change.Field
		id, account   string
		outcome       change.Outcome
	}{
		"a long account": {fields(change.MaxFields, "a"), fields(change.MaxFields, "b"), "d", strings.Repeat("x", 9<<10), change.Quarantined},
		"many losses":    {fields(change.MaxFields, strings.Repeat("a", 14)), fields(change.MaxFields, strings.Repeat("b", 14)), strings.Repeat("d", change.MaxID), strings.Repeat("x", change.MaxAccount/4), change.Conflict},
		"a long field":   {fields(1, strings.Repeat("a", 15<<10)), fields(1, strings.Repeat("b", 15<<10)), "d", "x", change.Conflict},
		"a field of a long name": {
			[]change.Field{{Key: schema.Key{Num: 9, Sub: strings.Repeat("s", change.MaxItem)}, Value: schema.Str("a")}},
			[]change.Field{{Key: schema.Key{Num: 9, Sub: strings.Repeat("s", change.MaxItem)}, Value: schema.Str("b")}}, "d", "x", change.Conflict},
	} {
		t.Run(name, func(t *testing.T) {
			p, q := newPen(schoolA, 1), newPen(schoolA, 2)
			l := &raftLog{}
			l.begin(p, q)
			s := open(t)
			s.must(t, l.entries...)
			p.save("", schema.Kind(777), c.id, c.first...)
			q.save("", schema.Kind(777), c.id, c.second...)
			q.wait[0].Account, q.wait[0].At = c.account, 1
			if ack, err := l.ingest(t, s, p.push(t)); err != nil || len(ack.Verdicts) != 0 {
				t.Fatal(ack, err)
			}
			ack, err := l.ingest(t, s, q.push(t))
			if err != nil || len(ack.Verdicts) != 1 || ack.Verdicts[0].Outcome != c.outcome {
				t.Fatal(ack, err)
			}
			checkCounts(t, s)
		})
	}
}
