package roll

import (
	"fmt"

	"shangu/agent/roster"
	"shangu/schema"
	"shangu/sync/change"
)

// Slot is one sheet of a day as an overview shows it.
type Slot struct {
	ID     schema.SheetID
	Due    bool // the roll is due: a school day, and a session that the class has
	State  State
	Where  Where
	Absent int
}

// ClassDay is a class's sheets of one day.
type ClassDay struct {
	Class *roster.Class
	Roll  int
	Slots []Slot // am, pm and, where anybody has it, eve
}

// Day is a school's sheets of one day.
type Day struct {
	Date     schema.Date
	Kind     int // schema.DayKinds
	Sessions []schema.Session
	Classes  []ClassDay
	Due      int // sheets
	Taken    int // of those that are due, no school counted in
}

// Day reads the sheets of a day.
func (d *Desk) Day(on schema.Date) (*Day, error) {
	r, err := d.book.Open()
	if err != nil {
		return nil, err
	}
	docs, err := d.docs(on)
	if err != nil {
		return nil, err
	}
	out := &Day{Date: on, Kind: r.Day(on), Sessions: []schema.Session{schema.SessionAM, schema.SessionPM}}
	classes := r.Classes(on)
	due := make([]map[schema.Session]bool, len(classes))
	evening := false
	for i, c := range classes {
		due[i] = map[schema.Session]bool{}
		for _, s := range r.Sessions(c.ID, on) {
			due[i][s] = schema.SchoolDay(out.Kind)
			evening = evening || s == schema.SessionEve
		}
	}
	if evening {
		out.Sessions = append(out.Sessions, schema.SessionEve)
	}
	for i, c := range classes {
		cd := ClassDay{Class: c, Roll: len(r.Pupils(c.ID, on))}
		for _, s := range out.Sessions {
			id := schema.SheetID{Date: on, Session: s, Class: c.ID}
			slot := Slot{ID: id, Due: due[i][s]}
			if doc := docs[id.String()]; doc != nil {
				slot.State, slot.Where = stateOf(doc), Safe
				if d.store.Waiting(schema.KindSheet, doc.ID) {
					slot.Where = Here
				}
				for _, m := range marksOf(doc) {
					if !m.mark.Status.Present() {
						slot.Absent++
					}
				}
			}
			if slot.Due {
				out.Due++
				if slot.State != NotTaken {
					out.Taken++
				}
			}
			cd.Slots = append(cd.Slots, slot)
		}
		out.Classes = append(out.Classes, cd)
	}
	return out, nil
}

func (d *Desk) docs(on schema.Date) (map[string]*change.Doc, error) {
	out := map[string]*change.Doc{}
	for doc, err := range d.store.Docs(schema.KindSheet, on.String()+"/") {
		if err != nil {
			return nil, fmt.Errorf("read sheets of %v: %w", on, err)
		}
		if !doc.Void() {
			out[doc.ID] = doc
		}
	}
	return out, nil
}

// Strip are the days that end with a date, the earliest first: fourteen of them
// are a fortnight.
func (d *Desk) Strip(last schema.Date, days int) ([]*Day, error) {
	out := make([]*Day, 0, days)
	for on := last - schema.Date(days) + 1; on <= last; on++ {
		day, err := d.Day(on)
		if err != nil {
			return nil, err
		}
		out = append(out, day)
	}
	return out, nil
}
