// Package leave is planned leave: a pupil who is sick or away over days, or a group
// that is out on the school's business. Whoever takes the roll on such a day finds
// the marks already there.
//
// Leave says what is expected, a sheet what was: nothing here writes on a sheet. The
// package imports schema, sync/change, agent/roster and agent/store; it knows no page.
package leave

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"

	"shangu/agent/roster"
	"shangu/agent/store"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
)

// Store is where leave is kept; agent/store's Store.
type Store interface {
	Doc(scope string, kind schema.Kind, id string) (*change.Doc, error)
	Docs(kind schema.Kind, prefix string) iter.Seq2[*change.Doc, error]
	// Revision changes whenever a document of one of the kinds does.
	Revision(kinds ...schema.Kind) uint64
}

// Saver keeps edits: agent/service's Agent, which asks for the date first.
type Saver interface {
	Save(ctx context.Context, account string, edits []store.Edit) (store.Saved, error)
}

// Bounds of one leave.
const (
	MaxDays   = 200 // a school year has no more school days
	MaxPupils = 400 // each is a field of one entry: change.MaxFields
)

// Kept is how many days leave that has ended is still known here, which is longer
// than anybody takes a roll late.
const Kept = 60

// Statuses are those that can be planned.
var Statuses = []schema.Status{schema.StatusLeave, schema.StatusSick, schema.StatusOfficial, schema.StatusHome}

// Leave is one leave.
type Leave struct {
	ID       string
	From, To schema.Date
	Session  schema.Session // 0: the whole day
	Status   schema.Status
	Symptom  schema.Symptom // with StatusSick; 0 if not known
	Pupils   []string       // ids, sorted
	Reason   string
	By       string // who wrote it down
	At       int64  // and when, unix seconds
}

// Mark is what pupils begin with on a sheet.
func (l *Leave) Mark() schema.Mark { return schema.Mark{Status: l.Status, Symptom: l.Symptom} }

// On reports whether a leave covers a session.
func (l *Leave) On(d schema.Date, s schema.Session) bool {
	return l.From <= d && d <= l.To && (l.Session == 0 || l.Session == s)
}

// meets reports whether two leaves have a session in common.
func (l *Leave) meets(o *Leave) bool {
	return l.From <= o.To && o.From <= l.To && (l.Session == 0 || o.Session == 0 || l.Session == o.Session)
}

// Desk is where leave is asked for.
type Desk struct {
	store Store
	saver Saver
	book  *roster.Book
	today func() schema.Date

	mu   sync.Mutex
	at   uint64 // revision of list
	on   schema.Date
	list []*Leave
}

// NewDesk makes a Desk.
func NewDesk(s Store, saver Saver, book *roster.Book, today func() schema.Date) *Desk {
	return &Desk{store: s, saver: saver, book: book, today: today}
}

// All are the leaves of now and later, and those that ended in the last Kept days,
// by first day. Nothing in them may be changed.
func (d *Desk) All() ([]*Leave, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	today, at := d.today(), d.store.Revision(schema.KindLeave)
	if d.list != nil && d.at == at && d.on == today {
		return d.list, nil
	}
	list := []*Leave{}
	for doc, err := range d.store.Docs(schema.KindLeave, "") {
		if err != nil {
			return nil, fmt.Errorf("read leave: %w", err)
		}
		if doc.Scope != "" || doc.Void() {
			continue
		}
		if to, _ := doc.Value(schema.LeaveTo).Int(); schema.Date(to) >= today-Kept {
			list = append(list, leaveOf(doc))
		}
	}
	slices.SortFunc(list, func(a, b *Leave) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.ID, b.ID)) })
	d.list, d.at, d.on = list, at, today
	return list, nil
}

func leaveOf(doc *change.Doc) *Leave {
	num := func(n schema.FieldNum) int64 { i, _ := doc.Value(n).Int(); return i }
	l := &Leave{
		ID: doc.ID, From: schema.Date(num(schema.LeaveFrom)), To: schema.Date(num(schema.LeaveTo)),
		Session: schema.Session(num(schema.LeaveSession)), Status: schema.Status(num(schema.LeaveStatus)),
		Symptom: schema.Symptom(num(schema.LeaveSymptom)), Reason: doc.Value(schema.LeaveReason).Text(),
	}
	if l.Status != schema.StatusSick {
		l.Symptom = 0
	}
	doc.Each(func(k schema.Key, v schema.Value) {
		if yes, _ := v.Bool(); yes && k.Num == schema.LeavePupil {
			l.Pupils = append(l.Pupils, k.Sub)
		}
	})
	first, _ := doc.Find(schema.Key{Num: schema.LeaveFrom})
	l.By, l.At = first.By, first.At
	return l
}

