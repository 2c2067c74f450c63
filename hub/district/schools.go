package district

import (
	"fmt"
	"slices"

	"shangu/schema"
	"shangu/schema/table"
	"shangu/schema/text"
	"shangu/sync/change"
)

// Columns of the list of schools.
const (
	sNo = iota
	sCode
	sName
	sCategory
	sRegion
	sTownship
	sMountain
	sWeak
)

var schoolsSpec = table.NewSpec(text.Label{ZH: "学校名单", EN: "list of schools"},
	table.Column{Name: "no", Titles: []string{"序号"}, Filler: true},
	table.Column{Name: "school_code", Titles: []string{"学校标识码", "标识码", "学校代码"}, Required: true},
	table.Column{Name: "name", Titles: []string{"学校名称", "名称", "学校"}, Required: true},
	table.Column{Name: "category", Titles: []string{"办学类型", "学校类别"}},
	table.Column{Name: "region", Titles: []string{"所在地区划代码", "区划代码", "行政区划代码"}},
	table.Column{Name: "township", Titles: []string{"乡镇街道", "乡镇", "街道"}},
	table.Column{Name: "mountain", Titles: []string{"是否山区校", "山区校"}, Required: true},
	table.Column{Name: "weak", Titles: []string{"是否薄弱校", "薄弱校"}},
)

// failAt reports in the column that speaks of a field.
func failAt(r *table.Row, cols map[schema.FieldNum]int) func(schema.FieldNum, *text.Message) {
	return func(n schema.FieldNum, m *text.Message) {
		if c, ok := cols[n]; ok {
			r.Fail(c, m)
			return
		}
		r.FailRow(m)
	}
}

func (p *planner) schools(data []byte) error {
	lines := map[string]int{}
	var broken error
	p.plan.Schools.Rows = p.read(schoolsFile, data, schoolsSpec, func(r *table.Row) {
		name, ok := r.Need(sName)
		if _, given := r.Need(sCode); !given || !ok || broken != nil {
			return
		}
		code := r.Code(sCode)
		wrong, odd := schema.CheckSchoolCode(code)
		if wrong != nil {
			r.Fail(sCode, wrong)
			return
		}
		for _, m := range odd {
			p.plan.Notes = append(p.plan.Notes, r.Where(sCode, m))
		}
		if first, twice := lines[code]; twice {
			r.Fail(sCode, text.New("district.twice", "value", code, "line", first))
			return
		}
		lines[code] = r.Line
		p.names[code] = name
		d, err := p.draft(schema.KindSchool, code, failAt(r, map[schema.FieldNum]int{
			schema.SchoolName: sName, schema.SchoolCategory: sCategory, schema.SchoolRegion: sRegion,
			schema.SchoolTownship: sTownship, schema.SchoolMountain: sMountain, schema.SchoolWeak: sWeak,
		}))
		if err != nil {
			broken = err
			return
		}
		d.set(schema.SchoolName, schema.Said(name))
		if r.Has(sCategory) {
			d.set(schema.SchoolCategory, schema.Said(r.Text(sCategory)))
		}
		if r.Has(sRegion) {
			d.set(schema.SchoolRegion, schema.Said(r.Code(sRegion)))
		}
		if r.Has(sTownship) {
			d.set(schema.SchoolTownship, schema.Said(r.Text(sTownship)))
		}
		for n, c := range map[schema.FieldNum]int{schema.SchoolMountain: sMountain, schema.SchoolWeak: sWeak} {
			if b, ok := r.Bool(c); ok {
				d.set(n, schema.Bool(b))
			}
		}
		p.commit(d, &p.plan.Schools)
	})
	return broken
}

// school returns the name of a school that the file or the store knows.
func (p *planner) school(code string) (name string, ok bool) {
	name, ok = p.names[code]
	return name, ok
}

