package intake

import (
	"slices"
	"strings"

	"shangu/schema"
	"shangu/schema/table"
	"shangu/schema/text"
)

// The files of a OneRoster 1.1 or 1.2 archive (1EdTech) that a roster needs.
// 1.2 moves a user's role to a file of its own; the rest is the same here.
const (
	fileUsers        = "users.csv"
	fileClasses      = "classes.csv"
	fileEnrollments  = "enrollments.csv"
	fileDemographics = "demographics.csv"
	fileRoles        = "roles.csv"
	fileSessions     = "academicsessions.csv"
)

// oneSpec is the Spec of a file whose headings are fixed; the first columns are
// required.
func oneSpec(file string, required int, columns ...string) *table.Spec {
	var cols []table.Column
	for i, c := range columns {
		cols = append(cols, table.Column{Name: c, Titles: []string{c}, Required: i < required})
	}
	s := table.NewSpec(text.Label{ZH: file, EN: file}, cols...)
	s.Empty = true
	return s
}

// gone reports whether a row was marked as deleted.
func gone(status string) bool { return strings.EqualFold(status, "tobedeleted") }

// member is one pupil of the archive.
type member struct {
	id       string // 学籍号
	name     string
	line     int
	sex      schema.Value
	birth    schema.Value
	grade    string
	role     bool // a pupil
	enrolled bool
}

// oneRoster imports a OneRoster archive: its pupils, the classes that are home
// rooms, and who is in which.
func (p *planner) oneRoster(data []byte) error {
	a, err := table.OpenArchive(data)
	if err != nil {
		if m := text.Of(err); m != nil {
			p.problems.Fail(m)
			return nil
		}
		return err
	}
	pupils, err := p.load(schema.KindPupil)
	if err != nil {
		return err
	}
	members := p.oneUsers(a)
	classes, home := p.oneClasses(a)
	if p.year == 0 {
		p.year = p.oneYear(a)
	}
	if p.problems.Len() > 0 {
		return nil
	}
	var all []*entrant
	lines := map[string]int{}
	spec := oneSpec(fileEnrollments, 3, "classSourcedId", "userSourcedId", "role", "status")
	p.onePart(a, fileEnrollments, spec, func(r *table.Row) {
		m, c := members[r.Text(1)], classes[r.Text(0)]
		if gone(r.Text(3)) || !strings.EqualFold(r.Text(2), "student") || home && c != nil && !c.home {
			return
		}
		switch {
		case c == nil:
			r.Fail(0, text.New("intake.one_no_class", "class", r.Text(0)))
			return
		case m == nil || !m.role:
			r.Fail(1, text.New("intake.one_no_user", "user", r.Text(1)))
			return
		}
		if first, twice := lines[m.id]; twice {
			r.Fail(1, text.New("intake.twice", "value", m.id, "line", first))
			return
		}
		lines[m.id] = r.Line
		m.enrolled = true
		if pupils[m.id].Void() {
			p.note(r.Where(1, text.New("intake.void", "value", m.id)))
			p.line(Same, place{fileUsers, m.line}, m.name, len(p.plan.Edits))
			return
		}
		p.plan.Rows++
		grade := m.grade
		if g, _, ok := gradeOf(c.name); ok {
			grade = g
		} else if c.grade != "" {
			grade = c.grade
		}
		e := &entrant{at: place{fileUsers, m.line}, id: m.id, name: m.name, grade: grade, class: className(grade, c.name)}
		e.draft = &draft{kind: schema.KindPupil, id: m.id, doc: pupils[m.id], bad: func(_ schema.FieldNum, bad *text.Message) {
			p.problems.Add(e.at.problem("", bad))
		}}
		e.draft.set(schema.PupilName, schema.Said(m.name))
		if m.sex != "" {
			e.draft.set(schema.PupilSex, m.sex)
		}
		if m.birth != "" {
			e.draft.set(schema.PupilBirth, m.birth)
		}
		all = append(all, e)
	})
	if p.problems.Len() > 0 {
		return nil
	}
	idle := 0
	for _, m := range members {
		if m.role && !m.enrolled {
			idle++
		}
	}
	if idle > 0 {
		p.note(table.Problem{Sheet: fileEnrollments, Message: text.New("intake.one_idle", "count", idle)})
	}
	if len(all) == 0 && p.plan.Same == 0 {
		p.problems.Add(table.Problem{Sheet: fileEnrollments, Message: text.New("intake.one_nobody")})
		return nil
	}
	p.missing(pupils, lines, "intake.pupils_missing", schema.PupilName)
	return p.enrol(all, pupils)
}

// onePart reads one file of the archive; its rows do not count as the
// roster's.
func (p *planner) onePart(a *table.Archive, file string, spec *table.Spec, each func(*table.Row)) {
	a.Read(file, spec, &p.problems, each)
}