// On finds the leave of each pupil who has one for a session. Of several the one
// for fewer pupils counts, for whoever is ill goes on no outing; then the latest.
func (d *Desk) On(on schema.Date, s schema.Session) (map[string]*Leave, error) {
	all, err := d.All()
	if err != nil {
		return nil, err
	}
	out := map[string]*Leave{}
	for _, l := range all {
		if !l.On(on, s) {
			continue
		}
		for _, p := range l.Pupils {
			if was := out[p]; was == nil || cmp.Or(cmp.Compare(len(l.Pupils), len(was.Pupils)), -cmp.Compare(l.At, was.At)) <= 0 {
				out[p] = l
			}
		}
	}
	return out, nil
}

// Get returns a leave that counts.
func (d *Desk) Get(id string) (*Leave, error) {
	doc, err := d.store.Doc("", schema.KindLeave, id)
	if err != nil {
		return nil, fmt.Errorf("read leave: %w", err)
	}
	if doc == nil || doc.Void() {
		return nil, text.New("leave.none")
	}
	return leaveOf(doc), nil
}

// Plan keeps a leave under its ID, which the page got from the store, so that the
// same form sent twice makes one. Sent again with other values it changes the leave.
func (d *Desk) Plan(ctx context.Context, account string, l Leave) error {
	if err := d.check(&l); err != nil {
		return err
	}
	was, err := d.store.Doc("", schema.KindLeave, l.ID)
	if err != nil {
		return fmt.Errorf("plan leave: %w", err)
	}
	if was.Void() {
		return text.New("leave.none")
	}
	e := store.Edit{Kind: schema.KindLeave, ID: l.ID}
	e.Set(schema.LeaveFrom, schema.Int(int64(l.From)))
	e.Set(schema.LeaveTo, schema.Int(int64(l.To)))
	e.Set(schema.LeaveStatus, schema.Int(int64(l.Status)))
	e.Set(schema.LeaveSession, schema.SaidNumber(int(l.Session), 0))
	e.Set(schema.LeaveSymptom, schema.SaidNumber(int(l.Symptom), 0))
	e.Set(schema.LeaveReason, schema.Said(l.Reason))
	for _, p := range l.Pupils {
		e.SetOf(schema.LeavePupil, p, schema.Bool(true))
	}
	if was != nil {
		for _, p := range leaveOf(was).Pupils {
			if !slices.Contains(l.Pupils, p) {
				e.SetOf(schema.LeavePupil, p, schema.Nil)
			}
		}
	}
	_, err = d.saver.Save(ctx, account, []store.Edit{e})
	return err
}

// check says what is wrong with a leave, each in a sentence of its own.
func (d *Desk) check(l *Leave) error {
	slices.Sort(l.Pupils)
	l.Pupils = slices.Compact(l.Pupils)
	switch {
	case len(l.Pupils) == 0:
		return text.New("leave.no_pupils")
	case len(l.Pupils) > MaxPupils:
		return text.New("leave.too_many", "n", len(l.Pupils), "max", MaxPupils)
	case !slices.Contains(Statuses, l.Status):
		return text.New("leave.no_status")
	case l.From == 0:
		return text.New("leave.no_from")
	case l.To < l.From:
		return text.New("leave.order")
	case l.To-l.From >= MaxDays:
		return text.New("leave.too_long", "max", MaxDays)
	}
	if l.Status != schema.StatusSick {
		l.Symptom = 0
	}
	r, err := d.book.Open()
	if err != nil {
		return err
	}
	for _, id := range l.Pupils {
		if r.Pupil(id) == nil {
			return text.New("leave.no_pupil")
		}
	}
	if len(l.Pupils) > 1 {
		return nil
	}
	// One pupil cannot be away for two reasons; groups may overlap with that.
	all, err := d.All()
	if err != nil {
		return err
	}
	for _, o := range all {
		if o.ID != l.ID && len(o.Pupils) == 1 && o.Pupils[0] == l.Pupils[0] && o.meets(l) {
			return text.New("leave.overlap", "name", r.Pupil(l.Pupils[0]).Name, "from", o.From, "to", o.To)
		}
	}
	return nil
}

// End makes a date the last day of a leave.
func (d *Desk) End(ctx context.Context, account, id string, last schema.Date) error {
	l, err := d.Get(id)
	if err != nil {
		return err
	}
	switch {
	case last < l.From:
		return text.New("leave.ends_before", "from", l.From)
	case last > l.To:
		return text.New("leave.ends_after", "to", l.To)
	}
	return d.save(ctx, account, id, schema.LeaveTo, schema.Int(int64(last)))
}

// Void takes a leave back as if it had never been written, with the reason why.
func (d *Desk) Void(ctx context.Context, account, id, reason string) error {
	if reason == "" {
		return text.New("leave.no_reason")
	}
	if _, err := d.Get(id); err != nil {
		return err
	}
	return d.save(ctx, account, id, schema.FieldVoid, schema.Str(reason))
}

// save makes one field of a leave say something else.
func (d *Desk) save(ctx context.Context, account, id string, n schema.FieldNum, v schema.Value) error {
	e := store.Edit{Kind: schema.KindLeave, ID: id}
	e.Set(n, v)
	_, err := d.saver.Save(ctx, account, []store.Edit{e})
	return err
}
