package frame_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"

	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/frame"
)

// goodPack is a pack of a roster and a day, with the table before it.
func goodPack(t testing.TB) (pack []byte, before *frame.Table, chain change.ChainID) {
	s := newSchool(2)
	table := frame.NewTable()
	_, tip := packAll(t, table, s.chain, frame.Genesis(s.chain), s.roster)
	before = table.Clone()
	packs, _ := packAll(t, table, s.chain, tip, slices.Concat(s.days...))
	return packs[0], before, s.chain
}

// forge changes a pack and makes its checksum fit again.
func forge(pack []byte, change func([]byte) []byte) []byte {
	p := change(slices.Clone(pack))
	if len(p) >= 14 {
		frame.Seal(p)
	}
	return p
}

func TestEveryCutIsRefused(t *testing.T) {
	pack, table, chain := goodPack(t)
	for n := range pack {
		if _, err := frame.Unpack(pack[:n], table.Clone(), chain); !errors.Is(err, frame.ErrFormat) {
			t.Fatalf("cut to %d of %d bytes: %v", n, len(pack), err)
		}
		if n < 14 {
			continue
		}
		cut := forge(pack, func(p []byte) []byte { return p[:n] })
		if _, err := frame.Unpack(cut, table.Clone(), chain); err == nil {
			t.Fatalf("cut to %d of %d bytes with a good checksum: no error", n, len(pack))
		}
	}
}

func TestEveryFlippedBitIsRefused(t *testing.T) {
	pack, table, chain := goodPack(t)
	for i := range len(pack) * 8 {
		bad := slices.Clone(pack)
		bad[i/8] ^= 1 << (i % 8)
		if _, err := frame.Peek(bad); err == nil {
			t.Fatalf("bit %d flipped: no error", i)
		}
		if _, err := frame.Unpack(bad, table.Clone(), chain); err == nil {
			t.Fatalf("bit %d flipped: no error", i)
		}
	}
}

func TestTrailingBytesAreRefused(t *testing.T) {
	pack, table, chain := goodPack(t)
	for _, tail := range []string{"\x00", "\xff", "abc"} {
		longer := forge(pack, func(p []byte) []byte { return append(p, tail...) })
		if _, err := frame.Unpack(longer, table.Clone(), chain); err == nil {
			t.Errorf("%x after a pack: no error", tail)
		}
	}
}

