package frame

import (
	"slices"
	"strings"

	"shangu/schema"
	"shangu/sync/change"
)

// Types of a field's value. The numbers are part of the format.
const (
	typeInt   = 0
	typeStr   = 1
	typeNil   = 2
	typeBool  = 3
	typeNames = 4 // a list of texts
	typeRaw   = 5 // anything else, as its bytes
	typeCount = 8
)

// maxInt bounds the numbers that typeInt takes.
const maxInt = 1 << 60

func typeOf(v schema.Value) uint8 {
	switch {
	case v == schema.Nil:
		return typeNil
	case v == "\xc2" || v == "\xc3":
		return typeBool
	}
	if n, ok := v.Int(); ok && n > -maxInt && n < maxInt {
		return typeInt
	}
	if _, ok := v.Str(); ok {
		return typeStr
	}
	if items, ok := v.List(); ok && len(items) < 256 {
		for _, x := range items {
			if _, ok := x.Str(); !ok {
				return typeRaw
			}
		}
		return typeNames
	}
	return typeRaw
}

// stringsOf is the namespace of a field's texts, if they come again.
func stringsOf(k schema.Kind, n schema.FieldNum) namespace {
	switch k {
	case schema.KindSheet:
		switch n {
		case schema.SheetTaker:
			return nsTeacher
		case schema.SheetReason, schema.SheetNote:
			return nsNote
		}
	case schema.KindVisit:
		switch n {
		case schema.VisitAgreement:
			return nsAgreement
		case schema.VisitHelper:
			return nsSchool
		case schema.VisitTopic:
			return nsTopic
		case schema.VisitNote, schema.VisitHelperNote:
			return nsNote
		case schema.VisitVisitorNames, schema.VisitConfirmedBy:
			return nsPerson
		case schema.VisitClasses:
			return nsClass
		}
	case schema.KindTraining:
		switch n {
		case schema.TrainingTeacher:
			return nsTeacher
		case schema.TrainingProgramme:
			return nsProgramme
		case schema.TrainingTitle:
			return nsTitle
		case schema.TrainingProvider:
			return nsProvider
		}
	case schema.KindClass:
		switch n {
		case schema.ClassGrade:
			return nsWord
		case schema.ClassHead:
			return nsTeacher
		}
	case schema.KindPupil:
		if n == schema.PupilAdmission {
			return nsWord
		}
	case schema.KindTeacher:
		switch n {
		case schema.TeacherSubject, schema.TeacherTitle, schema.TeacherPost:
			return nsWord
		}
	case schema.KindSchool:
		switch n {
		case schema.SchoolCategory, schema.SchoolRegion, schema.SchoolTownship:
			return nsWord
		}
	case schema.KindAgreement:
		switch n {
		case schema.AgreementLead:
			return nsSchool
		case schema.AgreementLeadName, schema.AgreementSeries:
			return nsWord
		case schema.AgreementOfficial:
			return nsPerson
		}
	case schema.KindProgramme:
		return nsWord
	}
	return nsNone
}

// subsOf is the namespace of a map field's items.
func subsOf(k schema.Kind, n schema.FieldNum) namespace {
	switch {
	case k == schema.KindSheet && n == schema.SheetMark:
		return nsPupil
	case k == schema.KindVisit && (n == schema.VisitCredits || n == schema.VisitHelperCredits), k == schema.KindStudio && n == schema.StudioMember:
		return nsTeacher
	case k == schema.KindAgreement && n == schema.AgreementMember:
		return nsSchool
	}
	return nsNone
}

// generic codes an entry of any kind up to maxKinds.
func (c *codec) generic(e *change.Entry) {
	m := &c.t.model
	if c.bit(e.Kind == m.kind) {
		e.Kind = m.kind
	} else {
		e.Kind = schema.Kind(c.bits(uint64(e.Kind), 5))
	}
	if c.id(e); c.err != nil {
		return
	}
	// 0: the fields of the last entry of this kind; 10: of the one before; 11: spelled out.
	m.shapeOf(e.Kind)
	var which uint64
	if c.enc {
		which = c.shapeOf(e)
	}
	if which = c.prefix(which, 2); which == 2 {
		c.spelled(e)
	} else {
		nums := m.shapeOf(e.Kind).nums[which]
		if !c.enc {
			e.Fields = c.room(len(nums))[:len(nums)]
		}
		for i, n := range nums {
			e.Fields[i].Key = schema.Key{Num: n}
			e.Fields[i].Value = c.value(e, i, m.fieldOf(e.Kind, n).typ)
			if c.err != nil {
				return
			}
		}
	}
	c.keepShape(e)
}

// shapeOf returns which shape fits an entry, 2 for none.
func (c *codec) shapeOf(e *change.Entry) uint64 {
	m := &c.t.model
	for i, nums := range m.shapeOf(e.Kind).nums {
		fits := len(nums) == len(e.Fields)
		for j := 0; fits && j < len(nums); j++ {
			f := &e.Fields[j]
			fits = f.Key.Num == nums[j] && f.Key.Sub == "" && f.Base.IsZero() && m.fieldOf(e.Kind, nums[j]).typ == typeOf(f.Value)
		}
		if fits {
			return uint64(i)
		}
	}
	return 2
}

