package frame

import (
	"slices"
	"strings"

	"shangu/schema"
	"shangu/sync/change"
)

// sheet is a roll that was taken, as most entries are: state, taker, roll and
// marks, all of them new.
type sheet struct {
	id      schema.SheetID
	class   uint32 // index+1, 0: not known yet
	taker   string
	takerAt uint32 // its index+1, 0: not in the table
	roll    int64  // -1: none
	marks   []change.Field
	found   []placed       // marks by place, to be written
	kept    []placed       // marks that stayed, then all of them
	fresh   []uint32       // ranks among the free places
	extra   []change.Field // marks of pupils who are not in the roster
}

// from fills s from an entry; ok is false when it holds anything else.
func (s *sheet) from(e *change.Entry) (ok bool) {
	s.taker, s.roll, s.marks = "", -1, nil
	if s.id, ok = schema.ParseSheetID(e.ID); !ok || !dateFits(s.id.Date) || len(s.id.Class) > maxNameLen {
		return false
	}
	i, f := 0, e.Fields
	if len(f) == 0 || f[0].Key.Num != schema.SheetState || f[0].Value != "\x01" {
		return false
	}
	i++
	if i < len(f) && f[i].Key.Num == schema.SheetTaker {
		if s.taker, ok = f[i].Value.Str(); !ok || s.taker == "" || len(s.taker) > maxNameLen {
			return false
		}
		i++
	}
	if i < len(f) && f[i].Key.Num == schema.SheetRoll {
		if s.roll, ok = f[i].Value.Int(); !ok || s.roll < 0 || s.roll >= 1<<31 {
			return false
		}
		i++
	}
	s.marks = f[i:]
	for j := range f {
		mark := j >= i
		if !f[j].Base.IsZero() || mark != (f[j].Key.Sub != "") || mark && f[j].Key.Num != schema.SheetMark || len(f[j].Key.Sub) > maxNameLen {
			return false
		}
	}
	return true
}

// dateFits reports whether a date has four digits in its year.
func dateFits(d schema.Date) bool { return d > -700_000 && d < 2_900_000 }

// expected reports whether the model foresees the sheet but for its time and
// marks.
func (c *codec) expected(e *change.Entry, s *sheet) bool {
	m := &c.t.model
	if m.class == 0 || e.At < m.at || e.Boot != m.boot {
		return false
	}
	if d := e.At - e.Up - m.origin; d != 0 && d != 1 {
		return false
	}
	if e.Account != c.lastName(nsAccount, m.account) || e.Scope != c.lastName(nsSchool, m.scope) {
		return false
	}
	class := m.classOf(m.class - 1).succ
	if class == 0 || c.t.names[nsClass][class-1] != s.id.Class {
		return false
	}
	cs := m.classOf(class - 1)
	date, session := m.slot(cs)
	return s.id.Date == date && s.id.Session == session && s.roll == cs.roll && s.taker == c.lastName(nsTeacher, cs.taker)
}

// sheet codes a sheet's id and fields. Writing, c.scratch holds it.
func (c *codec) sheet(e *change.Entry, expected bool) {
	m, s := &c.t.model, &c.scratch
	e.Kind = schema.KindSheet
	if expected {
		class := uint32(0)
		if m.class != 0 {
			class = m.classOf(m.class - 1).succ
		}
		if class == 0 { // only bytes that we did not write
			c.fail("no class is expected")
			return
		}
		cs := m.classOf(class - 1)
		s.class = class
		s.id.Class = c.t.names[nsClass][class-1]
		s.id.Date, s.id.Session = m.slot(cs)
		s.taker, s.takerAt, s.roll = c.lastName(nsTeacher, cs.taker), cs.taker, cs.roll
	} else {
		c.sheetID(&s.id, &s.class)
		if c.err != nil {
			return
		}
		var last classState
		last.roll = -1
		if s.class != 0 {
			last = *m.classOf(s.class - 1)
		}
		s.taker = c.again(nsTeacher, s.taker, &last.taker)
		s.takerAt = last.taker
		s.roll = c.roll(s.roll, last.roll, s.class)
		if s.class != 0 {
			cs := m.classOf(s.class - 1)
			cs.taker, cs.roll = last.taker, s.roll
		}
	}
	if c.err != nil || !dateFits(s.id.Date) || s.id.Session == 0 {
		c.fail("no such sheet")
		return
	}
	day := 0
	var before []placed
	if s.class != 0 {
		cs := m.classOf(s.class - 1)
		before = cs.marks
		if cs.date == s.id.Date {
			day = 1
		}
	}
	if c.enc {
		c.writeMarks(s, before, day)
	} else {
		c.readMarks(e, s, before, day)
	}
	if s.class != 0 && c.err == nil {
		m.sheetTaken(s.class-1, s.id.Date, s.id.Session)
	}
}

