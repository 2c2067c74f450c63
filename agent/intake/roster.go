package intake

import (
	"fmt"
	"strings"

	"shangu/schema"
	"shangu/schema/table"
	"shangu/schema/text"
	"shangu/sync/change"
)

// Columns of a roster, in the order of exports.
const (
	rNo = iota
	rID
	rName
	rSex
	rBirth
	rEthnic
	rGrade
	rClass
	rAdmitted
	rAdmission
	rBoarder
	rLeftBehind
	rYear
	rDisability
	rWatch
	rCitizen
	rAddress
	rGuardian
	rPhone
)

// rosterSpec is what a roster looks like. Numbers of identity cards, addresses
// and phones are left out unless the district keeps them.
func rosterSpec(contacts bool) *table.Spec {
	return table.NewSpec(text.Label{ZH: "学生名册", EN: "roster"},
		table.Column{Name: "no", Titles: []string{"序号", "编号"}, Filler: true},
		table.Column{Name: "student_id", Titles: []string{"全国学籍号", "学籍号", "学籍编号", "全国学籍编号"}, Required: true},
		table.Column{Name: "name", Titles: []string{"姓名", "学生姓名"}, Required: true},
		table.Column{Name: "sex", Titles: []string{"性别"}},
		table.Column{Name: "birth", Titles: []string{"出生日期", "出生年月日", "生日"}},
		table.Column{Name: "ethnic", Titles: []string{"民族"}},
		table.Column{Name: "grade", Titles: []string{"年级", "所在年级"}},
		table.Column{Name: "class", Titles: []string{"班级", "班级名称", "所在班级", "班"}, Required: true},
		table.Column{Name: "admitted", Titles: []string{"入学年月", "入学时间", "入学日期"}},
		table.Column{Name: "admission", Titles: []string{"入学方式"}},
		table.Column{Name: "boarder", Titles: []string{"是否住宿生", "住宿生", "是否住宿", "是否寄宿生", "寄宿生"}},
		table.Column{Name: "left_behind", Titles: []string{"是否留守儿童", "留守儿童"}},
		table.Column{Name: "school_year", Titles: []string{"学年"}},
		table.Column{Name: "disability", Titles: []string{"是否残疾", "是否残疾人", "残疾"}, Guarded: true},
		table.Column{Name: "watch", Titles: []string{"是否控辍重点关注", "控辍重点"}, Guarded: true},
		table.Column{Name: "citizen_id", Titles: []string{"身份证件号", "身份证号", "身份证号码", "身份证件号码"}, Private: !contacts, Guarded: true},
		table.Column{Name: "address", Titles: []string{"家庭住址", "家庭地址", "住址", "现住址", "户籍地址", "户口所在地"}, Private: !contacts, Guarded: true},
		table.Column{Name: "guardian", Titles: []string{"监护人", "监护人姓名", "家长姓名"}, Private: !contacts, Guarded: true},
		table.Column{Name: "phone", Titles: []string{"联系电话", "家长电话", "监护人电话", "电话", "手机", "手机号", "手机号码"}, Private: !contacts, Guarded: true},
	)
}

// contacts reports whether the district keeps identity numbers, addresses and
// phones.
func (p *planner) contacts() (bool, error) {
	d, err := p.view.Doc(schema.DistrictScope, schema.KindSetting, schema.SettingKeepContacts)
	if err != nil {
		return false, fmt.Errorf("read setting: %w", err)
	}
	return schema.Threshold(schema.SettingKeepContacts, d.Lookup) == 1, nil
}

// place is where in a file something stands.
type place struct {
	sheet string
	line  int
}

func (at place) problem(column string, m *text.Message) table.Problem {
	return table.Problem{Sheet: at.sheet, Line: at.line, Column: column, Message: m}
}

// entrant is a pupil as a roster shows one: in a class.
type entrant struct {
	at       place
	id       string
	name     string
	class    string // name
	grade    string
	admitted int64 // year*100+month; 0 if not said
	draft    *draft
}

