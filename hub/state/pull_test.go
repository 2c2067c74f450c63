package state

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/frame"
)

func pull(t testing.TB, s *State, p *pen, cursor uint64) (keys []string, d uint64) {
	t.Helper()
	delta, err := s.Pull(p.caller(), p.chain, cursor, 1<<20)
	if err != nil || delta.More {
		t.Fatal(delta, err)
	}
	for _, doc := range delta.Docs {
		keys = append(keys, doc.Scope+" "+doc.Kind.String()+" "+doc.ID)
	}
	for _, k := range delta.Gone {
		keys = append(keys, "gone "+k.Scope+" "+k.Kind.String()+" "+k.ID)
	}
	return keys, delta.Cursor
}

func TestPullSendsWhatTheSchoolHasNotSeen(t *testing.T) {
	host, second, helper := newPen(schoolA, 1), newPen(schoolA, 2), newPen(schoolC, 1)
	l := &raftLog{}
	l.begin(host, second, helper)
	s := open(t)
	s.must(t, l.entries...)
	expect := func(what string, p *pen, cursor uint64, want ...string) uint64 {
		t.Helper()
		keys, next := pull(t, s, p, cursor)
		if !slices.Equal(keys, want) {
			t.Errorf("%s: %q, not %q", what, keys, want)
		}
		return next
	}
	send := func(p *pen) {
		t.Helper()
		if ack, err := l.ingest(t, s, p.push(t)); err != nil || !ack.Fits {
			t.Fatal(ack, err)
		}
	}
	at := expect("a new school", host, 0, "district school "+schoolA, "district calendar 2026")
	helperAt := expect("the helper", helper, 0, "district school "+schoolC, "district calendar 2026")

	first := host.save("", schema.KindVisit, "v1", visit(schema.DateOf(2026, 9, 3), schoolC, "听评课")...)
	send(host)
	was := at
	at = expect("what only the caller wrote", host, at)
	if at == was {
		t.Error("the cursor did not pass the caller's own entries")
	}
	helperAt = expect("a visit, to the helper", helper, helperAt, schoolA+" visit v1")
	expect("a visit, to the school's other computer", second, was, schoolA+" visit v1")

	helper.save(schoolA, schema.KindVisit, "v1", set(schema.VisitConfirmed, schema.Int(20700)))
	send(helper)
	helperAt = expect("the helper's own confirmation", helper, helperAt)
	// The host writes after the helper and pulls in small pieces: the
	// confirmation must not be passed over with its own later entry.
	host.save("", schema.KindVisit, "v1", set(schema.VisitHours, schema.Int(20), first))
	host.save("", schema.KindTeacher, "T1", set(schema.TeacherName, schema.Str("王")))
	send(host)
	delta, err := s.Pull(host.caller(), host.chain, at, 1)
	if err != nil || len(delta.Docs) != 1 || delta.Docs[0].Value(schema.VisitConfirmed).IsNil() || delta.Docs[0].Value(schema.VisitHours).IsNil() {
		t.Fatal(delta, err)
	}
	at = expect("after it", host, delta.Cursor)
	helperAt = expect("the host's change", helper, helperAt, schoolA+" visit v1")

	// The visit moves to another helper: it is gone for the first.
	host.save("", schema.KindVisit, "v1", set(schema.VisitHelper, schema.Str(schoolB), first))
	send(host)
	// Its confirmation is no word of the new helper's: the host hears that it
	// is not there, and the first has it in quarantine.
	waits := schoolC + " quarantine " + entryID(helper.chain, 1)
	helperAt = expect("a visit that is another's now", helper, helperAt, waits, "gone "+schoolA+" visit v1")
	at = expect("without the confirmation", host, at, schoolA+" visit v1")
	expect("nothing new", helper, helperAt)

	// A conflict is everyone's, the card with it.
	a := schema.SheetID{Date: schema.DateOf(2026, 9, 1), Session: schema.SessionAM, Class: schema.ClassID(2026, "一年级（1）班")}.String()
	pupil := "G990109201903250215"
	host.save("", schema.KindSheet, a, set(schema.SheetState, schema.Int(1)), mark(pupil, schema.StatusSick))
	send(host)
	at = expect("own sheet", host, at)
	second.save("", schema.KindSheet, a, set(schema.SheetState, schema.Int(1)), mark(pupil, schema.StatusAbsent))
	ack, err := l.ingest(t, s, second.push(t))
	if err != nil || len(ack.Verdicts) != 1 || ack.Verdicts[0].Outcome != change.Conflict {
		t.Fatal(ack, err)
	}
	keys, _ := pull(t, s, second, s.Cursor()-2)
	if len(keys) != 2 || keys[0] != schoolA+" attendance "+a {
		t.Error(keys)
	}
	keys, _ = pull(t, s, host, at)
	if len(keys) != 2 {
		t.Error(keys)
	}
	if rows, _ := s.Summary(); find(rows, schoolA).Conflicts != 1 || find(rows, schoolA).Marks != 1 {
		t.Error(rows)
	}
	// Settling the card closes it; nothing else on it may be written.
	card := entryID(second.chain, 1) + "/4/" + pupil
	d, err := s.Doc(DocKey{Scope: schoolA, Kind: schema.KindCard, ID: card})
	if err != nil || d == nil {
		t.Fatal(d, err)
	}
	lost, _ := d.Value(schema.CardLost).Bin()
	kept, _ := d.Value(schema.CardKept).Bin()
	// The host school saved later by the corrected clock.
	sick, absent := schema.Mark{Status: schema.StatusSick}.Encode(), schema.Mark{Status: schema.StatusAbsent}.Encode()
	if schema.Value(lost) != absent || schema.Value(kept) != sick {
		t.Errorf("lost %q, kept %q", lost, kept)
	}
	host.save("", schema.KindCard, card, set(schema.CardSettled, schema.Int(1)))
	host.save("", schema.KindCard, card, set(schema.CardLost, schema.Bin("x")))
	ack, err = l.ingest(t, s, host.push(t))
	if err != nil || len(ack.Verdicts) != 1 || ack.Verdicts[0].Seq != host.seq || ack.Verdicts[0].Outcome != change.Quarantined {
		t.Fatal(ack, err)
	}
	if rows, _ := s.Summary(); find(rows, schoolA).Conflicts != 0 || find(rows, schoolA).Quarantined != 1 {
		t.Error(rows)
	}
	checkCounts(t, s)
}

