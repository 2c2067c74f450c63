package schooltest

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"time"

	"shangu/schema"
)

// Plan says how much is to be recorded over a number of days.
type Plan struct {
	Exceptions int // marks, over all sheets
	Visits     int
	Trainings  int
	Evening    bool // a third sheet each day, for 晚自习
}

// Status codes of marks, as in schema.
const (
	Late = 2 + iota
	Early
	Sick
	Leave
	Absent
)

// Day is all that a school records on one day, in the order of At.
type Day struct {
	Date      schema.Date
	Start     int64 // when the school's computer was started, unix milliseconds
	Sheets    []Sheet
	Visits    []Visit
	Trainings []Training
}

// Sheet is one roll that was taken.
type Sheet struct {
	Date    schema.Date
	Session schema.Session
	Class   string // Class.Name
	Taker   string // teacher number
	Roll    int    // pupils in the class
	Marks   []Mark // in order of the class list
	At      int64  // when it was saved, unix milliseconds
}

// Mark is one pupil who was not simply present.
type Mark struct {
	Pupil   string // 学籍号
	Status  int
	Minutes int // of Late and Early
	Symptom int // of Sick: 1 to 14, place in the WS/T 772 list
}

// Visit is one 帮扶活动, as the host school writes it down.
type Visit struct {
	Date      schema.Date
	Agreement string
	Helper    string // school code
	Kind      int    // 1 + index into VisitKinds
	Mode      int    // 1 + index into VisitModes
	Direction int    // 1 城→乡, 2 乡→城
	Topic     string
	Visitors  int
	Hours     int // tenths
	Pupils    int
	Teachers  int
	Note      string
	At        int64 // unix milliseconds
}

// Training is one training record.
type Training struct {
	Teacher     string
	Date        schema.Date
	End         schema.Date
	Programme   string
	Title       string
	Level       int // 1 + index into TrainingLevels
	Mode        int // 1 + index into TrainingModes
	Hours       int // tenths
	Result      int // 1 + index into TrainingResults
	Certificate string
	At          int64 // unix milliseconds
}

// SchoolDays returns n days from 2026-09-01 on without weekends and the
// national holiday.
func SchoolDays(n int) (days []schema.Date) {
	from, to := schema.DateOf(Year, 10, 1), schema.DateOf(Year, 10, 7)
	for d := schema.DateOf(Year, 9, 1); len(days) < n; d++ {
		weekday := (int(d) + 4) % 7 // 1970-01-01 was a Thursday; 0 is Sunday
		if weekday != 0 && weekday != 6 && (d < from || d > to) {
			days = append(days, d)
		}
	}
	return days
}

// Term makes what the school records on the given days: exactly as many marks,
// visits and training records as planned. Asked for more marks than there are
// pupils in all sheets, it marks everyone.
func (s *School) Term(seed uint64, days []schema.Date, p Plan) []Day {
	r := rand.New(rand.NewPCG(seed, 0x7e4301))
	sessions := []schema.Session{schema.SessionAM, schema.SessionPM}
	if p.Evening {
		sessions = append(sessions, schema.SessionEve)
	}
	marks := s.absences(r, len(days), len(sessions), p.Exceptions)
	out := make([]Day, len(days))
	for i, date := range days {
		d := &out[i]
		d.Date = date
		d.Start = midnight(date) + (7*3600+int64(r.IntN(2400)))*1000 + int64(r.IntN(1000))
		for j, session := range sessions {
			at := midnight(date) + int64([]int{8, 14, 19}[j]*3600+r.IntN(600))*1000
			for _, c := range s.Classes {
				at += int64(20000 + r.IntN(100001))
				sheet := Sheet{Date: date, Session: session, Class: c.Name, Taker: c.Head, Roll: c.To - c.From, At: at}
				for n := c.From; n < c.To; n++ {
					if m := marks[slot{i, j, n}]; m.Status != 0 {
						m.Pupil = s.Pupils[n].ID
						sheet.Marks = append(sheet.Marks, m)
					}
				}
				d.Sheets = append(d.Sheets, sheet)
			}
		}
	}
	if len(days) > 0 {
		for i := range p.Visits {
			d := &out[i*len(days)/p.Visits]
			d.Visits = append(d.Visits, s.visit(r, d.Date))
		}
		for i := range p.Trainings {
			d := &out[((2*i+1)*len(days)/(2*p.Trainings))%len(days)]
			d.Trainings = append(d.Trainings, s.training(r, d.Date))
		}
	}
	return out
}

// midnight is the start of a day in China, unix milliseconds.
func midnight(d schema.Date) int64 { return int64(d)*86400_000 - 8*3600_000 }

// slot is one pupil in one session of one day.
type slot struct{ day, session, pupil int }

// absences draws episodes until there are exactly n marks.
func (s *School) absences(r *rand.Rand, days, sessions, n int) map[slot]Mark {
	marks := make(map[slot]Mark, n)
	weight := make([]float64, len(s.Pupils))
	total := 0.0
	for i := range weight {
		total += math.Exp(1.25 * r.NormFloat64())
		weight[i] = total
	}
	n = min(n, days*sessions*len(s.Pupils))
	for tries := 0; len(marks) < n; tries++ {
		at := slot{r.IntN(days), r.IntN(sessions), min(sort.SearchFloat64s(weight, r.Float64()*total), len(s.Pupils)-1)}
		if tries > 20*n { // the frequent absentees are full up: take anyone
			at.pupil = r.IntN(len(s.Pupils))
		}
		m := Mark{Status: Late, Minutes: 3 + r.IntN(40)}
		length := 1
		switch p := r.Float64(); {
		case p < 0.35:
			m = Mark{Status: Sick, Symptom: 1 + int(13.9*r.Float64()*r.Float64())}
			length = sessions - at.session
			for r.Float64() < 0.4 {
				length += sessions
			}
		case p < 0.52:
			m = Mark{Status: Leave}
			length = 1 + r.IntN(2*sessions)
		case p < 0.70:
			m = Mark{Status: Absent}
			length = 1 + r.IntN(2)
		case p < 0.74:
			m.Status, at.session = Early, sessions-1
		default:
			at.session = 0
		}
		for ; length > 0 && len(marks) < n && at.day < days; length-- {
			if _, taken := marks[at]; taken {
				break
			}
			marks[at] = m
			if at.session++; at.session == sessions {
				at.day, at.session = at.day+1, 0
			}
		}
	}
	return marks
}

// Records lists the days' records in the order in which they were saved: f is
// called with a *Sheet, *Visit or *Training and its time.
func (d *Day) Records(f func(record any, at int64)) {
	type item struct {
		record any
		at     int64
	}
	var items []item
	for i := range d.Sheets {
		items = append(items, item{&d.Sheets[i], d.Sheets[i].At})
	}
	for i := range d.Visits {
		items = append(items, item{&d.Visits[i], d.Visits[i].At})
	}
	for i := range d.Trainings {
		items = append(items, item{&d.Trainings[i], d.Trainings[i].At})
	}
	slices.SortStableFunc(items, func(a, b item) int { return cmp.Compare(a.at, b.at) })
	for _, x := range items {
		f(x.record, x.at)
	}
}

// Time is the time of a record's At.
func Time(at int64) time.Time { return time.UnixMilli(at) }
