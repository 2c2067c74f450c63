package frame_test

import (
	"bytes"
	"testing"

	"shangu/sync/change"
	"shangu/sync/frame"
)

func FuzzGuard(f *testing.F) {
	f.Add([]byte{0xdd, 0xff, 0xff, 0xff, 0xff})
	f.Add(bytes.Repeat([]byte{0x91}, 20))
	f.Add([]byte{0x93, 1, 0xa1, 'x', 0xc4, 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if frame.Guard(b) != nil {
			return
		}
		if len(b) == 0 || frame.Guard(append(b[:len(b):len(b)], 0)) == nil || frame.Guard(b[:len(b)-1]) == nil {
			t.Errorf("%x is one value, and so is it with a byte more or less", b)
		}
	})
}

func FuzzDecodeEntry(f *testing.F) {
	s := newSchool(1)
	for _, e := range append(s.roster[:40:40], s.days[0]...) {
		f.Add(frame.AppendEntry(nil, s.chain, e))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := frame.DecodeEntry(b, testChain)
		if err != nil {
			return
		}
		if got := frame.AppendEntry(nil, testChain, e); !bytes.Equal(got, b) {
			t.Errorf("%x encodes as %x", b, got)
		}
		if e.Seq == 0 || e.Seq >= 1<<62 {
			return
		}
		tip := frame.Tip{Seq: e.Seq - 1}
		pack, err := frame.PackEntries(frame.NewTable(), testChain, tip, []*change.Entry{e})
		if err != nil {
			t.Fatalf("a good entry does not pack: %v", err)
		}
		u, err := frame.Unpack(pack, frame.NewTable(), testChain)
		if err != nil || !bytes.Equal(u.Bytes[0], b) {
			t.Errorf("%x comes back from a pack otherwise: %v", b, err)
		}
	})
}

func FuzzDecodeDoc(f *testing.F) {
	s := newSchool(1)
	for _, e := range append(s.roster[:40:40], s.days[0]...) {
		d, _ := change.Merge(nil, e, change.Author{Chain: s.chain, Role: 1})
		f.Add(frame.AppendDoc(nil, d))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := frame.DecodeDoc(b)
		if err != nil {
			return
		}
		again := frame.AppendDoc(nil, d)
		e, err := frame.DecodeDoc(again)
		if err != nil {
			t.Fatalf("%x encodes as %x: %v", b, again, err)
		}
		if !bytes.Equal(frame.AppendDoc(nil, e), again) {
			t.Errorf("%x has no one encoding", b)
		}
	})
}

func FuzzUnpack(f *testing.F) {
	pack, before, chain := goodPack(f)
	f.Add(pack)
	s := newSchool(1)
	roster, _ := packAll(f, frame.NewTable(), s.chain, frame.Genesis(s.chain), s.roster[:60])
	f.Add(roster[0])
	start := marshal(f, before)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 14 {
			return
		}
		b = forge(b, func(p []byte) []byte { return p }) // a fuzzer finds no checksums
		table := before.Clone()
		u, err := frame.Unpack(b, table, chain)
		if err != nil {
			if !bytes.Equal(marshal(t, table), start) {
				t.Errorf("a failed unpack changed the table")
			}
			return
		}
		raw := 0
		for i, e := range u.Bytes {
			raw += len(e)
			if _, err := frame.DecodeEntry(e, chain); err != nil {
				t.Errorf("entry %d is not canonical: %v", i, err)
			}
		}
		if raw != u.Head.Raw || len(u.Bytes) != u.Head.Count {
			t.Errorf("%d entries of %d bytes, head says %+v", len(u.Bytes), raw, u.Head)
		}
		if err := new(frame.Table).UnmarshalBinary(marshal(t, table)); err != nil {
			t.Errorf("the table after it cannot be stored: %v", err)
		}
	})
}

func FuzzTable(f *testing.F) {
	_, before, chain := goodPack(f)
	f.Add(marshal(f, before))
	f.Add(marshal(f, frame.NewTable()))
	s := newSchool(1)
	f.Fuzz(func(t *testing.T, b []byte) {
		table := frame.NewTable()
		if table.UnmarshalBinary(b) != nil {
			return
		}
		if err := new(frame.Table).UnmarshalBinary(marshal(t, table)); err != nil {
			t.Fatalf("a good table cannot be stored: %v", err)
		}
		// Whatever the state, packing and unpacking go through it together.
		pack, err := frame.PackEntries(table.Clone(), chain, frame.Tip{Seq: s.days[0][0].Seq - 1}, s.days[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := frame.Unpack(pack, table, chain); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzExpandDocs(f *testing.F) {
	f.Add(frame.CompressDocs([][]byte{[]byte("文档"), bytes.Repeat([]byte("文档"), 100)}))
	f.Add([]byte{1, 2, 0xa0, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, b []byte) {
		docs, err := frame.ExpandDocs(b, 64<<10)
		if err != nil {
			return
		}
		n := 0
		for _, d := range docs {
			n += len(d)
		}
		if n > 64<<10 {
			t.Errorf("%d bytes, more than allowed", n)
		}
	})
}
