package intake

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"slices"

	"shangu/schema"
	"shangu/schema/table"
	"shangu/schema/text"
	"shangu/sync/change"
)

// Write writes what the store holds of a kind as a table whose format the
// file's name asks for: .xlsx or .csv. Read takes it back and finds nothing to
// change. A roster is that of the newest school year, with the pupils who are
// in a class still.
func Write(kind Kind, w io.Writer, name string, view View) error {
	return write(kind, w, name, view, true)
}

// WriteMasked is Write with the names and numbers of persons masked: such a table goes
// out of the school, and does not come in again.
func WriteMasked(kind Kind, w io.Writer, name string, view View) error {
	return write(kind, w, name, view, false)
}

// personal are the columns of a kind that name persons, and how they are masked.
func personal(kind Kind) map[int]func(string) string {
	id, name := schema.MaskID, schema.MaskName
	switch kind {
	case Roster:
		return map[int]func(string) string{rID: id, rName: name}
	case Teachers:
		return map[int]func(string) string{tID: id, tName: name}
	case Attendance:
		return map[int]func(string) string{aPupil: id, aTaker: name}
	case Visits:
		return map[int]func(string) string{vNames: name}
	case Training:
		return map[int]func(string) string{gTeacher: id, gCertificate: id}
	}
	return nil
}

func write(kind Kind, w io.Writer, name string, view View, open bool) error {
	f := table.FormatOf(name)
	if f == 0 {
		return text.New("intake.export_name", "file", name)
	}
	var spec *table.Spec
	var rows func(View, func([]any) bool) error
	switch kind {
	case Roster:
		spec, rows = rosterSpec(false), rosterRows
	case Teachers:
		spec, rows = teachersSpec, teacherRows
	case Attendance:
		spec, rows = attendanceSpec, attendanceRows
	case Visits:
		spec, rows = visitsSpec, visitRows
	case Training:
		spec, rows = trainingSpec, trainingRows
	default:
		_, err := ParseKind(string(kind))
		return err
	}
	written := rows
	if !open {
		hide := personal(kind)
		written = func(v View, yield func([]any) bool) error {
			return rows(v, func(cells []any) bool {
				for c, with := range hide {
					mask(cells, c, with)
				}
				return yield(cells)
			})
		}
	}
	if err := table.Write(w, f, spec, spec.Title.ZH, failing(view, written)); err != nil {
		return fmt.Errorf("export %s: %w", kind, err)
	}
	return nil
}

// failing turns a function that yields rows and may fail into a sequence.
func failing(v View, rows func(View, func([]any) bool) error) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		stopped := false
		err := rows(v, func(cells []any) bool {
			stopped = !yield(cells, nil)
			return !stopped
		})
		if err != nil && !stopped {
			yield(nil, err)
		}
	}
}

// Cells of values, nil for none.

func codeCell(v schema.Value, l *schema.CodeList) any {
	if n, ok := v.Int(); ok {
		return l.Label(n).ZH
	}
	return nil
}

func boolCell(v schema.Value) any {
	b, ok := v.Bool()
	switch {
	case !ok:
		return nil
	case b:
		return "是"
	}
	return "否"
}

func dateCell(v schema.Value) any {
	if n, ok := v.Int(); ok {
		return schema.Date(n).String()
	}
	return nil
}

func monthCell(v schema.Value) any {
	if n, ok := v.Int(); ok {
		return schema.Month(n)
	}
	return nil
}

func intCell(v schema.Value) any {
	if n, ok := v.Int(); ok {
		return n
	}
	return nil
}

func decimalCell(v schema.Value, digits int) any {
	if n, ok := v.Int(); ok {
		return table.Decimal{N: n, Digits: digits}
	}
	return nil
}

func textCell(v schema.Value) any { return table.Text(v.Text()) }

func textsCell(v schema.Value) any {
	items, _ := v.List()
	s := ""
	for i, it := range items {
		if i > 0 {
			s += "、"
		}
		s += it.Text()
	}
	return table.Text(s)
}

// rosterRows yields the roster of the newest school year, with the pupils who are
// in a class still.
func rosterRows(v View, yield func([]any) bool) error {
	in, err := standingNow(v)
	if err != nil {
		return err
	}
	return rosterOf(v, in, yield)
}

// WriteRosterOn writes the roster of a date as a table whose format the file's name
// asks for. Unless open is set, names and numbers are masked: such a table goes out of
// the school, and does not come in again.
func WriteRosterOn(w io.Writer, name string, view View, on schema.Date, open bool) error {
	f := table.FormatOf(name)
	if f == 0 {
		return text.New("intake.export_name", "file", name)
	}
	spec := rosterSpec(false)
	title := spec.Title.ZH + " " + on.String()
	rows := func(v View, yield func([]any) bool) error {
		in, err := standingOn(v, on)
		if err != nil {
			return err
		}
		return rosterOf(v, in, func(cells []any) bool {
			if !open {
				mask(cells, rID, schema.MaskID)
				mask(cells, rName, schema.MaskName)
				cells[rBirth], cells[rLeftBehind] = nil, nil
			}
			return yield(cells)
		})
	}
	if err := table.Write(w, f, spec, title, failing(view, rows)); err != nil {
		return fmt.Errorf("export roster: %w", err)
	}
	return nil
}

