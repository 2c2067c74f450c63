package schema

import "time"

// Zone is where the schools are: China Standard Time. The zone that a computer is
// set to is as little evidence as its clock, so people read and write dates and
// times in this one.
var Zone = time.FixedZone("CST", 8*3600)

// DateAt is the date of an instant at the schools.
func DateAt(t time.Time) Date {
	y, m, d := t.In(Zone).Date()
	return DateOf(y, int(m), d)
}

// Clock is an RFC 3339 time as people at the schools read it, 2026-10-12 08:30:00;
// "-" where there is none.
func Clock(at string) string {
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return "-"
	}
	return t.In(Zone).Format(time.DateTime)
}
