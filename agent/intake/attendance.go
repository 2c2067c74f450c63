package intake

import (
	"fmt"
	"slices"
	"strings"

	"shangu/schema"
	"shangu/schema/table"
	"shangu/schema/text"
	"shangu/sync/change"
)

// Columns of attendance, in the order of exports.
const (
	aDate = iota
	aSession
	aClass
	aPupil
	aStatus
	aMinutes
	aSymptom
	aTaker
	aReason
	aNote
)

var attendanceSpec = func() *table.Spec {
	s := table.NewSpec(text.Label{ZH: "考勤", EN: "attendance"},
		table.Column{Name: "date", Titles: []string{"日期", "考勤日期"}, Required: true},
		table.Column{Name: "session", Titles: []string{"时段", "节次", "上午/下午"}, Required: true},
		table.Column{Name: "class", Titles: []string{"班级", "班级名称"}, Required: true},
		table.Column{Name: "student_id", Titles: []string{"全国学籍号", "学籍号"}, Required: true},
		table.Column{Name: "status", Titles: []string{"出勤状态", "状态", "考勤状态"}, Required: true},
		table.Column{Name: "minutes", Titles: []string{"分钟", "分钟数", "迟到早退分钟"}},
		table.Column{Name: "symptom", Titles: []string{"症状"}},
		table.Column{Name: "taker", Titles: []string{"点名人", "考勤人"}},
		table.Column{Name: "reason", Titles: []string{"不上课原因"}},
		table.Column{Name: "note", Titles: []string{"备注"}},
	)
	s.Empty = true
	return s
}()

// roll is one sheet as the file has it.
type roll struct {
	id    schema.SheetID
	at    place
	state int64 // 0: the file does not say
	first *place
	marks map[string]mark
	order []string // pupils in the order of the file
	texts map[schema.FieldNum]string
}

type mark struct {
	value schema.Value
	line  int
}

// classbook is what attendance needs to know of a school's classes.
type classbook struct {
	classes map[string]bool               // by ClassID
	byClass map[string][]schema.Enrolment // all of a class, whenever
	pupils  map[string][]string           // classes that a pupil was ever in
	rolls   map[string]int                // pupils by class and day
}

func (p *planner) classbook() (*classbook, error) {
	b := &classbook{map[string]bool{}, map[string][]schema.Enrolment{}, map[string][]string{}, map[string]int{}}
	for d, err := range p.own(schema.KindClass, "") {
		if err != nil {
			return nil, fmt.Errorf("read classes: %w", err)
		}
		b.classes[d.ID] = !d.Void()
	}
	for d, err := range p.own(schema.KindEnrolment, "") {
		if err != nil {
			return nil, fmt.Errorf("read enrolments: %w", err)
		}
		if e, ok := schema.EnrolmentOf(d.ID, d.Lookup); ok {
			b.byClass[e.Class] = append(b.byClass[e.Class], e)
			b.pupils[e.Pupil] = append(b.pupils[e.Pupil], e.Class)
		}
	}
	return b, nil
}

// size is the number of pupils in a class on a day.
func (b *classbook) size(class string, on schema.Date) int {
	key := class + on.String()
	n, ok := b.rolls[key]
	if !ok {
		n = len(schema.Roster(b.byClass[class], class, on))
		b.rolls[key] = n
	}
	return n
}

// names lists the classes of a school year.
func (b *classbook) names(year int) string {
	var names []string
	for id, ok := range b.classes {
		if y, name, _ := schema.ParseClassID(id); ok && y == year {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return int(classOrder(a) - classOrder(b)) })
	return strings.Join(names, "、")
}

var sessions = map[string]schema.Session{
	"am": schema.SessionAM, "pm": schema.SessionPM, "eve": schema.SessionEve,
	"上午": schema.SessionAM, "下午": schema.SessionPM, "晚自习": schema.SessionEve, "晚上": schema.SessionEve,
}

var sessionTitles = [...]string{"", "上午", "下午", "晚自习"}

func (p *planner) attendance(data []byte) error {
	book, err := p.classbook()
	if err != nil {
		return err
	}
	var rolls []*roll
	byID := map[schema.SheetID]*roll{}
	p.read(data, attendanceSpec, func(r *table.Row) {
		id, ok := p.sheetID(r, book)
		if !ok {
			return
		}
		sheet := byID[id]
		if sheet == nil {
			sheet = &roll{id: id, at: place{r.Sheet, r.Line}, marks: map[string]mark{}, texts: map[schema.FieldNum]string{}}
			byID[id] = sheet
			rolls = append(rolls, sheet)
		}
		if r.Text(aPupil) == "" {
			p.rollRow(r, sheet)
			return
		}
		p.markRow(r, sheet, book)
	})
	if p.problems.Len() > 0 {
		return nil
	}
	for _, sheet := range rolls {
		if err := p.sheet(sheet, book); err != nil {
			return err
		}
	}
	return nil
}

