package frame

import (
	"encoding/binary"
	"slices"
	"unicode/utf8"

	"shangu/schema"
)

// model is what the coder remembers of a chain to predict its next entry. It
// is small and bounded: one classState a class, one fieldState a field.
type model struct {
	at      int64  // of the last entry
	boot    uint32 // its boot
	origin  int64  // At-Up is origin or origin+1: both clocks are cut to seconds
	account uint32 // index+1 of the last account; 0: ""
	scope   uint32 // likewise
	kind    schema.Kind
	gap     rice // seconds between entries

	class   uint32 // of the last sheet, index+1
	date    schema.Date
	session schema.Session
	next    [4]schema.Session // what followed a session the last time
	carry   [2]uint8          // how often a mark stayed: overnight, within a day; of 256
	count   [2]rice           // new marks of a sheet: first of the day, later ones
	minutes rice
	classes []classState

	pupil   uint32 // last pupil spoken of, index+1
	birth   schema.Date
	births  rice
	serial  uint32
	area    uint32
	enClass uint32 // class of the last enrolment, index+1
	enFrom  schema.Date
	prefix  string // of the last id of schema.NewID
	counter uint64 // likewise
	ref     uint32 // chain of the last base, index+1

	fields []fieldState // sorted by key
	shapes []shape      // sorted by kind
	ids    []lastID     // sorted by kind
}

// classState is what is known of one class.
type classState struct {
	date    schema.Date // of its last sheet
	session schema.Session
	roll    int64  // its roll, -1: none
	taker   uint32 // index+1 of who took it; 0: none
	succ    uint32 // class whose sheet followed, index+1
	marks   []placed
}

// placed is a mark by the pupil's place in the roster.
type placed struct {
	pos   uint32
	value schema.Value
}

// fieldState follows the values of one field of one kind.
type fieldState struct {
	key   uint32 // kind<<16 | field
	typ   uint8
	same  uint8  // how often the value was the last one's, of 256
	name  uint32 // index+1 of the last name
	last  int64
	plain rice // of the numbers themselves
	delta rice // of their distance to what was expected
}

// shape is the two last sets of fields that entries of a kind had.
type shape struct {
	kind schema.Kind
	nums [2][]schema.FieldNum
}

// lastID is the last id of a kind that ended in a number.
type lastID struct {
	kind schema.Kind
	id   string
}

func newModel() model {
	return model{
		gap:     rice{sum: 70, n: 1},
		next:    [4]schema.Session{0, schema.SessionPM, schema.SessionAM, schema.SessionAM},
		carry:   [2]uint8{100, 180},
		count:   [2]rice{{sum: 2, n: 1}, {sum: 1, n: 1}},
		minutes: rice{sum: 20, n: 1},
		births:  rice{sum: 200, n: 1},
	}
}

// clone copies m; slices that are only ever replaced are shared.
func (m *model) clone() model {
	c := *m
	c.classes, c.fields, c.shapes, c.ids = slices.Clone(m.classes), slices.Clone(m.fields), slices.Clone(m.shapes), slices.Clone(m.ids)
	return c
}

// classOf returns the state of a class, by index.
func (m *model) classOf(i uint32) *classState {
	for int(i) >= len(m.classes) {
		m.classes = append(m.classes, classState{roll: -1})
	}
	return &m.classes[i]
}

// fieldOf returns the state of a field. The pointer is good until the next call.
func (m *model) fieldOf(k schema.Kind, n schema.FieldNum) *fieldState {
	key := uint32(k)<<16 | uint32(n)
	i, ok := slices.BinarySearchFunc(m.fields, key, func(f fieldState, key uint32) int { return int(int64(f.key) - int64(key)) })
	if !ok {
		f := fieldState{key: key, same: 100}
		if len(m.fields) >= maxFields {
			return &f
		}
		m.fields = slices.Insert(m.fields, i, f)
	}
	return &m.fields[i]
}

// Bounds of a model: what would pass them is coded without memory.
const (
	maxFields = 512
	maxShape  = 40
	maxLastID = 64
	maxKinds  = 31 // kinds above are spelled out whole
)

func (m *model) shapeOf(k schema.Kind) *shape {
	i, ok := slices.BinarySearchFunc(m.shapes, k, func(s shape, k schema.Kind) int { return int(s.kind) - int(k) })
	if !ok {
		m.shapes = slices.Insert(m.shapes, i, shape{kind: k})
	}
	return &m.shapes[i]
}