// oneUsers reads the pupils. The 学籍号 is the identifier, or the number or the
// id itself, whichever is one.
func (p *planner) oneUsers(a *table.Archive) map[string]*member {
	members := map[string]*member{}
	var order []*member
	numbers := map[string]int{}
	spec := oneSpec(fileUsers, 3, "sourcedId", "givenName", "familyName", "identifier", "status", "role", "grades",
		"middleName", "userMasterIdentifier", "username")
	roles := p.oneRoles(a)
	p.onePart(a, fileUsers, spec, func(r *table.Row) {
		pupil := strings.EqualFold(r.Text(5), "student") || roles[r.Text(0)]
		if gone(r.Text(4)) || !pupil {
			return
		}
		m := &member{role: true, line: r.Line, name: r.Text(2) + r.Text(7) + r.Text(1), grade: oneGrade(r.Text(6))}
		for _, c := range []int{3, 8, 0, 9} {
			if id := schema.FoldPupilID(r.Text(c)); schema.CheckPupilID(id) == nil {
				m.id = id
				break
			}
		}
		if m.id == "" {
			r.Fail(3, text.New("intake.one_no_number", "name", m.name))
			return
		}
		if first, twice := numbers[m.id]; twice {
			r.Fail(3, text.New("intake.twice", "value", m.id, "line", first))
			return
		}
		if m.name == "" {
			r.Fail(2, text.New("table.empty_cell", "column", text.Label{ZH: "familyName", EN: "familyName"}))
			return
		}
		numbers[m.id] = r.Line
		members[r.Text(0)] = m
		order = append(order, m)
	})
	p.oneDemographics(a, members)
	return members
}

// oneRoles reads who is a pupil by 1.2's file of roles.
func (p *planner) oneRoles(a *table.Archive) map[string]bool {
	pupils := map[string]bool{}
	if !a.Has(fileRoles) {
		return pupils
	}
	p.onePart(a, fileRoles, oneSpec(fileRoles, 2, "userSourcedId", "role", "status"), func(r *table.Row) {
		if !gone(r.Text(2)) && strings.EqualFold(r.Text(1), "student") {
			pupils[r.Text(0)] = true
		}
	})
	return pupils
}

func (p *planner) oneDemographics(a *table.Archive, members map[string]*member) {
	if !a.Has(fileDemographics) {
		return
	}
	p.onePart(a, fileDemographics, oneSpec(fileDemographics, 1, "sourcedId", "birthDate", "sex", "status"), func(r *table.Row) {
		m := members[r.Text(0)]
		if m == nil || gone(r.Text(3)) {
			return
		}
		if d, ok := r.Date(1); ok {
			m.birth = schema.Int(int64(d))
		}
		if c, ok := schema.Sexes.Parse(r.Text(2)); ok {
			m.sex = schema.Int(c.Num)
		}
	})
}

// group is one class of the archive.
type group struct {
	name, grade string
	home        bool
}

// oneClasses reads the classes; home reports whether any is a home room. An
// archive that tells home rooms from lessons has pupils in both.
func (p *planner) oneClasses(a *table.Archive) (classes map[string]*group, home bool) {
	classes = map[string]*group{}
	p.onePart(a, fileClasses, oneSpec(fileClasses, 2, "sourcedId", "title", "classType", "grades", "status"), func(r *table.Row) {
		if gone(r.Text(4)) {
			return
		}
		title, ok := r.Need(1)
		if !ok {
			return
		}
		g := &group{name: title, grade: oneGrade(r.Text(3)), home: strings.EqualFold(r.Text(2), "homeroom")}
		home = home || g.home
		classes[r.Text(0)] = g
	})
	return classes, home
}

// oneYear is the newest school year of the archive's sessions, 0 if it has none.
func (p *planner) oneYear(a *table.Archive) (year int) {
	if !a.Has(fileSessions) {
		return 0
	}
	p.onePart(a, fileSessions, oneSpec(fileSessions, 3, "sourcedId", "type", "startDate", "status"), func(r *table.Row) {
		if gone(r.Text(3)) {
			return
		}
		if d, ok := r.Date(2); ok {
			year = max(year, d.SchoolYear())
		}
	})
	return year
}

// oneGrade is the Chinese name of a grade as CEDS codes it: 01 to 12, KG, PK.
func oneGrade(s string) string {
	s, _, _ = strings.Cut(schema.Fold(s), ",")
	names := []string{"01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12"}
	if len(s) == 1 {
		s = "0" + s
	}
	i := slices.Index(names, s)
	if i < 0 {
		if _, _, ok := gradeOf(s); ok {
			return s
		}
		return ""
	}
	for _, g := range grades {
		if g.year == i+1 {
			return g.name
		}
	}
	return ""
}
