package visit

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"shangu/agent/roster"
	"shangu/agent/store"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
)

// WrongError says what is wrong with a visit, field by field. Nothing was saved.
type WrongError struct {
	Fields map[schema.FieldNum]*text.Message
}

func (e *WrongError) Error() string {
	for _, n := range slices.Sorted(maps.Keys(e.Fields)) {
		return e.Fields[n].Error()
	}
	return text.New("visit.wrong").Error()
}

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
func check(r *roster.Roster, f Facts, was *Visit, today schema.Date) map[schema.FieldNum]*text.Message {
	wrong := map[schema.FieldNum]*text.Message{}
	refuse := func(n schema.FieldNum, id string, kv ...any) {
		if wrong[n] == nil {
			wrong[n] = text.New(id, kv...)
		}
	}
	switch {
	case f.Date == 0:
		refuse(schema.VisitDate, "visit.no_date")
	case f.Date > today:
		refuse(schema.VisitDate, "visit.future", "today", today)
	}
	switch {
	case f.End != 0 && f.End < f.Date:
		refuse(schema.VisitEnd, "visit.ends_before")
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
	for _, e := range fields(f) {
		if m := schema.CheckField(schema.KindVisit, e.Key, e.Value); m != nil && wrong[e.Key.Num] == nil {
			wrong[e.Key.Num] = m
		}
	}
	return wrong
}

// fields are facts as a document holds them, but for teachers who are not credited.
func fields(f Facts) []store.FieldEdit {
	var out []store.FieldEdit
	set := func(n schema.FieldNum, v schema.Value) {
		out = append(out, store.FieldEdit{Key: schema.Key{Num: n}, Value: v})
	}
	word := func(n schema.FieldNum, s string) {
		v := schema.Nil
		if s != "" {
			v = schema.Str(s)
		}
		set(n, v)
	}
	num := func(n schema.FieldNum, i, none int) {
		v := schema.Nil
		if i != none {
			v = schema.Int(int64(i))
		}
		set(n, v)
	}
	list := func(n schema.FieldNum, words []string) {
		v := schema.Nil
		if len(words) > 0 {
			items := make([]schema.Value, len(words))
			for i, w := range words {
				items[i] = schema.Str(w)
			}
			v = schema.List(items...)
		}
		set(n, v)
	}
	num(schema.VisitDate, int(f.Date), 0)
	num(schema.VisitEnd, int(f.End), 0)
	word(schema.VisitAgreement, f.Agreement)
	word(schema.VisitHelper, f.Helper)
	num(schema.VisitDirection, f.Direction, 0)
	num(schema.VisitKind, f.Kind, 0)
	num(schema.VisitMode, f.Mode, 0)
	word(schema.VisitTopic, f.Topic)
	num(schema.VisitVisitors, f.Visitors, Unsaid)
	list(schema.VisitVisitorNames, f.Names)
	num(schema.VisitHours, f.Hours, Unsaid)
	num(schema.VisitPupils, f.PupilsMet, Unsaid)
	num(schema.VisitTeachers, f.TeachersMet, Unsaid)
	word(schema.VisitNote, f.Note)
	list(schema.VisitClasses, f.Classes)
	dropped := schema.Nil
	if f.Link != LinkUnsaid {
		dropped = schema.Bool(f.Link == LinkDropped)
	}
	set(schema.VisitDropped, dropped)
	return append(out, credits(schema.VisitCredits, f.Credits)...)
}

func credits(n schema.FieldNum, hours map[string]int) []store.FieldEdit {
	out := make([]store.FieldEdit, 0, len(hours))
	for _, t := range slices.Sorted(maps.Keys(hours)) {
		out = append(out, store.FieldEdit{Key: schema.Key{Num: n, Sub: t}, Value: schema.Int(int64(hours[t]))})
	}
	return out
}

// dropped clears the hours of teachers who have none any more.
func dropped(n schema.FieldNum, was, now map[string]int) []store.FieldEdit {
	var out []store.FieldEdit
	for _, t := range slices.Sorted(maps.Keys(was)) {
		if _, still := now[t]; !still {
			out = append(out, store.FieldEdit{Key: schema.Key{Num: n, Sub: t}, Value: schema.Nil})
		}
	}
	return out
}

// Check says what is wrong with facts about to be saved, field by field; was is the
// visit that is edited, nil for a new one.
func (d *Desk) Check(f Facts, was *Visit, today schema.Date) (map[schema.FieldNum]*text.Message, error) {
	r, err := d.book.Open()
	if err != nil {
		return nil, err
	}
	return check(r, complete(r, f), was, today), nil
}

// Write saves a new visit of this school under a ticket. The same facts sent again
// are the same visit. It fails with WrongError, ErrTwice, and as the store's Save.
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
	if wrong := check(r, f, nil, today); len(wrong) > 0 {
		return nil, &WrongError{wrong}
	}
	edits := fields(f)
	if doc != nil {
		if was := of(doc, r.Home); was.Void != "" || !same(doc, edits) || len(was.Credits) != len(f.Credits) {
			return nil, ErrTwice
		}
		return of(doc, r.Home), nil
	}
	return d.save(ctx, account, r, "", ticket, edits)
}

