// Package store keeps a school's documents on its own machine.
//
// A save goes to the journal first and is durable there; then it shows in the
// documents, which live in Badger, which may lose its newest writes at a power
// cut and be rebuilt at any time: from the journal and from the hub. What
// neither could give back (epoch, starts, school, receipt, enrolment) is kept in
// small durable files beside it.
//
// What a reader sees is the document that the hub confirmed with the own entries
// that it has not confirmed yet merged on top, by the same rule that the hub
// runs. The package implements session.Store. It imports schema and sync alone
// and knows no network. DESIGN.md says why it is built as it is.
package store

import (
	"errors"
	"fmt"

	"shangu/schema/text"
)

// Errors of this package. Callers test with errors.Is.
var (
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("store: closed")
	// ErrInUse: another process has the store open.
	ErrInUse = errors.New("store: in use")
	// ErrDiskFull: too little room is left; nothing was saved.
	ErrDiskFull = errors.New("store: the disk is nearly full")
	// ErrDamaged: the journal is damaged in a part that was safe; see
	// Options.Salvage.
	ErrDamaged = errors.New("store: the journal is damaged")
	// ErrInvalid: an edit breaks a rule of the schema; see InvalidError.
	ErrInvalid = errors.New("store: not valid")
	// ErrScope: the school may not write this document.
	ErrScope = errors.New("store: not this school's document")
	// ErrTooLarge: an edit is larger than an entry may be.
	ErrTooLarge = errors.New("store: too large for one save")
	// ErrReceipt: a receipt that does not fit the chain.
	ErrReceipt = errors.New("store: the receipt does not fit")
)

// InvalidError says what is wrong with one edit of a Save. It is ErrInvalid.
type InvalidError struct {
	Edit     int // index into the edits
	Messages []*text.Message
}

func (e *InvalidError) Error() string { return e.Messages[0].Error() }

// Unwrap lets the sentinel and the first sentence be found.
func (e *InvalidError) Unwrap() []error { return []error{ErrInvalid, e.Messages[0]} }

// said wraps a cause in words for people, keeping sentinel for errors.Is.
func said(sentinel, cause error, id string, kv ...any) error {
	return text.Wrap(fmt.Errorf("%w: %w", sentinel, cause), id, kv...)
}