func mask(cells []any, c int, with func(string) string) {
	if s, ok := cells[c].(string); ok {
		cells[c] = with(s)
	}
}

// standingNow are the enrolments that go on, of the newest school year that has any,
// in the order of lists.
func standingNow(v View) ([]schema.Enrolment, error) {
	newest := 0
	in, err := enrolled(v, func(e schema.Enrolment, year int) bool {
		if e.To != 0 {
			return false
		}
		newest = max(newest, year)
		return true
	})
	return slices.DeleteFunc(in, func(e schema.Enrolment) bool {
		year, _, _ := schema.ParseClassID(e.Class)
		return year != newest
	}), err
}

// standingOn are the enrolments of a date, in the order of lists; each pupil comes
// once, in the class entered last.
func standingOn(v View, on schema.Date) ([]schema.Enrolment, error) {
	in, err := enrolled(v, func(e schema.Enrolment, year int) bool { return year == on.SchoolYear() && e.On(on) })
	last := map[string]schema.Date{}
	for _, e := range in {
		last[e.Pupil] = max(last[e.Pupil], e.From)
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(in, func(e schema.Enrolment) bool {
		drop := e.From != last[e.Pupil] || seen[e.Pupil]
		seen[e.Pupil] = seen[e.Pupil] || !drop
		return drop
	}), err
}

// enrolled are the enrolments that keep says yes to, in the order of lists.
func enrolled(v View, keep func(e schema.Enrolment, year int) bool) ([]schema.Enrolment, error) {
	var in []schema.Enrolment
	for d, err := range own(v, schema.KindEnrolment, "") {
		if err != nil {
			return nil, fmt.Errorf("read enrolments: %w", err)
		}
		e, ok := schema.EnrolmentOf(d.ID, d.Lookup)
		year, _, isClass := schema.ParseClassID(e.Class)
		if ok && isClass && keep(e, year) {
			in = append(in, e)
		}
	}
	name := func(class string) string { _, n, _ := schema.ParseClassID(class); return n }
	slices.SortFunc(in, func(a, b schema.Enrolment) int {
		return cmp.Or(cmp.Compare(classOrder(name(a.Class)), classOrder(name(b.Class))),
			cmp.Compare(a.Class, b.Class), cmp.Compare(a.Row, b.Row), cmp.Compare(a.Pupil, b.Pupil))
	})
	return in, nil
}

// rosterOf yields a row for each enrolment.
func rosterOf(v View, in []schema.Enrolment, yield func([]any) bool) error {
	grades := map[string]any{}
	n := 0
	for _, e := range in {
		d, err := v.Doc("", schema.KindPupil, e.Pupil)
		if err != nil {
			return fmt.Errorf("read pupil: %w", err)
		}
		if d == nil || d.Void() {
			continue
		}
		if _, known := grades[e.Class]; !known {
			c, err := v.Doc("", schema.KindClass, e.Class)
			if err != nil {
				return fmt.Errorf("read class: %w", err)
			}
			grades[e.Class] = textCell(c.Value(schema.ClassGrade))
		}
		year, class, _ := schema.ParseClassID(e.Class)
		n++
		cells := make([]any, rPhone+1)
		cells[rNo], cells[rID] = n, e.Pupil
		cells[rName] = textCell(d.Value(schema.PupilName))
		cells[rSex] = codeCell(d.Value(schema.PupilSex), schema.Sexes)
		cells[rBirth] = dateCell(d.Value(schema.PupilBirth))
		cells[rEthnic] = codeCell(d.Value(schema.PupilEthnic), schema.EthnicGroups)
		cells[rGrade], cells[rClass] = grades[e.Class], class
		cells[rAdmitted] = monthCell(d.Value(schema.PupilAdmitted))
		cells[rAdmission] = textCell(d.Value(schema.PupilAdmission))
		cells[rBoarder] = boolCell(d.Value(schema.PupilBoarder))
		cells[rLeftBehind] = boolCell(d.Value(schema.PupilLeftBehind))
		cells[rYear] = year
		if !yield(cells) {
			return nil
		}
	}
	return nil
}

func teacherRows(v View, yield func([]any) bool) error {
	n := 0
	for d, err := range own(v, schema.KindTeacher, "") {
		if err != nil {
			return fmt.Errorf("read teachers: %w", err)
		}
		if d.Void() {
			continue
		}
		n++
		cells := make([]any, tPhone+1)
		cells[tNo], cells[tID] = n, d.ID
		cells[tName] = textCell(d.Value(schema.TeacherName))
		cells[tSex] = codeCell(d.Value(schema.TeacherSex), schema.Sexes)
		cells[tBirth] = intCell(d.Value(schema.TeacherBirth))
		cells[tSubject] = textCell(d.Value(schema.TeacherSubject))
		cells[tTitle] = textCell(d.Value(schema.TeacherTitle))
		cells[tPost] = textCell(d.Value(schema.TeacherPost))
		cells[tMountain] = boolCell(d.Value(schema.TeacherMountain))
		cells[tBackbone] = boolCell(d.Value(schema.TeacherBackbone))
		if !yield(cells) {
			return nil
		}
	}
	return nil
}

func attendanceRows(v View, yield func([]any) bool) error {
	for d, err := range own(v, schema.KindSheet, "") {
		if err != nil {
			return fmt.Errorf("read sheets: %w", err)
		}
		if !sheetRows(d, yield) {
			return nil
		}
	}
	return nil
}

// byDate returns the documents of a kind in the order of a date field.
func byDate(v View, k schema.Kind, n schema.FieldNum) ([]*change.Doc, error) {
	var docs []*change.Doc
	for d, err := range own(v, k, "") {
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", k, err)
		}
		if !d.Void() {
			docs = append(docs, d)
		}
	}
	slices.SortStableFunc(docs, func(a, b *change.Doc) int {
		x, _ := a.Value(n).Int()
		y, _ := b.Value(n).Int()
		return cmp.Or(cmp.Compare(x, y), cmp.Compare(a.ID, b.ID))
	})
	return docs, nil
}

