package roll

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"shangu/agent/store"
	"shangu/schema"
	"shangu/schema/text"
)

// Exception is a day on which the school does not go by the district's calendar.
type Exception struct {
	Date schema.Date
	Kind int    // schema.DayKinds
	By   string // who said so
	Has  int    // sheets of the day that were taken nevertheless
}

// OwnKinds are the kinds of days that a school may name itself: closed for snow,
// for the road or for something else; and a day on which it makes up for that.
var OwnKinds = []int{schema.DaySnow, schema.DayRoad, schema.DayClosed, schema.DayMakeUp}

// Bounds of what a school may say by itself.
const (
	maxClosed   = 60 // days in a row
	aheadOrPast = 400
)

// Except makes the days from one to another an exception: closed, those that would
// have been school days; made up, those that would not. It returns how many.
func (d *Desk) Except(ctx context.Context, account string, from, to schema.Date, kind int) (int, error) {
	today := d.today()
	switch {
	case from == 0:
		return 0, text.New("roll.no_from")
	case to < from:
		return 0, text.New("roll.order")
	case to-from >= maxClosed:
		return 0, text.New("roll.too_long", "max", maxClosed)
	case from < today-aheadOrPast || to > today+aheadOrPast:
		return 0, text.New("roll.far")
	case !slices.Contains(OwnKinds, kind):
		return 0, text.New("roll.no_kind")
	}
	r, err := d.book.Open()
	if err != nil {
		return 0, err
	}
	var days []schema.Date
	for on := from; on <= to; on++ {
		if was := r.Day(on); schema.SchoolDay(was) != schema.SchoolDay(kind) || was != kind && !schema.SchoolDay(was) && was != schema.DayHoliday {
			days = append(days, on)
		}
	}
	if len(days) == 0 {
		if schema.SchoolDay(kind) {
			return 0, text.New("roll.open_already")
		}
		return 0, text.New("roll.closed_already")
	}
	return len(days), d.calendar(ctx, account, days, schema.Int(int64(kind)))
}

// Undo takes exceptions back: those days are what the district's calendar says.
func (d *Desk) Undo(ctx context.Context, account string, days []schema.Date) error {
	return d.calendar(ctx, account, days, schema.Nil)
}

// calendar writes days of the school's own calendars, one for each school year.
func (d *Desk) calendar(ctx context.Context, account string, days []schema.Date, v schema.Value) error {
	var edits []store.Edit
	for _, on := range days {
		id := strconv.Itoa(on.SchoolYear())
		i := slices.IndexFunc(edits, func(e store.Edit) bool { return e.ID == id })
		if i < 0 {
			i, edits = len(edits), append(edits, store.Edit{Kind: schema.KindCalendar, ID: id})
		}
		edits[i].SetOf(schema.CalendarDay, on.String(), v)
	}
	_, err := d.saver.Save(ctx, account, edits)
	return err
}

// Exceptions are the school's own, from a date on, the earliest first.
func (d *Desk) Exceptions(from schema.Date) ([]Exception, error) {
	var out []Exception
	for doc, err := range d.store.Docs(schema.KindCalendar, "") {
		if err != nil {
			return nil, fmt.Errorf("read calendar: %w", err)
		}
		if doc.Scope != "" || doc.Void() {
			continue
		}
		for _, c := range doc.Cells {
			on, ok := schema.ParseDate(c.Key.Sub)
			kind, set := c.Value.Int()
			if ok && set && c.Key.Num == schema.CalendarDay && on >= from {
				out = append(out, Exception{Date: on, Kind: int(kind), By: c.By})
			}
		}
	}
	slices.SortFunc(out, func(a, b Exception) int { return int(a.Date - b.Date) })
	for i := range out {
		day, err := d.days.Day(out[i].Date)
		if err != nil {
			return nil, err
		}
		for _, s := range day.Sheets {
			if s.Taken() {
				out[i].Has++
			}
		}
	}
	return out, nil
}

// MakeUps are the weekend days with lessons among the days from one to another.
func (d *Desk) MakeUps(from, to schema.Date) ([]schema.Date, error) {
	r, err := d.book.Open()
	if err != nil {
		return nil, err
	}
	var out []schema.Date
	for on := from; on <= to; on++ {
		if r.Day(on) == schema.DayMakeUp {
			out = append(out, on)
		}
	}
	return out, nil
}
