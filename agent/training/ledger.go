package training

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"shangu/agent/roster"
	"shangu/agent/store"
	"shangu/agent/visit"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
)

// Store is where records are kept; agent/store's Store.
type Store interface {
	Doc(scope string, kind schema.Kind, id string) (*change.Doc, error)
	Docs(kind schema.Kind, prefix string) iter.Seq2[*change.Doc, error]
	Revision(kinds ...schema.Kind) uint64
	// Waiting reports whether the district has given no receipt yet for what was
	// saved of a document.
	Waiting(kind schema.Kind, id string) bool
	NewID() string
}

// Saver keeps edits: agent/service's Agent, which asks for the date first.
type Saver interface {
	Save(ctx context.Context, account string, edits []store.Edit) (store.Saved, error)
}

// Visits are what credits hours besides training; agent/visit's Desk.
type Visits interface {
	All() ([]*visit.Visit, error)
}

// Desk is where training is read and written down. It may be used by many at once.
type Desk struct {
	store  Store
	saver  Saver
	visits Visits
	book   *roster.Book

	mu      sync.Mutex
	at      uint64
	records []*Record // the newest first
	from    basis
	ledger  *Ledger
}

// basis is what a Ledger was made of.
type basis struct {
	at     uint64
	visits uint64
	roster *roster.Roster
	today  schema.Date
}

// NewDesk makes a Desk.
func NewDesk(s Store, saver Saver, visits Visits, book *roster.Book) *Desk {
	return &Desk{store: s, saver: saver, visits: visits, book: book}
}

// Entry is one line of a teacher's account: a training, or hours that a visit
// credits.
type Entry struct {
	Record *Record      // nil of a visit
	Visit  *visit.Visit // nil of a training
	On     schema.Date  // when the hours were earned
	Tenths int64
	Counts bool        // the result gives hours
	In     bool        // the day lies in the window
	Leaves schema.Date // the first day on which it does not any more
}

// Account is how one teacher stands.
type Account struct {
	Teacher *roster.Teacher
	Tenths  int64       // that count today
	Due     int64       // tenths
	Short   schema.Date // the first day with fewer than are due, if nothing more comes; today if it is so already
	Entries []Entry     // the newest first
}

// Missing is how many tenths of an hour are missing today.
func (a *Account) Missing() int64 { return max(0, a.Due-a.Tenths) }

// Share is how much of what is due there is, in hundredths, at most 100.
func (a *Account) Share() int64 {
	if a.Due == 0 {
		return 100
	}
	return min(100, a.Tenths*100/a.Due)
}

// Ledger is how all teachers of a school stand on a day. Nobody may change it.
type Ledger struct {
	Today    schema.Date
	Window   schema.HoursWindow
	Accounts []*Account // in pinyin order
	Reached  int        // teachers with all that is due
	Soon     int        // of those, who fall short within soon if nothing more comes
	Backbone int        // leading teachers
	by       map[string]*Account
}

// soon is how far ahead a ledger warns, in days.
const soon = 365

// Account returns a teacher's account, nil if there is none.
func (l *Ledger) Account(teacher string) *Account { return l.by[teacher] }

// Soon reports whether a teacher has what is due and falls short within a year.
func (l *Ledger) SoonShort(a *Account) bool {
	return a.Missing() == 0 && a.Short != 0 && a.Short <= l.Today+soon
}

// All are this school's records, void ones too, the newest first. Nobody may change
// them. They are read again when one has changed.
func (d *Desk) All() ([]*Record, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.all()
}

func (d *Desk) all() ([]*Record, error) {
	at := d.store.Revision(schema.KindTraining)
	if d.records != nil && d.at == at {
		return d.records, nil
	}
	r, err := d.book.Open()
	if err != nil {
		return nil, err
	}
	records := []*Record{}
	for doc, err := range d.store.Docs(schema.KindTraining, "") {
		if err != nil {
			return nil, fmt.Errorf("read training: %w", err)
		}
		if doc.Scope == "" || doc.Scope == r.Home {
			records = append(records, of(doc))
		}
	}
	slices.SortFunc(records, func(a, b *Record) int {
		return cmp.Or(cmp.Compare(b.Date, a.Date), strings.Compare(a.Title, b.Title), strings.Compare(a.ID, b.ID))
	})
	d.at, d.records = at, records
	return records, nil
}