func TestAHelperWritesItsConfirmationAlone(t *testing.T) {
	host, helper, other := newPen(schoolA, 1), newPen(schoolC, 1), newPen(schoolB, 1)
	l := &raftLog{}
	l.begin(host, helper, other)
	s := open(t)
	s.must(t, l.entries...)
	// C is A's helper by agreement; B has nothing to do with A.
	l.commit(t, s, EncodeAuthor(Author{"admin", hubNow, []Change{{Scope: schema.DistrictScope, Kind: schema.KindAgreement, ID: "P001", Latest: true, Fields: []change.Field{
		set(schema.AgreementLead, schema.Str(schoolC)),
		{Key: schema.Key{Num: schema.AgreementMember, Sub: schoolA}, Value: schema.Str("甲")},
		set(schema.AgreementFrom, schema.Int(20700)),
	}}}}))
	host.save("", schema.KindVisit, "v1", visit(schema.DateOf(2026, 9, 3), schoolC, "听评课")...)
	host.save("", schema.KindVisit, "v2", append(visit(schema.DateOf(2026, 9, 3), schoolC, "听评课"), set(schema.VisitConfirmed, schema.Int(20700)))...)
	helper.save(schoolA, schema.KindVisit, "v1", set(schema.VisitConfirmed, schema.Int(20700)))
	helper.save(schoolA, schema.KindVisit, "v1", set(schema.VisitTopic, schema.Str("改")))
	helper.save(schoolA, schema.KindVisit, "v1", set(schema.FieldVoid, schema.Str("删")))
	helper.save(schoolA, schema.KindVisit, "v9", set(schema.VisitConfirmed, schema.Int(20700)))
	other.save(schoolA, schema.KindVisit, "v1", set(schema.VisitConfirmed, schema.Int(20700)))
	other.save(schoolA, schema.KindVisit, "v8", set(schema.VisitConfirmed, schema.Int(20700)))
	for _, c := range []struct {
		p   *pen
		bad []uint64
	}{{host, []uint64{2}}, {helper, []uint64{2, 3}}, {other, []uint64{1, 2}}} {
		ack, err := l.ingest(t, s, c.p.push(t))
		var bad []uint64
		for _, v := range ack.Verdicts {
			bad = append(bad, v.Seq)
		}
		if err != nil || !slices.Equal(bad, c.bad) {
			t.Errorf("%s: %v, not %v: %v %v", c.p.school, bad, c.bad, ack, err)
		}
	}
	// The helper's fourth came before the host's record of v9: kept, not counted.
	if rows, _ := s.Summary(); find(rows, schoolA).Visits != 1 {
		t.Error(rows)
	}
	d, _ := s.Doc(DocKey{Scope: schoolA, Kind: schema.KindVisit, ID: "v1"})
	c, _ := d.Find(schema.Key{Num: schema.VisitConfirmed})
	if c.Role != schema.RoleHelper || d.Void() || d.Value(schema.VisitTopic).Text() != "听评课" {
		t.Errorf("%+v", d)
	}
}

