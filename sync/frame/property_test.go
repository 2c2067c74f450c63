package frame_test

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/frame"
)

var testChain = frame.ChainOf([16]byte{1}, [16]byte{2})

// genValue draws any value: those that the model has codes for, and others.
func genValue(t *rapid.T) schema.Value {
	switch rapid.IntRange(0, 8).Draw(t, "type") {
	case 0:
		return schema.Nil
	case 1:
		return schema.Bool(rapid.Bool().Draw(t, "bool"))
	case 2:
		return schema.Int(rapid.Int64().Draw(t, "int"))
	case 3:
		return schema.Int(rapid.Int64Range(-40, 21000).Draw(t, "small"))
	case 4:
		return schema.Str(rapid.String().Draw(t, "str"))
	case 5:
		return schema.Str(rapid.SampledFrom([]string{"", "P001", "示范课", "3199109006"}).Draw(t, "word"))
	case 6:
		return schema.Bin(string(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "bin")))
	case 7:
		return schema.List(schema.Str(rapid.String().Draw(t, "item")), schema.Str("二"))
	}
	return schema.List(schema.Int(rapid.Int64Range(-1, 300).Draw(t, "a")), schema.List(), schema.Nil)
}

func genMark(t *rapid.T) schema.Value {
	if rapid.IntRange(0, 9).Draw(t, "odd") == 0 {
		return genValue(t)
	}
	return schema.Mark{
		Status:  schema.Status(rapid.IntRange(0, 11).Draw(t, "status")),
		Minutes: rapid.SampledFrom([]int{0, 0, 1, 12, 127, 128, 600}).Draw(t, "minutes"),
		Symptom: schema.Symptom(rapid.IntRange(0, 16).Draw(t, "symptom")),
	}.Encode()
}

var (
	pupils  = []string{"G990109201901210017", "G990109201904200025", "J990109201902240031", "L9901092019120100450", "L990109201912010045", "G99010920140113824X", "G990109201901210018", "x", "学生"}
	classes = []string{"2026/一年级（1）班", "2026/一年级（2）班", "2026/二年级（1）班"}
	dates   = []string{"2026-09-01", "2026-09-02", "2026-09-30", "1899-12-31", "9999-01-01"}
)

func genID(t *rapid.T, k schema.Kind) string {
	if rapid.IntRange(0, 9).Draw(t, "odd id") == 0 {
		return rapid.String().Draw(t, "id")
	}
	pupil, class, date := rapid.SampledFrom(pupils).Draw(t, "pupil"), rapid.SampledFrom(classes).Draw(t, "class"), rapid.SampledFrom(dates).Draw(t, "date")
	switch k {
	case schema.KindSheet:
		return date + "/" + rapid.SampledFrom([]string{"am", "pm", "eve", "AM"}).Draw(t, "session") + "/" + class
	case schema.KindPupil:
		return pupil
	case schema.KindEnrolment:
		return pupil + "/" + class + "/" + date
	case schema.KindClass:
		return class
	case schema.KindTeacher:
		return rapid.SampledFrom([]string{"T2199109001009", "T2199109001010", "T2199109001011", "T999"}).Draw(t, "teacher")
	}
	return schema.NewID(testChain, rapid.Uint64Range(0, 1<<62).Draw(t, "counter"))
}

