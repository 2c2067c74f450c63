package state

import (
	"strings"
	"testing"
)

// What agents say of themselves is kept short: many long words in one command
// must neither fill the disk nor a transaction, which would stop every node.
func TestLongWordsOfManyAgents(t *testing.T) {
	l := &raftLog{}
	var pens []*pen
	for i := range 24 {
		pens = append(pens, newPen(schoolA, i))
	}
	l.begin(pens...)
	s := open(t)
	s.must(t, l.entries...)
	var beats []Beat
	for _, p := range pens {
		beats = append(beats, Beat{Device: p.device, At: hubNow, Pending: 3, Failure: strings.Repeat("长", 80<<10), Version: strings.Repeat("v", 200<<10)})
	}
	l.commit(t, s, EncodeIngest(hubNow, nil, beats))
	heard, err := s.Beats()
	if err != nil || len(heard) != len(pens) {
		t.Fatal(len(heard), err)
	}
	for _, b := range heard {
		if b.Pending != 3 || len(b.Failure) > maxWord || len(b.Version) > maxWord || !strings.HasPrefix(b.Failure, "长长") || strings.Trim(b.Failure, "长") != "" {
			t.Errorf("kept %d and %d bytes: %.10q", len(b.Failure), len(b.Version), b.Failure)
		}
	}
}
