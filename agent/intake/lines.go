package intake

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"shangu/agent/store"
	"shangu/schema"
	"shangu/schema/table"
	"shangu/schema/text"
	"shangu/sync/change"
)

// Outcome is what a line of a file comes to.
type Outcome int

// Outcomes.
const (
	Same Outcome = iota
	Changed
	New
)

// Line is one line of a file, and what an import would make of it. Of attendance it
// is the first line of a sheet.
type Line struct {
	Sheet   string // "" if there is one only
	Line    int
	Who     string // whom or what it is about: a name, a day and class, a topic
	Outcome Outcome

	first, edits int
}

// Gone is a pupil who is in a class and whom a roster does not name.
type Gone struct {
	ID, Name string
	Class    string // schema.ClassID
	Out      bool   // the plan transfers the pupil out
}

// specOf is what a file of a kind looks like, nil of no kind.
func specOf(k Kind) *table.Spec {
	switch k {
	case Roster:
		return rosterSpec(false)
	case Teachers:
		return teachersSpec
	case Attendance:
		return attendanceSpec
	case Visits:
		return visitsSpec
	case Training:
		return trainingSpec
	}
	return nil
}

// Columns lists the columns that a file of a kind may have, for whoever says which
// column of it is which.
func Columns(k Kind) []table.Column {
	spec := specOf(k)
	if spec == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(spec.Columns), func(c table.Column) bool { return c.Filler || c.Private })
}

// Look shows the beginning of each sheet of a file of a kind; headings are those of
// Options. What is no table is refused with a message.
func Look(k Kind, data []byte, headings map[string]string) ([]table.Glimpse, error) {
	spec := specOf(k)
	if spec == nil {
		_, err := ParseKind(string(k))
		return nil, err
	}
	return table.Look(data, spec.As("", headings))
}

// Means is the Name of the column of a kind that a heading stands for, "" if none.
func Means(k Kind, heading string, headings map[string]string) string {
	spec := specOf(k)
	if spec == nil {
		return ""
	}
	name := spec.As("", headings).Means(heading)
	if !slices.ContainsFunc(Columns(k), func(c table.Column) bool { return c.Name == name }) {
		return ""
	}
	return name
}

// Changes says in sentences what a line of a plan would change.
func (p *Plan) Changes(view View, l Line) (out []*text.Message, err error) {
	for _, e := range p.Edits[l.first : l.first+l.edits] {
		doc, err := view.Doc(e.Scope, e.Kind, e.ID)
		if err != nil {
			return nil, fmt.Errorf("read %v: %w", e.Kind, err)
		}
		if e.Kind == schema.KindEnrolment {
			out = append(out, enrolmentSays(e)...)
		} else if doc != nil {
			out = append(out, says(e, doc)...)
		}
	}
	return out, nil
}

// says tells the fields of an edit one by one; those that have many items are counted.
func says(e store.Edit, doc *change.Doc) (out []*text.Message) {
	items := map[schema.FieldNum]int{}
	for _, f := range e.Fields {
		if f.Key.Sub != "" {
			items[f.Key.Num]++
			continue
		}
		field, ok := schema.FieldOf(e.Kind, f.Key.Num)
		if !ok {
			continue
		}
		was, now := schema.Words(e.Kind, f.Key.Num, doc.Value(f.Key.Num)), schema.Words(e.Kind, f.Key.Num, f.Value)
		switch {
		case doc.Value(f.Key.Num).IsNil():
			out = append(out, text.New("intake.says_set", "field", field.Label, "now", now))
		case f.Value.IsNil():
			out = append(out, text.New("intake.says_cleared", "field", field.Label, "was", was))
		default:
			out = append(out, text.New("intake.says_field", "field", field.Label, "was", was, "now", now))
		}
	}
	for _, n := range slices.Sorted(maps.Keys(items)) {
		field, _ := schema.FieldOf(e.Kind, n)
		out = append(out, text.New("intake.says_items", "field", field.Label, "count", items[n]))
	}
	return out
}

// enrolmentSays tells who comes into a class and who leaves it.
func enrolmentSays(e store.Edit) []*text.Message {
	_, class, from, _ := schema.ParseEnrolmentID(e.ID)
	_, name, _ := schema.ParseClassID(class)
	set := map[schema.FieldNum]schema.Value{}
	for _, f := range e.Fields {
		set[f.Key.Num] = f.Value
	}
	num := func(n schema.FieldNum) int64 { i, _ := set[n].Int(); return i }
	switch void, ends, begins := set[schema.FieldVoid], num(schema.EnrolmentTo), num(schema.EnrolmentFrom); {
	case void != "" && !void.IsNil():
		return []*text.Message{text.New("intake.says_never", "class", name)}
	case begins != 0:
		return []*text.Message{text.New("intake.says_into", "class", name, "from", from)}
	case ends != 0:
		return []*text.Message{text.New("intake.says_leaves", "class", name, "to", schema.Date(ends), "why", schema.EnrolmentReasons.Label(num(schema.EnrolmentOut)))}
	case num(schema.EnrolmentRow) != 0:
		return []*text.Message{text.New("intake.says_row", "row", num(schema.EnrolmentRow))}
	}
	return nil
}

// gone lists who is in a class up to a year and not in the roster, and ends the place
// of those who have left.
func (p *planner) gone(all []*entrant, pupils map[string]*change.Doc, held map[string][]standing, year int) {
	named := map[string]bool{}
	for _, e := range all {
		named[e.id] = true
	}
	for id, doc := range pupils {
		if named[id] || doc.Void() {
			continue
		}
		for i := range held[id] {
			s := &held[id][i]
			theirs, _, _ := schema.ParseClassID(s.Class)
			if s.To != 0 || theirs > year {
				continue
			}
			g := Gone{ID: id, Name: doc.Value(schema.PupilName).Text(), Class: s.Class, Out: slices.Contains(p.Out, id)}
			if g.Out {
				p.leaves(s)
			}
			p.plan.Gone = append(p.plan.Gone, g)
			break
		}
	}
	slices.SortFunc(p.plan.Gone, func(a, b Gone) int {
		return cmp.Or(cmp.Compare(classOrder(a.Class[5:]), classOrder(b.Class[5:])), cmp.Compare(a.Class, b.Class), cmp.Compare(a.ID, b.ID))
	})
}

// leaves transfers a pupil out from today on. A place that would have no day is void.
func (p *planner) leaves(s *standing) {
	d := &draft{kind: schema.KindEnrolment, id: s.doc.ID, doc: s.doc, bad: func(_ schema.FieldNum, m *text.Message) { p.problems.Fail(m) }}
	if s.From >= p.today {
		d.set(schema.FieldVoid, schema.Str(mistaken()))
	} else {
		d.set(schema.EnrolmentTo, schema.Int(int64(p.today-1)))
		d.set(schema.EnrolmentOut, schema.Int(schema.EnrolTransferOut))
	}
	p.commit(d)
}

// who names a sheet of attendance for a person.
func (s *roll) who() string {
	_, class, _ := schema.ParseClassID(s.id.Class)
	return s.id.Date.String() + " " + sessionTitles[s.id.Session] + " " + class
}

// who names a visit or a training for a person: its day and what tells it from others.
func (r *record) who() string {
	for _, v := range r.like {
		if s := v.Text(); s != "" {
			return r.group[:len("2026-10-12")] + " " + s
		}
	}
	return r.group
}
