package register

import (
	"cmp"
	"fmt"
	"slices"

	"shangu/schema"
)

// Change is one figure that is another than it was.
type Change struct {
	Class string // "" for the school's
	Pupil string // "" for the class's or the school's
	What  What
	Of    int // of ByStatus the schema.Status, of BySymptom the schema.Symptom, of the sheets the schema.Session
	Old   int
	New   int
}

// What a Change is about.
type What uint8

// Things that change.
const (
	SheetsDue What = iota + 1
	SheetsTaken
	SheetsNoSchool
	Sessions
	ByStatus
	BySymptom
	VisitsHosted
	VisitsConfirmed
	VisitsMade
	VisitHours
	Trainings
	TrainingHours
	CasesOpened
	CasesClosed
)

// Compare lists what has changed between two counts of a month: school first, then
// by class and pupil.
func Compare(old, now *Figures) []Change {
	var out []Change
	note := func(class, pupil string, what What, of, a, b int) {
		if a != b {
			out = append(out, Change{class, pupil, what, of, a, b})
		}
	}
	a, b := old.School, now.School
	for _, f := range []struct {
		what     What
		was, now int
	}{
		{VisitsHosted, a.Hosted, b.Hosted}, {VisitsConfirmed, a.Confirmed, b.Confirmed}, {VisitsMade, a.Made, b.Made}, {VisitHours, a.Hours, b.Hours},
		{Trainings, a.Trainings, b.Trainings}, {TrainingHours, a.Training, b.Training}, {CasesOpened, a.Opened, b.Opened}, {CasesClosed, a.Closed, b.Closed},
	} {
		note("", "", f.what, 0, f.was, f.now)
	}
	was, is := map[string]*ClassFigures{}, map[string]*ClassFigures{}
	all := map[string]bool{}
	for i := range old.Classes {
		was[old.Classes[i].Class] = &old.Classes[i]
		all[old.Classes[i].Class] = true
	}
	for i := range now.Classes {
		is[now.Classes[i].Class] = &now.Classes[i]
		all[now.Classes[i].Class] = true
	}
	for _, class := range sortedKeys(all) {
		compareClass(class, orZero(was[class]), orZero(is[class]), note)
	}
	return out
}

func orZero(c *ClassFigures) *ClassFigures {
	if c == nil {
		return &ClassFigures{}
	}
	return c
}

func compareClass(class string, a, b *ClassFigures, note func(class, pupil string, what What, of, was, is int)) {
	for _, s := range sessions {
		note(class, "", SheetsDue, int(s), a.Sheets[s].Due, b.Sheets[s].Due)
		note(class, "", SheetsTaken, int(s), a.Sheets[s].Taken, b.Sheets[s].Taken)
		note(class, "", SheetsNoSchool, int(s), a.Sheets[s].NoSchool, b.Sheets[s].NoSchool)
	}
	for i := range a.Symptoms {
		note(class, "", BySymptom, i, a.Symptoms[i], b.Symptoms[i])
	}
	was, is := map[string]PupilFigures{}, map[string]PupilFigures{}
	all := map[string]bool{}
	for _, p := range a.Pupils {
		was[p.Pupil], all[p.Pupil] = p, true
	}
	for _, p := range b.Pupils {
		is[p.Pupil], all[p.Pupil] = p, true
	}
	for _, pupil := range sortedKeys(all) {
		x, y := was[pupil], is[pupil]
		note(class, pupil, Sessions, 0, x.Sessions, y.Sessions)
		for i := range x.By {
			note(class, pupil, ByStatus, i, x.By[i], y.By[i])
		}
	}
}

// Touch is a write to a sheet of the month since it was frozen.
type Touch struct {
	Pupil  string // "" for the sheet's own state
	Sheet  schema.SheetID
	Status int // schema.Status that the write left, or for the sheet schema.SheetStates; 0: none
	By     string
	At     int64 // unix seconds
}

// maxTouches bounds what a correction sheet tells of who wrote what.
const maxTouches = 100

// trace finds who wrote into the sheets of the classes that changed since a report
// was frozen. A field tells its last writer alone.
func (d *Desk) trace(last *Report, changes []Change) ([]Touch, error) {
	since := int64(last.Frozen)*86400 - 14*3600 // the day begins there where it begins first
	pupils, classes := map[string]bool{}, map[string]bool{}
	for _, c := range changes {
		if c.Class != "" {
			classes[c.Class] = true
		}
		if c.Pupil != "" {
			pupils[c.Pupil] = true
		}
	}
	var out []Touch
	for _, class := range sortedKeys(classes) {
		for on := last.Month; on <= End(last.Month); on++ {
			for _, session := range sessions {
				id := schema.SheetID{Date: on, Session: session, Class: class}
				doc, err := d.store.Doc("", schema.KindSheet, id.String())
				if err != nil {
					return nil, fmt.Errorf("find who changed %s: %w", last.Month.Month(), err)
				}
				if doc == nil {
					continue
				}
				for _, c := range doc.Cells {
					t := Touch{Pupil: c.Key.Sub, Sheet: id, By: c.By, At: c.At}
					switch {
					case c.At < since:
						continue
					case c.Key.Num == schema.SheetMark && pupils[t.Pupil]:
						if m, ok := schema.ParseMark(c.Value); ok {
							t.Status = int(m.Status)
						}
					case c.Key.Num == schema.SheetState:
						n, _ := c.Value.Int()
						t.Status = int(n)
					default:
						continue
					}
					out = append(out, t)
				}
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Touch) int { return cmp.Compare(b.At, a.At) })
	return out[:min(len(out), maxTouches)], nil
}

// encodeTrace writes touches as a list of [pupil, sheet, status, by, at].
func encodeTrace(list []Touch) schema.Value {
	items := make([]schema.Value, len(list))
	for i, t := range list {
		items[i] = schema.List(schema.Str(t.Pupil), schema.Str(t.Sheet.String()), schema.Int(int64(t.Status)), schema.Str(t.By), schema.Int(t.At))
	}
	return schema.List(items...)
}

// parseTrace reads what encodeTrace wrote; what it cannot read it leaves out.
func parseTrace(v schema.Value) (out []Touch) {
	items, _ := v.List()
	for _, item := range items {
		f, ok := item.List()
		if !ok || len(f) < 5 {
			continue
		}
		sheet, ok := schema.ParseSheetID(f[1].Text())
		status, ok2 := f[2].Int()
		at, ok3 := f[4].Int()
		if ok && ok2 && ok3 {
			out = append(out, Touch{f[0].Text(), sheet, int(status), f[3].Text(), at})
		}
	}
	return out
}
