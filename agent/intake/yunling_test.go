package intake_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"shangu/schema"
)

// expected reads the counts of each school of the made-up district.
func expected(t testing.TB) map[string]map[string]int {
	t.Helper()
	f, err := os.Open(filepath.Join(yunling, "expected.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]int{}
	for _, r := range rows[1:] {
		out[r[0]] = map[string]int{}
		for i, h := range rows[0] {
			out[r[0]][h], _ = strconv.Atoi(r[i])
		}
	}
	return out
}

func TestYunling(t *testing.T) {
	schools := expected(t)
	if len(schools) != 20 {
		t.Fatalf("%d schools", len(schools))
	}
	for code, want := range schools {
		t.Run(code, func(t *testing.T) {
			m := newMemory(t)
			for _, f := range files {
				begin := time.Now()
				p := m.read(f.kind, f.name, sample(t, code, f.name))
				t.Logf("%-10s %6d rows %6d entries in %v", f.kind, p.Rows, len(p.Edits), time.Since(begin).Round(time.Millisecond))
				m.load(f.kind, sample(t, code, f.name))
			}
			for _, c := range []struct {
				what string
				got  int
			}{
				{"students", m.count(schema.KindPupil)}, {"students", m.count(schema.KindEnrolment)}, {"classes", m.count(schema.KindClass)},
				{"sheets", m.count(schema.KindSheet)}, {"exceptions", m.marks()}, {"visits", m.count(schema.KindVisit)},
				{"trainings", m.count(schema.KindTraining)},
			} {
				if c.got != want[c.what] {
					t.Errorf("%s: %d, want %d", c.what, c.got, want[c.what])
				}
			}
			for _, f := range files {
				for _, ending := range []string{".csv", ".xlsx"} {
					if ending == ".xlsx" && want["students"] > 200 {
						continue
					}
					p := m.read(f.kind, f.name, export(t, f.kind, "x"+ending, m))
					if len(p.Edits) != 0 || p.New != 0 || p.Changed != 0 {
						t.Errorf("%s%s does not come back as it went: %+v", f.kind, ending, p.Edits[:min(3, len(p.Edits))])
					}
				}
			}
		})
	}
}

func TestRollIsTheRosterOfTheDay(t *testing.T) {
	m := newMemory(t)
	m.load("roster", sample(t, "2199109015", "roster.xlsx"))
	m.load("attendance", sample(t, "2199109015", "attendance.csv"))
	d, _ := m.Doc("", schema.KindSheet, "2026-09-01/am/2026/一年级（1）班")
	if n, _ := d.Value(schema.SheetRoll).Int(); n != 4 {
		t.Errorf("roll %d, want 4", n)
	}
}

func BenchmarkAttendance(b *testing.B) {
	m := newMemory(b)
	m.load("roster", sample(b, "2199109002", "roster.xlsx"))
	data := sample(b, "2199109002", "attendance.csv")
	b.ReportAllocs()
	for b.Loop() {
		if p := m.read("attendance", "", data); p.New != 2592 {
			b.Fatal(p.New)
		}
	}
}

func BenchmarkRoster(b *testing.B) {
	data := sample(b, "2199109002", "roster.xlsx")
	m := newMemory(b)
	b.ReportAllocs()
	for b.Loop() {
		if p := m.read("roster", "", data); p.New != 915 {
			b.Fatal(p.New)
		}
	}
}
