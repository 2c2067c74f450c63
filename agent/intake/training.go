package intake

import (
	"shangu/schema"
	"shangu/schema/table"
	"shangu/schema/text"
	"shangu/sync/change"
)

// Columns of training records, in the order of exports.
const (
	gDate = iota
	gEnd
	gTeacher
	gProgramme
	gTitle
	gLevel
	gMode
	gHours
	gResult
	gCertificate
	gProvider
	gCost
)

var trainingSpec = func() *table.Spec {
	s := table.NewSpec(text.Label{ZH: "培训记录", EN: "list of training"},
		table.Column{Name: "date", Titles: []string{"日期", "培训日期", "开始日期"}, Required: true},
		table.Column{Name: "end_date", Titles: []string{"结束日期"}},
		table.Column{Name: "teacher_id", Titles: []string{"教师编号", "工号", "教职工编号"}, Required: true},
		table.Column{Name: "programme", Titles: []string{"培训项目", "项目"}},
		table.Column{Name: "title", Titles: []string{"培训名称", "培训内容", "名称"}, Required: true},
		table.Column{Name: "level", Titles: []string{"级别", "培训级别"}},
		table.Column{Name: "mode", Titles: []string{"培训方式", "方式"}},
		table.Column{Name: "hours", Titles: []string{"学时", "课时"}, Required: true},
		table.Column{Name: "result", Titles: []string{"考核结果", "结果"}},
		table.Column{Name: "certificate", Titles: []string{"证书编号", "证书号"}},
		table.Column{Name: "provider", Titles: []string{"培训单位", "主办单位"}},
		table.Column{Name: "cost", Titles: []string{"费用", "费用（元）"}},
	)
	s.Empty = true
	return s
}()

func trainingGroup(date schema.Date, teacher string) string { return date.String() + "/" + teacher }

func (p *planner) training(data []byte) error {
	teachers, err := p.load(schema.KindTeacher)
	if err != nil {
		return err
	}
	var all []*record
	p.read(data, trainingSpec, func(r *table.Row) {
		_, ok1 := r.Need(gDate)
		_, ok2 := r.Need(gTeacher)
		_, ok3 := r.Need(gTitle)
		if !ok1 || !ok2 || !ok3 {
			return
		}
		date, ok := p.happened(r, gDate)
		teacher := r.Code(gTeacher)
		if teachers[teacher] == nil {
			r.Fail(gTeacher, text.New("intake.no_teacher", "teacher", teacher))
			return
		}
		if end, has := r.Date(gEnd); ok && has && end < date {
			failOrder(r, gEnd, date, end)
		}
		if !ok {
			return
		}
		d := p.rec(r, trainingGroup(date, teacher), map[schema.FieldNum]int{
			schema.TrainingTeacher: gTeacher, schema.TrainingDate: gDate, schema.TrainingEnd: gEnd, schema.TrainingProgramme: gProgramme,
			schema.TrainingTitle: gTitle, schema.TrainingLevel: gLevel, schema.TrainingMode: gMode, schema.TrainingHours: gHours,
			schema.TrainingResult: gResult, schema.TrainingCertificate: gCertificate, schema.TrainingProvider: gProvider, schema.TrainingCost: gCost,
		})
		title, programme := schema.Said(r.Text(gTitle)), schema.Said(r.Text(gProgramme))
		d.cell(schema.TrainingTeacher, gTeacher, func(int) schema.Value { return schema.Said(teacher) })
		d.cell(schema.TrainingDate, gDate, func(int) schema.Value { return schema.Int(int64(date)) })
		d.cell(schema.TrainingEnd, gEnd, func(c int) schema.Value { return opt(r.Date(c)) })
		d.cell(schema.TrainingProgramme, gProgramme, func(int) schema.Value { return programme })
		d.cell(schema.TrainingTitle, gTitle, func(int) schema.Value { return title })
		d.cell(schema.TrainingLevel, gLevel, func(c int) schema.Value { return code(r, c, schema.TrainingLevels) })
		d.cell(schema.TrainingMode, gMode, func(c int) schema.Value { return code(r, c, schema.TrainingModes) })
		d.cell(schema.TrainingHours, gHours, func(c int) schema.Value { return opt(r.Decimal(c, 1, 0, 10000)) })
		d.cell(schema.TrainingResult, gResult, func(c int) schema.Value { return code(r, c, schema.TrainingResults) })
		d.cell(schema.TrainingCertificate, gCertificate, func(c int) schema.Value { return schema.Said(r.Text(c)) })
		d.cell(schema.TrainingProvider, gProvider, func(c int) schema.Value { return schema.Said(r.Text(c)) })
		d.cell(schema.TrainingCost, gCost, func(c int) schema.Value { return opt(r.Decimal(c, 2, 0, 100_000_000)) })
		d.like = []schema.Value{title, programme}
		all = append(all, d.record)
	})
	if p.problems.Len() > 0 {
		return nil
	}
	return p.records(schema.KindTraining, all, func(d *change.Doc) string {
		n, _ := d.Value(schema.TrainingDate).Int()
		return trainingGroup(schema.Date(n), d.Value(schema.TrainingTeacher).Text())
	}, func(d *change.Doc) []schema.Value {
		return []schema.Value{filled(d.Value(schema.TrainingTitle)), filled(d.Value(schema.TrainingProgramme))}
	})
}