// known adds the store's schools to those of the file.
func (p *planner) known() error {
	err := p.view.Docs(schema.DistrictScope, schema.KindSchool, func(d *change.Doc) error {
		if _, there := p.names[d.ID]; !there && !d.Void() {
			p.names[d.ID] = d.Value(schema.SchoolName).Text()
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read schools: %w", err)
	}
	return nil
}

// Columns of the list of agreements. An agreement of several members has a row
// for each.
const (
	aNo = iota
	aNumber
	aLead
	aLeadName
	aMember
	aMemberName
	aForm
	aTight
	aOfficial
	aFrom
	aTo
	aSeries
)

var agreementsSpec = table.NewSpec(text.Label{ZH: "帮扶结对一览表", EN: "list of agreements"},
	table.Column{Name: "no", Titles: []string{"序号"}, Filler: true},
	table.Column{Name: "agreement", Titles: []string{"协议编号", "编号"}, Required: true},
	table.Column{Name: "lead", Titles: []string{"帮扶校标识码", "牵头校标识码"}, Required: true},
	table.Column{Name: "lead_name", Titles: []string{"帮扶校", "牵头校"}},
	table.Column{Name: "member", Titles: []string{"受援校标识码", "成员校标识码"}, Required: true},
	table.Column{Name: "member_name", Titles: []string{"受援校", "成员校"}},
	table.Column{Name: "form", Titles: []string{"帮扶形式", "结对形式"}},
	table.Column{Name: "tight", Titles: []string{"是否紧密型", "紧密型"}},
	table.Column{Name: "official", Titles: []string{"包联领导"}},
	table.Column{Name: "from", Titles: []string{"起始日期", "开始日期"}},
	table.Column{Name: "to", Titles: []string{"截止日期", "结束日期"}},
	table.Column{Name: "series", Titles: []string{"系列"}},
)

// agreement is one agreement as the file has it: what its first row says of it,
// and its members.
type agreement struct {
	line    int
	draft   *draft
	said    []string // the cells that each of its rows must agree in
	members []string
}

func (p *planner) agreements(data []byte) error {
	if err := p.known(); err != nil {
		return err
	}
	var all []*agreement
	byNumber := map[string]*agreement{}
	var broken error
	p.plan.Agreements.Rows = p.read(partnershipsFile, data, agreementsSpec, func(r *table.Row) {
		_, ok1 := r.Need(aNumber)
		_, ok2 := r.Need(aLead)
		_, ok3 := r.Need(aMember)
		if !ok1 || !ok2 || !ok3 || broken != nil {
			return
		}
		lead, ok1 := p.party(r, aLead)
		member, ok2 := p.party(r, aMember)
		if !ok1 || !ok2 {
			return
		}
		if lead == member {
			r.Fail(aMember, text.New("district.own_helper", "school", member))
			return
		}
		number := r.Code(aNumber)
		a := byNumber[number]
		if a == nil {
			a = &agreement{line: r.Line}
			if a.draft, broken = p.agreement(r, number, lead); broken != nil {
				return
			}
			byNumber[number] = a
			all = append(all, a)
		}
		for i, c := range []int{aLead, aForm, aTight, aOfficial, aFrom, aTo, aSeries} {
			if len(a.said) <= i {
				a.said = append(a.said, r.Text(c))
			} else if a.said[i] != r.Text(c) {
				r.Fail(c, text.New("district.differs", "agreement", number, "line", a.line, "value", a.said[i]))
			}
		}
		if slices.Contains(a.members, member) {
			r.Fail(aMember, text.New("district.member_twice", "agreement", number, "school", member))
			return
		}
		a.members = append(a.members, member)
		name := r.Text(aMemberName)
		if name == "" {
			name, _ = p.school(member)
		}
		a.draft.bad = failAt(r, map[schema.FieldNum]int{schema.AgreementMember: aMemberName})
		a.draft.setKey(schema.Key{Num: schema.AgreementMember, Sub: member}, schema.Said(name))
	})
	if broken != nil || p.problems.Len() > 0 {
		return broken
	}
	for _, a := range all {
		a.draft.doc.Each(func(k schema.Key, v schema.Value) {
			if k.Num == schema.AgreementMember && !slices.Contains(a.members, k.Sub) {
				a.draft.setKey(k, schema.Nil)
			}
		})
		p.commit(a.draft, &p.plan.Agreements)
	}
	return nil
}

// party reads a school's code that must be known.
func (p *planner) party(r *table.Row, c int) (string, bool) {
	code := r.Code(c)
	if wrong, _ := schema.CheckSchoolCode(code); wrong != nil {
		r.Fail(c, wrong)
		return "", false
	}
	if _, ok := p.school(code); !ok {
		r.Fail(c, text.New("district.no_school", "school", code))
		return "", false
	}
	return code, true
}

// agreement drafts what the first of an agreement's rows says of all of it.
func (p *planner) agreement(r *table.Row, number, lead string) (*draft, error) {
	d, err := p.draft(schema.KindAgreement, number, failAt(r, map[schema.FieldNum]int{
		schema.AgreementLead: aLead, schema.AgreementLeadName: aLeadName, schema.AgreementForm: aForm, schema.AgreementTight: aTight,
		schema.AgreementOfficial: aOfficial, schema.AgreementFrom: aFrom, schema.AgreementTo: aTo, schema.AgreementSeries: aSeries,
	}))
	if err != nil {
		return nil, err
	}
	if m := schema.CheckID(schema.KindAgreement, number); m != nil {
		r.Fail(aNumber, m)
	}
	d.set(schema.AgreementLead, schema.Said(lead))
	name := r.Text(aLeadName)
	if name == "" {
		name, _ = p.school(lead)
	}
	d.set(schema.AgreementLeadName, schema.Said(name))
	if r.Has(aForm) {
		d.set(schema.AgreementForm, form(r))
	}
	if b, ok := r.Bool(aTight); ok {
		d.set(schema.AgreementTight, schema.Bool(b))
	}
	if r.Has(aOfficial) {
		d.set(schema.AgreementOfficial, schema.Said(r.Text(aOfficial)))
	}
	if r.Has(aSeries) {
		d.set(schema.AgreementSeries, schema.Said(r.Text(aSeries)))
	}
	from, ok1 := r.Date(aFrom)
	to, ok2 := r.Date(aTo)
	if ok1 && ok2 && to < from {
		r.Fail(aTo, text.New("district.ends_before", "from", from, "to", to))
	}
	for n, x := range map[schema.FieldNum]struct {
		c  int
		d  schema.Date
		ok bool
	}{schema.AgreementFrom: {aFrom, from, ok1}, schema.AgreementTo: {aTo, to, ok2}} {
		switch {
		case x.ok:
			d.set(n, schema.Int(int64(x.d)))
		case r.Has(x.c):
			d.set(n, schema.Nil)
		}
	}
	return d, nil
}

func form(r *table.Row) schema.Value {
	s := r.Text(aForm)
	if s == "" {
		return schema.Nil
	}
	c, ok := schema.AgreementForms.Parse(s)
	if !ok {
		r.Fail(aForm, text.New("district.no_form", "value", s, "choices", schema.AgreementForms.Choices()))
		return schema.Nil
	}
	return schema.Int(c.Num)
}
