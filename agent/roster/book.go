package roster

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"shangu/schema"
	"shangu/sync/change"
)

// Documents are where a Book reads; agent/store's Store.
type Documents interface {
	Docs(kind schema.Kind, prefix string) iter.Seq2[*change.Doc, error]
	Home() string
	// Revision changes whenever a document of one of the kinds does.
	Revision(kinds ...schema.Kind) uint64
}

// Book keeps the newest Roster. It may be used by many at once.
type Book struct {
	docs   Documents
	secret []byte
	mu     sync.Mutex
	at     uint64
	last   *Roster
}

// NewBook makes a Book that has read nothing yet. Keys are made with secret.
func NewBook(docs Documents, secret []byte) *Book { return &Book{docs: docs, secret: secret} }

// Open returns the Roster as the documents stand.
func (b *Book) Open() (*Roster, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := b.docs.Revision(Kinds...)
	if b.last != nil && b.at == at && b.last.Home == b.docs.Home() {
		return b.last, nil
	}
	r, err := read(b.docs, b.secret)
	if err != nil {
		return nil, fmt.Errorf("read roster: %w", err)
	}
	b.at, b.last = at, r
	return r, nil
}

// reader gathers one Roster.
type reader struct {
	docs Documents
	err  error
}

// each calls f for every document of a kind that counts.
func (rd *reader) each(kind schema.Kind, f func(*change.Doc)) {
	if rd.err != nil {
		return
	}
	for d, err := range rd.docs.Docs(kind, "") {
		if err != nil {
			rd.err = err
			return
		}
		if !d.Void() {
			f(d)
		}
	}
}

func read(docs Documents, secret []byte) (*Roster, error) {
	r := &Roster{
		Home: docs.Home(), classes: map[string]*Class{}, pupils: map[string]*Pupil{}, byTeacher: map[string]*Teacher{},
		schools: map[string]string{}, in: map[string][]schema.Enrolment{}, settings: map[string]*change.Doc{}, secret: secret, byKey: map[string]string{},
	}
	rd := &reader{docs: docs}
	own := func(d *change.Doc) bool { return d.Scope == "" || d.Scope == r.Home }
	rd.each(schema.KindSchool, func(d *change.Doc) { r.schools[d.ID] = d.Value(schema.SchoolName).Text() })
	r.Name = r.schools[r.Home]
	rd.each(schema.KindSetting, func(d *change.Doc) { r.settings[d.ID] = d })
	rd.each(schema.KindCalendar, r.calendar(own))
	rd.each(schema.KindClass, func(d *change.Doc) {
		if year, ok := yearOf(d.ID); ok && own(d) {
			order, _ := d.Value(schema.ClassOrder).Int()
			r.classes[d.ID] = &Class{
				ID: d.ID, Name: d.Value(schema.ClassName).Text(), Grade: d.Value(schema.ClassGrade).Text(),
				Head: d.Value(schema.ClassHead).Text(), Year: year, order: order,
			}
		}
	})
	rd.each(schema.KindPupil, func(d *change.Doc) {
		if own(d) {
			r.pupils[d.ID] = pupilOf(d)
		}
	})
	rd.each(schema.KindEnrolment, func(d *change.Doc) {
		e, ok := schema.EnrolmentOf(d.ID, d.Lookup)
		if p := r.pupils[e.Pupil]; ok && own(d) && p != nil {
			p.places = append(p.places, e)
			r.in[e.Class] = append(r.in[e.Class], e)
		}
	})
	for _, in := range r.in {
		r.order(in)
	}
	for _, p := range r.pupils {
		slices.SortStableFunc(p.places, func(a, b schema.Enrolment) int { return int(a.From - b.From) })
	}
	rd.each(schema.KindTeacher, func(d *change.Doc) {
		if own(d) {
			t := teacherOf(d)
			r.teachers = append(r.teachers, t)
			r.byTeacher[t.ID] = t
		}
	})
	slices.SortFunc(r.teachers, func(a, b *Teacher) int { return slices.Compare(a.key, b.key) })
	rd.each(schema.KindAgreement, func(d *change.Doc) {
		a := agreementOf(d)
		if _, member := a.Members[r.Home]; member || a.Lead == r.Home {
			r.agreements = append(r.agreements, a)
			r.schools[a.Lead] = cmp.Or(r.schools[a.Lead], a.LeadName)
			for code, name := range a.Members {
				r.schools[code] = cmp.Or(r.schools[code], name)
			}
		}
	})
	slices.SortFunc(r.agreements, func(a, b *Agreement) int { return strings.Compare(a.ID, b.ID) })
	for id := range r.classes {
		r.byKey[r.Key(id)] = id
	}
	for id := range r.pupils {
		r.byKey[r.Key(id)] = id
	}
	for id := range r.byTeacher {
		r.byKey[r.Key(id)] = id
	}
	return r, rd.err
}
