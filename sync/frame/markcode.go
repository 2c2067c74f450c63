package frame

import (
	"shangu/schema"
)

// Codes of a mark's value: sick, leave and absent are common; the rest follow.
//
//	00 sick   symptom in 4 bits, 0 none
//	01 leave
//	10 absent
//	110 late  minutes
//	111 sss   early (minutes), unknown, official, home, present, any value
const (
	markEarly = iota
	markUnknown
	markOfficial
	markHome
	markPresent
	markAny = 7
)

// smallMarks are the values [status] and [sick, 0, symptom], made once.
var smallMarks = func() (v [10 + 16]schema.Value) {
	for i := range 10 {
		v[i] = schema.Mark{Status: schema.Status(i)}.Encode()
	}
	for i := 1; i < 15; i++ {
		v[10+i] = schema.Mark{Status: schema.StatusSick, Symptom: schema.Symptom(i)}.Encode()
	}
	v[10] = v[schema.StatusSick]
	return v
}()

// timedMarks are the values [late, minutes] and [early, minutes] for short times.
var timedMarks = func() (v [2][128]schema.Value) {
	for i := range 128 {
		v[0][i] = schema.Mark{Status: schema.StatusLate, Minutes: i}.Encode()
		v[1][i] = schema.Mark{Status: schema.StatusEarly, Minutes: i}.Encode()
	}
	return v
}()

// shortMark takes a mark's value apart when it is one that mark has a code for.
func shortMark(v schema.Value) (status schema.Status, minutes int, symptom uint64, ok bool) {
	switch {
	case len(v) == 2 && v[0] == 0x91:
	case len(v) == 3 && v[0] == 0x92 && v[2] > 0 && v[2] < 128:
		minutes = int(v[2])
	case len(v) == 4 && v[0] == 0x93 && v[1] == byte(schema.StatusSick) && v[2] == 0 && v[3] > 0 && v[3] < 15:
		symptom = uint64(v[3])
	default:
		return 0, 0, 0, false
	}
	status = schema.Status(v[1])
	timed := status == schema.StatusLate || status == schema.StatusEarly
	return status, minutes, symptom, status >= schema.StatusPresent && status <= schema.StatusHome && (timed || minutes == 0)
}

// mark codes a mark's value.
func (c *codec) mark(v schema.Value) schema.Value {
	status, minutes, symptom, ok := schema.Status(0), 0, uint64(0), false
	head, tail := uint64(0), uint64(markAny)
	if c.enc {
		status, minutes, symptom, ok = shortMark(v)
		head = 3
		if ok {
			switch status {
			case schema.StatusSick:
				head = 0
			case schema.StatusLeave:
				head = 1
			case schema.StatusAbsent:
				head = 2
			case schema.StatusLate:
				head, tail = 3, 100
			case schema.StatusEarly:
				tail = markEarly
			case schema.StatusUnknown:
				tail = markUnknown
			case schema.StatusOfficial:
				tail = markOfficial
			case schema.StatusHome:
				tail = markHome
			case schema.StatusPresent:
				tail = markPresent
			}
		}
	}
	switch c.bits(head, 2) {
	case 0:
		if symptom = c.bits(symptom, 4); symptom == 15 {
			c.fail("no symptom 15")
			return v
		}
		return smallMarks[10+symptom]
	case 1:
		return smallMarks[schema.StatusLeave]
	case 2:
		return smallMarks[schema.StatusAbsent]
	}
	if !c.bit(tail != 100) {
		return c.timed(0, minutes)
	}
	switch c.bits(tail, 3) {
	case markEarly:
		return c.timed(1, minutes)
	case markUnknown:
		return smallMarks[schema.StatusUnknown]
	case markOfficial:
		return smallMarks[schema.StatusOfficial]
	case markHome:
		return smallMarks[schema.StatusHome]
	case markPresent:
		return smallMarks[schema.StatusPresent]
	}
	return c.raw(v)
}

// timed codes the minutes of a mark: kind 0 late, 1 early.
func (c *codec) timed(kind, minutes int) schema.Value {
	n := c.rice(&c.t.model.minutes, uint64(minutes))
	if n >= 128 {
		c.fail("%d minutes", n)
		return ""
	}
	return timedMarks[kind][n]
}

// raw codes a value's bytes as they are.
func (c *codec) raw(v schema.Value) schema.Value {
	v = schema.Value(c.literal(string(v)))
	if !c.enc && c.err == nil && v.Check() != nil {
		c.fail("not a canonical value")
	}
	return v
}
