// Package watch finds what must not be overlooked in a school's attendance: pupils
// who stay away (控辍保学), sickness that clusters (因病缺课); and it keeps the
// cases of those who stayed away, with their steps, until they are settled.
//
// Everything is worked out on this computer from what is stored here, with no
// link. The rules are pure functions of what sheets say; DESIGN.md says what they
// mean. The package imports schema, sync/change, agent/attend, agent/form,
// agent/roster and agent/store; it knows no page.
package watch

import (
	"context"
	"iter"
	"sync"

	"shangu/agent/attend"
	"shangu/agent/roster"
	"shangu/agent/store"
	"shangu/schema"
	"shangu/sync/change"
)

// Store is where cases are kept; agent/store's Store.
type Store interface {
	Doc(scope string, kind schema.Kind, id string) (*change.Doc, error)
	Docs(kind schema.Kind, prefix string) iter.Seq2[*change.Doc, error]
	Revision(kinds ...schema.Kind) uint64
	Waiting(kind schema.Kind, id string) bool
	NewID() string
}

// Saver keeps edits: agent/service's Agent, which asks for the date first.
type Saver interface {
	Save(ctx context.Context, account string, edits []store.Edit) (store.Saved, error)
}

// Desk is where the watch is kept.
type Desk struct {
	store Store
	saver Saver
	book  *roster.Book
	days  *attend.Book

	mu    sync.Mutex
	at    uint64 // Revision of cases and steps
	cases []*Case
	read  bool
}

// NewDesk makes a Desk.
func NewDesk(s Store, saver Saver, book *roster.Book, days *attend.Book) *Desk {
	return &Desk{store: s, saver: saver, book: book, days: days}
}

// yearStart is the first day of a date's school year: no rule looks back beyond it,
// for classes are other ones then.
func yearStart(on schema.Date) schema.Date { return schema.DateOf(on.SchoolYear(), 8, 1) }
