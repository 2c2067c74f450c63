package register

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"shangu/schema"
)

// The bytes of a report: DESIGN.md has them as tables. A version that is not known,
// a number out of order or bytes left over are refused.

// version is the first byte of a class's and of the school's figures.
const version = 1

// errBytes is returned for what is no report.
var errBytes = errors.New("register: not the figures of a report")

// appendClass appends a class's figures.
func appendClass(b []byte, c *ClassFigures) ([]byte, error) {
	b = append(b, version)
	for _, session := range sessions {
		n := c.Sheets[session]
		b = appendInts(b, n.Due, n.Taken, n.NoSchool)
	}
	b = appendPairs(b, c.Symptoms[:])
	b = appendInts(b, len(c.Pupils))
	last := uint64(0)
	for i := range c.Pupils {
		p := &c.Pupils[i]
		n, ok := packPupil(p.Pupil)
		if !ok || i > 0 && n <= last {
			return nil, fmt.Errorf("write figures of %s: pupil %d has no number or not the next", c.Class, i+1)
		}
		b = binary.AppendUvarint(b, n-last)
		last = n
		b = appendInts(b, p.Sessions)
		by := p.By
		by[schema.StatusPresent] = 0 // what is left of the sessions
		b = appendPairs(b, by[:])
	}
	return b, nil
}

func appendInts(b []byte, list ...int) []byte {
	for _, n := range list {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return b
}

// appendPairs appends how many of the counts are not zero, and those with their
// places.
func appendPairs(b []byte, counts []int) []byte {
	n := 0
	for _, c := range counts {
		if c != 0 {
			n++
		}
	}
	b = appendInts(b, n)
	for i, c := range counts {
		if c != 0 {
			b = appendInts(b, i, c)
		}
	}
	return b
}

// reader reads figures; the first mistake stays.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uint() uint64 {
	n, k := binary.Uvarint(r.b)
	if k <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[k:]
	return n
}

// int reads a count.
func (r *reader) int() int {
	n := r.uint()
	if n > math.MaxInt32 {
		r.bad = true
		return 0
	}
	return int(n)
}

func (r *reader) pairs(out []int) {
	last := -1
	for range r.int() {
		i, n := r.int(), r.int()
		if r.bad || i <= last || i >= len(out) || n == 0 {
			r.bad = true
			return
		}
		out[i], last = n, i
	}
}

// parseClass reads what appendClass wrote.
func parseClass(class string, b []byte) (c ClassFigures, err error) {
	r := &reader{b: b}
	c.Class = class
	r.bad = r.int() != version
	for _, session := range sessions {
		c.Sheets[session] = Sheets{r.int(), r.int(), r.int()}
	}
	r.pairs(c.Symptoms[:])
	last := uint64(0)
	for i := range r.int() {
		delta := r.uint()
		n := last + delta
		id, ok := unpackPupil(n)
		if r.bad || !ok || i > 0 && (delta == 0 || n < last) {
			return c, errBytes
		}
		last = n
		p := PupilFigures{Pupil: id, Sessions: r.int()}
		r.pairs(p.By[:])
		p.By[schema.StatusPresent] = p.Sessions
		for status, k := range p.By {
			if schema.Status(status) != schema.StatusPresent {
				p.By[schema.StatusPresent] -= k
			}
		}
		if p.By[schema.StatusPresent] < 0 {
			return c, errBytes
		}
		c.Pupils = append(c.Pupils, p)
	}
	if r.bad || len(r.b) > 0 {
		return c, errBytes
	}
	return c, nil
}

func appendSchool(b []byte, s *SchoolFigures) []byte {
	return appendInts(append(b, version), s.Hosted, s.Confirmed, s.Made, s.Hours, s.Trainings, s.Training, s.Opened, s.Closed)
}

func parseSchool(b []byte) (s SchoolFigures, err error) {
	r := &reader{b: b}
	r.bad = r.int() != version
	for _, n := range []*int{&s.Hosted, &s.Confirmed, &s.Made, &s.Hours, &s.Trainings, &s.Training, &s.Opened, &s.Closed} {
		*n = r.int()
	}
	if r.bad || len(r.b) > 0 {
		return s, errBytes
	}
	return s, nil
}

// letters of a 学籍号, by their number in packPupil.
const letters = "GJL"

// packPupil is a 学籍号 as a number of 62 bits in the order of the numbers: letter, then
// 17 digits and the check from 0 to 10, or for L 18 digits.
func packPupil(id string) (uint64, bool) {
	if len(id) != 19 {
		return 0, false
	}
	letter := strings.IndexByte(letters, id[0])
	n, err := strconv.ParseUint(id[1:18], 10, 64)
	if letter < 0 || err != nil {
		return 0, false
	}
	base, check := uint64(11), uint64(10)
	if letters[letter] == 'L' {
		base = 10
	}
	if id[18] != 'X' {
		check = uint64(id[18] - '0')
	}
	if check >= base {
		return 0, false
	}
	return uint64(letter)<<60 + n*base + check, true
}

// unpackPupil is the inverse of packPupil.
func unpackPupil(p uint64) (string, bool) {
	letter := p >> 60
	n := p & (1<<60 - 1)
	if letter >= uint64(len(letters)) {
		return "", false
	}
	base := uint64(11)
	if letters[letter] == 'L' {
		base = 10
	}
	check := "0123456789X"[n%base : n%base+1]
	digits := strconv.FormatUint(n/base, 10)
	if len(digits) > 17 {
		return "", false
	}
	return letters[letter:letter+1] + strings.Repeat("0", 17-len(digits)) + digits + check, true
}

// frozen are figures as a report keeps them.
type frozen struct {
	month   schema.Date
	classes map[string]string // bytes by class
	school  string
}

// freeze encodes figures.
func freeze(f *Figures) (*frozen, error) {
	out := &frozen{month: f.Month, classes: map[string]string{}, school: string(appendSchool(nil, &f.School))}
	for i := range f.Classes {
		b, err := appendClass(nil, &f.Classes[i])
		if err != nil {
			return nil, err
		}
		out.classes[f.Classes[i].Class] = string(b)
	}
	return out, nil
}

// figures decodes them.
func (z *frozen) figures() (*Figures, error) {
	out := &Figures{Month: z.month}
	for _, class := range sortedKeys(z.classes) {
		c, err := parseClass(class, []byte(z.classes[class]))
		if err != nil {
			return nil, err
		}
		out.Classes = append(out.Classes, c)
	}
	var err error
	out.School, err = parseSchool([]byte(z.school))
	return out, err
}

// digest is the SHA-256 of all figures.
func (z *frozen) digest() [sha256.Size]byte {
	b := schema.AppendArray(nil, 4)
	b = schema.AppendStr(b, "shangu report v1")
	b = schema.AppendStr(b, z.month.Month())
	b = schema.AppendBin(b, z.school)
	b = schema.AppendArray(b, len(z.classes))
	for _, class := range sortedKeys(z.classes) {
		b = schema.AppendArray(b, 2)
		b = schema.AppendStr(b, class)
		b = schema.AppendBin(b, z.classes[class])
	}
	return sha256.Sum256(b)
}