// Find returns the record whose id has a key; see roster.Roster.Key.
func (d *Desk) Find(key string) (*Record, error) {
	r, err := d.book.Open()
	if err != nil {
		return nil, err
	}
	all, err := d.All()
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		if r.Key(t.ID) == key {
			return t, nil
		}
	}
	return nil, text.New("training.none")
}

// Here reports whether something of a record is on this computer alone.
func (d *Desk) Here(r *Record) bool { return d.store.Waiting(schema.KindTraining, r.ID) }

// Ticket is what a form's records are saved under: sent twice it makes them once.
func (d *Desk) Ticket() string { return d.store.NewID() }

// Ledger is how the teachers stand on a day.
func (d *Desk) Ledger(today schema.Date) (*Ledger, error) {
	r, err := d.book.Open()
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now := basis{d.store.Revision(schema.KindTraining), d.store.Revision(schema.KindVisit), r, today}
	if d.ledger != nil && d.from == now {
		return d.ledger, nil
	}
	records, err := d.all()
	if err != nil {
		return nil, err
	}
	visits, err := d.visits.All()
	if err != nil {
		return nil, err
	}
	d.from, d.ledger = now, ledger(r, records, visits, today)
	return d.ledger, nil
}

func ledger(r *roster.Roster, records []*Record, visits []*visit.Visit, today schema.Date) *Ledger {
	l := &Ledger{
		Today: today, by: map[string]*Account{},
		Window: schema.HoursWindow{Tenths: 10 * r.Threshold(schema.SettingTrainingHours), Years: int(r.Threshold(schema.SettingTrainingYears))},
	}
	for _, t := range r.Teachers() {
		a := &Account{Teacher: t, Due: l.Window.Tenths}
		l.Accounts = append(l.Accounts, a)
		l.by[t.ID] = a
		if t.Backbone {
			l.Backbone++
		}
	}
	add := func(teacher string, e Entry) {
		a := l.by[teacher]
		if a == nil || e.Tenths < 0 {
			return
		}
		e.Leaves = l.Window.Leaves(e.On)
		e.In = e.On <= today && today < e.Leaves
		a.Entries = append(a.Entries, e)
	}
	for _, t := range records {
		if t.Void == "" {
			add(t.Teacher, Entry{Record: t, On: t.Earned(), Tenths: int64(max(t.Hours, 0)), Counts: t.Counts()})
		}
	}
	for _, v := range visits {
		credits := v.Credits
		if !v.Own {
			credits = v.HelperCredits
		}
		if v.Void != "" {
			continue
		}
		for teacher, tenths := range credits {
			add(teacher, Entry{Visit: v, On: v.Last(), Tenths: int64(tenths), Counts: true})
		}
	}
	for _, a := range l.Accounts {
		slices.SortStableFunc(a.Entries, func(x, y Entry) int { return cmp.Compare(y.On, x.On) })
		var earned []schema.Earned
		for _, e := range a.Entries {
			if e.Counts {
				earned = append(earned, schema.Earned{On: e.On, Tenths: e.Tenths})
			}
		}
		a.Tenths = l.Window.On(earned, today)
		if day, ok := l.Window.Short(earned, today); ok {
			a.Short = day
		}
		if a.Missing() == 0 {
			l.Reached++
		}
		if l.SoonShort(a) {
			l.Soon++
		}
	}
	return l
}

// Programmes are the names that a training may be under: the district's list, or the
// one that a new district begins with.
func (d *Desk) Programmes() ([]string, error) {
	var out []string
	for doc, err := range d.store.Docs(schema.KindProgramme, "") {
		if err != nil {
			return nil, fmt.Errorf("read programmes: %w", err)
		}
		if !doc.Void() {
			out = append(out, doc.ID)
		}
	}
	if len(out) == 0 {
		for _, p := range schema.DefaultProgrammes() {
			out = append(out, p.Name)
		}
	}
	return out, nil
}
