package register

import (
	"fmt"
	"slices"
	"strings"

	"shangu/agent/attend"
	"shangu/agent/roster"
	"shangu/schema"
	"shangu/sync/change"
)

// Statuses and symptoms that figures tell apart: by number, and those that a newer
// version may have under 0. Symptom 0 is also "not said".
const (
	nStatus  = 10
	nSymptom = 15
)

// Sheets counts a class's sheets of one session.
type Sheets struct{ Due, Taken, NoSchool int }

// PupilFigures are one pupil's month in one class, in sessions.
type PupilFigures struct {
	Pupil    string
	Sessions int          // with the pupil on the list and the roll taken
	By       [nStatus]int // of those, by schema.Status; who has no mark was present
}

// Absent is in how many sessions the pupil was not present.
func (p *PupilFigures) Absent() int {
	return p.By[schema.StatusSick] + p.By[schema.StatusLeave] + p.Unexcused() + p.By[0]
}

// Unexcused is in how many without an excuse.
func (p *PupilFigures) Unexcused() int {
	return p.By[schema.StatusAbsent] + p.By[schema.StatusUnknown]
}

// ClassFigures are a class's month.
type ClassFigures struct {
	Class    string
	Sheets   [schema.SessionEve + 1]Sheets // by schema.Session
	Pupils   []PupilFigures                // by number
	Symptoms [nSymptom]int                 // sessions missed sick, by schema.Symptom
}

// SchoolFigures are what a month's report says besides attendance.
type SchoolFigures struct {
	Hosted    int // visits here (帮扶活动)
	Confirmed int // of those, confirmed by the helper
	Made      int // visits of this school's teachers elsewhere
	Hours     int // of all these visits, tenths
	Trainings int
	Training  int // hours, tenths: training records, and what visits credited
	Opened    int // absence cases opened in the month
	Closed    int // settled in it
}

// Figures are a month of a school.
type Figures struct {
	Month   schema.Date
	Classes []ClassFigures // by class id
	School  SchoolFigures
}

// Sum adds up a class, or a school when used on several.
type Sum struct {
	Sheets    Sheets
	Pupils    int
	Sessions  int // pupils x sessions
	By        [nStatus]int
	Symptoms  [nSymptom]int
	Absent    int
	Unexcused int
}

// Add adds a class.
func (s *Sum) Add(c *ClassFigures) {
	for _, n := range c.Sheets {
		s.Sheets.Due += n.Due
		s.Sheets.Taken += n.Taken
		s.Sheets.NoSchool += n.NoSchool
	}
	s.Pupils += len(c.Pupils)
	for i := range c.Pupils {
		p := &c.Pupils[i]
		s.Sessions += p.Sessions
		for status, n := range p.By {
			s.By[status] += n
		}
		s.Absent += p.Absent()
		s.Unexcused += p.Unexcused()
	}
	for symptom, n := range c.Symptoms {
		s.Symptoms[symptom] += n
	}
}

// Rate is the attendance rate in hundredths of a percent; ok is false where no roll
// was taken.
func (s *Sum) Rate() (n int, ok bool) {
	if s.Sessions == 0 {
		return 0, false
	}
	return (s.Sessions - s.Absent) * 10000 / s.Sessions, true
}

// Month counts a month as the sheets stand now, up to a day.
func (d *Desk) Month(month, today schema.Date) (*Figures, error) {
	r, err := d.book.Open()
	if err != nil {
		return nil, err
	}
	school, err := d.school(month)
	if err != nil {
		return nil, err
	}
	out := &Figures{Month: month, School: school}
	classes := r.Classes(month)
	counts := make([]*tally, len(classes))
	for i, c := range classes {
		counts[i] = newTally(c.ID)
	}
	for on := month; on <= min(End(month), today); on++ {
		day, err := d.days.Day(on)
		if err != nil {
			return nil, err
		}
		school := schema.SchoolDay(r.Day(on))
		if !school && len(day.Sheets) == 0 {
			continue
		}
		for _, c := range counts {
			c.day(r, day, school)
		}
	}
	for _, c := range counts {
		out.Classes = append(out.Classes, c.figures())
	}
	slices.SortFunc(out.Classes, func(a, b ClassFigures) int { return strings.Compare(a.Class, b.Class) })
	return out, nil
}

func byNumber(a, b PupilFigures) int { return strings.Compare(a.Pupil, b.Pupil) }

// tally counts one class's sheets, day by day.
type tally struct {
	ClassFigures
	pupils map[string]*PupilFigures
	// The class as it was on the day counted last: most days it is the same.
	list []*roster.Pupil
	here map[string]*PupilFigures
}

func newTally(class string) *tally {
	return &tally{ClassFigures: ClassFigures{Class: class}, pupils: map[string]*PupilFigures{}}
}

