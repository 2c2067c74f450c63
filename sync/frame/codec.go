package frame

import (
	"fmt"
	"math/bits"
	"slices"
	"unicode/utf8"

	"shangu/schema"
	"shangu/sync/change"
)

// codec writes entries as bits and texts, or reads them back. Reading and
// writing run the same code, so that the model on both sides goes through the
// same states: a method that takes a value returns what was written or read.
type codec struct {
	t     *Table
	chain change.ChainID

	enc     bool
	discard bool // writing, but only the table is wanted
	w       bitWriter
	r       bitReader
	text    []byte // texts written, or those still to be read
	err     error

	scratch sheet
	fields  []change.Field // where the next entry's fields go
	dateOf  schema.Date    // dateText is its text
	dateTxt string
}

func (c *codec) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: "+format, append([]any{ErrFormat}, args...)...)
	}
}

func (c *codec) bits(v uint64, n uint) uint64 {
	if c.enc {
		if !c.discard {
			c.w.put(v, n)
		}
		return v
	}
	return c.r.get(n)
}

func (c *codec) bit(b bool) bool {
	if !c.enc {
		return c.r.get(1) == 1
	}
	if !c.discard {
		v := uint64(0)
		if b {
			v = 1
		}
		c.w.put(v, 1)
	}
	return b
}

// below codes a number below n with as few bits as that takes.
func (c *codec) below(v, n uint64) uint64 {
	if n <= 1 {
		return 0
	}
	width := uint(bits.Len64(n - 1))
	short := uint64(1)<<width - n // so many get by with a bit less
	if c.enc {
		if v < short {
			return c.bits(v, width-1)
		}
		c.bits(v+short, width)
		return v
	}
	if v = c.r.get(width - 1); v < short {
		return v
	}
	v = v<<1 | c.r.get(1)
	if v -= short; v >= n {
		c.fail("number out of range")
		return 0
	}
	return v
}

// gamma codes any number below 1<<62, small ones shortest: k low bits as they
// are, the length of the rest in ones.
func (c *codec) gamma(v uint64, k uint) uint64 {
	if c.enc {
		if !c.discard {
			u := v>>k + 1
			n := uint(bits.Len64(u)) - 1
			for i := n; i > 0; i -= min(i, 32) {
				c.w.put(1<<min(i, 32)-1, min(i, 32))
			}
			c.w.put(0, 1)
			c.long(u, n)
			c.w.put(v, k)
		}
		return v
	}
	n := c.r.ones(64)
	if n > 62 {
		c.fail("number too long")
		return 0
	}
	u := uint64(1)<<n | c.readLong(n)
	if bits.Len64(u)+int(k) > 64 {
		c.fail("number too long")
		return 0
	}
	return (u-1)<<k | c.r.get(k)
}

func (c *codec) long(v uint64, n uint) {
	if n > 32 {
		c.w.put(v>>32, n-32)
		n = 32
	}
	c.w.put(v, n)
}

func (c *codec) readLong(n uint) (v uint64) {
	if n > 32 {
		v = c.r.get(n-32) << 32
		n = 32
	}
	return v | c.r.get(n)
}

// rice codes a number that is about as large as those before it.
func (c *codec) rice(s *rice, v uint64) uint64 {
	k := s.k()
	if c.enc {
		if !c.discard {
			if q := v >> k; q < riceEscape {
				c.w.put(1<<(q+1)-2, uint(q)+1)
				c.w.put(v, k)
			} else {
				c.w.put(1<<riceEscape-1, riceEscape)
				c.gamma(v-riceEscape<<k, k+4)
			}
		}
	} else {
		if q := c.r.ones(riceEscape); q < riceEscape {
			v = uint64(q)<<k | c.r.get(k)
		} else {
			v = c.gamma(0, k+4) + riceEscape<<k
		}
	}
	s.learn(v)
	return v
}

// signed codes a number of either sign, small ones shortest.
func (c *codec) signed(n int64) int64 { return unzigzag(c.gamma(zigzag(n), 1)) }

// literal codes bytes as they are, among the texts.
func (c *codec) literal(s string) string {
	n := c.gamma(uint64(len(s)), 3)
	if c.enc {
		if !c.discard {
			c.text = append(c.text, s...)
		}
		return s
	}
	if n > uint64(len(c.text)) {
		c.fail("text of %d bytes, %d remain", n, len(c.text))
		return ""
	}
	s, c.text = string(c.text[:n]), c.text[n:]
	return s
}

// utf8 codes a text.
func (c *codec) utf8(s string) string {
	s = c.literal(s)
	if !c.enc && !utf8.ValidString(s) {
		c.fail("text is not UTF-8")
	}
	return s
}

// name codes a text that likely came before, and returns its index+1; 0 when
// the table did not take it.
func (c *codec) name(ns namespace, s string) (string, uint32) {
	var i uint32
	var known bool
	if c.enc {
		i, known = c.t.find(ns, s)
	}
	if known = c.bit(known); known {
		list := c.t.names[ns]
		i = uint32(c.below(uint64(i), uint64(len(list))))
		if int(i) >= len(list) {
			c.fail("no name %d", i)
			return "", 0
		}
		return list[i], i + 1
	}
	if ns == nsPupil {
		s = c.newPupil(s)
	} else {
		s = c.utf8(s)
	}
	return s, c.learn(ns, s)
}

