package history

import (
	"testing"

	"github.com/anishathalye/porcupine"
)

// op is an operation of a history that is made up: from and to order it.
type op struct {
	client int
	q      Asked
	a      Told
	from   int64
	to     int64
}

func made(ops ...op) *History {
	h := &History{}
	for _, o := range ops {
		h.clock = max(h.clock, o.to)
		h.ops = append(h.ops, porcupine.Operation{ClientId: o.client, Input: o.q, Call: o.from, Output: o.a, Return: o.to})
	}
	return h
}

// What no hub could have told its clients is found, and nothing else is.
func TestCheck(t *testing.T) {
	push := func(seq int) Asked { return Asked{Chain: 1, Seq: seq} }
	read := Asked{Chain: 1}
	for name, c := range map[string]struct {
		h    *History
		want porcupine.CheckResult
	}{
		"one after the other":               {made(op{0, push(1), Told{Tip: 1}, 1, 2}, op{1, read, Told{Tip: 1}, 3, 4}, op{0, push(2), Told{Tip: 2}, 5, 6}, op{1, read, Told{Tip: 2}, 7, 8}), porcupine.Ok},
		"a read beside a push sees either":  {made(op{0, push(1), Told{Tip: 1}, 1, 9}, op{1, read, Told{}, 2, 3}, op{1, read, Told{Tip: 1}, 4, 5}), porcupine.Ok},
		"a lost answer took effect later":   {made(op{0, push(1), Told{Unknown: true}, 1, 2}, op{1, read, Told{}, 3, 4}, op{1, read, Told{Tip: 1}, 5, 6}), porcupine.Ok},
		"a lost answer, sent again":         {made(op{0, push(1), Told{Unknown: true}, 1, 2}, op{0, push(1), Told{Tip: 1}, 3, 4}, op{1, read, Told{Tip: 1}, 5, 6}), porcupine.Ok},
		"a request that never arrived":      {made(op{0, push(1), Told{Unknown: true}, 1, 2}, op{1, read, Told{}, 3, 4}), porcupine.Ok},
		"other chains are other matters":    {made(op{0, push(1), Told{Tip: 1}, 1, 2}, op{1, Asked{Chain: 2}, Told{}, 3, 4}), porcupine.Ok},
		"a receipt that a read denies":      {made(op{0, push(1), Told{Tip: 1}, 1, 2}, op{1, read, Told{}, 3, 4}), porcupine.Illegal},
		"a tip that goes back":              {made(op{0, push(1), Told{Unknown: true}, 1, 2}, op{1, read, Told{Tip: 1}, 3, 4}, op{1, read, Told{}, 5, 6}), porcupine.Illegal},
		"a read of what nobody sent":        {made(op{1, read, Told{Tip: 1}, 1, 2}, op{0, push(1), Told{Tip: 1}, 3, 4}), porcupine.Illegal},
		"a receipt for more than was sent":  {made(op{0, push(1), Told{Tip: 2}, 1, 2}), porcupine.Illegal},
		"an entry without the one before":   {made(op{0, push(2), Told{Tip: 2}, 1, 2}), porcupine.Illegal},
		"a push that is taken back by both": {made(op{0, push(1), Told{Tip: 1}, 1, 2}, op{0, push(2), Told{Tip: 1}, 3, 4}), porcupine.Illegal},
	} {
		if got := c.h.Check(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// The clock orders what is noted: a read that began after a receipt was given
// cannot be told less.
func TestNote(t *testing.T) {
	var h History
	before := h.Tick()
	at := h.Tick()
	h.Note(0, Asked{1, 1}, at, Told{Tip: 1})
	h.Note(1, Asked{Chain: 1}, before, Told{})
	if r := h.Check(); r != porcupine.Ok {
		t.Errorf("a read that began before the receipt: %s", r)
	}
	h.Note(1, Asked{Chain: 1}, h.Tick(), Told{})
	if r := h.Check(); r != porcupine.Illegal {
		t.Errorf("a read that began after the receipt: %s", r)
	}
	h.Note(0, Asked{1, 2}, h.Tick(), Told{Unknown: true})
	if all, unknown := h.Len(); all != 4 || unknown != 1 {
		t.Errorf("%d operations, %d unknown", all, unknown)
	}
}

// An entry that is sent again and again through a fault, while others read,
// must not make the check long; and what is wrong beside it is still found.
func TestManyUnknown(t *testing.T) {
	for _, lie := range []bool{false, true} {
		var h History
		for seq := 1; seq <= 30; seq++ {
			for range 40 {
				h.Note(0, Asked{1, seq}, h.Tick(), Told{Unknown: true})
				h.Note(1, Asked{Chain: 1}, h.Tick(), Told{Tip: seq - 1})
			}
			h.Note(1, Asked{Chain: 1}, h.Tick(), Told{Tip: seq})
			if lie && seq == 20 {
				h.Note(1, Asked{Chain: 1}, h.Tick(), Told{Tip: seq - 1})
			}
			h.Note(0, Asked{1, seq}, h.Tick(), Told{Tip: seq})
		}
		want := porcupine.Ok
		if lie {
			want = porcupine.Illegal
		}
		if got := h.Check(); got != want {
			t.Errorf("lie %v: %s, want %s", lie, got, want)
		}
	}
}
