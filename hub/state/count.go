package state

import (
	"fmt"

	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/frame"
)

// counts is what is kept up for a school as entries apply, so that no page
// scans its documents.
type counts struct {
	pupils, classes, teachers     int64
	sheets, marks                 int64
	visits, trainings             int64
	conflicts, quarantined        int64
	lastSeen                      int64
	pending                       uint64
	root                          digest.Sum
	enrolments, agreements, other int64
}

func (c *counts) walk(w *wire) {
	for _, n := range []*int64{
		&c.pupils, &c.classes, &c.teachers, &c.sheets, &c.marks, &c.visits, &c.trainings,
		&c.conflicts, &c.quarantined, &c.lastSeen,
	} {
		w.int64(n)
	}
	w.uint64(&c.pending)
	walkSum(w, &c.root)
	w.int64(&c.enrolments)
	w.int64(&c.agreements)
	w.int64(&c.other)
}

func walkSum(w *wire, s *digest.Sum) {
	var p []byte
	if w.dec == nil {
		p = s.Bytes()
	}
	w.bytes(&p)
	if w.dec == nil || w.err != nil || p == nil {
		return
	}
	sum, ok := digest.FromBytes(p)
	if !ok {
		w.err = fmt.Errorf("%w: digest of %d bytes", frame.ErrFormat, len(p))
		return
	}
	*s = sum
}

func (m *Month) walk(w *wire) {
	w.str(&m.School)
	w.str(&m.Month)
	w.int64(&m.Sheets)
	w.int64(&m.NoClass)
	w.int64(&m.Roll)
	status := m.Status[:]
	listOf(w, &status, func(w *wire, n *int64) { w.int64(n) })
	if w.dec != nil && w.err == nil {
		copy(m.Status[:], status)
	}
}

// count takes a document into its school's counts, or out of them with sign -1.
// month is what schema.MonthOf says of it.
func (b *batch) count(d *change.Doc, month string, sign int64) {
	if d == nil {
		return
	}
	v := b.viewer(d.Scope)
	c := &v.counts
	void := d.Void()
	add := func(n *int64) {
		if !void {
			*n += sign
		}
	}
	b.touch(v)
	switch d.Kind {
	case schema.KindSheet:
		if !void {
			b.countSheet(v, d, month, sign)
		}
	case schema.KindPupil:
		add(&c.pupils)
	case schema.KindClass:
		add(&c.classes)
	case schema.KindTeacher:
		add(&c.teachers)
	case schema.KindVisit:
		// A confirmation may come before the host's record; see early.
		if !d.Value(schema.VisitDate).IsNil() {
			add(&c.visits)
		}
	case schema.KindTraining:
		add(&c.trainings)
	case schema.KindEnrolment:
		add(&c.enrolments)
	case schema.KindAgreement:
		add(&c.agreements)
	case schema.KindCard:
		if d.Value(schema.CardSettled).IsNil() {
			add(&c.conflicts)
		}
	case schema.KindQuarantine:
		if n, _ := d.Value(schema.QuarantineState).Int(); n == schema.QuarantineWaiting {
			add(&c.quarantined)
		}
	default:
		add(&c.other)
	}
}

func (b *batch) countSheet(v *viewer, d *change.Doc, month string, sign int64) {
	state, _ := d.Value(schema.SheetState).Int()
	if state != schema.SheetTaken && state != schema.SheetNoSchool {
		return
	}
	m := v.month(b, month)
	if state == schema.SheetNoSchool {
		m.NoClass += sign
		return
	}
	v.counts.sheets += sign
	m.Sheets += sign
	roll, _ := d.Value(schema.SheetRoll).Int()
	m.Roll += sign * roll
	for i := range d.Cells {
		cell := &d.Cells[i]
		if cell.Key.Num != schema.SheetMark || cell.Value.IsNil() {
			continue
		}
		mark, ok := schema.ParseMark(cell.Value)
		if ok && mark.Status == schema.StatusPresent {
			continue
		}
		v.counts.marks += sign
		if int(mark.Status) < len(m.Status) {
			m.Status[mark.Status] += sign
		}
	}
}