func same(doc *change.Doc, edits []store.FieldEdit) bool {
	for _, e := range edits {
		if v := doc.Lookup(e.Key); v != e.Value && (!v.IsNil() || !e.Value.IsNil()) {
			return false
		}
	}
	return true
}

// Change saves other facts of a visit of this school. seen is its Seen when it was
// shown. It fails with WrongError, ErrStale, and as the store's Save does.
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
	if wrong := check(r, f, v, today); len(wrong) > 0 {
		return nil, &WrongError{wrong}
	}
	return d.save(ctx, account, r, "", v.ID, append(fields(f), dropped(schema.VisitCredits, v.Credits, f.Credits)...))
}

// Cancel makes a visit of this school one that does not count, for a reason; with ""
// it counts again.
func (d *Desk) Cancel(ctx context.Context, account, key, reason string) (*Visit, error) {
	r, v, err := d.mine(key, true)
	if err != nil {
		return nil, err
	}
	void := schema.Nil
	if reason != "" {
		void = schema.Str(reason)
	}
	return d.save(ctx, account, r, "", v.ID, []store.FieldEdit{{Key: schema.Key{Num: schema.FieldVoid}, Value: void}})
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
			return nil, &WrongError{map[schema.FieldNum]*text.Message{schema.VisitHelperCredits: text.New("visit.no_hours")}}
		}
	}
	note := schema.Nil
	if w.Note != "" {
		note = schema.Str(w.Note)
	}
	edits := []store.FieldEdit{
		{Key: schema.Key{Num: schema.VisitConfirmed}, Value: schema.Int(int64(today))},
		{Key: schema.Key{Num: schema.VisitConfirmedBy}, Value: schema.Str(account)},
		{Key: schema.Key{Num: schema.VisitConfirmedCode}, Value: schema.Str(code)},
		{Key: schema.Key{Num: schema.VisitHelperNote}, Value: note},
	}
	edits = append(append(edits, credits(schema.VisitHelperCredits, w.Credits)...), dropped(schema.VisitHelperCredits, v.HelperCredits, w.Credits)...)
	wrong := map[schema.FieldNum]*text.Message{}
	for _, e := range edits {
		if m := schema.CheckField(schema.KindVisit, e.Key, e.Value); m != nil && wrong[e.Key.Num] == nil {
			wrong[e.Key.Num] = m
		}
	}
	if len(wrong) > 0 {
		return nil, &WrongError{wrong}
	}
	return d.save(ctx, account, r, v.Host, v.ID, edits)
}

// Withdraw takes this school's confirmation back; its note stays.
func (d *Desk) Withdraw(ctx context.Context, account, key string) (*Visit, error) {
	r, v, err := d.mine(key, false)
	if err != nil {
		return nil, err
	}
	edits := dropped(schema.VisitHelperCredits, v.HelperCredits, nil)
	for _, n := range []schema.FieldNum{schema.VisitConfirmed, schema.VisitConfirmedBy, schema.VisitConfirmedCode} {
		edits = append(edits, store.FieldEdit{Key: schema.Key{Num: n}, Value: schema.Nil})
	}
	return d.save(ctx, account, r, v.Host, v.ID, edits)
}

func (d *Desk) save(ctx context.Context, account string, r *roster.Roster, scope, id string, fields []store.FieldEdit) (*Visit, error) {
	if _, err := d.saver.Save(ctx, account, []store.Edit{{Scope: scope, Kind: schema.KindVisit, ID: id, Fields: fields}}); err != nil {
		return nil, err
	}
	doc, err := d.store.Doc(scope, schema.KindVisit, id)
	if err != nil {
		return nil, fmt.Errorf("read visit: %w", err)
	}
	return of(doc, r.Home), nil
}