// keepShape remembers the fields of an entry, if they are plain.
func (c *codec) keepShape(e *change.Entry) {
	if len(e.Fields) > maxShape {
		return
	}
	for i := range e.Fields {
		if e.Fields[i].Key.Sub != "" || !e.Fields[i].Base.IsZero() {
			return
		}
	}
	s := c.t.model.shapeOf(e.Kind)
	same := func(nums []schema.FieldNum) bool {
		return slices.EqualFunc(nums, e.Fields, func(n schema.FieldNum, f change.Field) bool { return n == f.Key.Num })
	}
	switch {
	case same(s.nums[0]):
	case same(s.nums[1]):
		s.nums[0], s.nums[1] = s.nums[1], s.nums[0]
	default:
		nums := make([]schema.FieldNum, len(e.Fields))
		for i := range nums {
			nums[i] = e.Fields[i].Key.Num
		}
		s.nums[0], s.nums[1] = nums, s.nums[0]
	}
}

// spelled codes fields with their numbers, items, bases and types.
func (c *codec) spelled(e *change.Entry) {
	n := c.gamma(uint64(len(e.Fields)), 1)
	if !c.enc {
		if n > MaxEntry/3 || n > uint64(len(c.r.b))*8 {
			c.fail("%d fields", n)
			return
		}
		e.Fields = nil
	}
	last := schema.FieldNum(0)
	for i := 0; i < int(n) && c.err == nil; i++ {
		if !c.enc {
			e.Fields = append(e.Fields, change.Field{})
		}
		f := &e.Fields[i]
		num := uint64(last) + c.gamma(uint64(f.Key.Num-last), 0)
		if num > 1<<16-1 {
			c.fail("field number %d", num)
			return
		}
		f.Key.Num = schema.FieldNum(num)
		if c.bit(f.Key.Sub != "") {
			f.Key.Sub = c.sub(e.Kind, f.Key)
		}
		f.Base = c.base(f.Base, e.Seq)
		typ := uint8(0)
		if c.enc {
			typ = typeOf(f.Value)
		}
		f.Value = c.value(e, i, uint8(c.bits(uint64(typ), 3)))
		if !c.enc && i > 0 && e.Fields[i-1].Key.Compare(f.Key) >= 0 {
			c.fail("fields out of order")
		}
		last = f.Key.Num
	}
}

// sub codes the item of a map field.
func (c *codec) sub(k schema.Kind, key schema.Key) (s string) {
	ns := subsOf(k, key.Num)
	switch {
	case ns == nsPupil:
		s, _ = c.pupil(key.Sub)
	case ns != nsNone:
		s, _ = c.name(ns, key.Sub)
	default:
		s = c.utf8(key.Sub)
	}
	if s == "" {
		c.fail("item without a name")
	}
	return s
}

// base codes the version that a field's writer saw: 0 none, else its chain and
// seq.
func (c *codec) base(r change.Ref, seq uint64) change.Ref {
	if !c.bit(!r.IsZero()) {
		return change.Ref{}
	}
	r.Chain = c.refChain(r.Chain)
	if c.err != nil {
		return r
	}
	if r.Chain == c.chain {
		r.Seq = seq - uint64(c.signed(int64(seq-r.Seq)-1)) - 1
	} else {
		r.Seq = c.gamma(r.Seq, 8)
	}
	if !c.enc && (r.IsZero() || r.Seq == 0 && r.Chain == c.chain || r.Seq >= maxInt) {
		c.fail("base out of range")
	}
	return r
}

// refChain codes a base's chain: mostly that of the last base.
func (c *codec) refChain(id change.ChainID) change.ChainID {
	chain := string(id[:])
	last := &c.t.model.ref
	if c.bit(*last != 0 && chain == c.lastName(nsChain, *last)) {
		if *last == 0 {
			c.fail("no last chain")
			return id
		}
		return change.ChainID([]byte(c.t.names[nsChain][*last-1]))
	}
	var i uint32
	known := false
	if c.enc {
		i, known = c.t.find(nsChain, chain)
	}
	list := c.t.names[nsChain]
	switch {
	case c.bit(known):
		if i = uint32(c.below(uint64(i), uint64(len(list)))); int(i) >= len(list) {
			c.fail("no chain %d", i)
			return id
		}
		*last, chain = i+1, list[i]
	case c.bit(id == c.chain):
		chain = string(c.chain[:])
		*last = c.learn(nsChain, chain)
	default:
		if chain = c.literal(chain); len(chain) != len(id) {
			c.fail("chain of %d bytes", len(chain))
			return id
		}
		*last = c.learn(nsChain, chain)
	}
	return change.ChainID([]byte(chain))
}

