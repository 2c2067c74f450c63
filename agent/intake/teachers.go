package intake

import (
	"shangu/schema"
	"shangu/schema/table"
	"shangu/schema/text"
)

// Columns of a list of teachers, in the order of exports.
const (
	tNo = iota
	tID
	tName
	tSex
	tBirth
	tSubject
	tTitle
	tPost
	tMountain
	tBackbone
	tCitizen
	tPhone
)

var teachersSpec = table.NewSpec(text.Label{ZH: "教师名册", EN: "list of teachers"},
	table.Column{Name: "no", Titles: []string{"序号", "编号"}, Filler: true},
	table.Column{Name: "teacher_id", Titles: []string{"教师编号", "工号", "教职工编号", "教师工号"}, Required: true},
	table.Column{Name: "name", Titles: []string{"姓名", "教师姓名"}, Required: true},
	table.Column{Name: "sex", Titles: []string{"性别"}},
	table.Column{Name: "birth_year", Titles: []string{"出生年份", "出生年月", "出生日期"}},
	table.Column{Name: "subject", Titles: []string{"任教学科", "学科", "任教科目"}},
	table.Column{Name: "title", Titles: []string{"职称", "专业技术职务"}},
	table.Column{Name: "post", Titles: []string{"编制", "编制情况", "用工形式"}},
	table.Column{Name: "mountain_post", Titles: []string{"是否山区岗位", "山区岗位"}},
	table.Column{Name: "backbone", Titles: []string{"是否骨干教师", "骨干教师"}},
	table.Column{Name: "citizen_id", Titles: []string{"身份证件号", "身份证号", "身份证号码"}, Private: true},
	table.Column{Name: "phone", Titles: []string{"联系电话", "电话", "手机", "手机号", "手机号码"}, Private: true},
)

func (p *planner) teachers(data []byte) error {
	docs, err := p.load(schema.KindTeacher)
	if err != nil {
		return err
	}
	lines := map[string]int{}
	p.read(data, teachersSpec, func(r *table.Row) {
		name, ok := r.Need(tName)
		if _, given := r.Need(tID); !given || !ok {
			return
		}
		id := r.Code(tID)
		if m := schema.CheckID(schema.KindTeacher, id); m != nil {
			r.Fail(tID, m)
			return
		}
		if first, twice := lines[id]; twice {
			r.Fail(tID, text.New("intake.twice", "value", id, "line", first))
			return
		}
		lines[id] = r.Line
		d := p.row(r, schema.KindTeacher, id, docs[id], map[schema.FieldNum]int{
			schema.TeacherName: tName, schema.TeacherSex: tSex, schema.TeacherBirth: tBirth, schema.TeacherSubject: tSubject,
			schema.TeacherTitle: tTitle, schema.TeacherPost: tPost, schema.TeacherMountain: tMountain, schema.TeacherBackbone: tBackbone,
		})
		if d.doc.Void() {
			p.note(r.Where(tID, text.New("intake.void", "value", id)))
			p.line(Same, place{r.Sheet, r.Line}, name, len(p.plan.Edits))
			return
		}
		d.cell(schema.TeacherName, func(int) schema.Value { return schema.Said(name) })
		d.cell(schema.TeacherSex, func(c int) schema.Value { return code(r, c, schema.Sexes) })
		d.cell(schema.TeacherBirth, func(c int) schema.Value {
			if len(r.Code(c)) == 4 {
				return opt(r.Int(c, 1900, 2100))
			}
			m, ok := r.Month(c)
			return opt(m/100, ok)
		})
		for _, n := range []schema.FieldNum{schema.TeacherSubject, schema.TeacherTitle, schema.TeacherPost} {
			d.cell(n, func(c int) schema.Value { return schema.Said(r.Text(c)) })
		}
		for _, n := range []schema.FieldNum{schema.TeacherMountain, schema.TeacherBackbone} {
			d.cell(n, func(c int) schema.Value { return optBool(r.Bool(c)) })
		}
		first := len(p.plan.Edits)
		p.line(p.commit(d.draft), place{r.Sheet, r.Line}, name, first)
	})
	p.missing(docs, lines, "intake.teachers_missing", schema.TeacherName)
	return nil
}
