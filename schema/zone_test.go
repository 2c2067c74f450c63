package schema

import (
	"testing"
	"time"
)

// The zone that a computer is set to moves neither dates nor times.
func TestTimesAreThoseOfTheSchools(t *testing.T) {
	for at, want := range map[string]string{
		"2026-10-12T00:30:00Z": "2026-10-12 08:30:00", "2026-10-11T19:30:00-05:00": "2026-10-12 08:30:00", "2026-10-12T16:00:00Z": "2026-10-13 00:00:00",
		"": "-", "nonsense": "-",
	} {
		if got := Clock(at); got != want {
			t.Errorf("%s: %s, want %s", at, got, want)
		}
	}
	late := time.Date(2026, 10, 12, 15, 59, 59, 0, time.UTC)
	for _, zone := range []*time.Location{time.UTC, time.FixedZone("", -11*3600), time.FixedZone("", 14*3600)} {
		if DateAt(late.In(zone)) != DateOf(2026, 10, 12) || DateAt(late.In(zone).Add(time.Second)) != DateOf(2026, 10, 13) {
			t.Errorf("in zone %v the day ends at another time", zone)
		}
	}
}
