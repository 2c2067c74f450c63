package schema

import (
	"testing"

	"pgregory.net/rapid"
)

func TestHoursWindow(t *testing.T) {
	w := HoursWindow{Tenths: 100, Years: 5}
	d := DateOf(2026, 10, 12)
	earned := []Earned{{DateOf(2021, 10, 12), 500}, {DateOf(2021, 10, 13), 40}, {DateOf(2024, 2, 29), 60}, {d, 30}}
	if got := w.On(earned, d); got != 130 {
		t.Errorf("on the day the oldest leaves: %d", got)
	}
	if got := w.On(earned, d-1); got != 600 {
		t.Errorf("the day before: %d", got)
	}
	if day, ok := w.Short(earned, d); !ok || day != d+1 {
		t.Errorf("short on %v", day)
	}
	if day, ok := w.Short(earned[2:], d); !ok || day != d {
		t.Errorf("short at once: %v", day)
	}
	if got := w.Leaves(DateOf(2024, 2, 29)); got != DateOf(2029, 3, 1) {
		t.Errorf("29 February leaves on %v", got)
	}
	if _, ok := (HoursWindow{Years: 5}).Short(nil, d); ok {
		t.Error("short of nothing")
	}
	for result, want := range map[int64]bool{0: true, TrainingPassed: true, TrainingExcellent: true, TrainingFailed: false, TrainingUnfinished: false, 9: false} {
		if TrainingCounts(result) != want {
			t.Errorf("result %d", result)
		}
	}
}

// The day on which hours fall short is the first such day when every day is looked at,
// and the order of what was earned is no matter.
func TestHoursFallShort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := HoursWindow{Tenths: rapid.Int64Range(1, 60).Draw(t, "need"), Years: rapid.IntRange(1, 3).Draw(t, "years")}
		from := DateOf(2027, 6, 1) + Date(rapid.IntRange(0, 400).Draw(t, "from"))
		earned := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Earned {
			return Earned{from + Date(rapid.IntRange(-1200, 90).Draw(t, "on")), rapid.Int64Range(0, 30).Draw(t, "tenths")}
		}), 0, 8).Draw(t, "earned")
		day, ok := w.Short(earned, from)
		if !ok {
			t.Fatal("hours are due, and nothing lasts for ever")
		}
		want := from
		for w.On(earned, want) >= w.Tenths {
			want++
		}
		if day != want {
			t.Fatalf("short on %v, and by looking on %v", day, want)
		}
		if other, _ := w.Short(rapid.Permutation(earned).Draw(t, "order"), from); other != day {
			t.Fatalf("in another order %v", other)
		}
		// More never brings the day nearer; on a later day it is no earlier.
		more := append(earned, Earned{from - Date(rapid.IntRange(0, 900).Draw(t, "more")), rapid.Int64Range(0, 90).Draw(t, "hours")})
		if later, ok := w.Short(more, from); ok && later < day {
			t.Fatalf("with more hours %v", later)
		}
		if later, _ := w.Short(earned, from+1); later < day && day > from {
			t.Fatalf("seen a day later %v", later)
		}
	})
}