// sheetID codes the id of a sheet that was not foreseen.
func (c *codec) sheetID(id *schema.SheetID, class *uint32) {
	m := &c.t.model
	id.Class, *class = c.name(nsClass, id.Class)
	if !c.enc && id.Class == "" {
		c.fail("no class")
	}
	id.Date = m.date + schema.Date(int32(c.signed(int64(id.Date)-int64(m.date))))
	id.Session = schema.Session(c.bits(uint64(id.Session), 2))
}

// roll codes the size of the class: as last time, or as many as its roster has.
func (c *codec) roll(v, last int64, class uint32) int64 {
	if last < 0 && class != 0 {
		last = int64(len(c.t.roster(class - 1)))
	}
	switch {
	case c.bit(v == last):
		return last
	case c.bit(v < 0):
		return -1
	}
	v = last + c.signed(v-last)
	if v < 0 || v >= 1<<31 {
		c.fail("roll out of range")
	}
	return v
}

// stays reports whether a mark may last into the next session.
func stays(v schema.Value) bool {
	return len(v) < 2 || v[1] != byte(schema.StatusLate) && v[1] != byte(schema.StatusEarly)
}

// carries reports whether marks stay often enough for it to be asked.
func (m *model) carries(day int) bool { return m.carry[day] > 40 }

// Marks come as: for each mark of the class's last sheet, whether it stays;
// how many others there are, their places among the rest of the roster, their
// values; then pupils who are not in the roster.

func (c *codec) writeMarks(s *sheet, before []placed, day int) {
	m := &c.t.model
	s.found, s.extra = s.found[:0], s.extra[:0]
	var roster []uint32
	if s.class != 0 {
		roster = c.t.roster(s.class - 1)
	}
	pupils := c.t.names[nsPupil]
	for _, f := range s.marks {
		if i := slices.IndexFunc(roster, func(p uint32) bool { return pupils[p] == f.Key.Sub }); i >= 0 {
			s.found = append(s.found, placed{uint32(i), f.Value})
		} else {
			s.extra = append(s.extra, f)
		}
	}
	slices.SortFunc(s.found, func(a, b placed) int { return int(a.pos) - int(b.pos) })
	s.kept = s.kept[:0]
	asked := m.carries(day)
	for _, p := range before {
		if stays(p.value) {
			hit := slices.Contains(s.found, p)
			if asked {
				c.bit(hit)
			}
			track(&m.carry[day], hit)
			if hit && asked {
				s.kept = append(s.kept, p)
			}
		}
	}
	fresh := len(s.found) - len(s.kept)
	free := uint64(len(roster) - len(s.kept))
	c.rice(&m.count[day], uint64(fresh))
	k, from := 0, uint64(0)
	for _, p := range s.found {
		for k < len(s.kept) && s.kept[k].pos < p.pos {
			k++
		}
		if k < len(s.kept) && s.kept[k].pos == p.pos {
			continue
		}
		// Places that leave room for those still to come.
		fresh--
		rank := uint64(p.pos) - uint64(k)
		c.below(rank-from, free-uint64(fresh)-from)
		from = rank + 1
		c.mark(p.value)
	}
	var marks []placed
	if len(s.found) > 0 {
		marks = slices.Clone(s.found)
	}
	if more := c.bit(len(s.extra) > 0); more {
		marks = c.extraMarks(s, marks)
	}
	if s.class != 0 {
		m.classOf(s.class - 1).marks = marks
	}
}

// extraMarks codes the marks of pupils who are not in the roster yet, and puts
// them into it.
func (c *codec) extraMarks(s *sheet, marks []placed) []placed {
	n := c.gamma(uint64(len(s.extra)), 0)
	if !c.enc {
		if n > uint64(len(c.r.b))*8 {
			c.fail("%d marks", n)
			return marks
		}
		s.extra = s.extra[:0]
	}
	for i := 0; i < int(n) && c.err == nil; i++ {
		var f change.Field
		if c.enc {
			f = s.extra[i]
		}
		var pupil uint32
		f.Key.Num = schema.SheetMark
		f.Key.Sub, pupil = c.pupil(f.Key.Sub)
		f.Value = c.mark(f.Value)
		if !c.enc {
			s.extra = append(s.extra, f)
		}
		if s.class != 0 && pupil != 0 && c.err == nil {
			before := len(c.t.roster(s.class - 1))
			if c.t.enrol(s.class-1, pupil-1); len(c.t.roster(s.class-1)) > before {
				marks = append(marks, placed{uint32(before), f.Value})
			}
		}
	}
	return marks
}