func genFields(t *rapid.T, k schema.Kind, seq uint64) (fields []change.Field) {
	if k == schema.KindSheet && rapid.IntRange(0, 3).Draw(t, "plain sheet") > 0 {
		fields = append(fields, change.Field{Key: schema.Key{Num: schema.SheetState}, Value: schema.Int(schema.SheetTaken)})
		if rapid.Bool().Draw(t, "taker") {
			fields = append(fields, change.Field{Key: schema.Key{Num: schema.SheetTaker}, Value: schema.Str(rapid.SampledFrom([]string{"王", "李", ""}).Draw(t, "who"))})
		}
		if rapid.Bool().Draw(t, "roll") {
			fields = append(fields, change.Field{Key: schema.Key{Num: schema.SheetRoll}, Value: schema.Int(rapid.Int64Range(-1, 50).Draw(t, "n"))})
		}
		for _, p := range rapid.SliceOfNDistinct(rapid.SampledFrom(pupils), 0, 5, rapid.ID[string]).Draw(t, "marked") {
			fields = append(fields, change.Field{Key: schema.Key{Num: schema.SheetMark, Sub: p}, Value: genMark(t)})
		}
	} else {
		for range rapid.IntRange(0, 6).Draw(t, "fields") {
			f := change.Field{Key: schema.Key{Num: schema.FieldNum(rapid.SampledFrom([]uint16{1, 2, 3, 4, 5, 8, 10, 17, 33, 100, 101, 65535}).Draw(t, "num"))}, Value: genValue(t)}
			if rapid.IntRange(0, 3).Draw(t, "item") == 0 {
				f.Key.Sub = rapid.OneOf(rapid.SampledFrom(pupils), rapid.String()).Draw(t, "sub")
			}
			switch rapid.IntRange(0, 4).Draw(t, "base") {
			case 0:
				f.Base = change.Ref{Chain: testChain, Seq: rapid.Uint64Range(1, 1<<62).Draw(t, "own")}
			case 1:
				f.Base = change.Ref{Chain: testChain, Seq: max(1, seq-1)}
			case 2:
				f.Base = change.Ref{Chain: change.ChainID{rapid.Byte().Draw(t, "chain")}, Seq: rapid.Uint64Range(1, 1<<62).Draw(t, "foreign")}
			}
			fields = append(fields, f)
		}
	}
	slices.SortFunc(fields, func(a, b change.Field) int { return a.Key.Compare(b.Key) })
	return slices.CompactFunc(fields, func(a, b change.Field) bool { return a.Key == b.Key })
}

// genEntries draws a run of entries after seq first-1.
func genEntries(t *rapid.T, first uint64, n int) (out []*change.Entry) {
	at, up := int64(1788220800), int64(5)
	for i := range n {
		switch rapid.IntRange(0, 9).Draw(t, "clock") {
		case 0:
			at, up = rapid.Int64().Draw(t, "at"), rapid.Int64().Draw(t, "up")
		case 1:
			at, up = at-100, up-99
		default:
			d := rapid.Int64Range(0, 200).Draw(t, "gap")
			at, up = at+d, up+d+rapid.Int64Range(-1, 1).Draw(t, "jitter")
		}
		k := schema.Kind(rapid.SampledFrom([]uint16{1, 1, 1, 1, 2, 3, 10, 11, 12, 13, 13, 14, 15, 16, 30, 31, 32, 999, 65535, 0}).Draw(t, "kind"))
		seq := first + uint64(i)
		e := &change.Entry{Seq: seq, At: at, Up: up, Boot: rapid.SampledFrom([]uint32{1, 1, 1, 2, 1<<32 - 1}).Draw(t, "boot"),
			Account: rapid.SampledFrom([]string{"王", "王", "李", ""}).Draw(t, "account"), Scope: rapid.SampledFrom([]string{"", "", "2199109001"}).Draw(t, "scope"),
			Kind: k, ID: genID(t, k), Fields: genFields(t, k, seq)}
		if rapid.IntRange(0, 9).Draw(t, "newer") == 0 {
			e.Extra = string(genValue(t)) + string(genValue(t))
		}
		out = append(out, e)
	}
	return out
}

