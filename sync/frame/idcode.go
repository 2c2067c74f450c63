package frame

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"shangu/schema"
	"shangu/sync/change"
)

// id codes the id of an entry in formFields.
func (c *codec) id(e *change.Entry) {
	m := &c.t.model
	switch e.Kind {
	case schema.KindPupil:
		e.ID, _ = c.pupil(e.ID)
		return
	case schema.KindEnrolment:
		c.enrolmentID(e)
		return
	case schema.KindSheet:
		c.looseSheetID(e)
		return
	}
	ns := idsOf(e.Kind)
	if ns != nsNone {
		known := false
		if c.enc {
			_, known = c.t.find(ns, e.ID)
		}
		if c.bit(known) {
			e.ID, _ = c.name(ns, e.ID)
			return
		}
	} else if prefix, counter, ok := splitNewID(e.ID); c.bit(ok) {
		e.ID = c.newID(e.ID, prefix, counter)
		return
	}
	last := m.idOf(e.Kind)
	next, ok := increment(last.id)
	if c.bit(ok && e.ID == next) {
		if !ok {
			c.fail("no id to count on from")
			return
		}
		e.ID = next
	} else {
		e.ID = c.utf8(e.ID)
	}
	if c.err != nil {
		return
	}
	if len(e.ID) <= maxLastID {
		last.id = e.ID
	}
	if ns != nsNone {
		c.learn(ns, e.ID)
	}
}

// idsOf is the namespace of a kind's ids, if they are spoken of again.
func idsOf(k schema.Kind) namespace {
	switch k {
	case schema.KindClass:
		return nsClass
	case schema.KindTeacher:
		return nsTeacher
	case schema.KindSchool:
		return nsSchool
	case schema.KindAgreement:
		return nsAgreement
	case schema.KindProgramme:
		return nsProgramme
	}
	return nsNone
}

// newIDPrefix is the length of what comes before the "-" in ids of schema.NewID.
const newIDPrefix = 13

// splitNewID takes an id that looks as schema.NewID makes them apart.
func splitNewID(id string) (prefix string, counter uint64, ok bool) {
	if len(id) < newIDPrefix+2 || id[newIDPrefix] != '-' {
		return "", 0, false
	}
	digits := id[newIDPrefix+1:]
	counter, err := strconv.ParseUint(digits, 32, 62)
	ok = err == nil && counter < maxInt && strconv.FormatUint(counter, 32) == digits && utf8.ValidString(id)
	return id[:newIDPrefix], counter, ok
}

// newID codes such an id: mostly of the chain at hand, counted on.
func (c *codec) newID(id, prefix string, counter uint64) string {
	m := &c.t.model
	own := schema.NewID(c.chain, 0)[:newIDPrefix]
	switch {
	case c.bit(prefix == m.prefix && prefix != ""):
		prefix = m.prefix
	case c.bit(prefix == own):
		prefix = own
	default:
		prefix = c.utf8(prefix)
	}
	counter = m.counter + 1 + uint64(c.signed(int64(counter-m.counter)-1))
	if len(prefix) != newIDPrefix || counter >= maxInt {
		c.fail("bad id")
		return ""
	}
	m.prefix, m.counter = prefix, counter
	if c.enc {
		return id
	}
	return prefix + "-" + strconv.FormatUint(counter, 32)
}

// increment adds one to the decimal number at the end of an id, keeping its
// width; ok is false where that cannot be done.
func increment(id string) (next string, ok bool) {
	b := []byte(id)
	for i := len(b) - 1; i >= 0 && b[i] >= '0' && b[i] <= '9'; i-- {
		if b[i] != '9' {
			b[i]++
			return string(b), true
		}
		b[i] = '0'
	}
	return "", false
}

// looseSheetID codes the id of a sheet in formFields.
func (c *codec) looseSheetID(e *change.Entry) {
	var id schema.SheetID
	ok := false
	if c.enc {
		id, ok = schema.ParseSheetID(e.ID)
		ok = ok && dateFits(id.Date) && len(id.Class) <= maxNameLen
	}
	if !c.bit(ok) {
		e.ID = c.utf8(e.ID)
		return
	}
	var class uint32
	c.sheetID(&id, &class)
	if !dateFits(id.Date) || id.Session == 0 {
		c.fail("no such sheet")
		return
	}
	e.ID = id.String()
}

