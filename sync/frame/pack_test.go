package frame

import (
	"bytes"
	"reflect"
	"testing"

	"shangu/schema"
	"shangu/sync/change"
)

func TestPackRoundTrip(t *testing.T) {
	chain := ChainOf([16]byte{1}, [16]byte{2})
	entries := []*change.Entry{
		{Seq: 1, At: 1788220800, Boot: 1, Up: 5, Account: "clerk", Kind: schema.KindPupil, ID: "G990109201901210017",
			Fields: []change.Field{{Key: schema.Key{Num: schema.PupilName}, Value: schema.Str("罗丽婷")}}},
		{Seq: 2, At: 1788220860, Boot: 1, Up: 65, Account: "clerk", Kind: 999, ID: "?",
			Fields: []change.Field{{Key: schema.Key{Num: 1, Sub: "x"}, Value: schema.List(schema.Int(-1)), Base: change.Ref{Chain: change.ChainID{9}, Seq: 4}}}, Extra: "\x05"},
	}
	from, to := NewTable(), NewTable()
	pack, err := PackEntries(from, chain, Genesis(chain), entries)
	if err != nil {
		t.Fatal(err)
	}
	u, err := Unpack(pack, to, chain)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(u.Entries, entries) {
		t.Errorf("unpacked %+v, want %+v", u.Entries, entries)
	}
	for i, e := range entries {
		if want := AppendEntry(nil, chain, e); !bytes.Equal(u.Bytes[i], want) {
			t.Errorf("entry %d: bytes %x, want %x", i, u.Bytes[i], want)
		}
	}
	if !reflect.DeepEqual(from, to) {
		t.Errorf("tables differ: %+v, %+v", from, to)
	}
}
