package district_test

import (
	"cmp"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"shangu/hub/district"
	"shangu/hub/state"
	"shangu/schema"
	"shangu/schema/table"
	"shangu/schema/text"
	"shangu/sync/change"
)

// memory is a hub's documents in memory.
type memory struct {
	t    testing.TB
	docs map[state.DocKey]*change.Doc
	seq  uint64
}

func newMemory(t testing.TB) *memory { return &memory{t: t, docs: map[state.DocKey]*change.Doc{}} }

func (m *memory) Doc(k state.DocKey) (*change.Doc, error) { return m.docs[k], nil }

func (m *memory) Docs(scope string, kind schema.Kind, f func(*change.Doc) error) error {
	var found []*change.Doc
	for k, d := range m.docs {
		if k.Scope == scope && k.Kind == kind {
			found = append(found, d)
		}
	}
	slices.SortFunc(found, func(a, b *change.Doc) int { return cmp.Compare(a.ID, b.ID) })
	for _, d := range found {
		if err := f(d); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) save(p *district.Plan) {
	m.t.Helper()
	for _, c := range p.Changes {
		m.seq++
		k := state.DocKey{Scope: c.Scope, Kind: c.Kind, ID: c.ID}
		out, lost := change.Merge(m.docs[k], &change.Entry{Seq: m.seq, Scope: c.Scope, Kind: c.Kind, ID: c.ID, Fields: c.Fields}, change.Author{Role: schema.RoleDistrict})
		if wrong := schema.Validate(c.Kind, c.ID, out.Each); len(wrong) > 0 || len(lost) > 0 {
			m.t.Fatalf("%v %s: %v, lost %v", c.Kind, c.ID, wrong, lost)
		}
		m.docs[k] = out
	}
}

func (m *memory) load(f district.Files) *district.Plan {
	m.t.Helper()
	p, err := district.Read(f, m)
	if err != nil {
		m.t.Fatal(err)
	}
	m.save(p)
	again, err := district.Read(f, m)
	if err != nil || len(again.Changes) != 0 {
		m.t.Fatalf("loading again changes %v, %v", again, err)
	}
	return p
}

func (m *memory) refused(f district.Files) []table.Problem {
	m.t.Helper()
	p, err := district.Read(f, m)
	ps, ok := err.(*table.Problems)
	if !ok || p != nil {
		m.t.Fatalf("not refused: %v, %v", p, err)
	}
	list, _ := ps.List()
	for _, p := range list {
		for _, l := range []text.Lang{text.ZH, text.EN} {
			if s := p.In(l); strings.ContainsAny(s, "{}") {
				m.t.Errorf("unfinished message: %q", s)
			}
		}
	}
	return list
}

func doc(m *memory, k schema.Kind, id string) *change.Doc {
	return m.docs[state.DocKey{Scope: schema.DistrictScope, Kind: k, ID: id}]
}

func TestYunling(t *testing.T) {
	files, err := district.Open(os.DirFS("../../installer/term/testdata/yunling/district"))
	if err != nil {
		t.Fatal(err)
	}
	m := newMemory(t)
	p := m.load(files)
	if p.Schools.New != 20 || p.Agreements.New != 14 || p.Days.New != 54 || len(p.Changes) != 35 {
		t.Errorf("%+v %+v %+v, %d changes", p.Schools, p.Agreements, p.Days, len(p.Changes))
	}
	s := doc(m, schema.KindSchool, "2199109015")
	if mountain, _ := s.Value(schema.SchoolMountain).Bool(); !mountain || s.Value(schema.SchoolRegion).Text() != "990109102" {
		t.Errorf("%+v", s)
	}
	a := doc(m, schema.KindAgreement, "P005")
	if c, ok := a.Find(schema.Key{Num: schema.AgreementMember, Sub: "2199109015"}); !ok || c.Value.Text() != "斋岭镇石门沟教学点" || a.Value(schema.AgreementLead).Text() != "3199109006" {
		t.Errorf("%+v", a)
	}
	if to, _ := a.Value(schema.AgreementTo).Int(); schema.Date(to) != schema.DateOf(2026, 12, 31) {
		t.Errorf("ends %v", schema.Date(to))
	}
	if schema.DayOf(schema.DateOf(2026, 9, 1), doc(m, schema.KindCalendar, "2026").Lookup, nil) != schema.DaySchool {
		t.Error("the first of September is no school day")
	}
}

const schools = "学校标识码,学校名称,是否山区校\n2199109001,一小,否\n2199109002,二小,是\n2199109003,三小,是\n"
const pairs = "协议编号,帮扶校标识码,受援校标识码,帮扶形式,起始日期,截止日期\n"

func TestAgreements(t *testing.T) {
	m := newMemory(t)
	m.load(district.Files{Schools: []byte(schools), Partnerships: []byte(pairs + "P1,2199109001,2199109002,集团化办学,2026/9/1,\nP1,2199109001,2199109003,集团化办学,2026/9/1,\n")})
	members := func() (out []string) {
		doc(m, schema.KindAgreement, "P1").Each(func(k schema.Key, v schema.Value) {
			if k.Num == schema.AgreementMember && !v.IsNil() {
				out = append(out, k.Sub)
			}
		})
		return out
	}
	if got := members(); len(got) != 2 {
		t.Errorf("members %v", got)
	}
	// A member that is gone from the file is gone; the agreement stays.
	p := m.load(district.Files{Partnerships: []byte(pairs + "P1,2199109001,2199109003,集团化办学,2026/9/1,\n")})
	if got := members(); len(got) != 1 || got[0] != "2199109003" || p.Agreements.Changed != 1 {
		t.Errorf("members %v, %+v", got, p.Agreements)
	}
	for _, c := range []struct {
		rows, cell, id string
		line           int
	}{
		{"P1,2199109001,2199109009,,,\n", "C2", "district.no_school", 2},
		{"P1,2199109001,2199109001,,,\n", "C2", "district.own_helper", 2},
		{"P1,2199109001,21,,,\n", "C2", "schema.school_code_length", 2},
		{"P1,2199109001,2199109002,合伙,,\n", "D2", "district.no_form", 2},
		{"P1,2199109001,2199109002,,2026-09-01,2026-08-01\n", "F2", "district.ends_before", 2},
		{"P1,2199109001,2199109002,,2026-09-01,\nP1,2199109001,2199109003,,2026-09-02,\n", "E3", "district.differs", 3},
		{"P1,2199109001,2199109002,,,\nP1,2199109001,2199109002,,,\n", "C3", "district.member_twice", 3},
		{",2199109001,2199109002,,,\n", "A2", "table.empty_cell", 2},
	} {
		list := m.refused(district.Files{Partnerships: []byte(pairs + c.rows)})
		if len(list) != 1 || list[0].Line != c.line || list[0].Cell != c.cell || list[0].Message.ID() != c.id || list[0].Sheet != "partnerships" {
			t.Errorf("%q: %+v", c.rows, list)
		}
	}
}

func TestSchools(t *testing.T) {
	m := newMemory(t)
	for rows, id := range map[string]string{
		"2199109001,一小,否\n2199109001,二小,否\n": "district.twice",
		"219910900X,一小,否\n":                  "schema.school_code_digits",
		"2199109001,,否\n":                    "table.empty_cell",
		"2199109001,一小,也许\n":                 "table.no_bool",
	} {
		list := m.refused(district.Files{Schools: []byte("学校标识码,学校名称,是否山区校\n" + rows)})
		if len(list) != 1 || list[0].Message.ID() != id {
			t.Errorf("%q: %v", rows, list)
		}
	}
	// A code that a spreadsheet took for a number.
	m.load(district.Files{Schools: []byte("学校标识码,学校名称,是否山区校\n2.199109001E+09,一小,√\n")})
	if doc(m, schema.KindSchool, "2199109001") == nil {
		t.Error("2.199109001E+09 was not read as a code")
	}
	if p := m.load(district.Files{Schools: []byte("学校标识码,学校名称,是否山区校\n8899109001,别校,否\n")}); len(p.Notes) != 1 {
		t.Errorf("an odd category is not told: %v", p.Notes)
	}
}

func TestDays(t *testing.T) {
	m := newMemory(t)
	m.load(district.Files{Days: []byte("date,school_day\n2026-09-01,1\n2026-09-02,1\n2026-09-03,0\n2026-10-10,调休上课\n2027-08-30,1\n")})
	if doc(m, schema.KindCalendar, "2026") == nil || doc(m, schema.KindCalendar, "2027") == nil {
		t.Fatal("a calendar for each school year")
	}
	p := m.load(district.Files{Days: []byte("date,school_day\n2026-09-01,1\n2026-09-03,雪天停课\n")})
	lookup := doc(m, schema.KindCalendar, "2026").Lookup
	for day, want := range map[int]int{1: schema.DaySchool, 2: 0, 3: schema.DaySnow} {
		if got := schema.DayOf(schema.DateOf(2026, 9, day), lookup, nil); got != want {
			t.Errorf("September %d: %d, want %d", day, got, want)
		}
	}
	if schema.DayOf(schema.DateOf(2026, 10, 10), lookup, nil) != schema.DayMakeUp || p.Days.Changed != 2 || p.Days.Same != 1 {
		t.Errorf("outside of the file's days: %+v", p.Days)
	}
	for rows, id := range map[string]string{"2026-09-31,1\n": "table.no_date", "2026-09-01,晴\n": "district.no_day_kind", "2026-09-01,1\n2026-09-01,0\n": "district.day_twice"} {
		if list := m.refused(district.Files{Days: []byte("date,school_day\n" + rows)}); len(list) != 1 || list[0].Message.ID() != id {
			t.Errorf("%q: %v", rows, list)
		}
	}
}

func TestOpen(t *testing.T) {
	if _, err := district.Open(fstest.MapFS{}); err == nil {
		t.Error("an empty directory was opened")
	}
	both := fstest.MapFS{"schools.csv": {Data: []byte(schools)}, "schools.xlsx": {Data: []byte("x")}}
	if _, err := district.Open(both); err == nil {
		t.Error("one file in two formats was opened")
	}
	f, err := district.Open(fstest.MapFS{"schools.csv": {}})
	if err != nil {
		t.Fatal(err)
	}
	if list := newMemory(t).refused(f); list[0].Message.ID() != "table.is_empty" {
		t.Errorf("an empty file: %v", list)
	}
}
