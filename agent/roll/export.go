package roll

import (
	"io"
	"slices"
	"time"

	"shangu/schema"
	"shangu/schema/table"
	"shangu/schema/text"
)

// FortnightDays is how many days a strip of days has.
const FortnightDays = 14

var fortnightSpec = table.NewSpec(text.Label{ZH: "两周点名情况", EN: "rolls of a fortnight"},
	table.Column{Name: "date", Titles: []string{"日期"}}, table.Column{Name: "day", Titles: []string{"当天"}}, table.Column{Name: "class", Titles: []string{"班级"}},
	table.Column{Name: "session", Titles: []string{"时段"}}, table.Column{Name: "roll", Titles: []string{"人数"}}, table.Column{Name: "state", Titles: []string{"点名情况"}},
	table.Column{Name: "absent", Titles: []string{"缺席人数"}}, table.Column{Name: "where", Titles: []string{"保存情况"}},
)

// WriteFortnight writes how the sheets of the days that end with a date stand, as a
// workbook: a line for each class and session. It names nobody.
func (d *Desk) WriteFortnight(w io.Writer, last schema.Date) error {
	strip, err := d.Strip(last, FortnightDays)
	if err != nil {
		return err
	}
	var rows [][]any
	for _, day := range strip {
		kind := schema.DayKinds.Label(int64(day.Kind)).ZH
		for _, c := range day.Classes {
			for _, s := range c.Slots {
				absent := any(nil)
				if s.State == Taken || s.State == AllPresent {
					absent = s.Absent
				}
				rows = append(rows, []any{
					day.Date.String(), kind, c.Class.Name, text.New("sheet.session_" + s.ID.Session.String()).In(text.ZH), c.Roll,
					s.Say(day.Kind, d.today()).ZH, absent, table.Text(s.Where.Say().ZH),
				})
			}
		}
	}
	return table.WriteBook(w, fortnightSpec, fortnightSpec.Title.ZH, rows)
}

var daysSpec = table.NewSpec(text.Label{ZH: "停课与补课日", EN: "closed and make-up days"},
	table.Column{Name: "date", Titles: []string{"日期"}}, table.Column{Name: "kind", Titles: []string{"类型"}}, table.Column{Name: "from", Titles: []string{"来源"}},
	table.Column{Name: "by", Titles: []string{"填写人"}}, table.Column{Name: "taken", Titles: []string{"当天已点名"}},
)

// exceptionsWritten is how many days back and ahead a table of closed and make-up days
// goes.
const exceptionsWritten = 365

// WriteExceptions writes the days on which the school does not go by the week as a
// workbook: its own, then the other make-up days of the district's calendar. Unless open is set,
// names are masked.
func (d *Desk) WriteExceptions(w io.Writer, open bool) error {
	from, to := d.today()-exceptionsWritten, d.today()+exceptionsWritten
	own, err := d.Exceptions(from)
	if err != nil {
		return err
	}
	ups, err := d.MakeUps(from, to)
	if err != nil {
		return err
	}
	_, name := schema.Masks(open)
	source := func(id string) string { return text.New(id).In(text.ZH) }
	var rows [][]any
	for _, e := range own {
		ups = slices.DeleteFunc(ups, func(on schema.Date) bool { return on == e.Date })
		rows = append(rows, []any{e.Date.String(), schema.DayKinds.Label(int64(e.Kind)).ZH, source("roll.days_own"), table.Text(name(e.By)), e.Has})
	}
	for _, on := range ups {
		rows = append(rows, []any{on.String(), schema.DayKinds.Label(schema.DayMakeUp).ZH, source("roll.days_district"), nil, nil})
	}
	return table.WriteBook(w, daysSpec, daysSpec.Title.ZH, rows)
}

var trailSpec = table.NewSpec(text.Label{ZH: "改动记录", EN: "trail of a roll"},
	table.Column{Name: "at", Titles: []string{"时间"}}, table.Column{Name: "by", Titles: []string{"填写人"}}, table.Column{Name: "what", Titles: []string{"内容"}},
	table.Column{Name: "was", Titles: []string{"原来"}}, table.Column{Name: "now", Titles: []string{"改为"}},
)

// WriteTrail writes how a sheet came to be what it is as a workbook. Unless open is set,
// names are masked.
func (d *Desk) WriteTrail(w io.Writer, id schema.SheetID, open bool) error {
	steps, err := d.Trail(id)
	if err != nil {
		return err
	}
	_, name := schema.Masks(open)
	var rows [][]any
	for _, s := range steps {
		what, was, now := s.Words()
		if s.Pupil != nil {
			what.ZH = name(what.ZH)
		}
		if s.Field == schema.SheetTaker {
			was.ZH, now.ZH = name(was.ZH), name(now.ZH)
		}
		rows = append(rows, []any{time.Unix(s.At, 0).In(schema.Zone).Format("2006-01-02 15:04"), name(s.By), what.ZH, was.ZH, now.ZH})
	}
	return table.WriteBook(w, trailSpec, trailSpec.Title.ZH, rows)
}
