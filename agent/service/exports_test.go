package service

import (
	"bytes"
	"testing"

	"github.com/xuri/excelize/v2"

	"shangu/agent/store"
	"shangu/schema"
)

// Of attendance a month is given away, and no other.
func TestExportsOfAMonth(t *testing.T) {
	a := open(t, t.TempDir())
	for _, day := range []schema.Date{schema.DateOf(2026, 9, 30), schema.DateOf(2026, 10, 12), schema.DateOf(2026, 11, 2)} {
		id := schema.SheetID{Date: day, Session: schema.SessionAM, Class: schema.ClassID(2026, "一年级（1）班")}.String()
		if _, err := a.store.Save(t.Context(), "王", []store.Edit{{Kind: schema.KindSheet, ID: id, Fields: []store.FieldEdit{
			{Key: schema.Key{Num: schema.SheetState}, Value: schema.Int(schema.SheetTaken)}}}}); err != nil {
			t.Fatal(err)
		}
	}
	e := exports{store: a.store}
	for month, want := range map[schema.Date]int{schema.DateOf(2026, 10, 1): 1, schema.DateOf(2026, 12, 1): 0, 0: 3} {
		var b bytes.Buffer
		if err := e.Table(t.Context(), &b, "attendance", month, false); err != nil {
			t.Fatal(err)
		}
		f, err := excelize.OpenReader(&b)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := f.GetRows(f.GetSheetName(0))
		if err != nil || len(rows) != 2+want {
			t.Errorf("%v: %d lines, want %d, %v", month, len(rows), 2+want, err)
		}
		f.Close()
	}
	if err := e.Table(t.Context(), new(bytes.Buffer), "nothing", 0, false); err == nil {
		t.Error("a table of nothing")
	}
}