func TestHeaderLimits(t *testing.T) {
	head := func(coding byte, numbers ...uint64) []byte {
		p := make([]byte, 14)
		p[0], p[1] = 1, coding
		for _, n := range numbers {
			p = binary.AppendUvarint(p, n)
		}
		return p
	}
	for name, c := range map[string]struct {
		pack []byte
		want error
	}{
		"empty":                     {nil, frame.ErrFormat},
		"another version":           {append([]byte{2}, head(1, 1, 1, 20)[1:]...), frame.ErrFormat},
		"another coding":            {append(head(9, 1, 1, 20), 1, 0), frame.ErrFormat},
		"no entries":                {head(1, 1, 0, 0), frame.ErrFormat},
		"seq 0":                     {head(1, 0, 1, 20), frame.ErrFormat},
		"seq past all":              {head(1, 1<<63, 1, 20), frame.ErrFormat},
		"long number":               {append(head(1), 0x81, 0x00, 1, 20), frame.ErrFormat},
		"four billion entries":      {head(1, 1, 1<<32, 1<<32), frame.ErrLimit},
		"a gigabyte":                {head(1, 1, 1, 1<<30), frame.ErrLimit},
		"a thousand times its size": {head(1, 1, 1, 1<<20), frame.ErrLimit},
		"too many for its bits":     {append(head(1, 1, 4096, 8000), 1, 0), frame.ErrFormat},
		"bits past the end":         {append(head(1, 1, 1, 20), 200), frame.ErrFormat},
		"oversized":                 {append(head(1, 1, 1, 20), make([]byte, frame.MaxPack)...), frame.ErrLimit},
		"nothing compressed":        {append(head(2, 1, 1, 20), 1, 0), frame.ErrFormat},
		"a bomb":                    {append(head(2, 1, 1, 20), 1, 0, 0xa0, 0xff, 0xff, 0xff, 0x7f), frame.ErrLimit},
	} {
		if len(c.pack) >= 14 {
			frame.Seal(c.pack)
		}
		if _, err := frame.Unpack(c.pack, frame.NewTable(), testChain); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestMessagesThatLie(t *testing.T) {
	for name, b := range map[string][]byte{
		"empty":                   {},
		"array of four billion":   {0xdd, 0xff, 0xff, 0xff, 0xff},
		"array beyond the end":    {0x9f, 1},
		"text beyond the end":     {0xdb, 0x7f, 0xff, 0xff, 0xff},
		"bytes beyond the end":    {0xc6, 0xff, 0xff, 0xff, 0xff, 0},
		"map":                     {0x81, 1, 2},
		"extension":               {0xd4, 1, 2},
		"float":                   {0xcb, 0, 0, 0, 0, 0, 0, 0, 0},
		"two values":              {1, 2},
		"nested too deep":         append(bytes.Repeat([]byte{0x91}, 17), 1),
		"nested beyond any stack": bytes.Repeat([]byte{0x91}, 1<<20),
	} {
		if frame.Guard(b) == nil {
			t.Errorf("%s: the guard lets it pass", name)
		}
		if _, err := frame.DecodeEntry(b, testChain); err == nil {
			t.Errorf("%s: decoded as an entry", name)
		}
		if _, err := frame.DecodeDoc(b); err == nil {
			t.Errorf("%s: decoded as a document", name)
		}
	}
	if err := frame.Guard(append(bytes.Repeat([]byte{0x91}, 16), 1)); err != nil {
		t.Errorf("nested 16 deep: %v", err)
	}
}

func TestEntriesThatDoNotFit(t *testing.T) {
	e := func(seq uint64, note string) *change.Entry {
		return &change.Entry{Seq: seq, Kind: schema.KindVisit, ID: "v", Fields: []change.Field{{Key: schema.Key{Num: schema.VisitNote}, Value: schema.Str(note)}}}
	}
	genesis := frame.Genesis(testChain)
	many := func(n int, note string) (list []*change.Entry) {
		for i := range n {
			list = append(list, e(uint64(i+1), note))
		}
		return list
	}
	for name, c := range map[string]struct {
		entries []*change.Entry
		want    error
	}{
		"none":             {nil, frame.ErrLimit},
		"a gap":            {[]*change.Entry{e(1, ""), e(3, "")}, frame.ErrChain},
		"a late start":     {[]*change.Entry{e(2, "")}, frame.ErrChain},
		"an entry too big": {many(1, strings.Repeat("长", frame.MaxEntry/3)), frame.ErrLimit},
		"too many":         {many(frame.MaxPackEntries+1, ""), frame.ErrLimit},
		"too much":         {many(100, strings.Repeat("x", 15<<10)), frame.ErrLimit},
	} {
		table := frame.NewTable()
		before := marshal(t, table)
		if _, err := frame.PackEntries(table, testChain, genesis, c.entries); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if !bytes.Equal(marshal(t, table), before) {
			t.Errorf("%s: the table has changed", name)
		}
	}
}

// TestPackOfRepeatsStaysUnpackable: entries that compress a thousandfold still
// make a pack that the other side takes.
func TestPackOfRepeatsStaysUnpackable(t *testing.T) {
	var entries []*change.Entry
	for i := range 60 {
		entries = append(entries, &change.Entry{Seq: uint64(i + 1), Kind: schema.KindVisit, ID: "v",
			Fields: []change.Field{{Key: schema.Key{Num: schema.VisitTopic}, Value: schema.Str(strings.Repeat("长", 3000))}}})
	}
	pack, err := frame.PackEntries(frame.NewTable(), testChain, frame.Genesis(testChain), entries)
	if errors.Is(err, frame.ErrLimit) {
		pack, err = frame.PackEntries(frame.NewTable(), testChain, frame.Genesis(testChain), entries[:20])
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := frame.Unpack(pack, frame.NewTable(), testChain); err != nil {
		t.Fatal(err)
	}
}

// allocated returns the bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestLiesCostNothing: refusing bytes takes memory in proportion to their size,
// whatever they claim.
func TestLiesCostNothing(t *testing.T) {
	pack, table, chain := goodPack(t)
	frame.Unpack(pack, table.Clone(), chain) // the decompressor is made once
	const small = 16 << 10
	lies := map[string]func(){
		"array of four billion": func() { frame.DecodeEntry([]byte{0xdd, 0xff, 0xff, 0xff, 0xff}, chain) },
		"document of four billion cells": func() {
			frame.DecodeDoc([]byte{0x95, 0xa0, 1, 0xa1, 'x', 0x90, 0xdd, 0xff, 0xff, 0xff, 0xff})
		},
		"flipped pack": func() {
			bad := slices.Clone(pack)
			bad[20] ^= 1
			frame.Unpack(bad, table, chain)
		},
		"bomb": func() {
			p := append([]byte{1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 20, 1, 0}, 0xa0, 0xff, 0xff, 0xff, 0x7f)
			frame.Seal(p)
			frame.Unpack(p, table, chain)
		},
		"joined bomb":          func() { frame.ExpandDocs([]byte{1, 2, 0xa0, 0xff, 0xff, 0xff, 0x7f}, 1<<20) },
		"table of many names":  func() { frame.NewTable().Extend(bytes.Repeat([]byte{0, 255}, 10)) },
		"table of many fields": func() { frame.NewTable().SetAux(bytes.Repeat([]byte{0xff, 0x7f}, 40)) },
	}
	for name, f := range lies {
		if n := allocated(f); n > small {
			t.Errorf("%s: %d bytes allocated", name, n)
		}
	}
	// Forged bytes with a good checksum cost what the pack says it becomes.
	for i := 16; i < len(pack); i += 7 {
		bad := forge(pack, func(p []byte) []byte { p[i] ^= 0x55; return p })
		h, err := frame.Peek(bad)
		if err != nil {
			continue
		}
		clone := table.Clone()
		if n := allocated(func() { frame.Unpack(bad, clone, chain) }); n > small+16*uint64(h.Raw)+64*uint64(len(bad)) {
			t.Errorf("byte %d forged: %d bytes allocated for a pack of %d that becomes %d", i, n, len(bad), h.Raw)
		}
	}
}
