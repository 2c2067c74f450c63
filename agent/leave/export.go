package leave

import (
	"io"

	"shangu/schema"
	"shangu/schema/table"
	"shangu/schema/text"
)

var spec = table.NewSpec(text.Label{ZH: "请假", EN: "planned leave"},
	table.Column{Name: "from", Titles: []string{"开始日期"}}, table.Column{Name: "to", Titles: []string{"结束日期"}}, table.Column{Name: "session", Titles: []string{"时段"}},
	table.Column{Name: "status", Titles: []string{"出勤状态"}}, table.Column{Name: "symptom", Titles: []string{"症状"}},
	table.Column{Name: "student_id", Titles: []string{"全国学籍号"}}, table.Column{Name: "name", Titles: []string{"姓名"}}, table.Column{Name: "class", Titles: []string{"班级"}},
	table.Column{Name: "reason", Titles: []string{"事由"}}, table.Column{Name: "by", Titles: []string{"填写人"}},
)

// Write writes all that All lists as a workbook, a line for each pupil. Unless open is
// set, names and numbers are masked and reasons left out: they tell of families.
func (d *Desk) Write(w io.Writer, open bool) error {
	r, err := d.book.Open()
	if err != nil {
		return err
	}
	all, err := d.All()
	if err != nil {
		return err
	}
	id, name := schema.Masks(open)
	return table.Write(w, table.XLSX, spec, spec.Title.ZH, func(yield func([]any, error) bool) {
		for _, l := range all {
			session, symptom, reason := text.New("leave.all_day"), "", ""
			if l.Session != 0 {
				session = text.New("sheet.session_" + l.Session.String())
			}
			if l.Symptom != 0 {
				symptom = schema.Symptoms.Label(int64(l.Symptom)).ZH
			}
			if open {
				reason = l.Reason
			}
			for _, pupil := range l.Pupils {
				called, class := "", ""
				if p := r.Pupil(pupil); p != nil {
					called = name(p.Name)
					if c := r.ClassOn(p, l.From); c != nil {
						class = c.Name
					}
				}
				if !yield([]any{l.From.String(), l.To.String(), session.In(text.ZH), schema.Statuses.Label(int64(l.Status)).ZH, symptom, id(pupil), called, class, reason, name(l.By)}, nil) {
					return
				}
			}
		}
	})
}