func (c *codec) readMarks(e *change.Entry, s *sheet, before []placed, day int) {
	m := &c.t.model
	var roster []uint32
	if s.class != 0 {
		roster = c.t.roster(s.class - 1)
	}
	s.kept, s.fresh = s.kept[:0], s.fresh[:0]
	asked := m.carries(day)
	if asked {
		for _, p := range before {
			if stays(p.value) {
				hit := c.bit(false)
				track(&m.carry[day], hit)
				if hit {
					s.kept = append(s.kept, p)
				}
			}
		}
	}
	fresh, free := c.rice(&m.count[day], 0), uint64(len(roster)-len(s.kept))
	if fresh > free {
		c.fail("%d marks for %d pupils", fresh, free)
		return
	}
	s.found = s.found[:0]
	k, from := 0, uint64(0)
	for ; fresh > 0 && c.err == nil; fresh-- {
		rank := from + c.below(0, free-(fresh-1)-from)
		from = rank + 1
		for k < len(s.kept) && uint64(s.kept[k].pos) <= rank+uint64(k) {
			s.found = append(s.found, s.kept[k])
			k++
		}
		s.found = append(s.found, placed{uint32(rank) + uint32(k), c.mark("")})
	}
	s.found = append(s.found, s.kept[k:]...)
	if !asked {
		for _, p := range before {
			if stays(p.value) {
				track(&m.carry[day], slices.Contains(s.found, p))
			}
		}
	}
	var marks []placed
	if len(s.found) > 0 {
		marks = slices.Clone(s.found)
	}
	s.extra = s.extra[:0]
	if c.bit(false) {
		marks = c.extraMarks(s, marks)
	}
	if c.err != nil {
		return
	}
	if s.class != 0 {
		m.classOf(s.class - 1).marks = marks
	}
	c.build(e, s, roster)
}

// build makes the entry of a sheet that was read.
func (c *codec) build(e *change.Entry, s *sheet, roster []uint32) {
	if c.dateTxt == "" || c.dateOf != s.id.Date {
		c.dateOf, c.dateTxt = s.id.Date, s.id.Date.String()
	}
	e.ID = c.dateTxt + "/" + s.id.Session.String() + "/" + s.id.Class
	f := c.room(3 + len(s.found) + len(s.extra))
	f = append(f, change.Field{Key: schema.Key{Num: schema.SheetState}, Value: "\x01"})
	if s.taker != "" {
		f = append(f, change.Field{Key: schema.Key{Num: schema.SheetTaker}, Value: c.t.text(nsTeacher, s.takerAt, s.taker)})
	}
	if s.roll >= 0 {
		f = append(f, change.Field{Key: schema.Key{Num: schema.SheetRoll}, Value: intValue(s.roll)})
	}
	head := len(f)
	for _, p := range s.found {
		f = append(f, change.Field{Key: schema.Key{Num: schema.SheetMark, Sub: c.t.names[nsPupil][roster[p.pos]]}, Value: p.value})
	}
	f = append(f, s.extra...)
	marks := f[head:]
	slices.SortFunc(marks, func(a, b change.Field) int { return strings.Compare(a.Key.Sub, b.Key.Sub) })
	for i := range marks {
		if marks[i].Key.Sub == "" || i > 0 && marks[i].Key.Sub == marks[i-1].Key.Sub {
			c.fail("two marks of one pupil")
		}
	}
	e.Fields = f
}

// room returns an empty slice for n fields, cut from a larger one.
func (c *codec) room(n int) []change.Field {
	if cap(c.fields)-len(c.fields) < n {
		c.fields = make([]change.Field, 0, max(n, 64, min(2*cap(c.fields), 512)))
	}
	from := len(c.fields)
	c.fields = c.fields[:from+n]
	clear(c.fields[from:])
	return c.fields[from : from : from+n]
}

// smallInts are the values of small numbers, made once.
var smallInts = func() (v [128]schema.Value) {
	for i := range v {
		v[i] = schema.Int(int64(i))
	}
	return v
}()

func intValue(n int64) schema.Value {
	if n >= 0 && n < int64(len(smallInts)) {
		return smallInts[n]
	}
	return schema.Int(n)
}
