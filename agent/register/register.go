// Package register is what a school keeps and hands in of a month: the register of
// each class, the month's figures, and the report that freezes them (一月一报告).
//
// Figures are counted from sheets until a report is frozen; then the report's own
// bytes are what counts, and whatever changes afterwards becomes a correction
// sheet. DESIGN.md has the bytes. The package imports schema, sync/change, agent/attend,
// agent/roster and agent/store; it knows no page.
package register

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

// Store is where reports are kept; agent/store's Store.
type Store interface {
	Doc(scope string, kind schema.Kind, id string) (*change.Doc, error)
	Docs(kind schema.Kind, prefix string) iter.Seq2[*change.Doc, error]
	Revision(kinds ...schema.Kind) uint64
	Waiting(kind schema.Kind, id string) bool
	Home() string
}

// Saver keeps edits: agent/service's Agent, which asks for the date first.
type Saver interface {
	Save(ctx context.Context, account string, edits []store.Edit) (store.Saved, error)
}

// Desk is where registers are made up and reports are frozen.
type Desk struct {
	store Store
	saver Saver
	book  *roster.Book
	days  *attend.Book

	mu     sync.Mutex
	at     uint64 // Revision of what by is made of
	by     map[schema.Date]SchoolFigures
	bySeen bool
}

// NewDesk makes a Desk.
func NewDesk(s Store, saver Saver, book *roster.Book, days *attend.Book) *Desk {
	return &Desk{store: s, saver: saver, book: book, days: days}
}

// MonthOf is the first day of a date's month, by which months go here.
func MonthOf(d schema.Date) schema.Date {
	y, m, _ := d.Parts()
	return schema.DateOf(y, m, 1)
}

// End is the last day of a month.
func End(month schema.Date) schema.Date { return MonthOf(month+31) - 1 }