// value codes the i-th field's value, whose type both sides know.
func (c *codec) value(e *change.Entry, i int, typ uint8) schema.Value {
	f := &e.Fields[i]
	v := f.Value
	s := c.t.model.fieldOf(e.Kind, f.Key.Num)
	s.typ = typ
	ns := stringsOf(e.Kind, f.Key.Num)
	switch typ {
	case typeNil:
		return schema.Nil
	case typeBool:
		return schema.Bool(c.bit(v == "\xc3"))
	case typeInt:
		n, _ := v.Int()
		if n = c.integer(e, i, s, n); c.enc {
			return v
		}
		return intValue(n)
	case typeStr:
		text, _ := v.Str()
		if ns == nsNone {
			text = c.utf8(text)
		} else {
			text = c.word(ns, text, s)
		}
		switch {
		case c.enc:
			return v
		case ns != nsNone && s.name != 0:
			return c.t.text(ns, s.name, text)
		}
		return schema.Str(text)
	case typeNames:
		return c.list(ns, v)
	case typeRaw:
		return c.raw(v)
	}
	c.fail("type %d", typ)
	return v
}

// word codes a text of a namespace, maybe the last one again.
func (c *codec) word(ns namespace, text string, s *fieldState) string {
	last := ""
	if s.name != 0 {
		last = c.t.names[ns][s.name-1]
	}
	hit := text == last && s.name != 0
	if s.name != 0 && s.same > 48 {
		if hit = c.bit(hit); hit {
			track(&s.same, true)
			return last
		}
	}
	var i uint32
	text, i = c.name(ns, text)
	if s.name != 0 {
		track(&s.same, i == s.name)
	}
	s.name = i
	return text
}

// list codes a list of texts.
func (c *codec) list(ns namespace, v schema.Value) schema.Value {
	var items []schema.Value
	if c.enc {
		items, _ = v.List()
	}
	n := c.below(uint64(len(items)), 256)
	for i := 0; i < int(n) && c.err == nil; i++ {
		text := ""
		if c.enc {
			text = items[i].Text()
		}
		if ns == nsNone {
			text = c.utf8(text)
		} else {
			text, _ = c.name(ns, text)
		}
		if !c.enc {
			items = append(items, schema.Str(text))
		}
	}
	if c.enc {
		return v
	}
	return schema.List(items...)
}

// expect is what a number is likely near: the day of the entry or of the
// field before, the birth that an id holds, or the last such number.
func expect(e *change.Entry, i int, s *fieldState) int64 {
	n := e.Fields[i].Key.Num
	switch {
	case e.Kind == schema.KindVisit && n == schema.VisitDate, e.Kind == schema.KindTraining && n == schema.TrainingDate:
		return (e.At + 8*3600) / 86400
	case e.Kind == schema.KindVisit && n == schema.VisitEnd, e.Kind == schema.KindTraining && n == schema.TrainingEnd:
		if i > 0 {
			if d, ok := e.Fields[i-1].Value.Int(); ok && d > -maxInt && d < maxInt {
				return d
			}
		}
	case e.Kind == schema.KindPupil && n == schema.PupilBirth && len(e.ID) == 19:
		if d, ok := schema.ParseDate(strings.Join([]string{e.ID[7:11], e.ID[11:13], e.ID[13:15]}, "-")); ok {
			return int64(d)
		}
	case e.Kind == schema.KindEnrolment && n == schema.EnrolmentFrom:
		if _, _, d, ok := schema.ParseEnrolmentID(e.ID); ok {
			return int64(d)
		}
	case e.Kind == schema.KindEnrolment && n == schema.EnrolmentRow:
		return s.last + 1
	}
	return s.last
}

// integer codes a number: as expected, as a distance to that, or as it is,
// whichever has been shorter of late.
func (c *codec) integer(e *change.Entry, i int, s *fieldState, n int64) int64 {
	want := expect(e, i, s)
	hit := n == want
	asked := s.same > 48
	if asked {
		hit = c.bit(hit)
	}
	if asked && hit {
		n = want
	} else if s.delta.k() < s.plain.k() {
		n = want + c.near(&s.delta, n-want)
		s.plain.learn(uint64(max(n, -1) + 1))
	} else {
		n = c.plain(&s.plain, n)
		s.delta.learn(zigzag(n - want))
	}
	if n <= -maxInt || n >= maxInt {
		c.fail("number out of range")
		return 0
	}
	track(&s.same, n == want)
	s.last = n
	return n
}

// near codes a number that is about as far from zero as those before it.
func (c *codec) near(s *rice, n int64) int64 {
	return unzigzag(c.rice(s, zigzag(n)))
}

// plain codes a number that is hardly ever negative.
func (c *codec) plain(s *rice, n int64) int64 {
	if u := c.rice(s, uint64(max(n, -1)+1)); u > 0 {
		return int64(u - 1)
	}
	return -int64(c.gamma(uint64(-n-1), 3)) - 1
}
