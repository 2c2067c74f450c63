package register

import (
	"shangu/agent/roster"
	"shangu/schema"
)

// Column is one day of a class's register.
type Column struct {
	Date schema.Date
	Kind int // schema.DayKinds
}

// Cell is one pupil in one session.
type Cell struct {
	State State
	Mark  schema.Mark // of Marked
}

// State says what a cell holds.
type State uint8

// States of a cell.
const (
	NotTaken State = iota // the roll was not taken
	Marked                // it was: present or not
	Closed                // there was no school for the class
	NotHere               // the pupil was not in the class
)

// Line is one pupil of a register.
type Line struct {
	Pupil *roster.Pupil
	Cells [][]Cell // by Column, then by session
	PupilFigures
}

// Register is a class's month (考勤登记册), pupil by pupil and day by day.
type Register struct {
	Class    *roster.Class
	Month    schema.Date
	Days     []Column
	Sessions []schema.Session
	Lines    []Line
	Sum      Sum
	// Present and List are, by Column and session, how many were there of how many;
	// List 0: the roll was not taken.
	Present, List [][]int
}

// Class makes up a class's register of a month, up to a day; nil where there is no
// such class in that month's school year.
func (d *Desk) Class(class string, month, today schema.Date) (*Register, error) {
	r, err := d.book.Open()
	if err != nil {
		return nil, err
	}
	c := r.Class(class)
	if c == nil || c.Year != month.SchoolYear() {
		return nil, nil
	}
	out := &Register{Class: c, Month: month, Sessions: sessions[:2]}
	at := map[string]int{}
	count := newTally(class)
	days, err := d.days.Days(month, End(month))
	if err != nil {
		return nil, err
	}
	for _, day := range days {
		if s := day.Sheet(class, schema.SessionEve); s != nil && s.State != 0 {
			out.Sessions = sessions
		}
	}
	for on := month; on <= min(End(month), today); on++ {
		day, err := d.days.Day(on)
		if err != nil {
			return nil, err
		}
		kind, began := r.Day(on), false
		for _, session := range out.Sessions {
			s := day.Sheet(class, session)
			began = began || s != nil && s.State != 0
		}
		if !schema.SchoolDay(kind) && !began {
			continue
		}
		count.day(r, day, schema.SchoolDay(kind))
		i := len(out.Days)
		out.Days = append(out.Days, Column{on, kind})
		out.Present, out.List = append(out.Present, make([]int, len(out.Sessions))), append(out.List, make([]int, len(out.Sessions)))
		list := r.Pupils(class, on)
		for _, p := range list {
			if _, there := at[p.ID]; !there {
				at[p.ID] = len(out.Lines)
				out.Lines = append(out.Lines, Line{Pupil: p})
			}
		}
		for _, p := range list {
			line := &out.Lines[at[p.ID]]
			for len(line.Cells) < i {
				line.Cells = append(line.Cells, absentFrom(out.Sessions))
			}
			cells := make([]Cell, len(out.Sessions))
			for j, session := range out.Sessions {
				s := day.Sheet(class, session)
				switch {
				case s.Taken():
					m := s.Mark(p.ID)
					cells[j] = Cell{Marked, schema.Mark{Status: m.Status, Minutes: int(m.Minutes), Symptom: m.Symptom}}
					out.List[i][j]++
					if m.Status.Present() {
						out.Present[i][j]++
					}
				case s != nil && s.State == schema.SheetNoSchool:
					cells[j].State = Closed
				}
			}
			line.Cells = append(line.Cells, cells)
		}
	}
	for i := range out.Lines {
		line := &out.Lines[i]
		for len(line.Cells) < len(out.Days) {
			line.Cells = append(line.Cells, absentFrom(out.Sessions))
		}
		if f := count.pupils[line.Pupil.ID]; f != nil {
			line.PupilFigures = *f
		}
	}
	figures := count.figures()
	out.Sum.Add(&figures)
	return out, nil
}

// absentFrom are the cells of a day on which the pupil was not in the class.
func absentFrom(s []schema.Session) []Cell {
	out := make([]Cell, len(s))
	for i := range out {
		out[i].State = NotHere
	}
	return out
}