func (m *model) idOf(k schema.Kind) *lastID {
	i, ok := slices.BinarySearchFunc(m.ids, k, func(s lastID, k schema.Kind) int { return int(s.kind) - int(k) })
	if !ok {
		m.ids = slices.Insert(m.ids, i, lastID{kind: k})
	}
	return &m.ids[i]
}

// slot is the date and session that the next sheet of a class is expected for.
func (m *model) slot(c *classState) (schema.Date, schema.Session) {
	if c.date != m.date || c.session != m.session {
		return m.date, m.session
	}
	next := m.next[m.session&3]
	if next > m.session {
		return m.date, next
	}
	d := m.date + 1
	for w := (int64(d)%7 + 7 + 4) % 7; w == 6 || w == 0; w = (w + 1) % 7 { // 1970-01-01 was a Thursday
		d++
	}
	return d, next
}

// sheetTaken notes where a sheet stood.
func (m *model) sheetTaken(class uint32, date schema.Date, session schema.Session) {
	if (date != m.date || session != m.session) && m.session != 0 {
		m.next[m.session&3] = session
	}
	if m.class != 0 {
		m.classOf(m.class - 1).succ = class + 1
	}
	m.class, m.date, m.session = class+1, date, session
	c := m.classOf(class)
	c.date, c.session = date, session
}

// track moves a frequency of 256 towards what happened.
func track(p *uint8, hit bool) {
	if hit {
		*p += (255 - *p) >> 4
	} else {
		*p -= *p >> 4
	}
}

// The model's state as bytes: numbers as varints in the order of walk.

// walker reads or writes a model.
type walker struct {
	b    []byte
	read bool
	bad  bool
}

func (w *walker) num(v int64) int64 {
	if !w.read {
		w.b = binary.AppendVarint(w.b, v)
		return v
	}
	v, k := binary.Varint(w.b)
	if k <= 0 {
		w.bad = true
		return 0
	}
	w.b = w.b[k:]
	return v
}

func (w *walker) str(s string) string {
	if !w.read {
		w.b = binary.AppendVarint(w.b, int64(len(s)))
		w.b = append(w.b, s...)
		return s
	}
	n := w.num(0)
	if n < 0 || n > int64(len(w.b)) {
		w.bad = true
		return ""
	}
	s, w.b = string(w.b[:n]), w.b[n:]
	return s
}

// upto reads or writes a number from 0 to limit.
func (w *walker) upto(v uint64, limit uint64) uint64 {
	n := w.num(int64(v))
	if n < 0 || uint64(n) > limit {
		w.bad = true
		return 0
	}
	return uint64(n)
}

func (w *walker) rice(s *rice) {
	s.n = uint32(w.upto(uint64(s.n), riceWindow-1))
	s.sum = uint32(w.upto(uint64(s.sum), riceWindow*riceMax))
}

// walkList reads or writes a slice of at most limit items.
func walkList[T any](w *walker, list *[]T, limit int, each func(*T)) {
	n := int(w.upto(uint64(len(*list)), uint64(limit)))
	if w.read {
		if n > len(w.b) { // an item takes a byte at least
			w.bad = true
			return
		}
		if *list = nil; n > 0 {
			*list = make([]T, n)
		}
	}
	for i := range *list {
		if each(&(*list)[i]); w.bad {
			return
		}
	}
}