// day counts a day's sheets of the class.
func (t *tally) day(r *roster.Roster, day *attend.Day, school bool) {
	listed := false
	for _, session := range sessions {
		s := day.Sheet(t.Class, session)
		n := &t.Sheets[session]
		// An evening is due for boarders, and who boards bears no date: a pupil who
		// moves in would make past evenings due. So only those taken are counted.
		if school && session != schema.SessionEve || s != nil && s.State != 0 {
			n.Due++
		}
		switch {
		case s == nil:
		case s.State == schema.SheetNoSchool:
			n.NoSchool++
		case s.Taken():
			n.Taken++
			if !listed {
				t.stand(r.Pupils(t.Class, day.Date))
				listed = true
			}
			t.sheet(s)
		}
	}
}

// stand notes who is in the class.
func (t *tally) stand(list []*roster.Pupil) {
	if slices.Equal(list, t.list) {
		return
	}
	t.list, t.here = list, make(map[string]*PupilFigures, len(list))
	for _, p := range list {
		if t.pupils[p.ID] == nil {
			t.pupils[p.ID] = &PupilFigures{Pupil: p.ID}
		}
		t.here[p.ID] = t.pupils[p.ID]
	}
}

// sheet counts a roll that was taken. Marks of pupils who have left the class since do not count.
func (t *tally) sheet(s *attend.Sheet) {
	for _, f := range t.here {
		f.Sessions++
		f.By[schema.StatusPresent]++
	}
	for _, m := range s.Marks {
		f := t.here[m.Pupil]
		if f == nil {
			continue
		}
		f.By[schema.StatusPresent]--
		f.By[within(int(m.Status), nStatus)]++
		if m.Status == schema.StatusSick {
			t.Symptoms[within(int(m.Symptom), nSymptom)]++
		}
	}
}

// figures are what was counted.
func (t *tally) figures() ClassFigures {
	for _, p := range t.pupils {
		t.Pupils = append(t.Pupils, *p)
	}
	slices.SortFunc(t.Pupils, byNumber)
	return t.ClassFigures
}

// within is n, or 0 for a number that this build does not know.
func within(n, limit int) int {
	if n < limit {
		return n
	}
	return 0
}

var sessions = []schema.Session{schema.SessionAM, schema.SessionPM, schema.SessionEve}

// schoolKinds are what SchoolFigures are made of.
var schoolKinds = []schema.Kind{schema.KindVisit, schema.KindTraining, schema.KindCase}

// school are a month's SchoolFigures. Visits and training go by no date, so all
// of them are read, once until one changes.
func (d *Desk) school(month schema.Date) (SchoolFigures, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := d.store.Revision(schoolKinds...)
	if !d.bySeen || d.at != at {
		by, err := d.readSchool()
		if err != nil {
			return SchoolFigures{}, fmt.Errorf("count visits and training: %w", err)
		}
		d.at, d.by, d.bySeen = at, by, true
	}
	return d.by[month], nil
}

func (d *Desk) readSchool() (map[schema.Date]SchoolFigures, error) {
	home := d.store.Home()
	out := map[schema.Date]SchoolFigures{}
	in := func(date schema.Date, f func(*SchoolFigures)) {
		if date > 0 {
			m := MonthOf(date)
			n := out[m]
			f(&n)
			out[m] = n
		}
	}
	each := func(kind schema.Kind, f func(*change.Doc)) error {
		for doc, err := range d.store.Docs(kind, "") {
			if err != nil {
				return err
			}
			if !doc.Void() {
				f(doc)
			}
		}
		return nil
	}
	err := each(schema.KindVisit, func(doc *change.Doc) {
		here := doc.Scope == "" || doc.Scope == home
		if !here && doc.Value(schema.VisitHelper).Text() != home {
			return
		}
		in(date(doc, schema.VisitDate), func(n *SchoolFigures) {
			n.Hours += number(doc, schema.VisitHours)
			credits := schema.VisitHelperCredits
			if here {
				n.Hosted++
				credits = schema.VisitCredits
				if date(doc, schema.VisitConfirmed) != 0 {
					n.Confirmed++
				}
			} else {
				n.Made++
			}
			doc.Each(func(k schema.Key, v schema.Value) {
				if h, ok := v.Int(); ok && k.Num == credits {
					n.Training += int(h)
				}
			})
		})
	})
	if err != nil {
		return nil, err
	}
	err = each(schema.KindTraining, func(doc *change.Doc) {
		if doc.Scope == "" {
			in(date(doc, schema.TrainingDate), func(n *SchoolFigures) {
				n.Trainings++
				n.Training += number(doc, schema.TrainingHours)
			})
		}
	})
	if err != nil {
		return nil, err
	}
	return out, each(schema.KindCase, func(doc *change.Doc) {
		if doc.Scope == "" {
			in(date(doc, schema.CaseOpened), func(n *SchoolFigures) { n.Opened++ })
			in(date(doc, schema.CaseClosed), func(n *SchoolFigures) { n.Closed++ })
		}
	})
}

func number(doc *change.Doc, n schema.FieldNum) int { i, _ := doc.Value(n).Int(); return int(i) }

func date(doc *change.Doc, n schema.FieldNum) schema.Date { return schema.Date(number(doc, n)) }
