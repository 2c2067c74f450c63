package intake

import (
	"cmp"
	"fmt"
	"slices"

	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
)

// standing is one enrolment as the store has it.
type standing struct {
	schema.Enrolment
	doc *change.Doc
}

// enrol puts the pupils of a roster into their classes: classes that are new,
// enrolments that begin, end or stay, places in the list.
func (p *planner) enrol(all []*entrant, pupils map[string]*change.Doc) error {
	year := p.schoolYear(all)
	held, open, err := p.standings(year)
	if err != nil {
		return err
	}
	classes, err := p.load(schema.KindClass)
	if err != nil {
		return err
	}
	var order []string
	members := map[string][]*entrant{}
	for _, e := range all {
		id := schema.ClassID(year, e.class)
		if m := schema.CheckID(schema.KindClass, id); m != nil {
			p.problems.Add(e.at.problem(classHeading, m))
			continue
		}
		if members[id] == nil {
			order = append(order, id)
		}
		members[id] = append(members[id], e)
	}
	if p.problems.Len() > 0 {
		return nil
	}
	slices.SortStableFunc(order, func(a, b string) int {
		return cmp.Compare(classOrder(a[5:]), classOrder(b[5:]))
	})
	for _, id := range order {
		p.class(id, classes[id], members[id])
	}
	for _, id := range order {
		// A class that this file is not the first to fill gets newcomers today.
		first := !open[id]
		rows := p.rows(id, members[id], held)
		for i, e := range members[id] {
			begin := len(p.plan.Edits)
			o := p.commit(e.draft)
			placed, err := p.place(e, id, year, held[e.id], rows[i], first)
			if err != nil {
				return err
			}
			p.line(max(o, placed), e.at, e.name, begin)
		}
	}
	p.gone(all, pupils, held, year)
	return nil
}

const classHeading = "班级"

// schoolYear is the one that the roster is for: as asked or said in the file,
// else that of the newest month of admission, else that of today.
func (p *planner) schoolYear(all []*entrant) int {
	if p.year != 0 {
		return p.year
	}
	newest := int64(0)
	for _, e := range all {
		newest = max(newest, e.admitted)
	}
	if newest == 0 {
		return p.today.SchoolYear()
	}
	return monthStart(newest).SchoolYear()
}

// standings reads all enrolments by pupil, oldest first, and which classes of
// the year have any.
func (p *planner) standings(year int) (held map[string][]standing, filled map[string]bool, err error) {
	held, filled = map[string][]standing{}, map[string]bool{}
	for d, err := range p.own(schema.KindEnrolment, "") {
		if err != nil {
			return nil, nil, fmt.Errorf("read enrolments: %w", err)
		}
		e, ok := schema.EnrolmentOf(d.ID, d.Lookup)
		if !ok {
			continue
		}
		held[e.Pupil] = append(held[e.Pupil], standing{e, d})
		if y, _, _ := schema.ParseClassID(e.Class); y == year {
			filled[e.Class] = true
		}
	}
	for _, s := range held {
		slices.SortFunc(s, func(a, b standing) int {
			return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.doc.ID, b.doc.ID))
		})
	}
	return held, filled, nil
}

func (p *planner) class(id string, doc *change.Doc, members []*entrant) {
	at := members[0]
	d := &draft{kind: schema.KindClass, id: id, doc: doc, bad: func(_ schema.FieldNum, m *text.Message) {
		p.problems.Add(at.at.problem(classHeading, m))
	}}
	grade := at.grade
	if grade == "" {
		grade, _, _ = gradeOf(at.class)
	}
	d.set(schema.ClassName, schema.Str(id[5:]))
	if grade != "" {
		d.set(schema.ClassGrade, schema.Str(grade))
	}
	d.set(schema.ClassOrder, schema.Int(classOrder(id[5:])))
	if doc.Void() {
		d.set(schema.FieldVoid, schema.Nil)
	}
	p.commit(d)
}

// rows gives each pupil of a class a place in its list. Places that are in the
// order of the file stay, so that a newcomer at the end costs one edit.
func (p *planner) rows(class string, members []*entrant, held map[string][]standing) []int {
	rows := make([]int, len(members))
	last, keep := 0, true
	for i, e := range members {
		if s := current(held[e.id], class); s != nil && s.Row > 0 {
			keep = keep && s.Row > last
			rows[i] = s.Row
			last = max(last, s.Row)
		}
	}
	// A newcomer between two of the old needs a free place there.
	for i, next := 0, 0; keep && i < len(rows); i++ {
		if rows[i] == 0 {
			rows[i] = next + 1
		}
		keep = rows[i] > next
		next = rows[i]
	}
	if !keep {
		for i := range rows {
			rows[i] = i + 1
		}
	}
	return rows
}