// sheetID reads which sheet a row belongs to.
func (p *planner) sheetID(r *table.Row, book *classbook) (id schema.SheetID, ok bool) {
	_, ok1 := r.Need(aDate)
	name, ok2 := r.Need(aClass)
	session, ok3 := r.Need(aSession)
	if !ok1 || !ok2 || !ok3 {
		return id, false
	}
	id.Date, ok1 = p.happened(r, aDate)
	id.Session, ok3 = sessions[strings.ToLower(schema.Fold(session))]
	if !ok3 {
		r.Fail(aSession, text.New("intake.no_session", "value", session))
	}
	if !ok1 || !ok3 {
		return id, false
	}
	year := id.Date.SchoolYear()
	if id.Class = schema.ClassID(year, name); !book.classes[id.Class] {
		if known := book.names(year); known != "" {
			r.Fail(aClass, text.New("intake.no_class", "class", name, "year", year, "next", year+1, "classes", known))
		} else {
			r.Fail(aClass, text.New("intake.no_classes", "year", year, "next", year+1))
		}
		return id, false
	}
	return id, true
}

// sheetState reads whether a roll was taken, in more words than the code list has.
func sheetState(s string) (int64, bool) {
	switch strings.ToLower(schema.Fold(s)) {
	case "点名", "已点":
		return schema.SheetTaken, true
	case "不上课", "未上课", "停课", "no_school", "noschool":
		return schema.SheetNoSchool, true
	}
	c, ok := schema.SheetStates.Parse(s)
	return c.Num, ok
}

// rollRow reads a row that speaks of the whole class.
func (p *planner) rollRow(r *table.Row, sheet *roll) {
	status, ok := r.Need(aStatus)
	if !ok {
		return
	}
	state, ok := sheetState(status)
	if !ok {
		if _, isMark := schema.Statuses.Parse(status); isMark {
			r.Fail(aPupil, text.New("intake.mark_of_nobody", "status", status))
			return
		}
		r.Fail(aStatus, text.New("intake.no_code", "value", status, "list", schema.SheetStates.Name(), "choices", schema.SheetStates.Choices()))
		return
	}
	if sheet.state != 0 && sheet.state != state {
		r.Fail(aStatus, text.New("intake.two_states", "line", sheet.first.line))
		return
	}
	sheet.state = state
	sheet.first = &place{r.Sheet, r.Line}
	for n, c := range map[schema.FieldNum]int{schema.SheetTaker: aTaker, schema.SheetReason: aReason, schema.SheetNote: aNote} {
		if r.Has(c) {
			sheet.texts[n] = r.Text(c)
		}
	}
}

// markRow reads a row that speaks of one pupil.
func (p *planner) markRow(r *table.Row, sheet *roll, book *classbook) {
	pupil := schema.FoldPupilID(r.Text(aPupil))
	if m := schema.CheckPupilID(pupil); m != nil {
		r.Fail(aPupil, m)
		return
	}
	switch in := book.pupils[pupil]; {
	case len(in) == 0:
		r.Fail(aPupil, text.New("intake.no_pupil", "pupil", pupil))
		return
	case !slices.Contains(in, sheet.id.Class):
		_, name, _ := schema.ParseClassID(in[len(in)-1])
		r.Fail(aPupil, text.New("intake.other_class", "pupil", pupil, "class", name))
		return
	}
	status, ok := r.Need(aStatus)
	if !ok {
		return
	}
	s, ok := schema.Statuses.Parse(status)
	if !ok {
		r.Fail(aStatus, text.New("intake.no_code", "value", status, "list", schema.Statuses.Name(), "choices", schema.Statuses.Choices()))
		return
	}
	m := schema.Mark{Status: schema.Status(s.Num)}
	minutes, _ := r.Int(aMinutes, 0, 600)
	m.Minutes = int(minutes)
	if c := code(r, aSymptom, schema.Symptoms); c != schema.Nil {
		n, _ := c.Int()
		m.Symptom = schema.Symptom(n)
	}
	value := m.Encode()
	if bad := schema.CheckField(schema.KindSheet, schema.Key{Num: schema.SheetMark, Sub: pupil}, value); bad != nil {
		column := aMinutes
		if m.Symptom != 0 && m.Status != schema.StatusSick {
			column = aSymptom
		}
		r.Fail(column, bad)
		return
	}
	if m.Status == schema.StatusPresent {
		value = schema.Nil // on a sheet that was taken, who has no mark is present
	}
	if before, twice := sheet.marks[pupil]; twice {
		if before.value != value {
			r.Fail(aPupil, text.New("intake.two_marks", "pupil", pupil, "line", before.line))
		}
		return
	}
	sheet.marks[pupil] = mark{value, r.Line}
	sheet.order = append(sheet.order, pupil)
}

