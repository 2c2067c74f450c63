package district

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"shangu/schema"
	"shangu/schema/table"
	"shangu/schema/text"
)

// Columns of the list of school days.
const (
	dDate = iota
	dDay
)

var daysSpec = table.NewSpec(text.Label{ZH: "校历", EN: "list of school days"},
	table.Column{Name: "date", Titles: []string{"日期"}, Required: true},
	table.Column{Name: "school_day", Titles: []string{"是否上课", "上课日", "日期类型"}, Required: true},
)

// day is what a row says of one date.
type day struct {
	kind int64 // DayKinds
	line int
}

// days plans the calendars, one a school year. From its first to its last date
// the file is the whole truth: days that it does not name are taken out.
func (p *planner) days(data []byte) error {
	all := map[schema.Date]day{}
	p.plan.Days.Rows = p.read(daysFile, data, daysSpec, func(r *table.Row) {
		if _, ok := r.Need(dDate); !ok {
			return
		}
		d, ok := r.Date(dDate)
		word, given := r.Need(dDay)
		if !ok || !given {
			return
		}
		k, ok := dayKind(word)
		if !ok {
			r.Fail(dDay, text.New("district.no_day_kind", "value", word, "choices", schema.DayKinds.Choices()))
			return
		}
		if before, twice := all[d]; twice && before.kind != k {
			r.Fail(dDate, text.New("district.day_twice", "date", d, "line", before.line))
			return
		}
		all[d] = day{k, r.Line}
	})
	if p.problems.Len() > 0 || len(all) == 0 {
		return nil
	}
	dates := slices.Sorted(maps.Keys(all))
	first, last := dates[0], dates[len(dates)-1]
	for year := first.SchoolYear(); year <= last.SchoolYear(); year++ {
		d, err := p.draft(schema.KindCalendar, strconv.Itoa(year), func(_ schema.FieldNum, m *text.Message) { p.problems.Fail(m) })
		if err != nil {
			return err
		}
		for _, date := range dates {
			if date.SchoolYear() == year {
				p.day(d, date, all[date].kind)
			}
		}
		d.doc.Each(func(k schema.Key, v schema.Value) {
			date, ok := schema.ParseDate(k.Sub)
			if _, there := all[date]; k.Num == schema.CalendarDay && ok && !there && date >= first && date <= last && !v.IsNil() {
				p.plan.Days.Changed++
				d.setKey(k, schema.Nil)
			}
		})
		p.add(d)
	}
	return nil
}

func (p *planner) day(d *draft, date schema.Date, kind int64) {
	k := schema.Key{Num: schema.CalendarDay, Sub: date.String()}
	v := schema.Int(kind)
	switch cur := d.doc.Lookup(k); {
	case cur == v:
		p.plan.Days.Same++
	case cur.IsNil():
		p.plan.Days.New++
	default:
		p.plan.Days.Changed++
	}
	d.setKey(k, v)
}

// dayKind reads 1 or 0, yes or no, or a kind of day by name.
func dayKind(s string) (int64, bool) {
	switch strings.ToLower(schema.Fold(s)) {
	case "1", "是", "yes", "true":
		return schema.DaySchool, true
	case "0", "否", "no", "false":
		return schema.DayHoliday, true
	}
	c, ok := schema.DayKinds.Parse(s)
	return c.Num, ok
}
