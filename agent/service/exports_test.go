package service

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"shangu/agent/access"
	"shangu/agent/attend"
	"shangu/agent/card"
	"shangu/agent/leave"
	"shangu/agent/register"
	"shangu/agent/roll"
	"shangu/agent/roster"
	"shangu/agent/store"
	"shangu/agent/watch"
	"shangu/agent/web/report"
	"shangu/schema"
	"shangu/schema/table/tabletest"
	"shangu/schema/text"
	"shangu/sync/change"
	"shangu/sync/frame"
	"shangu/sync/seal"
	"shangu/sync/session"
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
		rows := tabletest.Rows(t, "", func(w io.Writer) error { return e.Table(t.Context(), w, "attendance", month, false) })
		if len(rows) != 2+want {
			t.Errorf("%v: %d lines, want %d", month, len(rows), 2+want)
		}
	}
	if err := e.Table(t.Context(), new(bytes.Buffer), "nothing", 0, false); err == nil {
		t.Error("a table of nothing")
	}
}

// Every table that is offered can be written, with names and without, also of a school
// that has nothing yet; and has a name and an explanation in each language.
func TestEveryKindIsWritten(t *testing.T) {
	a := open(t, t.TempDir())
	e := a.tables(t)
	for _, k := range report.Kinds {
		for _, open := range []bool{false, true} {
			var b bytes.Buffer
			err := e.Table(t.Context(), &b, k.Name, schema.DateOf(2026, 10, 1), open)
			if k.Name == "receipts" {
				if text.Of(err) == nil {
					t.Errorf("a day of which nothing is recorded: %v", err)
				}
				continue
			}
			if err != nil || !bytes.HasPrefix(b.Bytes(), []byte("PK")) {
				t.Errorf("%s: %v", k.Name, err)
			}
		}
		for _, id := range []string{"register.export_" + k.Name, "register.export_" + k.Name + "_what"} {
			for _, l := range []text.Lang{text.ZH, text.EN} {
				if s := text.New(id).In(l); s == "" || strings.Contains(s, id) {
					t.Errorf("%s says %q in %v", id, s, l)
				}
			}
		}
	}
}

// tables are what the pages give away.
func (a *Agent) tables(t *testing.T) exports {
	t.Helper()
	accounts, err := a.accounts()
	if err != nil {
		t.Fatal(err)
	}
	book, days := roster.NewBook(a.store, []byte("sixteen bytes at least")), attend.NewBook(a.store)
	leaves := leave.NewDesk(a.store, a, book, a.today)
	return exports{
		store: a.store, book: book, leave: leaves, access: access.New(t.TempDir(), seal.Files{}), watch: watch.NewDesk(a.store, a, book, days), register: register.NewDesk(a.store, a, book, days),
		rolls: roll.NewDesk(roll.Parts{Store: a.store, Saver: a, Roster: book, Days: days, Leaves: leaves, Today: a.today}),
		cards: card.NewDesk(a.store, a, book), papers: &papers{a, book}, accounts: accounts, today: a.today,
	}
}

// The sheet of a day as a table has its code's place and the codes of records, and
// names nobody unless asked otherwise; nor does that of what the district could not take.
func TestPapersAsTables(t *testing.T) {
	a := open(t, t.TempDir())
	day := schema.DateOf(2026, 10, 12)
	set := func(n schema.FieldNum, v schema.Value) store.FieldEdit {
		return store.FieldEdit{Key: schema.Key{Num: n}, Value: v}
	}
	if err := a.store.SetHome("2199109015"); err != nil {
		t.Fatal(err)
	}
	saved := []store.Edit{
		{Kind: schema.KindTraining, ID: a.store.NewID(), Fields: []store.FieldEdit{
			set(schema.TrainingTeacher, schema.Str("T2199109015001")), set(schema.TrainingDate, schema.Int(int64(day))), set(schema.TrainingTitle, schema.Str("师德讲座")), set(schema.TrainingHours, schema.Int(20)),
		}},
		{Kind: schema.KindPupil, ID: "L990109201609010001", Fields: []store.FieldEdit{set(schema.PupilName, schema.Str("张小明"))}},
	}
	if _, err := a.store.Save(t.Context(), "王老师", saved); err != nil {
		t.Fatal(err)
	}
	entry := &change.Entry{Seq: 1, Scope: "2199109015", Kind: schema.KindPupil, ID: "L990109201609010001", Account: "王老师", Fields: []change.Field{
		{Key: schema.Key{Num: schema.PupilName}, Value: schema.Str("张小明")}}}
	chain := change.ChainID{9}
	raw := frame.AppendEntry(nil, chain, entry)
	held := &change.Doc{Scope: "2199109015", Kind: schema.KindQuarantine, ID: fmt.Sprintf("%x/1", chain)}
	for n, v := range map[schema.FieldNum]schema.Value{
		schema.QuarantineState: schema.Int(1), schema.QuarantineReason: schema.Str(text.New("schema.pupil_id_letter", "id", "L990109201609010001").Code()),
		schema.QuarantineChain: schema.Bin(string(chain[:])), schema.QuarantineEntry: schema.Bin(string(raw)),
	} {
		held.Cells = append(held.Cells, change.Cell{Key: schema.Key{Num: n}, Value: v, Version: change.Ref{Chain: change.ChainID{7}, Seq: 1}, Role: schema.RoleDistrict})
	}
	slices.SortFunc(held.Cells, func(a, b change.Cell) int { return a.Key.Compare(b.Key) })
	if err := a.store.Absorb(session.Delta{Docs: []*change.Doc{held}}); err != nil {
		t.Fatal(err)
	}
	e := a.tables(t)
	for _, open := range []bool{false, true} {
		number, name := schema.Masks(open)
		table := func(kind string) []string {
			rows := tabletest.Rows(t, "", func(w io.Writer) error { return e.Table(t.Context(), w, kind, day, open) })
			if len(rows) != 3 {
				t.Fatalf("%s: %q", kind, rows)
			}
			return rows[2]
		}
		if got := table("receipts"); len(got) != 3 || !strings.Contains(got[1], "师德讲座") || !strings.Contains(got[1], number("T2199109015001")) || got[2] != name("王老师") {
			t.Errorf("open %v: %q", open, got)
		}
		got := table("quarantine")
		if !strings.Contains(got[0], name("张小明")) || got[1] != name("王老师") {
			t.Errorf("open %v: %q", open, got)
		}
		if told := strings.Contains(strings.Join(got, " "), "L990109201609010001"); told != open {
			t.Errorf("open %v: %q", open, got)
		}
	}
}