// current returns the enrolment in a class that goes on, nil if there is none.
func current(held []standing, class string) *standing {
	for i := range held {
		if held[i].Class == class && held[i].To == 0 {
			return &held[i]
		}
	}
	return nil
}

// place makes the pupil's enrolment in the class hold and ends what it replaces.
func (p *planner) place(e *entrant, class string, year int, held []standing, row int, first bool) (Outcome, error) {
	report := func(_ schema.FieldNum, m *text.Message) { p.problems.Add(e.at.problem(classHeading, m)) }
	if s := current(held, class); s != nil {
		d := &draft{kind: schema.KindEnrolment, id: s.doc.ID, doc: s.doc, bad: report}
		d.set(schema.EnrolmentRow, schema.Int(int64(row)))
		return min(p.commit(d), Changed), nil
	}
	from, in := p.begins(e, year, first)
	end := schema.Date(0)
	var drafts []*draft
	for i := range held {
		s := &held[i]
		theirs, _, _ := schema.ParseClassID(s.Class)
		d := &draft{kind: schema.KindEnrolment, id: s.doc.ID, doc: s.doc, bad: report}
		switch {
		case theirs > year: // the file is about a year that is over
			end = yearStart(year+1) - 1
		case theirs == year && s.To != 0 && s.Class == class && s.Out != schema.EnrolMoved:
			// He left, and the file shows him all the same.
			p.note(e.at.problem(classHeading, text.New("intake.left_before", "pupil", e.id, "on", s.To,
				"why", schema.EnrolmentReasons.Label(int64(s.Out)))))
			from = max(from, p.within(year), s.To+1)
		case s.To != 0:
		case theirs == year:
			in = schema.EnrolMoved
			if from = max(p.within(year), from); s.From >= from {
				// It never held: the class was wrong from the start.
				from, in = s.From, s.In
				d.set(schema.FieldVoid, schema.Str(mistaken()))
				drafts = append(drafts, d)
				continue
			}
			d.set(schema.EnrolmentTo, schema.Int(int64(from-1)))
			d.set(schema.EnrolmentOut, schema.Int(schema.EnrolMoved))
		default:
			in = schema.EnrolPromoted
			d.set(schema.EnrolmentTo, schema.Int(int64(max(s.From, yearStart(theirs+1)-1))))
			d.set(schema.EnrolmentOut, schema.Int(schema.EnrolPromoted))
		}
		drafts = append(drafts, d)
	}
	for _, d := range drafts {
		p.commit(d)
	}
	id := schema.EnrolmentID(e.id, class, from)
	doc, err := p.view.Doc("", schema.KindEnrolment, id)
	if err != nil {
		return Same, fmt.Errorf("read enrolment: %w", err)
	}
	d := &draft{kind: schema.KindEnrolment, id: id, doc: doc, bad: report}
	d.set(schema.EnrolmentFrom, schema.Int(int64(from)))
	d.set(schema.EnrolmentTo, opt(end, end != 0))
	d.set(schema.EnrolmentIn, opt(in, in != 0))
	d.set(schema.EnrolmentOut, opt(schema.EnrolPromoted, end != 0))
	d.set(schema.EnrolmentRow, schema.Int(int64(row)))
	d.set(schema.FieldVoid, schema.Nil)
	return min(p.commit(d), Changed), nil
}

// mistaken is why an enrolment that never held is void.
func mistaken() string { return schema.EnrolmentReasons.Label(schema.EnrolMistaken).ZH }

// within is today, or the first day of the school year if today is outside of it.
func (p *planner) within(year int) schema.Date {
	if p.today.SchoolYear() == year {
		return p.today
	}
	return yearStart(year)
}

// begins says since when and how a pupil without an older enrolment is in a
// class. A school year's first list holds from its first day; who comes to a
// class that was filled before came today, or in the month of admission.
func (p *planner) begins(e *entrant, year int, first bool) (from schema.Date, in int) {
	start := yearStart(year)
	if e.admitted != 0 {
		if m := monthStart(e.admitted); m.SchoolYear() == year {
			if m > start+61 { // after September
				return m, schema.EnrolTransferIn
			}
			if enters(e.class) {
				in = schema.EnrolNew
			}
		}
	}
	if first {
		return start, in
	}
	return p.within(year), 0
}
