package register

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"

	"shangu/agent/store"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
)

// Report is a frozen month, or one of its correction sheets.
type Report struct {
	ID         string
	Month      schema.Date
	Correction int // 0: the report itself
	Frozen     schema.Date
	By         string
	Digest     [sha256.Size]byte // of the figures below
	Reason     string            // of a correction
	Figures    *Figures          // of the whole month, as they are with this correction
	Changes    []Change          // of a correction, against what it corrects
	Trace      []Touch           // of a correction: who changed sheets, as far as was known
	Sound      bool              // the figures are those that were digested, and follow what they correct
	Safe       bool              // at the district

	bytes *frozen
}

// Reports are a month's report and its correction sheets, in their order; none before
// it is frozen. They are read from what was frozen alone.
func (d *Desk) Reports(month schema.Date) ([]*Report, error) {
	var out []*Report
	for n := 0; ; n++ {
		id := schema.ReportID(month, n)
		doc, err := d.store.Doc("", schema.KindReport, id)
		if err != nil {
			return nil, fmt.Errorf("read report: %w", err)
		}
		if doc == nil || doc.Void() {
			return out, nil
		}
		var before *Report
		if n > 0 {
			before = out[n-1]
		}
		r := reportOf(doc, month, n, before)
		r.Safe = !d.store.Waiting(schema.KindReport, id)
		out = append(out, r)
	}
}

// reportOf reads a report; before is what it corrects.
func reportOf(doc *change.Doc, month schema.Date, n int, before *Report) *Report {
	r := &Report{
		ID: doc.ID, Month: month, Correction: n, Frozen: date(doc, schema.ReportFrozen),
		By: doc.Value(schema.ReportBy).Text(), Reason: doc.Value(schema.ReportReason).Text(),
	}
	digest, _ := doc.Value(schema.ReportDigest).Bin()
	copy(r.Digest[:], digest)
	if r.fill(doc, before); r.Sound {
		return r
	}
	// Another computer that froze the month at the same time may have left classes in
	// the document that this report does not have.
	if one := *r; one.fill(ofOneHand(doc), before) {
		return &one
	}
	return r
}

// ofOneHand is a report's document with the figures alone that were written with its
// digest.
func ofOneHand(doc *change.Doc) *change.Doc {
	digest, _ := doc.Find(schema.Key{Num: schema.ReportDigest})
	hands := append([]change.Ref{digest.Version}, digest.Also...)
	out := *doc
	out.Cells = slices.DeleteFunc(slices.Clone(doc.Cells), func(c change.Cell) bool {
		return !slices.ContainsFunc(append([]change.Ref{c.Version}, c.Also...), func(v change.Ref) bool { return slices.Contains(hands, v) })
	})
	return &out
}

// fill reads a report's figures and reports whether its digest bears them out.
func (r *Report) fill(doc *change.Doc, before *Report) bool {
	r.bytes = &frozen{month: r.Month, classes: map[string]string{}}
	if before != nil {
		maps.Copy(r.bytes.classes, before.bytes.classes)
		r.bytes.school = before.bytes.school
	}
	doc.Each(func(k schema.Key, v schema.Value) {
		if k.Num != schema.ReportClass {
			return
		}
		b, _ := v.Bin()
		if r.bytes.classes[k.Sub] = b; b == "" {
			delete(r.bytes.classes, k.Sub)
		}
	})
	if s, ok := doc.Value(schema.ReportSchool).Bin(); ok {
		r.bytes.school = s
	}
	var err error
	if r.Figures, err = r.bytes.figures(); err != nil {
		r.Figures = &Figures{Month: r.Month}
		return false
	}
	r.Sound = r.bytes.digest() == r.Digest
	if before != nil {
		base, _ := doc.Value(schema.ReportBase).Bin()
		r.Sound = r.Sound && before.Sound && base == string(before.Digest[:])
		r.Changes = Compare(before.Figures, r.Figures)
		r.Trace = parseTrace(doc.Value(schema.ReportTrace))
	}
	return r.Sound
}

// Freeze freezes a month's figures as they stand.
func (d *Desk) Freeze(ctx context.Context, account string, month, today schema.Date) (*Report, error) {
	if err := d.mayFreeze(month, today); err != nil {
		return nil, err
	}
	have, err := d.Reports(month)
	if err != nil {
		return nil, err
	}
	if len(have) > 0 {
		return nil, text.New("register.is_frozen", "date", have[0].Frozen)
	}
	now, err := d.Month(month, today)
	if err != nil {
		return nil, err
	}
	z, err := freeze(now)
	if err != nil {
		return nil, err
	}
	e := d.edit(month, 0, account, today, z)
	for _, class := range sortedKeys(z.classes) {
		e.SetOf(schema.ReportClass, class, schema.Bin(z.classes[class]))
	}
	e.Set(schema.ReportSchool, schema.Bin(z.school))
	return d.save(ctx, account, month, e)
}

// Over reports whether a month's last school day has come: then it may be frozen.
func (d *Desk) Over(month, today schema.Date) (bool, error) {
	err := d.mayFreeze(month, today)
	if text.Of(err) != nil {
		return false, nil
	}
	return err == nil, err
}