func (m *model) walk(w *walker) {
	const any32 = 1<<32 - 1
	m.at = w.num(m.at)
	m.boot = uint32(w.upto(uint64(m.boot), any32))
	m.origin = w.num(m.origin)
	m.account, m.scope = uint32(w.upto(uint64(m.account), maxNames)), uint32(w.upto(uint64(m.scope), maxNames))
	m.kind = schema.Kind(w.upto(uint64(m.kind), maxKinds))
	w.rice(&m.gap)
	m.class = uint32(w.upto(uint64(m.class), maxNames))
	m.date = schema.Date(w.num(int64(m.date)))
	m.session = schema.Session(w.upto(uint64(m.session), 3))
	for i := range m.next {
		m.next[i] = schema.Session(w.upto(uint64(m.next[i]), 3))
	}
	for i := range m.carry {
		m.carry[i] = uint8(w.upto(uint64(m.carry[i]), 255))
	}
	for i := range m.count {
		w.rice(&m.count[i])
	}
	w.rice(&m.minutes)
	walkList(w, &m.classes, maxNames, func(c *classState) {
		c.date = schema.Date(w.num(int64(c.date)))
		c.session = schema.Session(w.upto(uint64(c.session), 3))
		c.roll = w.num(c.roll)
		c.taker, c.succ = uint32(w.upto(uint64(c.taker), maxNames)), uint32(w.upto(uint64(c.succ), maxNames))
		walkList(w, &c.marks, maxRoster, func(p *placed) {
			p.pos = uint32(w.upto(uint64(p.pos), maxRoster))
			p.value = schema.Value(w.str(string(p.value)))
		})
	})
	m.pupil = uint32(w.upto(uint64(m.pupil), maxNames))
	m.birth = schema.Date(w.num(int64(m.birth)))
	w.rice(&m.births)
	m.serial, m.area = uint32(w.upto(uint64(m.serial), 9999)), uint32(w.upto(uint64(m.area), 999999))
	m.enClass = uint32(w.upto(uint64(m.enClass), maxNames))
	m.enFrom = schema.Date(w.num(int64(m.enFrom)))
	m.prefix = w.str(m.prefix)
	m.counter = w.upto(m.counter, maxInt-1)
	m.ref = uint32(w.upto(uint64(m.ref), maxNames))
	walkList(w, &m.fields, maxFields, func(f *fieldState) {
		f.key = uint32(w.upto(uint64(f.key), any32))
		f.typ, f.same = uint8(w.upto(uint64(f.typ), typeCount-1)), uint8(w.upto(uint64(f.same), 255))
		f.name = uint32(w.upto(uint64(f.name), maxNames))
		f.last = w.num(f.last)
		w.rice(&f.plain)
		w.rice(&f.delta)
	})
	walkList(w, &m.shapes, maxKinds+1, func(s *shape) {
		s.kind = schema.Kind(w.upto(uint64(s.kind), maxKinds))
		for i := range s.nums {
			walkList(w, &s.nums[i], maxShape, func(n *schema.FieldNum) { *n = schema.FieldNum(w.upto(uint64(*n), 1<<16-1)) })
		}
	})
	walkList(w, &m.ids, maxKinds+1, func(l *lastID) {
		l.kind = schema.Kind(w.upto(uint64(l.kind), maxKinds))
		l.id = w.str(l.id)
	})
}

func (m *model) append(dst []byte) []byte {
	w := walker{b: dst}
	m.walk(&w)
	return w.b
}

// decodeModel reads what append wrote and checks every index against t's names.
func decodeModel(b []byte, t *Table) (m model, err error) {
	w := walker{b: b, read: true}
	m.walk(&w)
	if w.bad || len(w.b) != 0 || !m.fits(t) {
		return m, ErrFormat
	}
	return m, nil
}

// fits reports whether all that m points at is in t, and whether what should be
// sorted is.
func (m *model) fits(t *Table) bool {
	has := func(ns namespace, i uint32) bool { return int(i) <= len(t.names[ns]) }
	ok := has(nsAccount, m.account) && has(nsSchool, m.scope) && has(nsClass, m.class) && has(nsClass, m.enClass) && has(nsChain, m.ref) && (m.prefix == "" || len(m.prefix) == newIDPrefix) && utf8.ValidString(m.prefix) &&
		has(nsPupil, m.pupil) && len(m.classes) <= len(t.names[nsClass])
	for i := range m.classes {
		c := &m.classes[i]
		ok = ok && has(nsTeacher, c.taker) && has(nsClass, c.succ) && c.roll >= -1
		for j, p := range c.marks {
			ok = ok && int(p.pos) < len(t.roster(uint32(i))) && (j == 0 || c.marks[j-1].pos < p.pos) && p.value.Check() == nil
		}
	}
	for i, f := range m.fields {
		ns := stringsOf(schema.Kind(f.key>>16), schema.FieldNum(f.key))
		ok = ok && (i == 0 || m.fields[i-1].key < f.key) && (f.name == 0 || ns != nsNone && has(ns, f.name))
	}
	for i := range m.shapes {
		ok = ok && (i == 0 || m.shapes[i-1].kind < m.shapes[i].kind)
		for _, nums := range m.shapes[i].nums {
			for j := range nums {
				ok = ok && (j == 0 || nums[j-1] < nums[j])
			}
		}
	}
	for i := range m.ids {
		ok = ok && (i == 0 || m.ids[i-1].kind < m.ids[i].kind) && len(m.ids[i].id) <= maxLastID
	}
	return ok
}
