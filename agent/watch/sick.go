package watch

import (
	"cmp"
	"slices"
	"strings"

	"shangu/agent/attend"
	"shangu/agent/roster"
	"shangu/schema"
)

// Group is a set of symptoms that are like each other. DESIGN.md says why.
type Group uint8

// Groups. Injuries belong to none: they do not spread.
const (
	Respiratory Group = iota + 1 // 发热 咳嗽 咽痛
	Digestive                    // 腹痛 腹泻 呕吐
	Rash                         // 皮疹
	Parotid                      // 腮腺肿大
	RedEye                       // 红眼
	General                      // 头痛 头晕 乏力
	Unsaid                       // 其他, or nothing was said
)

// groupOf says to which group a symptom belongs, 0 for none.
func groupOf(s schema.Symptom) Group {
	switch s {
	case 1, 2, 4:
		return Respiratory
	case 6, 7, 8:
		return Digestive
	case 9:
		return Rash
	case 5:
		return Parotid
	case 12:
		return RedEye
	case 3, 10, 11:
		return General
	case 13:
		return 0
	}
	return Unsaid
}

// SickLimits are the district's thresholds of sickness.
type SickLimits struct {
	Day  int // pupils of a class in one day
	Run  int // pupils of a class in Days days
	Days int // school days
}

// SickLimitsOf reads them from a school's settings.
func SickLimitsOf(r *roster.Roster) SickLimits {
	n := func(name string) int { return int(r.Threshold(name)) }
	return SickLimits{n(schema.SettingSickDay), n(schema.SettingSickRun), n(schema.SettingSickRunDays)}
}

// Cluster is an alarm: pupils of one class who are sick with like symptoms.
type Cluster struct {
	Class string
	Group Group
	On    []string // who is sick on the day, by pupil id
	Run   []string // who was within the run of days that ends with it
	ByDay bool     // On is enough for an alarm
	ByRun bool     // Run is
}

// Who are the pupils that an alarm is about: those of the day where they are enough.
func (c Cluster) Who() []string {
	if c.ByDay {
		return c.On
	}
	return c.Run
}

// Clusters finds the alarms of the last of the days, which are ascending.
// What rolls that were not taken to their end say does not count.
func (l SickLimits) Clusters(days []*attend.Day) []Cluster {
	if len(days) == 0 {
		return nil
	}
	type spot struct {
		class string
		group Group
	}
	days = days[max(0, len(days)-l.Days):]
	run, on := map[spot]map[string]bool{}, map[spot]map[string]bool{}
	for i, day := range days {
		for j := range day.Sheets {
			s := &day.Sheets[j]
			for _, m := range s.Marks {
				g := groupOf(m.Symptom)
				if !s.Taken() || m.Status != schema.StatusSick || g == 0 {
					continue
				}
				put(run, spot{s.Class, g}, m.Pupil)
				if i == len(days)-1 {
					put(on, spot{s.Class, g}, m.Pupil)
				}
			}
		}
	}
	var out []Cluster
	for at, who := range on {
		c := Cluster{Class: at.class, Group: at.group, On: sorted(who), Run: sorted(run[at])}
		c.ByDay, c.ByRun = len(c.On) >= l.Day, len(c.Run) >= l.Run
		if c.ByDay || c.ByRun {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b Cluster) int {
		return cmp.Or(strings.Compare(a.Class, b.Class), cmp.Compare(a.Group, b.Group))
	})
	return out
}

func put[K comparable](m map[K]map[string]bool, k K, v string) {
	if m[k] == nil {
		m[k] = map[string]bool{}
	}
	m[k][v] = true
}

func sorted(m map[string]bool) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// Checked is what the look for clusters found on one day: a day with none is
// a finding too.
type Checked struct {
	Date     schema.Date
	Classes  int // whose roll was due
	Taken    int // of those, with the roll of any session taken
	Sick     int // pupils
	Clusters []Cluster
}

// Sickness are the checks of the newest n days on which a roll was taken or due, up
// to today, the newest first.
func (d *Desk) Sickness(today schema.Date, n int) ([]Checked, error) {
	r, err := d.book.Open()
	if err != nil {
		return nil, err
	}
	limits := SickLimitsOf(r)
	days, err := d.days.Last(n+limits.Days-1, yearStart(today), today)
	if err != nil {
		return nil, err
	}
	var out []Checked
	if due := schema.SchoolDay(r.Day(today)); due && (len(days) == 0 || days[len(days)-1].Date != today) {
		out = append(out, Checked{Date: today, Classes: len(r.Classes(today))})
	}
	for i := len(days); i > 0 && len(out) < n; i-- {
		out = append(out, check(r, limits, days[:i]))
	}
	return out, nil
}

// SickOn is the check of one day.
func (d *Desk) SickOn(on schema.Date) (Checked, error) {
	r, err := d.book.Open()
	if err != nil {
		return Checked{}, err
	}
	limits := SickLimitsOf(r)
	days, err := d.days.Last(limits.Days, yearStart(on), on)
	if err != nil {
		return Checked{}, err
	}
	if len(days) == 0 || days[len(days)-1].Date != on {
		return Checked{Date: on, Classes: len(r.Classes(on))}, nil
	}
	return check(r, limits, days), nil
}

// check looks at the last of the days.
func check(r *roster.Roster, l SickLimits, days []*attend.Day) Checked {
	day := days[len(days)-1]
	c := Checked{Date: day.Date, Clusters: l.Clusters(days)}
	if schema.SchoolDay(r.Day(day.Date)) {
		c.Classes = len(r.Classes(day.Date))
	}
	sick, taken := map[string]bool{}, map[string]bool{}
	for i := range day.Sheets {
		s := &day.Sheets[i]
		if !s.Taken() {
			continue
		}
		taken[s.Class] = true
		for _, m := range s.Marks {
			if m.Status == schema.StatusSick {
				sick[m.Pupil] = true
			}
		}
	}
	c.Taken, c.Sick = len(taken), len(sick)
	c.Classes = max(c.Classes, c.Taken)
	return c
}
