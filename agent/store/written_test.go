package store

import (
	"testing"

	"shangu/schema"
)

// What this computer wrote into a document is told in order, and nothing of others
// that have its id in theirs.
func TestWritten(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	one := sheet(0, 1, 4)
	save(t, s, one)
	save(t, s, sheet(1, 1, 4))
	save(t, s, Edit{Kind: one.Kind, ID: one.ID, Fields: []FieldEdit{{Key: schema.Key{Num: schema.SheetNote}, Value: schema.Str(one.ID)}}})
	save(t, s, Edit{Kind: schema.KindSetting, ID: "x", Fields: []FieldEdit{{Key: schema.Key{Num: schema.SettingValue}, Value: schema.Str(one.ID)}}})
	confirmAll(t, s)
	chain, list, err := s.Written(one.Kind, one.ID)
	if err != nil || len(list) != 2 {
		t.Fatalf("%d entries, %v", len(list), err)
	}
	if own, _ := s.Chain(); chain != own || list[0].Seq != 1 || list[1].Seq != 3 || len(list[1].Fields) != 1 {
		t.Errorf("%+v", list)
	}
}
