package cluster

import (
	"fmt"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// asked is what a client asked of a chain: to append the entry seq, or for the
// tip when seq is 0.
type asked struct{ chain, seq int }

// told is what it was told: the chain's tip, or that nothing is known.
type told struct {
	tip     int
	unknown bool
}

// history is what clients saw, in the order of one logical clock.
type history struct {
	mu    sync.Mutex
	clock int64
	ops   []porcupine.Operation
}

func (h *history) tick() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock++
	return h.clock
}

func (h *history) note(client int, q asked, called int64, a told) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock++
	h.ops = append(h.ops, porcupine.Operation{ClientId: client, Input: q, Call: called, Output: a, Return: h.clock})
}

// chainModel is what one chain does, whatever happens to the hub: its tip moves
// by the entry that follows it and by no other, and whoever is told a tip is
// told the one that holds.
var chainModel = porcupine.Model{
	Partition: func(ops []porcupine.Operation) [][]porcupine.Operation {
		chains := map[int][]porcupine.Operation{}
		for _, o := range ops {
			c := o.Input.(asked).chain
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
		tip, q, a := state.(int), input.(asked), output.(told)
		if q.seq == tip+1 {
			tip = q.seq
		}
		return a.unknown || a.tip == tip, tip
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %+v", input, output) },
}

// check holds the history against the model. What nobody was answered may have
// happened at any time since it was asked: such operations stay open to the end.
func (h *history) check() porcupine.CheckResult {
	h.mu.Lock()
	defer h.mu.Unlock()
	ops := append([]porcupine.Operation(nil), h.ops...)
	for i := range ops {
		if ops[i].Output.(told).unknown {
			ops[i].Return = h.clock + 1
		}
	}
	return porcupine.CheckOperationsTimeout(chainModel, ops, time.Minute)
}
