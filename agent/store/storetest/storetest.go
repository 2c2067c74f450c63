// Package storetest fills stores with years of a school that schema/schooltest
// makes up, for tests and benchmarks of whole programs.
package storetest

import (
	"context"
	"fmt"

	"shangu/agent/store"
	"shangu/schema/schooltest"
	"shangu/sync/change"
	"shangu/sync/frame/frametest"
	"shangu/sync/session"
)

// Years is what Fill records: roster and teachers, and school days of two
// sessions with 4.5% of the pupils marked, a visit and a training record a week.
type Years struct {
	School  string // its code
	Classes int    // 0: 12
	Pupils  int    // 0: 300
	Days    int    // a year has about 200
	Confirm bool   // as if a hub had given receipts for all of it
}

// Fill makes the store of a device in dir and records years in it.
func Fill(ctx context.Context, dir string, device [16]byte, y Years) error {
	s, err := store.Open(dir, store.Options{Device: device})
	if err != nil {
		return err
	}
	if err := fill(ctx, s, y); err != nil {
		s.Close()
		return fmt.Errorf("fill store: %w", err)
	}
	return s.Close()
}

func fill(ctx context.Context, s *store.Store, y Years) error {
	if y.Classes == 0 {
		y.Classes = 12
	}
	if y.Pupils == 0 {
		y.Pupils = 300
	}
	school := schooltest.New(7, schooltest.Shape{Code: y.School, Classes: y.Classes, Pupils: y.Pupils})
	w := frametest.NewWriter([16]byte{1}, [16]byte{2}, "wang")
	w.Boot(0)
	if err := keep(ctx, s, w.Roster(school, 0), y.Confirm); err != nil {
		return err
	}
	plan := schooltest.Plan{Exceptions: 9 * y.Pupils / 100 * y.Days, Visits: y.Days / 5, Trainings: y.Days / 5}
	var batch []*change.Entry
	for i, day := range school.Term(7, schooltest.SchoolDays(y.Days), plan) {
		if batch = append(batch, w.Day(&day)...); i%20 != 19 && i != y.Days-1 {
			continue
		}
		if err := keep(ctx, s, batch, y.Confirm); err != nil {
			return err
		}
		batch = nil
	}
	return nil
}

// keep saves what entries say as edits of the store's own.
func keep(ctx context.Context, s *store.Store, entries []*change.Entry, confirm bool) error {
	edits := make([]store.Edit, len(entries))
	for i, e := range entries {
		edits[i] = store.Edit{Kind: e.Kind, ID: e.ID}
		for _, f := range e.Fields {
			edits[i].Fields = append(edits[i].Fields, store.FieldEdit{Key: f.Key, Value: f.Value})
		}
	}
	if _, err := s.Save(ctx, "wang", edits); err != nil || !confirm {
		return err
	}
	st := s.Status()
	tip, ok := s.TipAt(st.Tip)
	if !ok {
		return fmt.Errorf("no entry %d", st.Tip)
	}
	return s.Confirm(session.Receipt{Chain: st.Chain, Tip: tip, Place: session.Place{N: 1, Time: 1}, Sig: []byte{1}}, nil, change.Clock{})
}