// learn takes a spelled-out name into the table and returns its index+1.
func (c *codec) learn(ns namespace, s string) uint32 {
	if c.err != nil {
		return 0
	}
	if i, ok := c.t.find(ns, s); ok {
		return i + 1
	}
	i, ok := c.t.add(ns, s)
	if !ok {
		return 0
	}
	return i + 1
}

// again codes a name that is mostly the last one, whose index+1 is in last.
func (c *codec) again(ns namespace, s string, last *uint32) string {
	prev := ""
	if *last != 0 {
		prev = c.t.names[ns][*last-1]
	}
	if c.bit(s == prev) {
		return prev
	}
	if c.bit(s == "") {
		*last = 0
		return ""
	}
	s, *last = c.name(ns, s)
	return s
}

// Forms of an entry.
const (
	formExpected = 0 // a sheet of which all but time and marks was foreseen
	formSheet    = 1 // a roll that was taken: nothing but new fields of a sheet
	formFields   = 2 // any fields of a kind up to maxKinds
	formWhole    = 3 // its canonical bytes; the model does not see it
)

// maxClock bounds the times that the model takes; entries with wilder ones are
// spelled out whole.
const maxClock = 1 << 40

// entry codes one entry. Reading, e.Seq is set by the caller.
func (c *codec) entry(e *change.Entry) {
	form := uint64(0)
	if c.enc {
		form = c.formOf(e)
		own := *e // what the caller gave is only read
		e = &own
		if form == formFields {
			e.Fields = slices.Clone(e.Fields)
		}
	}
	// 0, 10, 110, 111
	if form = c.prefix(form, 3); form == formWhole {
		c.whole(e)
		return
	}
	m := &c.t.model
	if form == formExpected {
		e.Boot, e.Account, e.Scope = m.boot, c.lastName(nsAccount, m.account), c.lastName(nsSchool, m.scope)
	} else {
		c.clocks(e)
		e.Account = c.again(nsAccount, e.Account, &m.account)
		e.Scope = c.again(nsSchool, e.Scope, &m.scope)
	}
	c.time(e, form)
	switch form {
	case formFields:
		c.generic(e)
	default:
		c.sheet(e, form == formExpected)
	}
	m.kind = e.Kind
}

// prefix codes a small number as so many ones; limit needs no zero.
func (c *codec) prefix(v uint64, limit uint64) uint64 {
	if c.enc {
		for i := range v {
			_ = i
			c.bits(1, 1)
		}
		if v < limit {
			c.bits(0, 1)
		}
		return v
	}
	return uint64(c.r.ones(uint(limit)))
}

func (c *codec) lastName(ns namespace, last uint32) string {
	if last == 0 {
		return ""
	}
	return c.t.names[ns][last-1]
}

// formOf chooses the form of an entry that is to be written.
func (c *codec) formOf(e *change.Entry) uint64 {
	small := func(n int64) bool { return n > -maxClock && n < maxClock }
	if e.Extra != "" || e.Seq >= maxInt || e.Kind > maxKinds || !small(e.At) || !small(e.Up) || len(e.Account) > maxNameLen || len(e.Scope) > maxNameLen {
		return formWhole
	}
	for i := range e.Fields {
		if e.Fields[i].Base.Seq >= maxInt {
			return formWhole
		}
	}
	s := &c.scratch
	if e.Kind != schema.KindSheet || !s.from(e) {
		return formFields
	}
	if c.expected(e, s) {
		return formExpected
	}
	return formSheet
}

// whole codes an entry as its canonical bytes.
func (c *codec) whole(e *change.Entry) {
	if c.enc {
		if !c.discard {
			c.literal(string(AppendEntry(nil, c.chain, e)))
		}
		return
	}
	b := c.literal("")
	if c.err != nil {
		return
	}
	got, err := DecodeEntry([]byte(b), c.chain)
	if err != nil {
		c.err = err
		return
	}
	if got.Seq != e.Seq {
		c.fail("entry %d stands at %d", got.Seq, e.Seq)
		return
	}
	*e = *got
}

// clocks codes boot and origin.
func (c *codec) clocks(e *change.Entry) {
	m := &c.t.model
	d := e.At - e.Up - m.origin
	if c.bit(e.Boot == m.boot && (d == 0 || d == 1)) {
		e.Boot = m.boot
		return
	}
	e.Boot = uint32(int64(m.boot) + c.signed(int64(e.Boot)-int64(m.boot)))
	m.boot = e.Boot
	// Seconds are cut, so the difference may be one less next time: leave room
	// on the side to which it moved.
	if d = c.signed(d); d == -1 {
		m.origin--
	} else {
		m.origin += d
	}
}

// time codes At and Up, after boot and origin.
func (c *codec) time(e *change.Entry, form uint64) {
	m := &c.t.model
	gap := e.At - m.at
	if form == formExpected || !c.bit(gap < 0) {
		gap = int64(c.rice(&m.gap, uint64(gap)))
	} else {
		gap = -int64(c.gamma(uint64(-gap), 5))
	}
	late := c.bit(e.At-e.Up != m.origin)
	if c.enc {
		m.at = e.At
		return
	}
	e.At = m.at + gap
	e.Up = e.At - m.origin
	if late {
		e.Up--
	}
	m.at = e.At
	if e.At <= -maxClock || e.At >= maxClock || e.Up <= -maxClock || e.Up >= maxClock {
		c.fail("time out of range")
		m.at = 0
	}
}
