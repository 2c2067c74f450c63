package schooltest

import (
	"reflect"
	"slices"
	"testing"

	"shangu/schema"
)

func TestYunlingHasTheCountsOfTheData(t *testing.T) {
	d := Yunling(1)
	var pupils, classes, sheets, marks, visits, trainings int
	seen := map[string]bool{}
	for i, s := range d.Schools {
		pupils += len(s.Pupils)
		classes += len(s.Classes)
		if len(s.Classes) != s.Shape.Classes || len(s.Pupils) != s.Shape.Pupils {
			t.Errorf("%s: %d classes, %d pupils", s.Name, len(s.Classes), len(s.Pupils))
		}
		for _, p := range s.Pupils {
			if seen[p.ID] {
				t.Errorf("pupil %s comes twice", p.ID)
			}
			seen[p.ID] = true
		}
		for _, day := range d.Terms[i] {
			sheets += len(day.Sheets)
			visits += len(day.Visits)
			trainings += len(day.Trainings)
			for _, s := range day.Sheets {
				marks += len(s.Marks)
			}
		}
	}
	got := []int{len(d.Schools), pupils, classes, len(d.Agreements), len(d.Days), sheets, marks, visits, trainings}
	want := []int{20, 6275, 204, 14, 54, 22032, 32176, 95, 600}
	if !slices.Equal(got, want) {
		t.Errorf("schools, pupils, classes, agreements, days, sheets, marks, visits, trainings: %v, want %v", got, want)
	}
}

func TestSameSeedSameSchool(t *testing.T) {
	shape := Shape{Classes: 12, Pupils: 480}
	plan := Plan{Exceptions: 400, Visits: 5, Trainings: 5}
	a, b, c := New(3, shape), New(3, shape), New(4, shape)
	if !reflect.DeepEqual(a, b) || reflect.DeepEqual(a, c) {
		t.Error("a school is not a function of its seed")
	}
	days := SchoolDays(10)
	if !reflect.DeepEqual(a.Term(5, days, plan), b.Term(5, days, plan)) || reflect.DeepEqual(a.Term(5, days, plan), a.Term(6, days, plan)) {
		t.Error("a term is not a function of its seed")
	}
}

// TestPupilNumber takes a number of data/yunling.
func TestPupilNumber(t *testing.T) {
	if got := PupilNumber("990109", schema.DateOf(2019, 1, 21), 1); got != "G990109201901210017" {
		t.Errorf("got %s", got)
	}
	if got := PupilNumber("990109", schema.DateOf(2014, 1, 13), 824); got != "G99010920140113824X" {
		t.Errorf("got %s", got)
	}
}

// TestTail checks that absences look like real ones: a heavy tail, and pupils
// who stay away.
func TestTail(t *testing.T) {
	s := New(1, Shape{Classes: 12, Pupils: 480})
	per := map[string]int{}
	carried, am := 0, 0
	for _, d := range s.Term(1, SchoolDays(54), Plan{Exceptions: 2332}) {
		away := map[string]int{}
		for _, sheet := range d.Sheets {
			for _, m := range sheet.Marks {
				per[m.Pupil]++
				if sheet.Session == schema.SessionAM {
					am++
					away[m.Pupil] = m.Status
				} else if away[m.Pupil] == m.Status {
					carried++
				}
			}
		}
	}
	var counts []int
	for _, n := range per {
		counts = append(counts, n)
	}
	slices.Sort(counts)
	median, most := counts[len(counts)/2], counts[len(counts)-1]
	if median > 8 || most < 25 {
		t.Errorf("median %d, most %d marks a pupil: no heavy tail", median, most)
	}
	if share := float64(carried) / float64(am); share < 0.5 || share > 0.8 {
		t.Errorf("%.2f of the morning's absences last into the afternoon", share)
	}
}

func TestRecordsAreInOrder(t *testing.T) {
	s := New(1, Shape{Classes: 3, Pupils: 60})
	for _, d := range s.Term(1, SchoolDays(3), Plan{Exceptions: 10, Visits: 3, Trainings: 3, Evening: true}) {
		n, last := 0, d.Start
		d.Records(func(_ any, at int64) {
			n++
			if at < last {
				t.Errorf("record at %v after %v", Time(at), Time(last))
			}
			last = at
		})
		if n != 11 {
			t.Errorf("%d records, want 11", n)
		}
	}
}
