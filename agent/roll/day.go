package roll

import (
	"slices"

	"shangu/agent/attend"
	"shangu/agent/roster"
	"shangu/schema"
	"shangu/schema/text"
)

// Slot is one sheet of a day as an overview shows it.
type Slot struct {
	ID     schema.SheetID
	Due    bool // the roll is due: a school day, and a session that the class has
	State  State
	Begun  bool // marks were made, and the roll is not taken
	Where  Where
	Absent int
}

// Say is a sheet in words; kind is what its day is, of schema.DayKinds.
func (s Slot) Say(kind int, today schema.Date) text.Label {
	switch {
	case s.State == Taken && s.Absent == 0:
		return label("day.all_came")
	case s.State == Taken:
		return label("day.absent", "n", s.Absent)
	case s.State == AllPresent:
		return label("sheet.all_present")
	case s.State == NoSchool:
		return label("sheet.no_school")
	case s.Begun:
		return label("day.begun")
	case s.Late(today):
		return label("day.late")
	case s.Due:
		return label("sheet.not_taken")
	case !schema.SchoolDay(kind):
		return schema.DayKinds.Label(int64(kind))
	}
	return label("day.not_due")
}

// Late reports whether nobody took a roll that was due before today.
func (s Slot) Late(today schema.Date) bool { return s.Due && s.State == NotTaken && s.ID.Date < today }

// Say is where a sheet is, in words; "" for one that nobody saved.
func (w Where) Say() text.Label {
	switch w {
	case Here:
		return label("day.here")
	case Safe:
		return label("day.safe")
	}
	return text.Label{}
}

// ClassDay is a class's sheets of one day.
type ClassDay struct {
	Date  schema.Date
	Kind  int // schema.DayKinds
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
	Absent   int // over the sheets that were taken
}

// Day reads the sheets of a day.
func (d *Desk) Day(on schema.Date) (*Day, error) {
	r, err := d.book.Open()
	if err != nil {
		return nil, err
	}
	return d.day(r, on)
}

func (d *Desk) day(r *roster.Roster, on schema.Date) (*Day, error) {
	sheets, err := d.days.Day(on)
	if err != nil {
		return nil, err
	}
	out := &Day{Date: on, Kind: r.Day(on), Sessions: []schema.Session{schema.SessionAM, schema.SessionPM}}
	for _, c := range r.Classes(on) {
		pupils, boarders := r.Size(c.ID, on)
		cd := ClassDay{Date: on, Kind: out.Kind, Class: c, Roll: pupils}
		for s := schema.SessionAM; s <= schema.SessionEve; s++ {
			slot := d.slot(schema.SheetID{Date: on, Session: s, Class: c.ID}, sheets.Sheet(c.ID, s))
			slot.Due = schema.SchoolDay(out.Kind) && pupils > 0 && (s != schema.SessionEve || boarders > 0)
			cd.Slots = append(cd.Slots, slot)
		}
		out.Classes = append(out.Classes, cd)
		if eve := cd.Slots[2]; len(out.Sessions) == 2 && (boarders > 0 || eve.State != NotTaken || eve.Begun) {
			out.Sessions = append(out.Sessions, schema.SessionEve)
		}
	}
	for i := range out.Classes {
		c := &out.Classes[i]
		c.Slots = c.Slots[:len(out.Sessions)]
		for _, slot := range c.Slots {
			if slot.Due {
				out.Due++
				if slot.State != NotTaken {
					out.Taken++
				}
			}
			if slot.State != NotTaken {
				out.Absent += slot.Absent
			}
		}
	}
	return out, nil
}

// slot is how a sheet stands; s is nil where nobody began one.
func (d *Desk) slot(id schema.SheetID, s *attend.Sheet) Slot {
	slot := Slot{ID: id}
	if s == nil {
		return slot
	}
	slot.State, slot.Where = state(int64(s.State), len(s.Marks) > 0), Safe
	slot.Begun = slot.State == NotTaken
	if d.store.Waiting(schema.KindSheet, id.String()) {
		slot.Where = Here
	}
	for _, m := range s.Marks {
		if !m.Status.Present() {
			slot.Absent++
		}
	}
	return slot
}

// Strip are the days that end with a date, the earliest first: fourteen of them
// are a fortnight.
func (d *Desk) Strip(last schema.Date, days int) ([]*Day, error) {
	r, err := d.book.Open()
	if err != nil {
		return nil, err
	}
	out := make([]*Day, 0, days)
	for on := last - schema.Date(days) + 1; on <= last; on++ {
		day, err := d.day(r, on)
		if err != nil {
			return nil, err
		}
		out = append(out, day)
	}
	return out, nil
}

// Missing are the sheets of a strip that are due, whose day is over and that nobody
// has taken, the latest first. Days before the first roll of the strip are left out:
// then the school had not begun to take them here.
func (d *Desk) Missing(strip []*Day) []Slot {
	var out []Slot
	first := slices.IndexFunc(strip, func(day *Day) bool { return day.Taken > 0 })
	if first < 0 {
		return nil
	}
	for _, day := range slices.Backward(strip[first:]) {
		if day.Date >= d.today() || day.Taken == day.Due {
			continue
		}
		for _, c := range day.Classes {
			for _, s := range c.Slots {
				if s.Due && s.State == NotTaken {
					out = append(out, s)
				}
			}
		}
	}
	return out
}

// Class are a class's sheets of the days that end with a date, the earliest first.
func (d *Desk) Class(class string, last schema.Date, days int) ([]ClassDay, error) {
	strip, err := d.Strip(last, days)
	if err != nil {
		return nil, err
	}
	var out []ClassDay
	for _, day := range strip {
		i := slices.IndexFunc(day.Classes, func(c ClassDay) bool { return c.Class.ID == class })
		if i >= 0 {
			out = append(out, day.Classes[i])
		}
	}
	if len(out) == 0 {
		return nil, text.New("roll.no_class", "class", class)
	}
	return out, nil
}
