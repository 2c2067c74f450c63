package ui

import (
	"strconv"

	"shangu/schema"
)

// SchoolYear is the one that the address asks for, this one if none is said: the
// calendar year in which it begins.
func (r *Request) SchoolYear() string {
	year := r.URL.Query().Get("year")
	if _, err := strconv.Atoi(year); err != nil {
		return strconv.Itoa(r.Today.SchoolYear())
	}
	return year
}

// SchoolYears are those from the earliest to the latest of records' days, with this one,
// the newest first.
func SchoolYears[T any](r *Request, records []T, day func(T) schema.Date) []Choice {
	last := r.Today.SchoolYear()
	first := last
	for _, x := range records {
		y := day(x).SchoolYear()
		last, first = max(last, y), min(first, y)
	}
	var out []Choice
	for y := last; y >= first; y-- {
		out = append(out, Choice{Value: strconv.Itoa(y), Text: r.Say("page.school_year", "from", y, "to", y+1)})
	}
	return out
}
