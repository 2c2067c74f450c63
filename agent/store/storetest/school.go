package storetest

import (
	"fmt"
	"testing"

	"shangu/agent/store"
	"shangu/schema"
)

// Open is an empty store that ends with the test.
func Open(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(t.TempDir(), store.Options{Device: [16]byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// OpenAs is an empty store of a school that has a code.
func OpenAs(t testing.TB, home string) *store.Store {
	t.Helper()
	s := Open(t)
	if err := s.SetHome(home); err != nil {
		t.Fatal(err)
	}
	return s
}

// Save keeps edits at once.
func Save(t testing.TB, s *store.Store, edits ...store.Edit) {
	t.Helper()
	if _, err := s.Save(t.Context(), "test", edits); err != nil {
		t.Fatal(err)
	}
}

// Edit is an edit of a document: fields, each a schema.FieldNum or a schema.Key, and
// values in turn.
func Edit(kind schema.Kind, id string, kv ...any) store.Edit {
	e := store.Edit{Kind: kind, ID: id}
	for i := 0; i+1 < len(kv); i += 2 {
		k, ok := kv[i].(schema.Key)
		if !ok {
			k = schema.Key{Num: kv[i].(schema.FieldNum)}
		}
		var v schema.Value
		switch x := kv[i+1].(type) {
		case string:
			v = schema.Str(x)
		case bool:
			v = schema.Bool(x)
		case int:
			v = schema.Int(int64(x))
		case schema.Date:
			v = schema.Int(int64(x))
		case schema.Value:
			v = x
		}
		e.SetOf(k.Num, k.Sub, v)
	}
	return e
}

// Pupil is the number of a pupil, from 0 on.
func Pupil(i int) string { return fmt.Sprintf("L99010920160901%04d", i) }

// Place is a pupil's place in a class from a day on.
func Place(i int, class string, from schema.Date) store.Edit {
	return Edit(schema.KindEnrolment, schema.EnrolmentID(Pupil(i), class, from), schema.EnrolmentFrom, from)
}

// Class is a class of pupils, from pupil 0 on, all of whom come on one day.
func Class(id string, from schema.Date, names ...string) []store.Edit {
	_, name, _ := schema.ParseClassID(id)
	edits := []store.Edit{Edit(schema.KindClass, id, schema.ClassName, name)}
	for i, name := range names {
		edits = append(edits, Edit(schema.KindPupil, Pupil(i), schema.PupilName, name), Place(i, id, from))
	}
	return edits
}

// Sheet is a class's roll of a session in a state, with marks by pupil.
func Sheet(class string, on schema.Date, session schema.Session, state int, marks map[int]schema.Mark) store.Edit {
	e := Edit(schema.KindSheet, schema.SheetID{Date: on, Session: session, Class: class}.String())
	if state != 0 {
		e.Set(schema.SheetState, schema.Int(int64(state)))
	}
	for i, m := range marks {
		e.SetOf(schema.SheetMark, Pupil(i), m.Encode())
	}
	return e
}

// Marks are pupils and statuses in turn, a status with its symptom in hundreds.
func Marks(pupilsAndStatuses ...int) map[int]schema.Mark {
	m := map[int]schema.Mark{}
	for i := 0; i+1 < len(pupilsAndStatuses); i += 2 {
		n := pupilsAndStatuses[i+1]
		m[pupilsAndStatuses[i]] = schema.Mark{Status: schema.Status(n % 100), Symptom: schema.Symptom(n / 100)}
	}
	return m
}