// An entry that bases a field on a version that the hub lost may leave its
// document incomplete, but no made-up base lets a wrong id or value in.
func TestAMadeUpBaseExcusesNoWrongValue(t *testing.T) {
	p := newPen(schoolA, 1)
	l := &raftLog{}
	l.begin(p)
	s := open(t)
	s.must(t, l.entries...)
	lost := change.Ref{Chain: p.chain, Seq: 99}
	p.save("", schema.KindSheet, "no sheet", set(schema.SheetState, schema.Int(1), lost))
	p.save("", schema.KindTraining, "t1", set(schema.TrainingHours, schema.Str("many"), lost))
	p.save("", schema.KindTraining, "t2", set(schema.TrainingHours, schema.Int(20), lost))
	ack, err := l.ingest(t, s, p.push(t))
	if err != nil || len(ack.Verdicts) != 2 || ack.Verdicts[0].Seq != 1 || ack.Verdicts[1].Seq != 2 {
		t.Fatal(ack, err)
	}
}

func TestUnknownKindsAndFieldsPass(t *testing.T) {
	p := newPen(schoolA, 1)
	l := &raftLog{}
	l.begin(p)
	s := open(t)
	s.must(t, l.entries...)
	odd := schema.List(schema.Int(5), schema.Str("新"), schema.List(schema.Bool(true)))
	p.save("", schema.Kind(777), "一", change.Field{Key: schema.Key{Num: 9, Sub: "甲"}, Value: odd})
	p.save("", schema.KindTeacher, "T1", set(schema.TeacherName, schema.Str("王")), set(90, odd))
	if ack, err := l.ingest(t, s, p.push(t)); err != nil || len(ack.Verdicts) > 0 {
		t.Fatal(ack, err)
	}
	d, err := s.Doc(DocKey{Scope: schoolA, Kind: 777, ID: "一"})
	if err != nil || d == nil || d.Cells[0].Value != odd {
		t.Fatal(d, err)
	}
	fresh := newPen(schoolA, 2)
	l.begin(fresh)
	s.must(t, l.entries...)
	if keys, _ := pull(t, s, fresh, 0); len(keys) != 4 {
		t.Error(keys)
	}
}

// A reader who applies what Pull sends, in pieces of any size and at any time,
// to what its own clean entries gave it, ends with exactly what the hub holds
// for its school.
func TestPullInPiecesConverges(t *testing.T) {
	eachSeed(t, func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 2))
		l := story(t, r)
		s := openAt(t, t.TempDir(), Options{})
		defer s.Close()
		p := newPen([]string{schoolA, schoolB, schoolC}[r.IntN(3)], 1)
		view := map[DocKey]*change.Doc{}
		own := func(d *change.Doc) bool {
			// What the agent of p merges by itself: documents that nobody else has touched.
			for i := range d.Cells {
				if d.Cells[i].Version.Chain != p.chain {
					return false
				}
			}
			return d.Kind != schema.KindCard && d.Kind != schema.KindQuarantine
		}
		var cursor uint64
		take := func(budget int) bool {
			d, err := s.Pull(p.caller(), p.chain, cursor, budget)
			if err != nil {
				t.Fatal(err)
			}
			for _, doc := range d.Docs {
				view[keyOf(doc)] = doc
			}
			for _, k := range d.Gone {
				delete(view, k)
			}
			cursor = d.Cursor
			return d.More
		}
		for _, e := range l.entries {
			s.must(t, e)
			if _, ok, _ := s.Device(p.device); ok && r.IntN(3) == 0 {
				take(1 + r.IntN(600))
			}
		}
		for take(1 + r.IntN(2000)) {
		}
		want := digest.Set{}
		for _, d := range everyDoc(t, s) {
			if !sees(d, p.school) {
				if view[keyOf(d)] != nil {
					t.Errorf("seed %d: still has %v", seed, keyOf(d))
				}
				continue
			}
			want.Replace(nil, d)
			have := view[keyOf(d)]
			if have == nil && own(d) {
				continue
			}
			if have == nil {
				t.Errorf("seed %d: never got %v", seed, keyOf(d))
				continue
			}
			if string(frame.AppendDoc(nil, have)) != string(frame.AppendDoc(nil, d)) && !lastIsOwn(have, d, p.chain) {
				t.Errorf("seed %d: has an old %v", seed, keyOf(d))
			}
		}
		have, err := s.Buckets(p.caller())
		if err != nil || fmt.Sprint(have.JSON()) != fmt.Sprint(want.JSON()) {
			t.Errorf("seed %d: digests %v, by counting %v, %v", seed, have, want, err)
		}
		for b := range want {
			docs, err := s.Bucket(p.caller(), b)
			got := digest.Set{}
			for _, d := range docs {
				got.Replace(nil, d)
			}
			if err != nil || got.Root() != want[b] || len(got) != 1 {
				t.Errorf("seed %d: bucket %v holds %d documents: %v", seed, b, len(docs), err)
			}
		}
	})
}

// lastIsOwn reports whether all that have lacks of d are later entries of chain.
func lastIsOwn(have, d *change.Doc, chain change.ChainID) bool {
	for i := range d.Cells {
		c := &d.Cells[i]
		h, ok := have.Find(c.Key)
		if (!ok || h.Version != c.Version) && c.Version.Chain != chain {
			return false
		}
	}
	return true
}
