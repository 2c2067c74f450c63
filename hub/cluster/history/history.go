// Package history writes down what clients of a hub asked and were told, and
// says whether one hub that never fails could have told them that. The
// simulator of hub/cluster and the drill on real nodes use it alike.
package history

import (
	"fmt"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// Asked is what a client asked of a chain: to append the entry Seq, or for the
// tip when Seq is 0.
type Asked struct{ Chain, Seq int }

// Told is what it was told: the chain's tip, or that nothing is known.
type Told struct {
	Tip     int
	Unknown bool
}

// History is what clients saw, in the order of one logical clock. The zero
// History is empty; its methods may be called from several goroutines.
type History struct {
	mu    sync.Mutex
	clock int64
	ops   []porcupine.Operation
}

// Tick is an instant at which somebody asks.
func (h *History) Tick() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock++
	return h.clock
}

// Note writes down what was asked at the instant called and is told now. A
// client asks one thing at a time.
func (h *History) Note(client int, q Asked, called int64, a Told) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock++
	h.ops = append(h.ops, porcupine.Operation{ClientId: client, Input: q, Call: called, Output: a, Return: h.clock})
}

// Len is how many operations were noted, and how many of them with an outcome
// that nobody knows.
func (h *History) Len() (all, unknown int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, o := range h.ops {
		if o.Output.(Told).Unknown {
			unknown++
		}
	}
	return len(h.ops), unknown
}

// model is what one chain does, whatever happens to the hub: its tip moves by
// the entry that follows it and by no other, and whoever is told a tip is told
// the one that holds.
var model = porcupine.Model{
	Partition: func(ops []porcupine.Operation) [][]porcupine.Operation {
		chains := map[int][]porcupine.Operation{}
		for _, o := range ops {
			c := o.Input.(Asked).Chain
			chains[c] = append(chains[c], o)
		}
		var out [][]porcupine.Operation
		for _, c := range chains {
			out = append(out, c)
		}
		return out
	},
	Init: func() any { return 0 },
	Step: func(state, input, output any) (bool, any) {
		tip, q, a := state.(int), input.(Asked), output.(Told)
		if q.Seq == tip+1 {
			tip = q.Seq
		}
		return a.Unknown || a.Tip == tip, tip
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %+v", input, output) },
}

// Check holds the history against the model. What nobody was answered may have
// happened at any time since it was asked: such operations stay open to the end.
func (h *History) Check() porcupine.CheckResult {
	h.mu.Lock()
	defer h.mu.Unlock()
	return porcupine.CheckOperationsTimeout(model, reduced(h.ops, h.clock+1), time.Minute)
}

// reduced are operations that can be put in order if and only if ops can, but
// without what makes the search long: an entry that is sent twenty times
// through a fault. Of the pushes of one entry whose outcomes are unknown the
// first may have its effect whenever any of them may, and those after it
// change nothing then, so it stands for all. Once somebody was told of the
// entry it changes nothing either, so it is closed by then.
func reduced(ops []porcupine.Operation, end int64) (out []porcupine.Operation) {
	first := map[Asked]porcupine.Operation{}
	for _, o := range ops {
		q := o.Input.(Asked)
		if !o.Output.(Told).Unknown {
			out = append(out, o)
		} else if was, ok := first[q]; q.Seq != 0 && (!ok || o.Call < was.Call) {
			first[q] = o
		}
	}
	known := out
	for q, o := range first {
		o.Return = end
		for _, k := range known {
			if k.Input.(Asked).Chain == q.Chain && k.Output.(Told).Tip >= q.Seq {
				o.Return = min(o.Return, k.Return)
			}
		}
		if o.Return > o.Call {
			out = append(out, o)
		}
	}
	return out
}
