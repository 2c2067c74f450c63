package visit

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"shangu/agent/form"
	"shangu/agent/roster"
	"shangu/agent/store"
	"shangu/schema"
	"shangu/schema/text"
)

// ErrStale: somebody else has changed the visit since the page was shown. Nothing
// was saved.
var ErrStale = text.New("visit.stale")

// ErrTwice: the ticket's visit is there already, and says something else. Nothing
// was saved.
var ErrTwice = text.New("visit.twice")

// complete fills in what the agreement and the kind say where nobody else does.
func complete(r *roster.Roster, f Facts) Facts {
	for _, a := range r.Agreements() {
		if a.ID == f.Agreement && f.Helper == "" {
			f.Helper = a.Lead
		}
	}
	if f.Direction == 0 && f.Kind != 0 {
		f.Direction = int(schema.UsualDirection(int64(f.Kind)))
	}
	if f.Kind != schema.VisitSync {
		f.Classes, f.Link = nil, LinkUnsaid
	}
	return f
}

// check says what is wrong with facts, on a day.
func check(r *roster.Roster, f Facts, was *Visit, today schema.Date) form.Wrong {
	wrong := form.Wrong{}
	refuse := func(n schema.FieldNum, id string, kv ...any) { wrong.Refuse(n, text.New(id, kv...)) }
	switch {
	case f.Date == 0:
		refuse(schema.VisitDate, "visit.no_date")
	case f.Date > today:
		refuse(schema.VisitDate, "visit.future", "today", today)
	}
	switch {
	case f.End != 0 && f.End < f.Date:
		refuse(schema.VisitEnd, "form.ends_before")
	case f.End > today:
		refuse(schema.VisitEnd, "visit.future", "today", today)
	}
	// A visit keeps the agreement it was written down under, whatever became of that.
	if f.Agreement != "" && f.Date != 0 && (was == nil || was.Agreement != f.Agreement || was.Date != f.Date) {
		if !slices.ContainsFunc(Agreements(r, f.Date), func(a *roster.Agreement) bool { return a.ID == f.Agreement }) {
			refuse(schema.VisitAgreement, "visit.agreement_dead", "agreement", f.Agreement, "day", f.Date)
		}
	}
	switch bad, _ := schema.CheckSchoolCode(f.Helper); {
	case f.Helper == "":
		refuse(schema.VisitHelper, "visit.no_helper")
	case bad != nil:
		wrong[schema.VisitHelper] = bad
	case f.Helper == r.Home:
		refuse(schema.VisitHelper, "visit.own_helper")
	}
	if f.Kind == 0 {
		refuse(schema.VisitKind, "visit.no_kind")
	}
	for _, h := range f.Credits {
		if h == Unsaid {
			refuse(schema.VisitCredits, "visit.no_hours")
		}
	}
	wrong.Check(edit("", f, nil))
	return wrong
}

// edit makes a visit of this school say facts; was is what it credited to whom.
func edit(id string, f Facts, was map[string]int) store.Edit {
	e := store.Edit{Kind: schema.KindVisit, ID: id}
	e.Set(schema.VisitDate, schema.SaidNumber(f.Date, 0))
	e.Set(schema.VisitEnd, schema.SaidNumber(f.End, 0))
	e.Set(schema.VisitAgreement, schema.Said(f.Agreement))
	e.Set(schema.VisitHelper, schema.Said(f.Helper))
	e.Set(schema.VisitDirection, schema.SaidNumber(f.Direction, 0))
	e.Set(schema.VisitKind, schema.SaidNumber(f.Kind, 0))
	e.Set(schema.VisitMode, schema.SaidNumber(f.Mode, 0))
	e.Set(schema.VisitTopic, schema.Said(f.Topic))
	e.Set(schema.VisitVisitors, schema.SaidNumber(f.Visitors, Unsaid))
	e.Set(schema.VisitVisitorNames, schema.SaidList(f.Names))
	e.Set(schema.VisitHours, schema.SaidNumber(f.Hours, Unsaid))
	e.Set(schema.VisitPupils, schema.SaidNumber(f.PupilsMet, Unsaid))
	e.Set(schema.VisitTeachers, schema.SaidNumber(f.TeachersMet, Unsaid))
	e.Set(schema.VisitNote, schema.Said(f.Note))
	e.Set(schema.VisitClasses, schema.SaidList(f.Classes))
	dropped := schema.Nil
	if f.Link != LinkUnsaid {
		dropped = schema.Bool(f.Link == LinkDropped)
	}
	e.Set(schema.VisitDropped, dropped)
	credit(&e, schema.VisitCredits, was, f.Credits)
	return e
}

// credit gives teachers hours, and takes them from those who have none any more.
func credit(e *store.Edit, n schema.FieldNum, was, now map[string]int) {
	for _, t := range slices.Sorted(maps.Keys(now)) {
		e.SetOf(n, t, schema.Int(int64(now[t])))
	}
	for _, t := range slices.Sorted(maps.Keys(was)) {
		if _, still := now[t]; !still {
			e.SetOf(n, t, schema.Nil)
		}
	}
}

// Check says what is wrong with facts about to be saved, field by field; was is the
// visit that is edited, nil for a new one.
func (d *Desk) Check(f Facts, was *Visit, today schema.Date) (form.Wrong, error) {
	r, err := d.book.Open()
	if err != nil {
		return nil, err
	}
	return check(r, complete(r, f), was, today), nil
}