// enrolmentID codes pupil, class and first day, and puts the pupil into the
// class.
func (c *codec) enrolmentID(e *change.Entry) {
	m := &c.t.model
	var pupil, class string
	var from schema.Date
	ok := false
	if c.enc {
		pupil, class, from, ok = schema.ParseEnrolmentID(e.ID)
		ok = ok && dateFits(from) && len(pupil) <= maxNameLen && len(class) <= maxNameLen
	}
	if !c.bit(ok) {
		e.ID = c.utf8(e.ID)
		return
	}
	var p uint32
	pupil, p = c.pupil(pupil)
	class = c.again(nsClass, class, &m.enClass)
	if !c.bit(from == m.enFrom) {
		from = m.enFrom + schema.Date(int32(c.signed(int64(from)-int64(m.enFrom))))
	} else {
		from = m.enFrom
	}
	if !dateFits(from) || pupil == "" || class == "" {
		c.fail("no such enrolment")
		return
	}
	m.enFrom = from
	e.ID = schema.EnrolmentID(pupil, class, from)
	if p != 0 && m.enClass != 0 && c.err == nil {
		c.t.enrol(m.enClass-1, p-1)
	}
}

// pupil codes a 学籍号 and returns its index+1: the next one in the table (or,
// at its end, the last), another that is known, or a new one.
func (c *codec) pupil(id string) (string, uint32) {
	m := &c.t.model
	list := c.t.names[nsPupil]
	if len(list) > 0 {
		next := min(int(m.pupil), len(list)-1)
		if c.bit(id == list[next]) {
			m.pupil = uint32(next) + 1
			return list[next], m.pupil
		}
	}
	id, i := c.name(nsPupil, id)
	if i != 0 {
		m.pupil = i
	}
	return id, i
}

// newPupil codes a 学籍号 that the table does not have: area, birth and serial
// of a valid one, else as text.
func (c *codec) newPupil(id string) string {
	m := &c.t.model
	letter, area, birth, serial, ok := byte(0), uint32(0), schema.Date(0), uint32(0), false
	if c.enc {
		letter, area, birth, serial, ok = splitPupil(id)
	}
	if !c.bit(ok) {
		return c.utf8(id)
	}
	letter = "GJL"[min(c.prefix(uint64(strings.IndexByte("GJL", max(letter, 'G'))), 2), 2)]
	if !c.bit(area == m.area) {
		area = uint32(c.bits(uint64(area), 20))
	} else {
		area = m.area
	}
	birth = m.birth + schema.Date(int32(unzigzag(c.rice(&m.births, zigzag(int64(birth)-int64(m.birth))))))
	next := (m.serial + 1) % 1000
	if !c.bit(serial == next) {
		serial = uint32(c.bits(uint64(serial), 14))
	} else {
		serial = next
	}
	limit := uint32(1000)
	if letter == 'L' {
		limit = 10000
	}
	if area > 999999 || serial >= limit || !dateFits(birth) {
		c.fail("no such pupil")
		return ""
	}
	m.area, m.birth, m.serial = area, birth, serial
	if c.enc {
		return id
	}
	return joinPupil(letter, area, birth, serial)
}

// splitPupil takes a valid 学籍号 apart.
func splitPupil(id string) (letter byte, area uint32, birth schema.Date, serial uint32, ok bool) {
	if len(id) != 19 || id[0] != 'G' && id[0] != 'J' && id[0] != 'L' {
		return
	}
	last := 18
	if id[0] == 'L' {
		last = 19
	}
	a, err1 := strconv.ParseUint(id[1:7], 10, 32)
	s, err2 := strconv.ParseUint(id[15:last], 10, 32)
	birth, ok = schema.ParseDate(id[7:11] + "-" + id[11:13] + "-" + id[13:15])
	if err1 != nil || err2 != nil || !ok || !dateFits(birth) {
		return 0, 0, 0, 0, false
	}
	return id[0], uint32(a), birth, uint32(s), joinPupil(id[0], uint32(a), birth, uint32(s)) == id
}

// joinPupil puts a 学籍号 together, check character included.
func joinPupil(letter byte, area uint32, birth schema.Date, serial uint32) string {
	b := make([]byte, 0, 19)
	b = append(b, letter)
	b = appendDigits(b, uint64(area), 6)
	date := birth.String()
	b = append(b, date[:4]...)
	b = append(b, date[5:7]...)
	b = append(b, date[8:]...)
	if letter == 'L' {
		return string(appendDigits(b, uint64(serial), 4))
	}
	b = appendDigits(b, uint64(serial), 3)
	// MOD 11-2 of GB 11643: see schema.CheckPupilID.
	sum := 0
	for i, w := range [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2} {
		sum += w * int(b[1+i]-'0')
	}
	return string(append(b, "10X98765432"[sum%11]))
}

func appendDigits(b []byte, n uint64, width int) []byte {
	from := len(b)
	b = append(b, "000000"[:width]...)
	for i := from + width - 1; i >= from; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return b
}
