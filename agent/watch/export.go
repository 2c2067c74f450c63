package watch

import (
	"io"

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

// Write writes all cases as a workbook, without what was noted about families. Unless
// open is set, names and numbers are masked.
func (d *Desk) Write(w io.Writer, open bool) error {
	r, err := d.book.Open()
	if err != nil {
		return err
	}
	all, err := d.Cases()
	if err != nil {
		return err
	}
	id, name := schema.MaskID, schema.MaskName
	if open {
		same := func(s string) string { return s }
		id, name = same, same
	}
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