// Write saves a new visit of this school under a ticket. The same facts sent again
// are the same visit. It fails with form.Wrong, ErrTwice, and as the store's Save.
func (d *Desk) Write(ctx context.Context, account, ticket string, f Facts, today schema.Date) (*Visit, error) {
	doc, err := d.store.Doc("", schema.KindVisit, ticket)
	if err != nil {
		return nil, fmt.Errorf("write visit: %w", err)
	}
	r, err := d.book.Open()
	if err != nil {
		return nil, err
	}
	f = complete(r, f)
	if err := check(r, f, nil, today).Err(); err != nil {
		return nil, err
	}
	e := edit(ticket, f, nil)
	if doc != nil {
		if was := of(doc, r.Home); was.Void != "" || !e.Held(doc) || len(was.Credits) != len(f.Credits) {
			return nil, ErrTwice
		}
		return of(doc, r.Home), nil
	}
	return d.save(ctx, account, r, e)
}

// Change saves other facts of a visit of this school. seen is its Seen when it was
// shown. It fails with form.Wrong, ErrStale, and as the store's Save does.
func (d *Desk) Change(ctx context.Context, account string, key, seen string, f Facts, today schema.Date) (*Visit, error) {
	r, v, err := d.mine(key, true)
	if err != nil {
		return nil, err
	}
	switch {
	case v.Void != "":
		return nil, text.New("visit.voided")
	case v.Seen != seen:
		return nil, ErrStale
	}
	f = complete(r, f)
	if err := check(r, f, v, today).Err(); err != nil {
		return nil, err
	}
	return d.save(ctx, account, r, edit(v.ID, f, v.Credits))
}

// Cancel makes a visit of this school one that does not count, for a reason; with ""
// it counts again.
func (d *Desk) Cancel(ctx context.Context, account, key, reason string) (*Visit, error) {
	r, v, err := d.mine(key, true)
	if err != nil {
		return nil, err
	}
	e := store.Edit{Kind: schema.KindVisit, ID: v.ID}
	e.Set(schema.FieldVoid, schema.Said(reason))
	return d.save(ctx, account, r, e)
}

// mine finds a visit that this school hosts, or helps in.
func (d *Desk) mine(key string, host bool) (*roster.Roster, *Visit, error) {
	r, err := d.book.Open()
	if err != nil {
		return nil, nil, err
	}
	v, err := d.Find(key)
	switch {
	case err == nil && host && !v.Own:
		err = text.New("visit.not_host")
	case err == nil && !host && v.Own:
		err = text.New("visit.not_helper")
	}
	return r, v, err
}

// Word is what the helper says of a visit.
type Word struct {
	Note    string
	Credits map[string]int // tenths of an hour, by this school's teachers
}

// Confirm says for this school, the helper, that a visit took place as the code says
// that the page showed. It fails with ErrStale where the host has changed it since.
func (d *Desk) Confirm(ctx context.Context, account, key, code string, w Word, today schema.Date) (*Visit, error) {
	r, v, err := d.mine(key, false)
	switch {
	case err != nil:
		return nil, err
	case v.Void != "":
		return nil, text.New("visit.voided")
	case v.Code != code:
		return nil, ErrStale
	}
	for _, h := range w.Credits {
		if h == Unsaid {
			return nil, form.Wrong{schema.VisitHelperCredits: text.New("visit.no_hours")}
		}
	}
	e := store.Edit{Scope: v.Host, Kind: schema.KindVisit, ID: v.ID}
	e.Set(schema.VisitConfirmed, schema.Int(int64(today)))
	e.Set(schema.VisitConfirmedBy, schema.Str(account))
	e.Set(schema.VisitConfirmedCode, schema.Str(code))
	e.Set(schema.VisitHelperNote, schema.Said(w.Note))
	credit(&e, schema.VisitHelperCredits, v.HelperCredits, w.Credits)
	wrong := form.Wrong{}
	wrong.Check(e)
	if len(wrong) > 0 {
		return nil, wrong
	}
	return d.save(ctx, account, r, e)
}

// Withdraw takes this school's confirmation back; its note stays.
func (d *Desk) Withdraw(ctx context.Context, account, key string) (*Visit, error) {
	r, v, err := d.mine(key, false)
	if err != nil {
		return nil, err
	}
	e := store.Edit{Scope: v.Host, Kind: schema.KindVisit, ID: v.ID}
	credit(&e, schema.VisitHelperCredits, v.HelperCredits, nil)
	for _, n := range []schema.FieldNum{schema.VisitConfirmed, schema.VisitConfirmedBy, schema.VisitConfirmedCode} {
		e.Set(n, schema.Nil)
	}
	return d.save(ctx, account, r, e)
}

func (d *Desk) save(ctx context.Context, account string, r *roster.Roster, e store.Edit) (*Visit, error) {
	if _, err := d.saver.Save(ctx, account, []store.Edit{e}); err != nil {
		return nil, err
	}
	doc, err := d.store.Doc(e.Scope, schema.KindVisit, e.ID)
	if err != nil {
		return nil, fmt.Errorf("read visit: %w", err)
	}
	return of(doc, r.Home), nil
}
