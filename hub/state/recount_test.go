package state

import (
	"testing"

	"github.com/dgraph-io/badger/v4"

	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/frame"
)

// everyDoc decodes every document.
func everyDoc(t testing.TB, s *State) (docs []*change.Doc) {
	t.Helper()
	err := s.view("every document", func(txn *badger.Txn) error {
		return each(txn, []byte{keyDoc}, func(_, v []byte) error {
			_, raw, err := splitPlace(v)
			if err != nil {
				return err
			}
			d, err := frame.DecodeDoc(raw)
			docs = append(docs, d)
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return docs
}

// digestSet digests what a school sees, the long way.
func digestSet(docs []*change.Doc, school string) digest.Set {
	set := digest.Set{}
	for _, d := range docs {
		if sees(d, school) {
			set.Replace(nil, d)
		}
	}
	return set
}

// tally counts one document, written apart from the code that keeps counts up.
func tally(r *Row, d *change.Doc) {
	if d.Void() {
		return
	}
	switch d.Kind {
	case schema.KindPupil:
		r.Pupils++
	case schema.KindClass:
		r.Classes++
	case schema.KindTeacher:
		r.Teachers++
	case schema.KindVisit:
		if d.Value(schema.VisitDate) != "" {
			r.Visits++
		}
	case schema.KindTraining:
		r.Trainings++
	case schema.KindSheet:
		if n, _ := d.Value(schema.SheetState).Int(); n != schema.SheetTaken {
			return
		}
		r.Sheets++
		d.Each(func(k schema.Key, v schema.Value) {
			if k.Num == schema.SheetMark && !v.IsNil() {
				r.Marks++
			}
		})
	case schema.KindCard:
		if d.Value(schema.CardSettled).IsNil() {
			r.Conflicts++
		}
	case schema.KindQuarantine:
		if n, _ := d.Value(schema.QuarantineState).Int(); n == schema.QuarantineWaiting {
			r.Quarantined++
		}
	}
}
