package term

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"shangu/installer/stage/forge"
	"shangu/schema"
	"shangu/sync/change"
)

// An entry that breaks a rule waits at the district, those behind it go on, and
// when an operator has settled it the school's own count goes back.
func TestQuarantineIsSettled(t *testing.T) {
	b := newBench(t)
	h := startHub(b, 1)
	hub, agent := h.Dirs[0], filepath.Join(b.work, "agent")
	const school = "2199109011"
	token, err := h.Token(t.Context(), 0, school)
	if err != nil {
		t.Fatal(err)
	}
	b.must("agent", "enroll", "--dir", agent, "--hub", h.URLs(0), "--token", token)

	table := func(name, data string) string {
		path := filepath.Join(b.work, name)
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	b.must("agent", "import", "roster", table("roster.csv", "学籍号,姓名,年级,班级,入学年月\nG990109201910090934,陆宇一,一年级,一年级（1）班,2026-09\n"), "--dir", agent)
	sheets := func(days ...int) string {
		out := "date,session,class,student_id,status\n"
		for _, d := range days {
			out += fmt.Sprintf("2026-09-%02d,am,一年级（1）班,,taken\n", d)
		}
		return out
	}
	// The hub has a limit on names. An agent keeps to it; one of an altered build may not.
	b.fails("256", "agent", "import", "attendance", table("bad.csv", sheets(1, 2)), "--dir", agent, "--account", strings.Repeat("x", 300))
	c := b.School("agent", school)
	for day := 1; day <= 2; day++ {
		id := schema.SheetID{Date: schema.DateOf(2026, 9, day), Session: schema.SessionAM, Class: schema.ClassID(2026, "一年级（1）班")}
		_, _, err := forge.Entry(t.Context(), c, change.Entry{
			Account: strings.Repeat("x", 300), Kind: schema.KindSheet, ID: id.String(),
			Fields: []change.Field{{Key: schema.Key{Num: schema.SheetState}, Value: schema.Int(schema.SheetTaken)}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	b.must("agent", "import", "attendance", table("good.csv", sheets(3)), "--dir", agent)

	expect := func(quarantined, sheets int) {
		t.Helper()
		b.must("agent", "sync", "--dir", agent)
		var s struct{ Pending, Quarantined int }
		if err := b.ask(&s, "agent", "status", "--dir", agent); err != nil || s.Pending != 0 || s.Quarantined != quarantined {
			t.Errorf("the agent has %+v, %v; want %d in quarantine", s, err, quarantined)
		}
		var rows []struct {
			School              string
			Quarantined, Sheets int
		}
		if err := b.ask(&rows, "hub", "report", "summary", "--dir", hub); err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if r.School == school && (r.Quarantined != quarantined || r.Sheets != sheets) {
				t.Errorf("the hub has %+v; want %d in quarantine, %d sheets", r, quarantined, sheets)
			}
		}
		if a, h := b.must("agent", "digest", "--dir", agent, "--json"), b.must("hub", "digest", "--school", school, "--dir", hub, "--json"); !bytes.Equal(a, h) {
			t.Errorf("digests differ: %s, %s", a, h)
		}
	}
	expect(2, 1)
	var found []struct{ Ref, Scope, Doc, State, Reason string }
	if err := b.ask(&found, "hub", "quarantine", "list", "--dir", hub); err != nil || len(found) != 2 || found[0].Reason == "" ||
		found[0].Scope != school || found[0].Doc != "2026-09-01/am/2026/一年级（1）班" || found[0].State != "waiting" {
		t.Fatalf("%+v, %v", found, err)
	}
	if out := b.must("hub", "quarantine", "show", found[0].Ref, "--dir", hub); !bytes.Contains(out, []byte(found[0].Doc)) {
		t.Errorf("shown: %s", out)
	}
	b.must("hub", "quarantine", "fix", found[0].Ref, "--dir", hub)
	expect(1, 2)
	b.fails("--note", "hub", "quarantine", "drop", found[1].Ref, "--dir", hub)
	b.must("hub", "quarantine", "drop", found[1].Ref, "--note", "当天停课", "--dir", hub)
	expect(0, 2)
	var outcome []struct{ State, Note, Doc, Reason string }
	if err := b.ask(&outcome, "agent", "quarantine", "--all", "--dir", agent); err != nil || len(outcome) != 2 {
		t.Fatalf("the school sees %+v, %v", outcome, err)
	}
	for i, want := range []string{"fixed", "dropped"} {
		if o := outcome[i]; o.State != want || o.Doc != found[i].Doc || o.Reason == "" || want == "dropped" && o.Note != "当天停课" {
			t.Errorf("the school sees %+v, want it %s", o, want)
		}
	}
	if err := b.ask(&found, "hub", "quarantine", "list", "--dir", hub); err != nil || len(found) != 0 {
		t.Errorf("still waiting: %+v, %v", found, err)
	}
}