func visitRows(v View, yield func([]any) bool) error {
	docs, err := byDate(v, schema.KindVisit, schema.VisitDate)
	if err != nil {
		return err
	}
	for _, d := range docs {
		cells := make([]any, vNote+1)
		cells[vDate] = dateCell(d.Value(schema.VisitDate))
		cells[vEnd] = dateCell(d.Value(schema.VisitEnd))
		cells[vAgreement] = textCell(d.Value(schema.VisitAgreement))
		cells[vHelper] = textCell(d.Value(schema.VisitHelper))
		cells[vDirection] = codeCell(d.Value(schema.VisitDirection), schema.VisitDirections)
		cells[vKind] = codeCell(d.Value(schema.VisitKind), schema.VisitKinds)
		cells[vMode] = codeCell(d.Value(schema.VisitMode), schema.VisitModes)
		cells[vTopic] = textCell(d.Value(schema.VisitTopic))
		cells[vVisitors] = intCell(d.Value(schema.VisitVisitors))
		cells[vNames] = textsCell(d.Value(schema.VisitVisitorNames))
		cells[vHours] = decimalCell(d.Value(schema.VisitHours), 1)
		cells[vPupils] = intCell(d.Value(schema.VisitPupils))
		cells[vTeachers] = intCell(d.Value(schema.VisitTeachers))
		cells[vClasses] = textsCell(d.Value(schema.VisitClasses))
		cells[vDropped] = boolCell(d.Value(schema.VisitDropped))
		cells[vNote] = textCell(d.Value(schema.VisitNote))
		if !yield(cells) {
			return nil
		}
	}
	return nil
}

func trainingRows(v View, yield func([]any) bool) error {
	docs, err := byDate(v, schema.KindTraining, schema.TrainingDate)
	if err != nil {
		return err
	}
	for _, d := range docs {
		cells := make([]any, gCost+1)
		cells[gDate] = dateCell(d.Value(schema.TrainingDate))
		cells[gEnd] = dateCell(d.Value(schema.TrainingEnd))
		cells[gTeacher] = textCell(d.Value(schema.TrainingTeacher))
		cells[gProgramme] = textCell(d.Value(schema.TrainingProgramme))
		cells[gTitle] = textCell(d.Value(schema.TrainingTitle))
		cells[gLevel] = codeCell(d.Value(schema.TrainingLevel), schema.TrainingLevels)
		cells[gMode] = codeCell(d.Value(schema.TrainingMode), schema.TrainingModes)
		cells[gHours] = decimalCell(d.Value(schema.TrainingHours), 1)
		cells[gResult] = codeCell(d.Value(schema.TrainingResult), schema.TrainingResults)
		cells[gCertificate] = textCell(d.Value(schema.TrainingCertificate))
		cells[gProvider] = textCell(d.Value(schema.TrainingProvider))
		cells[gCost] = decimalCell(d.Value(schema.TrainingCost), 2)
		if !yield(cells) {
			return nil
		}
	}
	return nil
}
