package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"shangu/hub/state"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
)

func field(n schema.FieldNum, sub string, v schema.Value) change.Field {
	return change.Field{Key: schema.Key{Num: n, Sub: sub}, Value: v}
}

// district opens a state with two mountain schools and a town school.
func district(t *testing.T) *state.State {
	t.Helper()
	s, err := state.Open(t.TempDir(), state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	school := func(code, name string, mountain bool) state.Change {
		return state.Change{Scope: schema.DistrictScope, Kind: schema.KindSchool, ID: code, Fields: []change.Field{
			field(schema.SchoolName, "", schema.Str(name)), field(schema.SchoolCategory, "", schema.Str("小学")),
			field(schema.SchoolTownship, "", schema.Str("双溪镇")), field(schema.SchoolMountain, "", schema.Bool(mountain)),
		}}
	}
	agreement := func(id, member string, from, to schema.Date) state.Change {
		return state.Change{Scope: schema.DistrictScope, Kind: schema.KindAgreement, ID: id, Fields: []change.Field{
			field(schema.AgreementLead, "", schema.Str("2199109001")), field(schema.AgreementLeadName, "", schema.Str("一小")),
			field(schema.AgreementMember, member, schema.Str("成员")), field(schema.AgreementForm, "", schema.Int(1)),
			field(schema.AgreementFrom, "", schema.Int(int64(from))), field(schema.AgreementTo, "", schema.Int(int64(to))),
		}}
	}
	var days []change.Field
	for _, d := range []string{"2026-09-01", "2026-09-02", "2026-09-03", "2026-10-08"} {
		days = append(days, field(schema.CalendarDay, d, schema.Int(schema.DaySchool)))
	}
	class := state.Change{Scope: "2199109011", Kind: schema.KindClass, ID: schema.ClassID(2026, "一年级（1）班"), Fields: []change.Field{
		field(schema.ClassName, "", schema.Str("一年级（1）班")), field(schema.ClassGrade, "", schema.Str("一年级")),
	}}
	sheet := func(day, session string, n int64) state.Change {
		return state.Change{Scope: "2199109011", Kind: schema.KindSheet, ID: day + "/" + session + "/" + schema.ClassID(2026, "一年级（1）班"), Fields: []change.Field{
			field(schema.SheetState, "", schema.Int(n)),
		}}
	}
	for i, cmd := range [][]byte{
		state.EncodeInit(state.Init{Cluster: [16]byte{1}, Name: "云岭区"}),
		state.EncodeAuthor(state.Author{Account: "op", Now: 1_790_000_000, Changes: []state.Change{
			school("2199109001", "=一小", false), school("2199109011", "双溪小学", true), school("2199109012", "石门小学", true),
			agreement("Y1", "2199109011", schema.DateOf(2024, 9, 1), schema.DateOf(2026, 10, 10)),
			agreement("Y0", "2199109012", schema.DateOf(2020, 9, 1), schema.DateOf(2026, 8, 31)),
			{Scope: schema.DistrictScope, Kind: schema.KindCalendar, ID: "2026", Fields: days},
			class, sheet("2026-09-01", "am", schema.SheetTaken), sheet("2026-09-01", "pm", schema.SheetTaken),
			sheet("2026-09-02", "am", schema.SheetTaken), sheet("2026-09-03", "am", schema.SheetNoSchool),
		}}),
	} {
		r, err := s.ApplyBatch([]state.LogEntry{{Index: uint64(i + 1), Term: 1, Data: cmd}})
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			continue
		}
		if a, err := state.DecodeAuthor(r[0]); err != nil {
			t.Fatal(err, a, text.Parse(a.Reason))
		}
	}
	return s
}

var now = time.Date(2026, 9, 15, 4, 0, 0, 0, time.UTC)

func build(t *testing.T, name string) string {
	t.Helper()
	table, err := Build(name, district(t), now)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := table.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}

func TestReports(t *testing.T) {
	for name, want := range map[string]string{
		"summary": `[{"school":"2199109001","name":"=一小","pupils":0,"sheets":0,"marks":0,"visits":0,"trainings":0,"last_seen":null,"pending":0,"conflicts":0,"quarantined":0},` +
			`{"school":"2199109011","name":"双溪小学","pupils":0,"sheets":3,"marks":0,"visits":0,"trainings":0,"last_seen":null,"pending":0,"conflicts":0,"quarantined":0},` +
			`{"school":"2199109012","name":"石门小学","pupils":0,"sheets":0,"marks":0,"visits":0,"trainings":0,"last_seen":null,"pending":0,"conflicts":0,"quarantined":0}]`,
		"coverage": `[{"school":"2199109011","name":"双溪小学","township":"双溪镇","mountain":true,"weak":false,"covered":true,"agreement":"Y1","lead":"一小","ends":"2026-10-10","days_left":25,"expiring":true},` +
			`{"school":"2199109012","name":"石门小学","township":"双溪镇","mountain":true,"weak":false,"covered":false,"agreement":null,"lead":null,"ends":null,"days_left":null,"expiring":false}]`,
		"completeness": `[{"school":"2199109001","name":"=一小","month":"2026-09","days":3,"due":0,"taken":0,"no_school":0,"percent":null},` +
			`{"school":"2199109011","name":"双溪小学","month":"2026-09","days":3,"due":5,"taken":3,"no_school":1,"percent":60.0},` +
			`{"school":"2199109012","name":"石门小学","month":"2026-09","days":3,"due":0,"taken":0,"no_school":0,"percent":null}]`,
	} {
		have := build(t, name)
		if have != want {
			t.Errorf("%s:\n%s\nnot\n%s", name, have, want)
		}
		if !json.Valid([]byte(have)) {
			t.Errorf("%s: not JSON", name)
		}
	}
	if _, err := Build("nonsense", nil, now); err == nil || !strings.Contains(err.Error(), "summary") {
		t.Error(err)
	}
}

func TestFilesByEnding(t *testing.T) {
	table, err := Build("coverage", district(t), now)
	if err != nil {
		t.Fatal(err)
	}
	table.Rows = append(table.Rows, []Cell{Text("=1+1"), Text("a,b"), Empty, Empty, Empty, Empty, Empty, Empty, Empty, Int(-3), Tenths(605)})
	dir := t.TempDir()
	for _, ending := range []string{"json", "csv", "XLSX"} {
		if err := table.Save(filepath.Join(dir, "r."+ending)); err != nil {
			t.Fatal(err)
		}
	}
	var m *text.Message
	if err := table.Save(filepath.Join(dir, "r.doc")); !errors.As(err, &m) || m.ID() != "report.ending" {
		t.Error(err)
	}
	b, _ := os.ReadFile(filepath.Join(dir, "r.csv"))
	lines, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(b), bom))).ReadAll()
	if err != nil || len(lines) != 4 || lines[1][7] != "一小" || lines[3][0] != "'=1+1" || lines[3][1] != "a,b" || lines[3][9] != "-3" || lines[3][10] != "60.5" {
		t.Error(lines, err)
	}
	f, err := excelize.OpenFile(filepath.Join(dir, "r.XLSX"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := f.GetRows(f.GetSheetName(0))
	if err != nil || len(rows) != 5 || rows[2][6] != "Y1" || rows[2][9] != "25" || rows[4][0] != "=1+1" {
		t.Error(rows, err)
	}
	if formula, _ := f.GetCellFormula(f.GetSheetName(0), "A5"); formula != "" {
		t.Error("a text became a formula:", formula)
	}
}
