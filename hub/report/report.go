package report

import (
	"fmt"
	"slices"
	"time"

	"shangu/hub/state"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
)

// Source is what reports read: a hub node's state.
type Source interface {
	Schools() ([]state.School, error)
	Summary() ([]state.Row, error)
	Months(school string) ([]state.Month, error)
	Docs(scope string, k schema.Kind, f func(*change.Doc) error) error
}

// builders are the reports by name.
var builders = map[string]func(Source, schema.Date) (*Table, error){
	"summary":      func(s Source, _ schema.Date) (*Table, error) { return Summary(s) },
	"coverage":     Coverage,
	"completeness": Completeness,
}

// Names lists the reports that Build knows.
func Names() []string {
	names := make([]string, 0, len(builders))
	for n := range builders {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Build makes the report of a name as of now. An unknown name is a
// *text.Message.
func Build(name string, s Source, now time.Time) (*Table, error) {
	f := builders[name]
	if f == nil {
		return nil, text.New("report.unknown", "name", name, "names", fmt.Sprint(Names()))
	}
	t, err := f(s, schema.DateAt(now))
	if err != nil {
		return nil, fmt.Errorf("report %s: %w", name, err)
	}
	return t, nil
}

// Summary has one row for each school: what the hub holds of it and when it was
// last heard from. Its keys are those of `hub report summary --json`.
func Summary(s Source) (*Table, error) {
	rows, err := s.Summary()
	if err != nil {
		return nil, err
	}
	t := &Table{Name: "summary", Title: label("各校汇总", "Summary by school"), Columns: []Column{
		{"school", label("学校标识码", "school code")}, {"name", label("学校", "school")},
		{"pupils", label("学生", "pupils")}, {"sheets", label("考勤表", "sheets")}, {"marks", label("缺勤等记录", "marks")},
		{"visits", label("帮扶活动", "visits")}, {"trainings", label("培训记录", "training records")},
		{"last_seen", label("最近联系", "last seen")}, {"pending", label("待上报", "pending")},
		{"conflicts", label("待处理冲突", "open conflicts")}, {"quarantined", label("待处理隔离", "in quarantine")},
	}}
	for _, r := range rows {
		seen := Empty
		if r.LastSeen > 0 {
			seen = Text(time.Unix(r.LastSeen, 0).In(schema.Zone).Format(time.RFC3339))
		}
		t.Rows = append(t.Rows, []Cell{
			Text(r.School), Text(r.Name), Int(r.Pupils), Int(r.Sheets), Int(r.Marks), Int(r.Visits), Int(r.Trainings),
			seen, Int(int64(r.Pending)), Int(r.Conflicts), Int(r.Quarantined),
		})
	}
	return t, nil
}

// Coverage (结对全覆盖) has one row for each weak or mountain school: the
// agreement that covers it today, or that none does, and how many days it has
// still to run.
func Coverage(s Source, today schema.Date) (*Table, error) {
	schools, err := s.Schools()
	if err != nil {
		return nil, err
	}
	expiring, err := threshold(s, schema.SettingExpiring)
	if err != nil {
		return nil, err
	}
	best := map[string]*change.Doc{} // of each member: the live agreement that ends last
	end := func(d *change.Doc) int64 { n, _ := d.Value(schema.AgreementTo).Int(); return n }
	err = s.Docs(schema.DistrictScope, schema.KindAgreement, func(d *change.Doc) error {
		from, _ := d.Value(schema.AgreementFrom).Int()
		state, _ := d.Value(schema.AgreementState).Int()
		to := end(d)
		if d.Void() || state == schema.AgreementEnded || from > int64(today) || to != 0 && to < int64(today) {
			return nil
		}
		d.Each(func(k schema.Key, v schema.Value) {
			if k.Num != schema.AgreementMember || v.IsNil() {
				return
			}
			if was := best[k.Sub]; was == nil || end(was) != 0 && (to == 0 || to > end(was)) {
				best[k.Sub] = d
			}
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	t := &Table{Name: "coverage", Title: label("结对全覆盖", "Coverage by agreements"), Columns: []Column{
		{"school", label("学校标识码", "school code")}, {"name", label("学校", "school")}, {"township", label("乡镇", "township")},
		{"mountain", label("山区校", "mountain school")}, {"weak", label("薄弱校", "weak school")},
		{"covered", label("已结对", "covered")}, {"agreement", label("协议编号", "agreement")}, {"lead", label("帮扶校", "helper school")},
		{"ends", label("到期日", "ends")}, {"days_left", label("剩余天数", "days left")}, {"expiring", label("即将到期", "ends soon")},
	}}
	for _, sc := range schools {
		if !sc.Mountain && !sc.Weak {
			continue
		}
		row := []Cell{Text(sc.Code), Text(sc.Name), Text(sc.Township), Bool(sc.Mountain), Bool(sc.Weak)}
		d := best[sc.Code]
		if d == nil {
			t.Rows = append(t.Rows, append(row, Bool(false), Empty, Empty, Empty, Empty, Bool(false)))
			continue
		}
		ends, left, soon := Empty, Empty, false
		if to := end(d); to != 0 {
			ends, left, soon = Text(schema.Date(to).String()), Int(to-int64(today)), to-int64(today) <= expiring
		}
		lead := d.Value(schema.AgreementLeadName).Text()
		if lead == "" {
			lead = d.Value(schema.AgreementLead).Text()
		}
		t.Rows = append(t.Rows, append(row, Bool(true), Text(d.ID), Text(lead), ends, left, Bool(soon)))
	}
	return t, nil
}

// Completeness has one row for each school and month: sheets taken of sheets
// due. Due are two for each class and school day up to today; a sheet that says
// that there was no school is not due. Days that no calendar names are no
// school days.
func Completeness(s Source, today schema.Date) (*Table, error) {
	rows, err := s.Summary()
	if err != nil {
		return nil, err
	}
	months, err := s.Months("")
	if err != nil {
		return nil, err
	}
	taken := map[[2]string]state.Month{}
	for _, m := range months {
		taken[[2]string{m.School, m.Month}] = m
	}
	district, err := calendar(s, schema.DistrictScope, nil)
	if err != nil {
		return nil, err
	}
	t := &Table{Name: "completeness", Title: label("考勤完整率", "Completeness of attendance"), Columns: []Column{
		{"school", label("学校标识码", "school code")}, {"name", label("学校", "school")}, {"month", label("月份", "month")},
		{"days", label("上课日", "school days")}, {"due", label("应点名", "sheets due")}, {"taken", label("已点名", "sheets taken")},
		{"no_school", label("停课", "no school")}, {"percent", label("完整率%", "percent")},
	}}
	for _, r := range rows {
		days, err := calendar(s, r.School, district)
		if err != nil {
			return nil, err
		}
		perMonth := map[string]int64{}
		for d, open := range days {
			if open && d <= today {
				perMonth[d.Month()]++
			}
		}
		for _, m := range months {
			if m.School == r.School && perMonth[m.Month] == 0 {
				perMonth[m.Month] = 0
			}
		}
		names := make([]string, 0, len(perMonth))
		for m := range perMonth {
			names = append(names, m)
		}
		slices.Sort(names)
		for _, m := range names {
			have := taken[[2]string{r.School, m}]
			due := max(0, 2*r.Classes*perMonth[m]-have.NoClass)
			percent := Empty
			if due > 0 {
				percent = Tenths(min(1000, (have.Sheets*1000+due/2)/due))
			}
			t.Rows = append(t.Rows, []Cell{
				Text(r.School), Text(r.Name), Text(m), Int(perMonth[m]), Int(due), Int(have.Sheets), Int(have.NoClass), percent,
			})
		}
	}
	return t, nil
}

// calendar reads which days are school days, on top of base.
func calendar(s Source, scope string, base map[schema.Date]bool) (map[schema.Date]bool, error) {
	days := make(map[schema.Date]bool, len(base))
	for d, open := range base {
		days[d] = open
	}
	err := s.Docs(scope, schema.KindCalendar, func(d *change.Doc) error {
		if d.Void() {
			return nil
		}
		d.Each(func(k schema.Key, v schema.Value) {
			day, ok := schema.ParseDate(k.Sub)
			if k.Num != schema.CalendarDay || !ok {
				return
			}
			n, ok := v.Int()
			if !ok {
				return
			}
			days[day] = n == schema.DaySchool || n == schema.DayMakeUp
		})
		return nil
	})
	return days, err
}

// threshold reads a setting of the district.
func threshold(s Source, name string) (int64, error) {
	var doc *change.Doc
	err := s.Docs(schema.DistrictScope, schema.KindSetting, func(d *change.Doc) error {
		if d.ID == name && !d.Void() {
			doc = d
		}
		return nil
	})
	if doc == nil {
		return schema.Threshold(name, nil), err
	}
	return schema.Threshold(name, doc.Lookup), err
}

func label(zh, en string) text.Label { return text.Label{ZH: zh, EN: en} }
