package watch

import (
	"io"
	"strings"

	"shangu/agent/roster"
	"shangu/schema"
	"shangu/schema/table"
	"shangu/schema/text"
)

var casesSpec = table.NewSpec(text.Label{ZH: "控辍个案", EN: "absence cases"},
	table.Column{Name: "student_id", Titles: []string{"全国学籍号"}}, table.Column{Name: "name", Titles: []string{"姓名"}}, table.Column{Name: "class", Titles: []string{"班级"}},
	table.Column{Name: "opened", Titles: []string{"立案日期"}}, table.Column{Name: "rule", Titles: []string{"立案依据"}}, table.Column{Name: "by", Titles: []string{"负责人"}},
	table.Column{Name: "steps", Titles: []string{"联系次数"}}, table.Column{Name: "last", Titles: []string{"最近一次"}},
	table.Column{Name: "closed", Titles: []string{"销号日期"}}, table.Column{Name: "end", Titles: []string{"销号原因"}},
)

// WriteCases writes all cases as a workbook, without what was noted about families. Unless
// open is set, names and numbers are masked.
func (d *Desk) WriteCases(w io.Writer, open bool) error {
	r, err := d.book.Open()
	if err != nil {
		return err
	}
	all, err := d.Cases()
	if err != nil {
		return err
	}
	id, name := schema.Masks(open)
	var rows [][]any
	for _, c := range all {
		called, class := about(r, c)
		var last, closed, end any
		if len(c.Steps) > 0 {
			last = c.Last().String()
		}
		if c.Closed != 0 {
			closed, end = c.Closed.String(), schema.CaseEnds.Label(int64(c.End)).ZH
		}
		rows = append(rows, []any{
			id(c.PupilID), table.Text(name(called)), table.Text(class), c.Opened.String(), schema.CaseRules.Label(int64(c.Rule)).ZH,
			table.Text(name(c.By)), len(c.Steps), last, closed, end,
		})
	}
	return table.WriteBook(w, casesSpec, casesSpec.Title.ZH, rows)
}

var watchedSpec = table.NewSpec(text.Label{ZH: "重点关注学生", EN: "watched pupils"},
	table.Column{Name: "student_id", Titles: []string{"全国学籍号"}}, table.Column{Name: "name", Titles: []string{"姓名"}}, table.Column{Name: "class", Titles: []string{"班级"}},
)

// WriteWatched writes the watch list of a day as a workbook.
func (d *Desk) WriteWatched(w io.Writer, on schema.Date, open bool) error {
	r, err := d.book.Open()
	if err != nil {
		return err
	}
	all, err := d.Watched(on)
	if err != nil {
		return err
	}
	id, name := schema.Masks(open)
	var rows [][]any
	for _, p := range all {
		rows = append(rows, []any{id(p.ID), table.Text(name(p.Name)), table.Text(r.ClassOn(p, on).Name)})
	}
	return table.WriteBook(w, watchedSpec, watchedSpec.Title.ZH, rows)
}

var findingsSpec = table.NewSpec(text.Label{ZH: "待立案与名在人不在", EN: "findings"},
	table.Column{Name: "student_id", Titles: []string{"全国学籍号"}}, table.Column{Name: "name", Titles: []string{"姓名"}}, table.Column{Name: "class", Titles: []string{"班级"}},
	table.Column{Name: "rule", Titles: []string{"依据"}}, table.Column{Name: "days", Titles: []string{"天数"}}, table.Column{Name: "on", Titles: []string{"日期"}},
)

// WriteFindings writes who a case is to be opened for by a day, and who was never
// seen, as a workbook.
func (d *Desk) WriteFindings(w io.Writer, today schema.Date, open bool) error {
	found, gone, err := d.Absences(today)
	if err != nil {
		return err
	}
	id, name := schema.Masks(open)
	var rows [][]any
	row := func(f Finding, rules []int) {
		var why, on []string
		for _, n := range rules {
			why = append(why, schema.CaseRules.Label(int64(n)).ZH)
		}
		for _, day := range f.Days {
			on = append(on, day.String())
		}
		rows = append(rows, []any{id(f.Pupil.ID), table.Text(name(f.Pupil.Name)), table.Text(f.Class.Name), strings.Join(why, "、"), len(on), strings.Join(on, "、")})
	}
	for _, f := range found {
		row(f, f.Rules)
	}
	for _, f := range gone {
		row(f, []int{schema.CaseGone})
	}
	return table.WriteBook(w, findingsSpec, findingsSpec.Title.ZH, rows)
}