// TestPackingKeepsEveryEntry: whatever entries a chain holds and however it is
// cut into packs, unpacking gives their canonical bytes, and the packing side,
// the unpacking side and one that merely observed end with the same table.
func TestPackingKeepsEveryEntry(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := genEntries(t, 1, rapid.IntRange(1, 30).Draw(t, "entries"))
		from, to, seen := frame.NewTable(), frame.NewTable(), frame.NewTable()
		tip := frame.Genesis(testChain)
		for rest := entries; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "pack of")
			pack, err := frame.PackEntries(from, testChain, tip, rest[:n])
			if err != nil {
				t.Fatal(err)
			}
			if pack[1] == 0 {
				t.Fatalf("the model cannot read back what it wrote: %x", pack)
			}
			u, err := frame.Unpack(pack, to, testChain)
			if err != nil {
				t.Fatal(err)
			}
			if u.Head.Prev != [8]byte(tip.Hash[:8]) || u.Head.First != tip.Seq+1 {
				t.Fatalf("head %+v after %d %x", u.Head, tip.Seq, tip.Hash[:8])
			}
			for i, e := range rest[:n] {
				want := frame.AppendEntry(nil, testChain, e)
				if !bytes.Equal(u.Bytes[i], want) {
					t.Fatalf("entry %d:\ngot  %x\nwant %x", e.Seq, u.Bytes[i], want)
				}
				if got := frame.AppendEntry(nil, testChain, u.Entries[i]); !bytes.Equal(got, want) {
					t.Fatalf("entry %d decoded: %x, want %x", e.Seq, got, want)
				}
				if _, err := frame.DecodeEntry(want, testChain); err != nil {
					t.Fatalf("entry %d is not canonical: %v", e.Seq, err)
				}
				tip = tip.Next(want)
				seen.Observe(e)
			}
			rest = rest[n:]
		}
		a, b, c := marshal(t, from), marshal(t, to), marshal(t, seen)
		if !bytes.Equal(a, b) || !bytes.Equal(a, c) {
			t.Fatalf("tables differ:\npacked   %x\nunpacked %x\nobserved %x", a, b, c)
		}
		// The table survives its bytes, whole and in parts.
		var again frame.Table
		if err := again.UnmarshalBinary(a); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(marshal(t, &again), a) {
			t.Fatal("table changes when it is stored")
		}
		k := rapid.IntRange(0, from.Len()).Draw(t, "stored before")
		parts := frame.NewTable()
		all := from.AppendSince(0)
		if err := parts.Extend(all[:len(all)-len(from.AppendSince(k))]); err != nil {
			t.Fatal(err)
		}
		if err := parts.Extend(from.AppendSince(k)); err != nil {
			t.Fatal(err)
		}
		if err := parts.SetAux(from.Aux()); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(marshal(t, parts), a) {
			t.Fatal("table changes when it is stored in parts")
		}
	})
}

func marshal(t interface{ Fatal(...any) }, table *frame.Table) []byte {
	b, err := table.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestCloneIsApart: what happens to a table does not show in its clone.
func TestCloneIsApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := genEntries(t, 1, 20)
		a := frame.NewTable()
		for _, e := range entries[:10] {
			a.Observe(e)
		}
		before := marshal(t, a)
		b := a.Clone()
		for _, e := range entries[10:] {
			b.Observe(e)
		}
		if !bytes.Equal(marshal(t, a), before) {
			t.Fatal("the clone's entries show in the original")
		}
		after := marshal(t, b)
		for _, e := range genEntries(t, 11, 5) {
			a.Observe(e)
		}
		if !bytes.Equal(marshal(t, b), after) {
			t.Fatal("the original's entries show in the clone")
		}
	})
}

// TestFailedUnpackLeavesNoTrace: a pack that fails half-way changes no table.
func TestFailedUnpackLeavesNoTrace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := genEntries(t, 1, 20)
		from, to := frame.NewTable(), frame.NewTable()
		tip := frame.Genesis(testChain)
		for _, e := range entries[:8] {
			from.Observe(e)
			to.Observe(e)
			tip = tip.Next(frame.AppendEntry(nil, testChain, e))
		}
		pack, err := frame.PackEntries(from, testChain, tip, entries[8:])
		if err != nil {
			t.Fatal(err)
		}
		before := marshal(t, to)
		bad := slices.Clone(pack)
		bad[rapid.IntRange(14, len(bad)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		frame.Seal(bad)
		u, err := frame.Unpack(bad, to, testChain)
		if err != nil && !bytes.Equal(marshal(t, to), before) {
			t.Fatal("a failed unpack changed the table")
		}
		if err == nil {
			for i, b := range u.Bytes {
				if _, err := frame.DecodeEntry(b, testChain); err != nil {
					t.Fatalf("entry %d of a forged pack is not canonical: %v", i, err)
				}
			}
			return
		}
		if _, err := frame.Unpack(pack, to, testChain); err != nil {
			t.Fatalf("the good pack no longer fits: %v", err)
		}
	})
}

func TestJoinedDocumentsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		docs := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 1, 300), 0, 20).Draw(t, "docs")
		if rapid.Bool().Draw(t, "repeat") && len(docs) > 0 {
			docs = slices.Repeat(docs, 10)
		}
		b := frame.CompressDocs(docs)
		got, err := frame.ExpandDocs(b, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(got, docs, bytes.Equal) {
			t.Fatalf("%d documents come back as %d", len(docs), len(got))
		}
	})
}
