package digest_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/digest"
)

func genDoc(t *rapid.T, id string) *change.Doc {
	d := &change.Doc{Kind: schema.KindVisit, ID: id}
	d.Cells = append(d.Cells, change.Cell{
		Key:     schema.Key{Num: schema.VisitDate},
		Value:   schema.Int(int64(schema.DateOf(2026, 9, 1)) + rapid.Int64Range(0, 90).Draw(t, "day")),
		Version: change.Ref{Chain: change.ChainID{1}, Seq: rapid.Uint64Range(1, 9).Draw(t, "seq")},
		At:      rapid.Int64().Draw(t, "at"),
	})
	if rapid.Bool().Draw(t, "topic") {
		d.Cells = append(d.Cells, change.Cell{Key: schema.Key{Num: schema.VisitTopic}, Value: schema.Str(rapid.String().Draw(t, "text"))})
	}
	return d
}

// TestSetFollowsItsDocuments: however documents came and changed, in whatever
// order, a set is a function of the documents that are there now.
func TestSetFollowsItsDocuments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set, now := digest.Set{}, map[string]*change.Doc{}
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			id := fmt.Sprint(rapid.IntRange(0, 5).Draw(t, "id"))
			var next *change.Doc
			if rapid.IntRange(0, 3).Draw(t, "gone") > 0 {
				next = genDoc(t, id)
			}
			set.Replace(now[id], next)
			if now[id] = next; next == nil {
				delete(now, id)
			}
		}
		fresh, root := digest.Set{}, digest.Sum{}
		ids := slices.Sorted(maps.Keys(now))
		if rapid.Bool().Draw(t, "backwards") {
			slices.Reverse(ids)
		}
		for _, id := range ids {
			fresh.Replace(nil, now[id])
			root = root.Add(digest.Of(now[id]))
		}
		if !maps.Equal(set, fresh) {
			t.Fatalf("followed %v, counted anew %v", set.JSON(), fresh.JSON())
		}
		if set.Root() != root {
			t.Fatalf("root %v, documents sum to %v", set.Root(), root)
		}
		for _, d := range now {
			set.Replace(d, nil)
		}
		if len(set) != 0 {
			t.Fatalf("without documents: %v", set.JSON())
		}
	})
}

func TestSumsAddInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sum := rapid.Custom(func(t *rapid.T) (s digest.Sum) {
			for i := range s {
				s[i] = rapid.Uint64().Draw(t, "word")
			}
			return s
		})
		a, b, c := sum.Draw(t, "a"), sum.Draw(t, "b"), sum.Draw(t, "c")
		if a.Add(b).Add(c) != c.Add(a).Add(b) || a.Add(b).Sub(b) != a {
			t.Fatal("sums are no group")
		}
		if got, ok := digest.FromBytes(a.Bytes()); !ok || got != a {
			t.Fatalf("%v comes back as %v", a, got)
		}
	})
	if _, ok := digest.FromBytes(make([]byte, 31)); ok {
		t.Error("31 bytes are taken for a sum")
	}
}

// TestWhatADigestCovers: kind, id, key, value and version, and no more.
func TestWhatADigestCovers(t *testing.T) {
	base := func() *change.Doc {
		return &change.Doc{Scope: "s", Kind: schema.KindVisit, ID: "id", Cells: []change.Cell{{
			Key: schema.Key{Num: 1, Sub: "x"}, Value: schema.Int(7), Version: change.Ref{Chain: change.ChainID{1}, Seq: 1}, At: 5, By: "a", Role: 1,
		}}}
	}
	for name, c := range map[string]struct {
		change  func(*change.Doc)
		differs bool
	}{
		"scope":       {func(d *change.Doc) { d.Scope = "" }, false},
		"time":        {func(d *change.Doc) { d.Cells[0].At = 6 }, false},
		"account":     {func(d *change.Doc) { d.Cells[0].By = "b" }, false},
		"role":        {func(d *change.Doc) { d.Cells[0].Role = 2 }, false},
		"also":        {func(d *change.Doc) { d.Cells[0].Also = []change.Ref{{Seq: 3}} }, false},
		"kind":        {func(d *change.Doc) { d.Kind = schema.KindTraining }, true},
		"id":          {func(d *change.Doc) { d.ID = "ie" }, true},
		"field":       {func(d *change.Doc) { d.Cells[0].Key.Num = 2 }, true},
		"item":        {func(d *change.Doc) { d.Cells[0].Key.Sub = "y" }, true},
		"value":       {func(d *change.Doc) { d.Cells[0].Value = schema.Int(8) }, true},
		"chain":       {func(d *change.Doc) { d.Cells[0].Version.Chain[15] = 1 }, true},
		"seq":         {func(d *change.Doc) { d.Cells[0].Version.Seq = 2 }, true},
		"no field":    {func(d *change.Doc) { d.Cells = nil }, true},
		"moved bytes": {func(d *change.Doc) { d.ID, d.Cells[0].Key.Sub = "i", "dx" }, true},
	} {
		d := base()
		c.change(d)
		if differs := digest.Of(d) != digest.Of(base()); differs != c.differs {
			t.Errorf("%s changed: digest differs %v, want %v", name, differs, c.differs)
		}
	}
	if digest.Of(nil) != (digest.Sum{}) {
		t.Error("no document has a digest")
	}
}

func TestBuckets(t *testing.T) {
	sheet := &change.Doc{Kind: schema.KindSheet, ID: "2026-09-01/am/2026/一年级（1）班"}
	if got := digest.BucketOf(sheet); got != (digest.Bucket{Kind: schema.KindSheet, Month: "2026-09"}) {
		t.Errorf("%+v", got)
	}
	set := digest.Set{}
	set.Replace(nil, sheet)
	set.Replace(nil, &change.Doc{Kind: schema.KindPupil, ID: "G"})
	json := set.JSON()
	if len(json["attendance"]["2026-09"]) != 32 || len(json["pupil"][schema.NoMonth]) != 32 {
		t.Errorf("%v", json)
	}
}
