package watch

import (
	"io"
	"strings"

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
	return table.Write(w, table.XLSX, casesSpec, casesSpec.Title.ZH, func(yield func([]any, error) bool) {
		for _, c := range all {
			cells := make([]any, len(casesSpec.Columns))
			cells[0] = id(c.PupilID)
			if p := r.Pupil(c.PupilID); p != nil {
				cells[1] = name(p.Name)
				if class := r.ClassOn(p, c.Opened); class != nil {
					cells[2] = class.Name
				}
			}
			cells[3], cells[4] = c.Opened.String(), schema.CaseRules.Label(int64(c.Rule)).ZH
			cells[5], cells[6] = name(c.By), len(c.Steps)
			if len(c.Steps) > 0 {
				cells[7] = c.Last().String()
			}
			if c.Closed != 0 {
				cells[8], cells[9] = c.Closed.String(), schema.CaseEnds.Label(int64(c.End)).ZH
			}
			if !yield(cells, nil) {
				return
			}
		}
	})
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
	return table.Write(w, table.XLSX, watchedSpec, watchedSpec.Title.ZH, func(yield func([]any, error) bool) {
		for _, p := range all {
			if !yield([]any{id(p.ID), name(p.Name), r.ClassOn(p, on).Name}, nil) {
				return
			}
		}
	})
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
	return table.Write(w, table.XLSX, findingsSpec, findingsSpec.Title.ZH, func(yield func([]any, error) bool) {
		row := func(f Finding, rules []int) bool {
			var why, on []string
			for _, n := range rules {
				why = append(why, schema.CaseRules.Label(int64(n)).ZH)
			}
			for _, day := range f.Days {
				on = append(on, day.String())
			}
			return yield([]any{id(f.Pupil.ID), name(f.Pupil.Name), f.Class.Name, strings.Join(why, "、"), len(on), strings.Join(on, "、")}, nil)
		}
		for _, f := range found {
			if !row(f, f.Rules) {
				return
			}
		}
		for _, f := range gone {
			if !row(f, []int{schema.CaseGone}) {
				return
			}
		}
	})
}
