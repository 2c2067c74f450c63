package visit

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
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
)

// Store is where visits are kept; agent/store's Store.
type Store interface {
	Doc(scope string, kind schema.Kind, id string) (*change.Doc, error)
	Docs(kind schema.Kind, prefix string) iter.Seq2[*change.Doc, error]
	Revision(kinds ...schema.Kind) uint64
	// WaitingIn reports whether the district has given no receipt yet for what was
	// saved here of a document.
	WaitingIn(scope string, kind schema.Kind, id string) bool
	NewID() string
}

// Saver keeps edits: agent/service's Agent, which asks for the date first.
type Saver interface {
	Save(ctx context.Context, account string, edits []store.Edit) (store.Saved, error)
}

// Desk is where visits are read and written down. It may be used by many at once.
type Desk struct {
	store Store
	saver Saver
	book  *roster.Book

	mu   sync.Mutex
	at   uint64
	home string
	all  []*Visit // the newest first
}

// NewDesk makes a Desk.
func NewDesk(s Store, saver Saver, book *roster.Book) *Desk {
	return &Desk{store: s, saver: saver, book: book}
}

// All are the visits that this school hosts or helps in, voided ones too, the
// newest first. Nobody may change them. They are read again when one has changed.
func (d *Desk) All() ([]*Visit, error) {
	r, err := d.book.Open()
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	at := d.store.Revision(schema.KindVisit)
	if d.all != nil && d.at == at && d.home == r.Home {
		return d.all, nil
	}
	all := []*Visit{}
	for doc, err := range d.store.Docs(schema.KindVisit, "") {
		if err != nil {
			return nil, fmt.Errorf("read visits: %w", err)
		}
		// The confirmation of a visit whose record has not come yet is not one.
		if v := of(doc, r.Home); v.Date != 0 && (v.Own || v.Helper == r.Home) {
			all = append(all, v)
		}
	}
	slices.SortFunc(all, func(a, b *Visit) int {
		return cmp.Or(cmp.Compare(b.Date, a.Date), strings.Compare(b.ID, a.ID), strings.Compare(b.Host, a.Host))
	})
	d.at, d.home, d.all = at, r.Home, all
	return all, nil
}

// Find returns the visit that stands behind a key.
func (d *Desk) Find(key string) (*Visit, error) {
	all, err := d.All()
	if err != nil {
		return nil, err
	}
	for _, v := range all {
		if v.Key() == key {
			return v, nil
		}
	}
	return nil, text.New("visit.none")
}

// Here reports whether something of a visit is on this computer alone.
func (d *Desk) Here(v *Visit) bool {
	scope := ""
	if !v.Own {
		scope = v.Host
	}
	return d.store.WaitingIn(scope, schema.KindVisit, v.ID)
}

// Ticket is what a new visit is saved under: a form that is sent twice makes one.
func (d *Desk) Ticket() string { return d.store.NewID() }

// Agreements are those under which this school is helped, on a day.
func Agreements(r *roster.Roster, on schema.Date) []*roster.Agreement {
	return slices.DeleteFunc(r.Agreements(), func(a *roster.Agreement) bool { return a.Lead == r.Home || !a.On(on) })
}
