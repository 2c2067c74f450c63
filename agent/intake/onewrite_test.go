package intake_test

import (
	"bytes"
	"strings"
	"testing"

	"shangu/agent/intake"
	"shangu/agent/store"
	"shangu/schema"
	"shangu/schema/table"
)

func written(t *testing.T, m *memory, v intake.OneVersion) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := intake.WriteOneRoster(&b, v, m, intake.School{Code: "2199109015", Name: "云岭小学"}, today); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What was written comes back and changes nothing, in both versions, and fills an
// empty school with the same pupils in the same order.
func TestAOneRosterArchiveComesBack(t *testing.T) {
	for _, v := range []intake.OneVersion{intake.One11, intake.One12} {
		for _, school := range []string{"2199109015", "2199109002"} {
			m := newMemory(t)
			m.load("roster", sample(t, school, "roster.xlsx"))
			m.load("teachers", sample(t, school, "teachers.xlsx"))
			// Names that do not part as most do.
			m.set(schema.KindPupil, firstPupil(m, 0), schema.PupilName, schema.Str("阿依·木果"))
			m.set(schema.KindPupil, firstPupil(m, 1), schema.PupilName, schema.Str("欧阳小明"))
			m.set(schema.KindPupil, firstPupil(m, 2), schema.PupilName, schema.Str("木"))
			data := written(t, m, v)
			p := m.read("roster", "x.zip", data)
			if len(p.Edits) != 0 || p.New != 0 || p.Changed != 0 || p.Same != m.count(schema.KindPupil) {
				t.Errorf("%s %s: %d new, %d changed, %d same: %+v", v, school, p.New, p.Changed, p.Same, p.Edits[:min(3, len(p.Edits))])
			}
			other := newMemory(t)
			other.load("roster", data)
			one, two := on(t, m), on(t, other)
			if one != two {
				t.Errorf("%s %s: another school got another roster:\n%.300s\nwas\n%.300s", v, school, two, one)
			}
			if bytes.Contains(data, []byte("\ufeff")) {
				t.Error("a byte order mark")
			}
		}
	}
}

// on is the roster of today in names and classes.
func on(t *testing.T, m *memory) string {
	t.Helper()
	var b bytes.Buffer
	if err := intake.WriteRosterOn(&b, "x.csv", m, today, true); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	var ps table.Problems
	spec := table.NewSpec(schema.KindPupil.Label(), table.Column{Name: "id", Titles: []string{"全国学籍号"}}, table.Column{Name: "name", Titles: []string{"姓名"}}, table.Column{Name: "class", Titles: []string{"班级"}})
	table.Read(b.Bytes(), spec, &ps, func(r *table.Row) { out.WriteString(r.Text(0) + r.Text(1) + r.Text(2) + "\n") })
	if err := ps.Err(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// A roster on a date has who was there then, and is masked unless asked otherwise.
func TestTheRosterOfADate(t *testing.T) {
	m := newMemory(t)
	m.load("roster", sample(t, "2199109015", "roster.xlsx"))
	all := strings.Count(on(t, m), "\n")
	e := firstEnrolment(m)
	m.set(schema.KindEnrolment, e, schema.EnrolmentTo, schema.Int(int64(today-1)))
	if got := strings.Count(on(t, m), "\n"); got != all-1 {
		t.Errorf("%d pupils after one left, of %d", got, all)
	}
	var b bytes.Buffer
	if err := intake.WriteRosterOn(&b, "x.csv", m, today-1, false); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(b.String(), "\r\n") - 1; got != all {
		t.Errorf("%d pupils the day before, of %d", got, all)
	}
	id := firstPupil(m, 0)
	name, _ := m.Doc("", schema.KindPupil, id)
	if s := b.String(); strings.Contains(s, id) || strings.Contains(s, name.Value(schema.PupilName).Text()) || !strings.Contains(s, schema.MaskID(id)) {
		t.Error("names or numbers are not masked")
	}
}

// ids are the ids of a kind's documents.
func (m *memory) ids(k schema.Kind) (out []string) {
	for d := range m.Docs(k, "") {
		out = append(out, d.ID)
	}
	return out
}

func firstPupil(m *memory, i int) string { return m.ids(schema.KindPupil)[i] }

func firstEnrolment(m *memory) string { return m.ids(schema.KindEnrolment)[0] }

func (m *memory) set(k schema.Kind, id string, n schema.FieldNum, v schema.Value) {
	m.t.Helper()
	base := m.docs[key("", k, id)]
	c, _ := base.Find(schema.Key{Num: n})
	m.save(store.Edit{Kind: k, ID: id, Fields: []store.FieldEdit{{Key: schema.Key{Num: n}, Value: v, Base: &c.Version}}})
}
