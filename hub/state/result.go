package state

import (
	"errors"
	"fmt"

	"shangu/sync/frame"
	"shangu/sync/session"
)

// Errors that a command's result can carry besides those of session and frame.
var (
	ErrCommand       = errors.New("state: the command is malformed or of a newer version")
	ErrCluster       = errors.New("state: the command belongs to another cluster")
	ErrUnknown       = errors.New("state: there is no such thing")
	ErrUnknownSchool = errors.New("state: no such school in the district")
	ErrUnknownToken  = errors.New("state: the token is not known")
	ErrTokenUsed     = errors.New("state: the token was used by another machine")
	ErrTokenExpired  = errors.New("state: the token has expired")
	ErrOtherSchool   = errors.New("state: the device is enrolled for another school")
	ErrInvalid       = errors.New("state: a change breaks a rule")
	ErrSettled       = errors.New("state: the entry was settled before")
)

// codes are the wire numbers of errors in results.
var codes = [...]error{
	1: ErrCommand, 2: ErrCluster, 3: ErrUnknown, 4: ErrUnknownSchool, 5: ErrUnknownToken,
	6: ErrTokenUsed, 7: ErrTokenExpired, 8: ErrOtherSchool, 9: ErrInvalid, 10: ErrSettled,
	20: session.ErrRevoked, 21: session.ErrRefused, 22: frame.ErrFormat, 23: frame.ErrLimit,
	24: session.ErrUnknownChain,
}

// code is the wire number of an error, 0 for none.
func code(err error) uint8 {
	if err == nil {
		return 0
	}
	for i, e := range codes {
		if e != nil && errors.Is(err, e) {
			return uint8(i)
		}
	}
	return 1
}

func errorOf(c uint8) error {
	if c == 0 {
		return nil
	}
	if int(c) < len(codes) && codes[c] != nil {
		return codes[c]
	}
	return fmt.Errorf("%w: error %d", ErrCommand, c)
}

// IngestResult is what became of one push. Err is nil, or matches
// session.ErrRevoked, session.ErrRefused, session.ErrUnknownChain,
// frame.ErrFormat or frame.ErrLimit.
type IngestResult struct {
	Ack session.Ack
	Err error
}

func (r *IngestResult) walk(w *wire) {
	c := code(r.Err)
	small(w, &c)
	r.Err = errorOf(c)
	a := &r.Ack
	walkTip(w, &a.Tip)
	w.bool(&a.Fits)
	walkTip(w, &a.Near)
	listOf(w, &a.Verdicts, func(w *wire, v *session.Verdict) { w.record((*verdict)(v)) })
	w.int64(&a.Clock.Hub)
	w.int64(&a.Clock.At)
	w.uint32(&a.Clock.Boot)
	w.int64(&a.Clock.Up)
	w.uint64(&a.Applied)
	w.uint64(&a.Place.N)
	w.int64(&a.Place.Time)
	w.fixed(a.Place.Head[:])
}

type verdict session.Verdict

func (v *verdict) walk(w *wire) {
	w.uint64(&v.Seq)
	small(w, &v.Outcome)
	w.str(&v.Reason)
}

func walkTip(w *wire, t *frame.Tip) { w.uint64(&t.Seq); w.fixed(t.Hash[:]) }

type ingestResults struct {
	done
	items []IngestResult
}

func (r *ingestResults) walk(w *wire) { r.done.walk(w); records(w, &r.items) }

// DecodeIngest reads the result of an ingest command: one item for each push.
func DecodeIngest(b []byte) ([]IngestResult, error) {
	var r ingestResults
	if err := decode(b, &r); err != nil {
		return nil, fmt.Errorf("decode ingest result: %w", err)
	}
	return r.items, r.err
}

// AuthorResult is what became of an operator's changes.
type AuthorResult struct {
	Applied int       // entries written
	Same    int       // changes that changed nothing
	Tip     frame.Tip // of the district's chain
	// Refused counts from 0 the change that broke a rule, and Reason is the
	// rule as schema/text codes it, when the error is ErrInvalid.
	Refused int
	Reason  string
	Lost    int // values that lost against a school's
	err     error
}

func (r *AuthorResult) walk(w *wire) {
	c := code(r.err)
	small(w, &c)
	r.err = errorOf(c)
	w.int(&r.Applied)
	w.int(&r.Same)
	walkTip(w, &r.Tip)
	w.int(&r.Refused)
	w.str(&r.Reason)
	w.int(&r.Lost)
}

// DecodeAuthor reads the result of an Author or Settle command. The error, if
// any, is what the command failed with: ErrInvalid, ErrUnknown, ErrSettled ...
func DecodeAuthor(b []byte) (AuthorResult, error) {
	var r AuthorResult
	if err := decode(b, &r); err != nil {
		return r, fmt.Errorf("decode author result: %w", err)
	}
	return r, r.err
}

// EnrolResult is the answer to a spent token.
type EnrolResult struct {
	School      string
	Certificate []byte // DER: what the device was given, now or the first time
	Again       bool   // the token was spent by this device before
	err         error
}

func (r *EnrolResult) walk(w *wire) {
	c := code(r.err)
	small(w, &c)
	r.err = errorOf(c)
	w.str(&r.School)
	w.bytes(&r.Certificate)
	w.bool(&r.Again)
}

// DecodeEnrol reads the result of an Enrol command. The error, if any, is what
// the command failed with.
func DecodeEnrol(b []byte) (EnrolResult, error) {
	var r EnrolResult
	if err := decode(b, &r); err != nil {
		return r, fmt.Errorf("decode enrol result: %w", err)
	}
	return r, r.err
}

type done struct{ err error }

func (r *done) walk(w *wire) {
	c := code(r.err)
	small(w, &c)
	r.err = errorOf(c)
}

// DecodeDone reads the result of any other command: nil, or what it failed with.
func DecodeDone(b []byte) error {
	var r done
	if err := decode(b, &r); err != nil {
		return fmt.Errorf("decode result: %w", err)
	}
	return r.err
}

// LogEntry is one command of the raft log.
type LogEntry struct {
	Index uint64
	Term  uint64
	Data  []byte
}
