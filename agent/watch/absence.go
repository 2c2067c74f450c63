package watch

import (
	"cmp"
	"slices"

	"shangu/agent/attend"
	"shangu/agent/roster"
	"shangu/schema"
)

// Limits are the district's thresholds of absence, in school days.
type Limits struct {
	Run    int // unexcused in a row
	Count  int // unexcused within Window
	Window int
	Watch  int // unexcused within Window, of a pupil on the watch list
	Gone   int // never present
}

// LimitsOf reads them from a school's settings.
func LimitsOf(r *roster.Roster) Limits {
	n := func(name string) int { return int(r.Threshold(name)) }
	return Limits{
		Run: n(schema.SettingDropoutRun), Count: n(schema.SettingDropoutCount), Window: n(schema.SettingDropoutWindow),
		Watch: n(schema.SettingDropoutWatch), Gone: n(schema.SettingDropoutGone),
	}
}

// span is how many days a rule can look back at.
func (l Limits) span() int { return max(l.Run, l.Window, l.Gone) }

// PupilDay is one pupil on a day on which the morning's or the afternoon's roll of
// the pupil's class was taken. Other days say nothing and are left out.
type PupilDay struct {
	Date      schema.Date
	Unexcused bool // absent or unknown in one of the sessions
	Unknown   bool // in one of them
	Present   bool // in one of them
}

// Judge says which rules a pupil's days fulfil, of schema.CaseRules, the gravest
// first, and on which days that rests. Days are ascending. Those up to since do not count:
// a case that was closed then has settled them.
func (l Limits) Judge(days []PupilDay, watched bool, since schema.Date) (rules []int, on []schema.Date) {
	from, _ := slices.BinarySearchFunc(days, since+1, func(d PupilDay, s schema.Date) int { return cmp.Compare(d.Date, s) })
	days = days[from:]
	days = days[max(0, len(days)-l.span()):]
	// Whoever was not seen on each of the last days is gone, excused or not.
	unseen := 0
	for unseen < len(days) && !days[len(days)-1-unseen].Present {
		unseen++
	}
	window := days[max(0, len(days)-l.Window):]
	run, longest, unknown := 0, 0, false
	for _, d := range window {
		if !d.Unexcused {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
		unknown = unknown || d.Unknown
		on = append(on, d.Date)
	}
	for _, r := range []struct {
		rule int
		is   bool
	}{
		{schema.CaseRun, longest >= l.Run},
		{schema.CaseCount, len(on) >= l.Count},
		{schema.CaseUnknown, unknown},
		{schema.CaseWatched, watched && len(on) >= l.Watch},
		{schema.CaseGone, unseen >= l.Gone},
	} {
		if r.is {
			rules = append(rules, r.rule)
		}
	}
	if len(rules) == 1 && rules[0] == schema.CaseGone {
		on = nil
		for _, d := range days[len(days)-unseen:] {
			on = append(on, d.Date)
		}
	}
	return rules, on
}

// Finding is a pupil for whom a case is to be opened, and why.
type Finding struct {
	Pupil *roster.Pupil
	Class *roster.Class
	Rules []int // schema.CaseRules; the first is the case's
	Days  []schema.Date
}

// Absences are the pupils of a day's roster who fulfil a rule by then and have no
// open case, and those never seen: who has a case is among them too.
func (d *Desk) Absences(today schema.Date) (open, gone []Finding, err error) {
	r, err := d.book.Open()
	if err != nil {
		return nil, nil, err
	}
	limits := LimitsOf(r)
	days, err := d.days.Last(limits.span(), yearStart(today), today)
	if err != nil {
		return nil, nil, err
	}
	cases, err := d.Cases()
	if err != nil {
		return nil, nil, err
	}
	settled := map[string]schema.Date{} // the day up to which a pupil's absences have a case
	for _, c := range cases {
		until := c.Closed
		if until == 0 {
			until = today
		}
		settled[c.PupilID] = max(settled[c.PupilID], until)
	}
	for id := range suspects(days, limits.Gone) {
		p := r.Pupil(id)
		if p == nil {
			continue
		}
		class := r.ClassOn(p, today)
		if class == nil {
			continue
		}
		history := historyOf(r, p, days)
		if rules, on := limits.Judge(history, p.Watch, settled[id]); len(rules) > 0 {
			open = append(open, Finding{p, class, rules, on})
		}
		if rules, _ := limits.Judge(history, p.Watch, 0); slices.Contains(rules, schema.CaseGone) {
			f := Finding{Pupil: p, Class: class, Rules: []int{schema.CaseGone}}
			for _, d := range history {
				f.Days = append(f.Days, d.Date)
			}
			gone = append(gone, f)
		}
	}
	order := func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Rules[0], b.Rules[0]), cmp.Compare(len(b.Days), len(a.Days)), cmp.Compare(a.Class.ID, b.Class.ID), cmp.Compare(a.Pupil.ID, b.Pupil.ID))
	}
	slices.SortFunc(open, order)
	slices.SortFunc(gone, order)
	return open, gone, nil
}

// suspects are the pupils that a rule could speak of: unexcused on any day, or not
// present on as many as it takes to be gone.
func suspects(days []*attend.Day, gone int) map[string]bool {
	out, away, last := map[string]bool{}, map[string]int{}, map[string]schema.Date{}
	for _, day := range days {
		for j := range day.Sheets {
			s := &day.Sheets[j]
			if !s.Taken() {
				continue
			}
			for _, m := range s.Marks {
				if m.Status.Unexcused() {
					out[m.Pupil] = true
				}
				if !m.Status.Present() && last[m.Pupil] != day.Date {
					last[m.Pupil] = day.Date
					away[m.Pupil]++
				}
			}
		}
	}
	for p, n := range away {
		if n >= gone {
			out[p] = true
		}
	}
	return out
}

// daytime are the sessions that count: an evening that a boarder missed is the
// house's matter.
var daytime = []schema.Session{schema.SessionAM, schema.SessionPM}

// historyOf is a pupil's days, as the rolls of the class of each day say.
func historyOf(r *roster.Roster, p *roster.Pupil, days []*attend.Day) []PupilDay {
	var out []PupilDay
	for _, day := range days {
		class := r.ClassOn(p, day.Date)
		if class == nil {
			continue
		}
		is, taken := PupilDay{Date: day.Date}, false
		for _, session := range daytime {
			s := day.Sheet(class.ID, session)
			if !s.Taken() {
				continue
			}
			m := s.Mark(p.ID)
			taken = true
			is.Unexcused = is.Unexcused || m.Status.Unexcused()
			is.Unknown = is.Unknown || m.Status == schema.StatusUnknown
			is.Present = is.Present || m.Status.Present()
		}
		if taken {
			out = append(out, is)
		}
	}
	return out
}