// mayFreeze refuses a month that goes on: its last school day has to have come.
func (d *Desk) mayFreeze(month, today schema.Date) error {
	r, err := d.book.Open()
	if err != nil {
		return err
	}
	for on := today + 1; on <= End(month); on++ {
		if schema.SchoolDay(r.Day(on)) {
			return text.New("register.goes_on", "date", on)
		}
	}
	return nil
}

func (d *Desk) edit(month schema.Date, n int, account string, today schema.Date, z *frozen) store.Edit {
	digest := z.digest()
	y, m, _ := month.Parts()
	e := store.Edit{Kind: schema.KindReport, ID: schema.ReportID(month, n)}
	e.Set(schema.ReportMonth, schema.Int(int64(y*100+m)))
	e.Set(schema.ReportFrozen, schema.Int(int64(today)))
	e.Set(schema.ReportBy, schema.Str(account))
	e.Set(schema.ReportDigest, schema.Bin(string(digest[:])))
	return e
}

func (d *Desk) save(ctx context.Context, account string, month schema.Date, e store.Edit) (*Report, error) {
	if _, err := d.saver.Save(ctx, account, []store.Edit{e}); err != nil {
		return nil, err
	}
	all, err := d.Reports(month)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("freeze %s: the report is not there", month.Month())
	}
	return all[len(all)-1], nil
}

// Pending is what has changed since a month's last report or correction sheet, and
// who changed it, as far as sheets still tell; nothing where nothing was frozen.
func (d *Desk) Pending(month, today schema.Date) ([]Change, []Touch, error) {
	all, err := d.Reports(month)
	if err != nil || len(all) == 0 {
		return nil, nil, err
	}
	return d.pending(all[len(all)-1], today)
}

func (d *Desk) pending(last *Report, today schema.Date) ([]Change, []Touch, error) {
	now, err := d.Month(last.Month, today)
	if err != nil {
		return nil, nil, err
	}
	changes := Compare(last.Figures, now)
	if len(changes) == 0 {
		return nil, nil, nil
	}
	trace, err := d.trace(last, changes)
	return changes, trace, err
}

// maxReason bounds the reason of a correction, as schema does.
const maxReason = 200

// Correct makes a correction sheet of what has changed since a month was frozen.
func (d *Desk) Correct(ctx context.Context, account string, month, today schema.Date, reason string) (*Report, error) {
	if reason == "" {
		return nil, text.New("register.no_reason")
	}
	if len([]rune(reason)) > maxReason {
		return nil, text.New("page.too_long", "max", maxReason)
	}
	all, err := d.Reports(month)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, text.New("register.not_frozen")
	}
	last := all[len(all)-1]
	changes, trace, err := d.pending(last, today)
	if err != nil {
		return nil, err
	}
	if len(changes) == 0 {
		return nil, text.New("register.no_change")
	}
	now, err := d.Month(month, today)
	if err != nil {
		return nil, err
	}
	z, err := freeze(now)
	if err != nil {
		return nil, err
	}
	e := d.edit(month, last.Correction+1, account, today, z)
	e.Set(schema.ReportBase, schema.Bin(string(last.Digest[:])))
	e.Set(schema.ReportReason, schema.Str(reason))
	for _, class := range sortedKeys(z.classes) {
		if z.classes[class] != last.bytes.classes[class] {
			e.SetOf(schema.ReportClass, class, schema.Bin(z.classes[class]))
		}
	}
	for _, class := range sortedKeys(last.bytes.classes) {
		if _, there := z.classes[class]; !there {
			e.SetOf(schema.ReportClass, class, schema.Bin(""))
		}
	}
	if z.school != last.bytes.school {
		e.Set(schema.ReportSchool, schema.Bin(z.school))
	}
	if len(trace) > 0 {
		e.Set(schema.ReportTrace, encodeTrace(trace))
	}
	return d.save(ctx, account, month, e)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// Frozen says whether a month was frozen and how often it was corrected.
type Frozen struct {
	Month       schema.Date
	Is          bool
	Corrections int
}

// Months are those of a date's school year up to it, and all others that were
// frozen, the newest first.
func (d *Desk) Months(today schema.Date) ([]Frozen, error) {
	frozen := map[schema.Date]int{}
	for doc, err := range d.store.Docs(schema.KindReport, "") {
		if err != nil {
			return nil, fmt.Errorf("read reports: %w", err)
		}
		if month, n, ok := schema.ParseReportID(doc.ID); ok && doc.Scope == "" && !doc.Void() {
			frozen[month] = max(frozen[month], n+1)
		}
	}
	var out []Frozen
	for m := schema.DateOf(today.SchoolYear(), 9, 1); m <= today; m = End(m) + 1 {
		out = append(out, Frozen{m, frozen[m] > 0, max(0, frozen[m]-1)})
		delete(frozen, m)
	}
	for m, n := range frozen {
		out = append(out, Frozen{m, true, n - 1})
	}
	slices.SortFunc(out, func(a, b Frozen) int { return cmp.Compare(b.Month, a.Month) })
	return out, nil
}