func (p *planner) roster(data []byte) error {
	contacts, err := p.contacts()
	if err != nil {
		return err
	}
	pupils, err := p.load(schema.KindPupil)
	if err != nil {
		return err
	}
	var all []*entrant
	lines := map[string]int{}
	p.read(data, rosterSpec(contacts), func(r *table.Row) {
		e := &entrant{at: place{r.Sheet, r.Line}}
		_, ok1 := r.Need(rID)
		name, ok2 := r.Need(rName)
		_, ok3 := r.Need(rClass)
		if !ok1 {
			return
		}
		e.id = schema.FoldPupilID(r.Text(rID))
		if m := schema.CheckPupilID(e.id); m != nil {
			r.Fail(rID, m)
			return
		}
		if first, twice := lines[e.id]; twice {
			r.Fail(rID, text.New("intake.twice", "value", e.id, "line", first))
			return
		}
		lines[e.id] = r.Line
		if !ok2 || !ok3 {
			return
		}
		if pupils[e.id].Void() {
			p.note(r.Where(rID, text.New("intake.void", "value", e.id)))
			p.line(Same, e.at, name, len(p.plan.Edits))
			return
		}
		e.name = name
		e.grade = schema.FoldClass(r.Text(rGrade))
		e.class = className(e.grade, r.Text(rClass))
		if r.Text(rYear) != "" {
			p.readYear(r)
		}
		e.draft = p.pupil(r, e, name, pupils[e.id])
		all = append(all, e)
	})
	p.missing(pupils, lines, "intake.pupils_missing", schema.PupilName)
	if p.problems.Len() > 0 {
		return nil
	}
	return p.enrol(all, pupils)
}

// readYear takes the school year from its column: "2026" or "2026-2027".
func (p *planner) readYear(r *table.Row) {
	s := strings.TrimSuffix(r.Code(rYear), "学年")
	var y int
	if _, err := fmt.Sscanf(s, "%4d", &y); err != nil || y < 1990 || y > 2100 {
		r.Fail(rYear, text.New("intake.no_year", "value", r.Text(rYear)))
		return
	}
	if p.year != 0 && p.year != y {
		r.Fail(rYear, text.New("intake.two_years", "value", y, "other", p.year))
		return
	}
	p.year = y
}

// pupil drafts the pupil's own document.
func (p *planner) pupil(r *table.Row, e *entrant, name string, doc *change.Doc) *draft {
	d := p.row(r, schema.KindPupil, e.id, doc, map[schema.FieldNum]int{
		schema.PupilName: rName, schema.PupilSex: rSex, schema.PupilBirth: rBirth, schema.PupilEthnic: rEthnic,
		schema.PupilBoarder: rBoarder, schema.PupilLeftBehind: rLeftBehind, schema.PupilDisability: rDisability,
		schema.PupilAdmitted: rAdmitted, schema.PupilAdmission: rAdmission, schema.PupilWatch: rWatch,
		schema.PupilCitizenID: rCitizen, schema.PupilAddress: rAddress, schema.PupilGuardian: rGuardian, schema.PupilPhone: rPhone,
	})
	d.cell(schema.PupilName, func(int) schema.Value { return schema.Said(name) })
	d.cell(schema.PupilSex, func(c int) schema.Value { return code(r, c, schema.Sexes) })
	d.cell(schema.PupilEthnic, func(c int) schema.Value { return code(r, c, schema.EthnicGroups) })
	born, _ := schema.PupilBirthOf(e.id)
	d.cell(schema.PupilBirth, func(c int) schema.Value {
		b, ok := r.Date(c)
		if ok && b.String() != born && e.id[0] != 'L' {
			p.note(r.Where(c, text.New("intake.birth_differs", "value", b, "born", born)))
		}
		return opt(b, ok)
	})
	for _, n := range []schema.FieldNum{schema.PupilBoarder, schema.PupilLeftBehind, schema.PupilDisability, schema.PupilWatch} {
		d.cell(n, func(c int) schema.Value { return optBool(r.Bool(c)) })
	}
	d.cell(schema.PupilAdmitted, func(c int) schema.Value {
		m, ok := r.Month(c)
		if birth, known := schema.ParseDate(born); ok && known {
			if age := int(m/100) - yearOf(birth); age < 2 || age > 25 {
				r.Fail(c, text.New("intake.admitted_age", "value", r.Text(c), "age", age))
				return schema.Nil
			}
		}
		if ok {
			e.admitted = m
		}
		return opt(m, ok)
	})
	for _, n := range []schema.FieldNum{schema.PupilAdmission, schema.PupilCitizenID, schema.PupilAddress, schema.PupilGuardian, schema.PupilPhone} {
		d.cell(n, func(c int) schema.Value { return schema.Said(r.Text(c)) })
	}
	return d.draft
}
