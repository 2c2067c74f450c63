package intake

import (
	"shangu/schema"
	"shangu/schema/table"
	"shangu/schema/text"
	"shangu/sync/change"
)

// Columns of visits, in the order of exports.
const (
	vDate = iota
	vEnd
	vAgreement
	vHelper
	vDirection
	vKind
	vMode
	vTopic
	vVisitors
	vNames
	vHours
	vPupils
	vTeachers
	vClasses
	vDropped
	vNote
)

var visitsSpec = func() *table.Spec {
	s := table.NewSpec(text.Label{ZH: "帮扶活动", EN: "list of visits"},
		table.Column{Name: "date", Titles: []string{"日期", "活动日期", "开始日期"}, Required: true},
		table.Column{Name: "end_date", Titles: []string{"结束日期"}},
		table.Column{Name: "agreement", Titles: []string{"协议编号"}, Required: true},
		table.Column{Name: "helper_school", Titles: []string{"帮扶校标识码", "帮扶校"}, Required: true},
		table.Column{Name: "direction", Titles: []string{"方向"}},
		table.Column{Name: "kind", Titles: []string{"活动类型", "类型", "活动形式"}, Required: true},
		table.Column{Name: "mode", Titles: []string{"方式", "活动方式"}},
		table.Column{Name: "topic", Titles: []string{"主题", "活动主题", "活动内容"}},
		table.Column{Name: "visitors", Titles: []string{"来访人数", "参与人数"}},
		table.Column{Name: "visitor_names", Titles: []string{"来访人员", "参与人员"}},
		table.Column{Name: "hours", Titles: []string{"课时", "时长", "学时"}},
		table.Column{Name: "students_reached", Titles: []string{"受益学生数", "受益学生"}},
		table.Column{Name: "teachers_reached", Titles: []string{"受益教师数", "受益教师"}},
		table.Column{Name: "classes", Titles: []string{"覆盖班级"}},
		table.Column{Name: "dropped", Titles: []string{"是否掉线"}},
		table.Column{Name: "note", Titles: []string{"备注"}},
	)
	s.Empty = true
	return s
}()

// visitGroup is what a visit's id begins with: day and agreement, or the helper
// for a visit under no agreement.
func visitGroup(date schema.Date, agreement, helper string) string {
	if agreement == "" {
		agreement = helper
	}
	return date.String() + "/" + agreement
}

func (p *planner) visits(data []byte) error {
	var all []*record
	p.read(data, visitsSpec, func(r *table.Row) {
		_, ok1 := r.Need(vDate)
		_, ok2 := r.Need(vHelper)
		_, ok3 := r.Need(vKind)
		if !ok1 || !ok2 || !ok3 {
			return
		}
		date, ok := p.happened(r, vDate)
		helper := r.Code(vHelper)
		if wrong, _ := schema.CheckSchoolCode(helper); wrong != nil {
			r.Fail(vHelper, wrong)
			return
		}
		if end, has := r.Date(vEnd); ok && has && end < date {
			failOrder(r, vEnd, date, end)
		}
		if !ok {
			return
		}
		agreement := r.Code(vAgreement)
		d := p.rec(r, visitGroup(date, agreement, helper), map[schema.FieldNum]int{
			schema.VisitDate: vDate, schema.VisitEnd: vEnd, schema.VisitAgreement: vAgreement, schema.VisitHelper: vHelper,
			schema.VisitDirection: vDirection, schema.VisitKind: vKind, schema.VisitMode: vMode, schema.VisitTopic: vTopic,
			schema.VisitVisitors: vVisitors, schema.VisitVisitorNames: vNames, schema.VisitHours: vHours, schema.VisitPupils: vPupils,
			schema.VisitTeachers: vTeachers, schema.VisitClasses: vClasses, schema.VisitDropped: vDropped, schema.VisitNote: vNote,
		})
		kind, topic := code(r, vKind, schema.VisitKinds), schema.Said(r.Text(vTopic))
		d.cell(schema.VisitDate, vDate, func(int) schema.Value { return schema.Int(int64(date)) })
		d.cell(schema.VisitEnd, vEnd, func(c int) schema.Value { return opt(r.Date(c)) })
		d.cell(schema.VisitAgreement, vAgreement, func(int) schema.Value { return schema.Said(agreement) })
		d.cell(schema.VisitHelper, vHelper, func(int) schema.Value { return schema.Said(helper) })
		if r.Text(vDirection) != "" {
			d.cell(schema.VisitDirection, vDirection, func(c int) schema.Value { return code(r, c, schema.VisitDirections) })
		} else {
			d.guess = append(d.guess, change.Field{Key: schema.Key{Num: schema.VisitDirection}, Value: schema.Int(schema.UsualDirection(number(kind)))})
		}
		d.cell(schema.VisitKind, vKind, func(int) schema.Value { return kind })
		d.cell(schema.VisitMode, vMode, func(c int) schema.Value { return code(r, c, schema.VisitModes) })
		d.cell(schema.VisitTopic, vTopic, func(int) schema.Value { return topic })
		d.cell(schema.VisitVisitors, vVisitors, func(c int) schema.Value { return opt(r.Int(c, 0, 100000)) })
		d.cell(schema.VisitVisitorNames, vNames, func(c int) schema.Value { return schema.SaidList(r.List(c)) })
		d.cell(schema.VisitHours, vHours, func(c int) schema.Value { return opt(r.Decimal(c, 1, 0, 10000)) })
		d.cell(schema.VisitPupils, vPupils, func(c int) schema.Value { return opt(r.Int(c, 0, 100000)) })
		d.cell(schema.VisitTeachers, vTeachers, func(c int) schema.Value { return opt(r.Int(c, 0, 100000)) })
		d.cell(schema.VisitClasses, vClasses, func(c int) schema.Value { return schema.SaidList(r.List(c)) })
		d.cell(schema.VisitDropped, vDropped, func(c int) schema.Value { return optBool(r.Bool(c)) })
		d.cell(schema.VisitNote, vNote, func(c int) schema.Value { return schema.Said(r.Text(c)) })
		d.like = []schema.Value{topic, kind}
		all = append(all, d.record)
	})
	if p.problems.Len() > 0 {
		return nil
	}
	return p.records(schema.KindVisit, all, func(d *change.Doc) string {
		n, _ := d.Value(schema.VisitDate).Int()
		return visitGroup(schema.Date(n), d.Value(schema.VisitAgreement).Text(), d.Value(schema.VisitHelper).Text())
	}, func(d *change.Doc) []schema.Value {
		return []schema.Value{filled(d.Value(schema.VisitTopic)), filled(d.Value(schema.VisitKind))}
	})
}

// number is a value's number, 0 if it has none.
func number(v schema.Value) int64 { n, _ := v.Int(); return n }

// filled makes the two ways of holding nothing one.
func filled(v schema.Value) schema.Value {
	if v == "" {
		return schema.Nil
	}
	return v
}

func (p *planner) rec(r *table.Row, group string, cols map[schema.FieldNum]int) *rec {
	at := place{r.Sheet, r.Line}
	where := map[schema.FieldNum]table.Problem{}
	for n, c := range cols {
		where[n] = r.Where(c, nil)
	}
	return &rec{&record{at: at, group: group, bad: func(n schema.FieldNum, m *text.Message) {
		w, ok := where[n]
		if !ok {
			w = at.problem("", nil)
		}
		w.Message = m
		p.problems.Add(w)
	}}, r}
}
