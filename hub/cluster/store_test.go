package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// eachStore runs f on every kind of log store that works here. reopen closes
// the store and opens it anew.
func eachStore(t *testing.T, f func(t *testing.T, s LogStore, reopen func() LogStore)) {
	for _, kind := range []string{LogBolt, LogWAL} {
		if kind == LogWAL && runtime.GOOS != "linux" {
			continue
		}
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			var s LogStore
			open := func() LogStore {
				var err error
				if s, err = OpenLog(kind, dir, slog.New(slog.DiscardHandler)); err != nil {
					t.Fatal(err)
				}
				return s
			}
			open()
			defer func() { s.Close() }()
			f(t, s, func() LogStore {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				return open()
			})
		})
	}
}

func entry(i uint64) *raft.Log {
	l := &raft.Log{Index: i, Term: 1 + i/10, Type: raft.LogType(i % 4), Data: fmt.Appendf(nil, "data %d", i),
		AppendedAt: time.Unix(epoch, int64(i))}
	if i%3 == 0 {
		l.Extensions = fmt.Appendf(nil, "more %d", i)
	}
	if i%7 == 0 {
		l.Data = nil
	}
	return l
}

func store(t *testing.T, s LogStore, from, to uint64) {
	t.Helper()
	var logs []*raft.Log
	for i := from; i <= to; i++ {
		logs = append(logs, entry(i))
	}
	if err := s.StoreLogs(logs); err != nil {
		t.Fatal(err)
	}
}

// holds checks that a store holds exactly the entries from..to.
func holds(t *testing.T, s LogStore, from, to uint64) {
	t.Helper()
	first, e1 := s.FirstIndex()
	last, e2 := s.LastIndex()
	if e1 != nil || e2 != nil || first != from || last != to {
		t.Fatalf("store holds %d to %d (%v, %v), not %d to %d", first, last, e1, e2, from, to)
	}
	for i := max(from, 1); i <= to; i++ {
		var got raft.Log
		if err := s.GetLog(i, &got); err != nil {
			t.Fatalf("log %d: %v", i, err)
		}
		want := entry(i)
		if got.Index != i || got.Term != want.Term || got.Type != want.Type || !bytes.Equal(got.Data, want.Data) ||
			!bytes.Equal(got.Extensions, want.Extensions) || !got.AppendedAt.Equal(want.AppendedAt) {
			t.Fatalf("log %d came back as %+v", i, got)
		}
	}
	gone := []uint64{to + 1}
	if _, bolt := s.(*boltLog); bolt { // raft-wal lets go of what was deleted in front a segment at a time
		gone = append(gone, from-1)
	}
	for _, i := range gone {
		if err := s.GetLog(i, new(raft.Log)); i > 0 && !errors.Is(err, raft.ErrLogNotFound) {
			t.Fatalf("log %d, which is not there: %v", i, err)
		}
	}
}

func TestLogStore(t *testing.T) {
	eachStore(t, func(t *testing.T, s LogStore, reopen func() LogStore) {
		holds(t, s, 0, 0)
		store(t, s, 1, 9000)
		holds(t, s, 1, 9000)
		for _, step := range []struct {
			name                   string
			lo, hi, first, last, n uint64
		}{
			{"nothing", 1, 0, 1, 9000, 0},
			{"front, over several transactions", 1, 5000, 5001, 9000, 0},
			{"front that is gone already", 1, 5000, 5001, 9000, 0},
			{"tail", 8001, 9000, 5001, 8000, 0},
			{"tail, and on from there", 7001, 8000, 5001, 7100, 7100},
		} {
			if step.hi >= step.lo {
				if err := s.DeleteRange(step.lo, step.hi); err != nil {
					t.Fatalf("%s: %v", step.name, err)
				}
			}
			if step.n > 0 {
				store(t, s, 7001, step.n)
			}
			holds(t, s, step.first, step.last)
			s = reopen()
			holds(t, s, step.first, step.last)
		}
		// Everything, and a start at another place: after a snapshot was installed.
		if err := s.DeleteRange(5001, 7100); err != nil {
			t.Fatal(err)
		}
		holds(t, s, 0, 0)
		store(t, s, 20001, 20010)
		s = reopen()
		holds(t, s, 20001, 20010)
	})
}

func TestStableStore(t *testing.T) {
	eachStore(t, func(t *testing.T, s LogStore, reopen func() LogStore) {
		// Raft takes absence for an empty store only in these words.
		if _, err := s.GetUint64([]byte("CurrentTerm")); err != nil && err.Error() != "not found" {
			t.Fatalf("absent number: %v", err)
		}
		if v, err := s.Get([]byte("LastVoteCand")); len(v) > 0 || err != nil && err.Error() != "not found" {
			t.Fatalf("absent value: %q %v", v, err)
		}
		if err := errors.Join(s.SetUint64([]byte("CurrentTerm"), 1<<40), s.Set([]byte("LastVoteCand"), []byte("a:1"))); err != nil {
			t.Fatal(err)
		}
		s = reopen()
		n, e1 := s.GetUint64([]byte("CurrentTerm"))
		v, e2 := s.Get([]byte("LastVoteCand"))
		if e1 != nil || e2 != nil || n != 1<<40 || string(v) != "a:1" {
			t.Fatalf("came back as %d %q (%v %v)", n, v, e1, e2)
		}
	})
}

func TestABoltLogRefusesAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	a, err := OpenLog(LogBolt, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if b, err := OpenLog(LogBolt, dir, nil); err == nil {
		b.Close()
		t.Error("the same log was opened twice")
	}
}

func FuzzDecodeLog(f *testing.F) {
	f.Add(encodeLog(entry(3)))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		var l raft.Log
		if decodeLog(3, b, &l) != nil {
			return
		}
		var again raft.Log
		if err := decodeLog(3, encodeLog(&l), &again); err != nil || !bytes.Equal(again.Data, l.Data) || !bytes.Equal(again.Extensions, l.Extensions) {
			t.Fatalf("%+v became %+v (%v)", l, again, err)
		}
	})
}