// sheet makes the edit that brings one sheet to what the file says. Marks that
// the file does not have are taken back: the file is the whole sheet.
func (p *planner) sheet(s *roll, book *classbook) error {
	id := s.id.String()
	doc, err := p.view.Doc("", schema.KindSheet, id)
	if err != nil {
		return fmt.Errorf("read sheet: %w", err)
	}
	if doc.Void() {
		p.note(s.at.problem("", text.New("intake.void", "value", id)))
		p.line(Same, s.at, s.who(), len(p.plan.Edits))
		return nil
	}
	if s.state == schema.SheetNoSchool && len(s.order) > 0 {
		p.problems.Add(table.Problem{Sheet: s.at.sheet, Line: s.marks[s.order[0]].line, Message: text.New("intake.marks_without_school", "line", s.first.line)})
		return nil
	}
	d := &draft{kind: schema.KindSheet, id: id, doc: doc, bad: func(_ schema.FieldNum, m *text.Message) { p.problems.Add(s.at.problem("", m)) }}
	before, _ := doc.Value(schema.SheetState).Int()
	switch s.state {
	case schema.SheetTaken:
		// The roster that the roll was taken against stays the one of that time.
		if before != schema.SheetTaken || doc.Value(schema.SheetRoll).IsNil() {
			d.set(schema.SheetRoll, schema.Int(int64(book.size(s.id.Class, s.id.Date))))
		}
		d.set(schema.SheetState, schema.Int(s.state))
		if before == schema.SheetNoSchool {
			d.set(schema.SheetReason, schema.Nil)
		}
	case schema.SheetNoSchool:
		d.set(schema.SheetState, schema.Int(s.state))
	default:
		if before == 0 {
			p.note(s.at.problem("", text.New("intake.not_taken", "sheet", id)))
		}
	}
	for n, t := range s.texts {
		if n != schema.SheetReason || s.state == schema.SheetNoSchool {
			d.set(n, schema.Said(t))
		}
	}
	for _, pupil := range s.order {
		d.setKey(schema.Key{Num: schema.SheetMark, Sub: pupil}, s.marks[pupil].value)
	}
	doc.Each(func(k schema.Key, v schema.Value) {
		if _, there := s.marks[k.Sub]; k.Num == schema.SheetMark && !there {
			d.setKey(k, schema.Nil)
		}
	})
	// A sheet that is not there yet may be the same: nothing but pupils who were present
	// on one that was not taken.
	first := len(p.plan.Edits)
	p.line(p.commit(d), s.at, s.who(), first)
	return nil
}

// sheetRows yields the rows of one sheet, the class's own first, then its
// marks in the order of the pupils' numbers.
func sheetRows(d *change.Doc, yield func([]any) bool) bool {
	id, ok := schema.ParseSheetID(d.ID)
	if !ok || d.Void() {
		return true
	}
	_, class, _ := schema.ParseClassID(id.Class)
	session := ""
	if int(id.Session) < len(sessionTitles) {
		session = sessionTitles[id.Session]
	}
	row := func() []any {
		cells := make([]any, len(attendanceSpec.Columns))
		cells[aDate], cells[aSession], cells[aClass] = id.Date.String(), session, class
		return cells
	}
	if state, ok := d.Value(schema.SheetState).Int(); ok {
		cells := row()
		cells[aStatus] = schema.SheetStates.Label(state).ZH
		cells[aTaker] = table.Text(d.Value(schema.SheetTaker).Text())
		cells[aReason] = table.Text(d.Value(schema.SheetReason).Text())
		cells[aNote] = table.Text(d.Value(schema.SheetNote).Text())
		if !yield(cells) {
			return false
		}
	}
	for i := range d.Cells {
		c := &d.Cells[i]
		m, ok := schema.ParseMark(c.Value)
		if c.Key.Num != schema.SheetMark || !ok {
			continue
		}
		cells := row()
		cells[aPupil] = c.Key.Sub
		cells[aStatus] = schema.Statuses.Label(int64(m.Status)).ZH
		if m.Minutes != 0 {
			cells[aMinutes] = m.Minutes
		}
		if m.Symptom != 0 {
			cells[aSymptom] = schema.Symptoms.Label(int64(m.Symptom)).ZH
		}
		if !yield(cells) {
			return false
		}
	}
	return true
}