var stepsSpec = table.NewSpec(text.Label{ZH: "个案联系记录", EN: "steps of cases"},
	table.Column{Name: "student_id", Titles: []string{"全国学籍号"}}, table.Column{Name: "name", Titles: []string{"姓名"}}, table.Column{Name: "class", Titles: []string{"班级"}},
	table.Column{Name: "opened", Titles: []string{"立案日期"}}, table.Column{Name: "date", Titles: []string{"联系日期"}}, table.Column{Name: "kind", Titles: []string{"方式"}},
	table.Column{Name: "by", Titles: []string{"联系人"}}, table.Column{Name: "result", Titles: []string{"结果"}},
)

// WriteSteps writes the steps of all cases as a workbook: calls, home visits and
// others. Unless open is set, names and numbers are masked and results left out: they tell
// of families.
func (d *Desk) WriteSteps(w io.Writer, open bool) error {
	r, err := d.book.Open()
	if err != nil {
		return err
	}
	all, err := d.Cases()
	if err != nil {
		return err
	}
	id, name := schema.Masks(open)
	var rows [][]any
	for _, c := range all {
		called, class := about(r, c)
		for _, s := range c.Steps {
			result := ""
			if open {
				result = s.Result
			}
			rows = append(rows, []any{
				id(c.PupilID), table.Text(name(called)), table.Text(class), c.Opened.String(), s.Date.String(), schema.StepKinds.Label(int64(s.Kind)).ZH,
				table.Text(name(s.By)), table.Text(result),
			})
		}
	}
	return table.WriteBook(w, stepsSpec, stepsSpec.Title.ZH, rows)
}

// about is the name of a case's pupil and the class on the day it was opened, "" where
// the roster does not know them.
func about(r *roster.Roster, c *Case) (name, class string) {
	p := r.Pupil(c.PupilID)
	if p == nil {
		return "", ""
	}
	if in := r.ClassOn(p, c.Opened); in != nil {
		class = in.Name
	}
	return p.Name, class
}

var sicknessSpec = table.NewSpec(text.Label{ZH: "因病缺课核查", EN: "checks for sickness"},
	table.Column{Name: "date", Titles: []string{"日期"}}, table.Column{Name: "classes", Titles: []string{"应核查班级"}}, table.Column{Name: "taken", Titles: []string{"已核查班级"}},
	table.Column{Name: "sick", Titles: []string{"病假人数"}}, table.Column{Name: "result", Titles: []string{"结果"}}, table.Column{Name: "names", Titles: []string{"聚集学生"}},
)

// checksWritten is how many daily checks a table has.
const checksWritten = 20

// WriteSickness writes the newest daily checks for clusters as a workbook, a line for each
// cluster, or for each day with none. Unless open is set, names are masked.
func (d *Desk) WriteSickness(w io.Writer, today schema.Date, open bool) error {
	r, err := d.book.Open()
	if err != nil {
		return err
	}
	checks, err := d.Sickness(today, checksWritten)
	if err != nil {
		return err
	}
	_, name := schema.Masks(open)
	limits := SickLimitsOf(r)
	var rows [][]any
	for _, c := range checks {
		line := func(sick any, result *text.Message, names []string) {
			rows = append(rows, []any{c.Date.String(), c.Classes, c.Taken, sick, result.In(text.ZH), table.Text(strings.Join(names, "、"))})
		}
		if c.Taken == 0 {
			line(nil, text.New("watch.not_looked"), nil)
			continue
		}
		for _, cluster := range c.Clusters {
			var names []string
			for _, pupil := range cluster.Who() {
				if p := r.Pupil(pupil); p != nil {
					names = append(names, name(p.Name))
				}
			}
			line(c.Sick, cluster.Say(r, limits), names)
		}
		if len(c.Clusters) == 0 {
			line(c.Sick, text.New("watch.clusters_none"), nil)
		}
	}
	return table.WriteBook(w, sicknessSpec, sicknessSpec.Title.ZH, rows)
}
