package schema

import (
	"cmp"
	"slices"
)

// Enrolment is one pupil in one class from a day to a day.
type Enrolment struct {
	Pupil string
	Class string // ClassID
	From  Date
	To    Date // the last day; 0 while it goes on
	In    int  // how it began, EnrolmentReasons; 0 if unknown
	Out   int  // how it ended; 0 while it goes on
	Row   int  // place in the class list
}

// EnrolmentOf reads an enrolment from its document. ok is false for a voided
// one and for an id that is none.
func EnrolmentOf(id string, lookup func(Key) Value) (e Enrolment, ok bool) {
	if !lookup(Key{Num: FieldVoid}).IsNil() {
		return e, false
	}
	if e.Pupil, e.Class, e.From, ok = ParseEnrolmentID(id); !ok {
		return e, false
	}
	num := func(n FieldNum) int64 { i, _ := lookup(Key{Num: n}).Int(); return i }
	if from := num(EnrolmentFrom); from != 0 {
		e.From = Date(from)
	}
	e.To = Date(num(EnrolmentTo))
	e.In, e.Out, e.Row = int(num(EnrolmentIn)), int(num(EnrolmentOut)), int(num(EnrolmentRow))
	return e, true
}

// On reports whether the pupil is in the class on a day.
func (e Enrolment) On(d Date) bool { return e.From <= d && (e.To == 0 || d <= e.To) }

// Roster returns the pupils of a class on a day in the order of the class list:
// by row, then by id, each once.
func Roster(all []Enrolment, class string, on Date) []string {
	var in []Enrolment
	for _, e := range all {
		if e.Class == class && e.On(on) {
			in = append(in, e)
		}
	}
	slices.SortFunc(in, func(a, b Enrolment) int {
		return cmp.Or(cmp.Compare(a.Row, b.Row), cmp.Compare(a.Pupil, b.Pupil))
	})
	seen := make(map[string]bool, len(in))
	pupils := make([]string, 0, len(in))
	for _, e := range in {
		if !seen[e.Pupil] {
			seen[e.Pupil] = true
			pupils = append(pupils, e.Pupil)
		}
	}
	return pupils
}

// ClassOn returns the class that a pupil is in on a day, "" if none. If there
// are several, it is the one entered last.
func ClassOn(all []Enrolment, pupil string, on Date) string {
	var best Enrolment
	for _, e := range all {
		if e.Pupil == pupil && e.On(on) && (best.Class == "" || e.From > best.From || e.From == best.From && e.Class > best.Class) {
			best = e
		}
	}
	return best.Class
}

// DayOf returns what a day is (DayKinds) by the district's calendar and the
// school's own exceptions, which go before; 0 when neither says.
func DayOf(d Date, district, own func(Key) Value) int {
	key := Key{CalendarDay, d.String()}
	for _, lookup := range []func(Key) Value{own, district} {
		if lookup == nil {
			continue
		}
		if n, ok := lookup(key).Int(); ok {
			return int(n)
		}
	}
	return 0
}

// SchoolDay reports whether a kind of day has lessons.
func SchoolDay(kind int) bool { return kind == DaySchool || kind == DayMakeUp }
