// Package attend is a school's attendance in memory: the sheets of the days that
// pages and rules ask for, each day read once and again when one of its sheets has
// changed.
//
// It keeps what sheets say and joins it with nothing: who was in a class is agent/roster's.
// It imports schema and sync/change alone and writes nothing.
package attend

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"shangu/schema"
	"shangu/sync/change"
)

// Documents are where a Book reads; agent/store's Store.
type Documents interface {
	Docs(kind schema.Kind, prefix string) iter.Seq2[*change.Doc, error]
	// RevisionOn changes whenever a record about a day does.
	RevisionOn(day schema.Date) uint64
}

// Mark is one pupil of a sheet who was not simply present.
type Mark struct {
	Pupil   string
	Status  schema.Status
	Symptom schema.Symptom
	Minutes uint16
}

// Sheet is one class's roll of a session.
type Sheet struct {
	Class   string
	Session schema.Session
	State   uint8  // schema.SheetTaken or SheetNoSchool; 0: not taken to its end
	Marks   []Mark // by pupil
}

// Taken reports whether the roll was taken: then who has no mark was present.
func (s *Sheet) Taken() bool { return s != nil && s.State == schema.SheetTaken }

// Mark is what a sheet says of a pupil: present where it has no mark.
func (s *Sheet) Mark(pupil string) Mark {
	if i, ok := slices.BinarySearchFunc(s.Marks, pupil, func(m Mark, p string) int { return strings.Compare(m.Pupil, p) }); ok {
		return s.Marks[i]
	}
	return Mark{Pupil: pupil, Status: schema.StatusPresent}
}

// Day is a day's sheets. Nothing in it changes.
type Day struct {
	Date   schema.Date
	Sheets []Sheet // by class, then session
}

// Sheet returns a class's sheet of a session, nil where nobody began one.
func (d *Day) Sheet(class string, session schema.Session) *Sheet {
	i, ok := slices.BinarySearchFunc(d.Sheets, Sheet{Class: class, Session: session}, compare)
	if !ok {
		return nil
	}
	return &d.Sheets[i]
}

// Taken reports whether any roll of the day was taken.
func (d *Day) Taken() bool {
	return slices.ContainsFunc(d.Sheets, func(s Sheet) bool { return s.Taken() })
}

func compare(a, b Sheet) int {
	return cmp.Or(strings.Compare(a.Class, b.Class), cmp.Compare(a.Session, b.Session))
}

// maxDays bounds what is kept: 120 days of a school of 3,000 pupils are 3 MB. The
// day that nobody asked for longest goes first.
const maxDays = 120

type kept struct {
	at   uint64 // RevisionOn
	used uint64
	day  *Day
}

// Book keeps days. It may be used by many at once.
type Book struct {
	docs  Documents
	mu    sync.Mutex
	turn  uint64
	days  map[schema.Date]*kept
	names map[string]string // of classes and pupils, one copy of each
}

// NewBook makes a Book that has read nothing yet.
func NewBook(docs Documents) *Book {
	return &Book{docs: docs, days: map[schema.Date]*kept{}, names: map[string]string{}}
}

// Day returns a day's sheets.
func (b *Book) Day(on schema.Date) (*Day, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := b.docs.RevisionOn(on)
	b.turn++
	if k := b.days[on]; k != nil && k.at == at {
		k.used = b.turn
		return k.day, nil
	}
	day, err := b.read(on)
	if err != nil {
		return nil, fmt.Errorf("read attendance of %v: %w", on, err)
	}
	b.days[on] = &kept{at, b.turn, day}
	if len(b.days) > maxDays {
		b.drop()
	}
	return day, nil
}

// Days returns the days of a range that have sheets, the earliest first.
func (b *Book) Days(from, to schema.Date) ([]*Day, error) {
	var out []*Day
	for on := from; on <= to; on++ {
		d, err := b.Day(on)
		if err != nil {
			return nil, err
		}
		if len(d.Sheets) > 0 {
			out = append(out, d)
		}
	}
	return out, nil
}

// Last returns the newest n days on which a roll was taken, from first on and
// up to a day, the earliest first.
func (b *Book) Last(n int, first, to schema.Date) ([]*Day, error) {
	var out []*Day
	for on := to; on >= first && len(out) < n; on-- {
		d, err := b.Day(on)
		if err != nil {
			return nil, err
		}
		if d.Taken() {
			out = append(out, d)
		}
	}
	slices.Reverse(out)
	return out, nil
}

func (b *Book) drop() {
	var oldest schema.Date
	least := b.turn + 1
	for on, k := range b.days {
		if k.used < least {
			oldest, least = on, k.used
		}
	}
	delete(b.days, oldest)
	if len(b.names) > maxNames {
		b.names = map[string]string{}
	}
}

// maxNames bounds the copies of names: those of a school of 3,000 pupils through
// five years.
const maxNames = 10000

func (b *Book) name(s string) string {
	if n, ok := b.names[s]; ok {
		return n
	}
	s = strings.Clone(s)
	b.names[s] = s
	return s
}

func (b *Book) read(on schema.Date) (*Day, error) {
	out := &Day{Date: on}
	for d, err := range b.docs.Docs(schema.KindSheet, on.String()+"/") {
		if err != nil {
			return nil, err
		}
		id, ok := schema.ParseSheetID(d.ID)
		if !ok || d.Void() || d.Scope != "" {
			continue
		}
		state, _ := d.Value(schema.SheetState).Int()
		s := Sheet{Class: b.name(id.Class), Session: id.Session, State: uint8(state)}
		for i := range d.Cells {
			c := &d.Cells[i]
			if c.Key.Num != schema.SheetMark {
				continue
			}
			if m, ok := schema.ParseMark(c.Value); ok && m.Status != schema.StatusPresent {
				s.Marks = append(s.Marks, Mark{b.name(c.Key.Sub), m.Status, m.Symptom, uint16(m.Minutes)})
			}
		}
		s.Marks = slices.Clip(s.Marks)
		out.Sheets = append(out.Sheets, s)
	}
	slices.SortFunc(out.Sheets, compare)
	out.Sheets = slices.Clip(out.Sheets)
	return out, nil
}
