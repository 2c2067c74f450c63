package state

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"shangu/schema"
	"shangu/schema/schooltest"
	"shangu/sync/change"
	"shangu/sync/frame"
	"shangu/sync/session"
)

// story is a log in which several agents write, disagree, break rules and
// resend.
func story(t testing.TB, r *rand.Rand) *raftLog {
	l := &raftLog{}
	pens := []*pen{newPen(schoolA, 1), newPen(schoolA, 2), newPen(schoolB, 1), newPen(schoolC, 1)}
	l.begin(pens...)
	helper := pens[3]
	sheets := []string{"2026-09-01/am/2026/一年级（1）班", "2026-09-01/pm/2026/一年级（1）班", "2026-10-08/am/2026/一年级（1）班"}
	var visits []change.Ref
	var sent []session.Push
	for range 12 + r.IntN(20) {
		var pushes []session.Push
		for range 1 + r.IntN(4) {
			p := pens[r.IntN(len(pens))]
			for range 1 + r.IntN(5) {
				switch r.IntN(8) {
				case 0, 1, 2:
					fields := []change.Field{set(schema.SheetState, schema.Int(schema.SheetTaken)), set(schema.SheetRoll, schema.Int(int64(30+r.IntN(3))))}
					pupil := schooltest.PupilNumber("990109", schema.DateOf(2019, 3, 1+r.IntN(3)), r.IntN(5))
					p.save("", schema.KindSheet, sheets[r.IntN(len(sheets))], append(fields, mark(pupil, schema.Status(2+r.IntN(5))))...)
				case 3:
					visits = append(visits, p.save("", schema.KindVisit, fmt.Sprintf("v%d", r.IntN(6)), visit(schema.DateOf(2026, 9, 1+r.IntN(60)), []string{schoolC, schoolB}[r.IntN(2)], "听评课")...))
				case 4:
					p.save("", schema.Kind(900), "new", change.Field{Key: schema.Key{Num: 7, Sub: "x"}, Value: schema.Int(int64(r.IntN(4)))})
				case 5: // breaks a rule
					p.save("", schema.KindSheet, "no sheet", set(schema.SheetState, schema.Int(1)))
				case 6: // another school's
					p.save(schoolB, schema.KindTeacher, "T1", set(schema.TeacherName, schema.Str("王")))
				case 7:
					helper.save(schoolA, schema.KindVisit, fmt.Sprintf("v%d", r.IntN(6)), set(schema.VisitConfirmed, schema.Int(20700)))
				}
			}
			if len(p.wait) > 0 {
				pushes = append(pushes, p.push(t))
			}
			if len(sent) > 0 && r.IntN(4) == 0 {
				pushes = append(pushes, sent[r.IntN(len(sent))])
			}
		}
		sent = append(sent, pushes...)
		l.add(EncodeIngest(hubNow+int64(len(l.entries)), pushes, []Beat{{Device: pens[0].device, At: hubNow + int64(len(l.entries)), Pending: uint64(r.IntN(9))}}))
		if r.IntN(3) == 0 {
			l.add(EncodeAuthor(Author{"admin", hubNow, []Change{schoolChange(schoolA, fmt.Sprint("甲", r.IntN(3)))}}))
		}
		if r.IntN(4) == 0 {
			p := pens[r.IntN(3)]
			l.add(EncodeSettle(Settle{School: p.school, ID: entryID(p.chain, 1+uint64(r.IntN(9))), Do: Drop, Account: "op", Now: hubNow}))
		}
	}
	_ = visits
	return l
}

// Whatever the grouping of log entries, whether some come twice, and wherever
// the process dies and starts again, the state is the same, byte for byte.
func TestAnyGroupingGivesTheSameState(t *testing.T) {
	eachSeed(t, func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 1))
		l := story(t, r)
		one := openAt(t, t.TempDir(), Options{})
		defer one.Close()
		for _, e := range l.entries {
			one.must(t, e)
		}
		if n := checkCounts(t, one); n == 0 {
			t.Fatal("the story wrote nothing")
		}
		dir := t.TempDir()
		other := openAt(t, dir, Options{Cache: 1 + r.IntN(3)})
		for at := 0; at < len(l.entries); {
			from := max(0, at-r.IntN(3)) // again what was applied before
			to := min(len(l.entries), at+1+r.IntN(7))
			other.must(t, l.entries[from:to]...)
			at = to
			if r.IntN(6) == 0 {
				if err := other.Close(); err != nil {
					t.Fatal(err)
				}
				other = openAt(t, dir, Options{})
			}
		}
		defer other.Close()
		same(t, fmt.Sprint("seed ", seed), one, other)
	})
}

// seeds is how many stories the property tests tell.
var seeds = flag.Uint64("seeds", 8, "stories told by the property tests")

// eachSeed runs a property for a number of seeds; -run Name/seed=N replays one.
func eachSeed(t *testing.T, f func(t *testing.T, seed uint64)) {
	for seed := range *seeds {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { f(t, seed) })
	}
}

func openAt(t testing.TB, dir string, o Options) *State {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// checkCounts recomputes counts, digests and months from the documents and
// compares them with what was kept up; it returns the number of documents.
func checkCounts(t testing.TB, s *State) (documents int) {
	t.Helper()
	roots, err := s.Roots()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := s.Summary()
	if err != nil {
		t.Fatal(err)
	}
	docs := everyDoc(t, s)
	for _, row := range rows {
		var want Row
		want.School, want.Name, want.LastSeen, want.Pending = row.School, row.Name, row.LastSeen, row.Pending
		set := digestSet(docs, row.School)
		for _, d := range docs {
			if d.Scope == row.School {
				tally(&want, d)
			}
		}
		if want != row {
			t.Errorf("summary of %s: %+v, by counting %+v", row.School, row, want)
		}
		have, err := s.DigestOf(row.School)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(have.JSON()) != fmt.Sprint(set.JSON()) {
			t.Errorf("digests of %s: %v, by counting %v", row.School, have.JSON(), set.JSON())
		}
		if root := roots[row.School].Add(roots[common]); root != set.Root() {
			t.Errorf("root of %s: %v, by counting %v", row.School, root, set.Root())
		}
	}
	return len(docs)
}

func TestRedoAfterACrashBetweenParts(t *testing.T) {
	p := newPen(schoolA, 1)
	q := newPen(schoolB, 1)
	l := &raftLog{}
	l.begin(p, q)
	// A document of some 50 kB that small entries change again and again, so
	// that one pack takes several parts.
	note := strings.Repeat("雪", 150)
	var pushes []session.Push
	for i := range 100 {
		p.save("", schema.Kind(901), "big", set(schema.FieldNum(i+1), schema.Str(note)))
	}
	pushes = append(pushes, p.push(t))
	for i := range 4 {
		for j := range 120 {
			p.save("", schema.Kind(901), "big", set(200, schema.Int(int64(i*1000+j)), change.Ref{Chain: p.chain, Seq: p.seq}))
			p.save("", schema.KindTeacher, fmt.Sprint("T", i, j), set(schema.TeacherName, schema.Str("王")))
		}
		p.save("", schema.KindSheet, "no sheet", set(schema.SheetState, schema.Int(1)))
		q.save("", schema.KindTeacher, "T1", set(schema.TeacherName, schema.Str(fmt.Sprint("王", i))))
		pushes = append(pushes, p.push(t), q.push(t))
	}
	var beats []Beat
	beats = append(beats, Beat{Device: p.device, At: hubNow + 5, Pending: 7})
	l.add(EncodeIngest(hubNow, pushes, beats))
	l.add(EncodeAuthor(Author{"admin", hubNow, []Change{schoolChange(schoolA, "甲二")}}))

	whole := open(t)
	whole.must(t, l.entries...)
	parts := 0
	counting := open(t)
	counting.beforeCommit = func() error { parts++; return nil }
	counting.must(t, l.entries...)
	same(t, "uncut", whole, counting)
	if parts < 8 {
		t.Fatalf("only %d parts: the test proves nothing", parts)
	}
	cut := errors.New("power cut")
	for at := 0; at < parts; at += 1 + parts/12 {
		dir := t.TempDir()
		s := openAt(t, dir, Options{})
		n := 0
		s.beforeCommit = func() error {
			if n++; n > at {
				return cut
			}
			return nil
		}
		if _, err := s.ApplyBatch(l.entries); !errors.Is(err, cut) {
			t.Fatalf("part %d: %v", at, err)
		}
		if _, err := s.ApplyBatch(l.entries); !errors.Is(err, cut) {
			t.Fatalf("part %d: applied after a failure: %v", at, err)
		}
		s.Close()
		s = openAt(t, dir, Options{})
		index, _ := s.Applied()
		for _, e := range l.entries {
			if e.Index > index {
				s.must(t, e)
			}
		}
		same(t, fmt.Sprint("cut before part ", at), whole, s)
		s.Close()
	}
	checkCounts(t, whole)
}

func TestOneBadEntryDoesNotHoldUpOthers(t *testing.T) {
	p := newPen(schoolA, 1)
	l := &raftLog{}
	l.begin(p)
	s := open(t)
	s.must(t, l.entries...)
	p.save("", schema.KindTeacher, "T1", set(schema.TeacherName, schema.Str("王")))
	p.save("", schema.KindSheet, "2026-13-41/am/2026/一年级（1）班", set(schema.SheetState, schema.Int(1)))
	p.save(schoolB, schema.KindTeacher, "T2", set(schema.TeacherName, schema.Str("李")))
	p.save("", schema.KindAgreement, "X1", set(schema.AgreementLead, schema.Str(schoolC)))
	p.save("", schema.KindTeacher, "T3", set(schema.TeacherName, schema.Str("赵")))
	ack, err := l.ingest(t, s, p.push(t))
	if err != nil || !ack.Fits || ack.Tip != p.tip {
		t.Fatal(ack, err)
	}
	if len(ack.Verdicts) != 3 {
		t.Fatal(ack.Verdicts)
	}
	for i, v := range ack.Verdicts {
		if v.Seq != uint64(i+2) || v.Outcome != change.Quarantined || v.Reason == "" {
			t.Error(v)
		}
	}
	vs, err := s.Verdicts(p.chain, 2)
	if err != nil || !slices.Equal(vs, ack.Verdicts[1:]) {
		t.Error(vs, err)
	}
	rows, _ := s.Summary()
	if r := find(rows, schoolA); r.Teachers != 2 || r.Quarantined != 3 {
		t.Errorf("%+v", r)
	}
	if r := find(rows, schoolB); r.Teachers != 0 {
		t.Errorf("another school's teacher was written: %+v", r)
	}
	qs, err := s.Quarantine(false)
	if err != nil || len(qs) != 3 || qs[0].Entry == nil || qs[0].Entry.Kind != schema.KindSheet {
		t.Fatal(qs, err)
	}

	// Settle them: one fixed, one dropped, and no second time.
	fix := Settle{School: schoolA, ID: qs[0].ID, Do: Fix, Account: "op", Note: "日期抄错", Now: hubNow, DocID: "2026-09-01/am/2026/一年级（1）班"}
	if r, err := DecodeAuthor(l.commit(t, s, EncodeSettle(fix))); err != nil || r.Applied != 2 {
		t.Fatal(r, err)
	}
	if _, err := DecodeAuthor(l.commit(t, s, EncodeSettle(fix))); !errors.Is(err, ErrSettled) {
		t.Fatal(err)
	}
	fix.ID, fix.DocID = qs[1].ID, ""
	fix.Fields = []change.Field{set(schema.TeacherName, schema.Int(5))}
	if r, err := DecodeAuthor(l.commit(t, s, EncodeSettle(fix))); !errors.Is(err, ErrInvalid) || r.Reason == "" {
		t.Fatal(r, err)
	}
	fix.Do, fix.Fields = Drop, nil
	if _, err := DecodeAuthor(l.commit(t, s, EncodeSettle(fix))); err != nil {
		t.Fatal(err)
	}
	rows, _ = s.Summary()
	if r := find(rows, schoolA); r.Sheets != 1 || r.Quarantined != 1 {
		t.Errorf("%+v", r)
	}
	q, ok, err := s.QuarantineShow("", qs[0].ID)
	if err != nil || !ok || q.State != schema.QuarantineFixed || q.By != "op" || q.Note != "日期抄错" {
		t.Error(q, ok, err)
	}
	checkCounts(t, s)
}

func find(rows []Row, school string) Row {
	for _, r := range rows {
		if r.School == school {
			return r
		}
	}
	return Row{}
}

func TestPushesThatDoNotFit(t *testing.T) {
	p := newPen(schoolA, 1)
	l := &raftLog{}
	l.begin(p)
	s := open(t)
	s.must(t, l.entries...)
	save := func(p *pen, id string) {
		p.save("", schema.KindTeacher, id, set(schema.TeacherName, schema.Str("王"+id)))
	}
	save(p, "T1")
	save(p, "T2")
	first := p.push(t)
	if ack, err := l.ingest(t, s, first); err != nil || !ack.Fits {
		t.Fatal(ack, err)
	}
	near := p.tip
	twin := *p // a cloned disk
	twin.table = p.table.Clone()
	save(p, "T3")
	if ack, err := l.ingest(t, s, p.push(t)); err != nil || !ack.Fits {
		t.Fatal(ack, err)
	}
	before := dump(t, s)

	ack, err := l.ingest(t, s, first) // an old push comes again
	if err != nil || ack.Fits || ack.Tip != p.tip || ack.Near != frame.Genesis(p.chain) {
		t.Fatal(ack, err)
	}
	save(&twin, "T9")
	ack, err = l.ingest(t, s, twin.push(t))
	if err != nil || ack.Fits || ack.Tip != p.tip || ack.Near != near {
		t.Fatal(ack, err)
	}
	save(p, "T4")
	p.push(t) // lost: the hub is behind
	save(p, "T5")
	ack, err = l.ingest(t, s, p.push(t))
	if err != nil || ack.Fits || ack.Tip.Seq != 3 || ack.Near != ack.Tip {
		t.Fatal(ack, err)
	}
	if rows, _ := s.Summary(); find(rows, schoolA).Teachers != 3 {
		t.Error(rows)
	}
	// Nothing but the log's progress and what was heard of the device changed.
	if a, b := len(before), len(dump(t, s)); b > a+64 {
		t.Errorf("pushes that do not fit grew the state from %d to %d bytes", a, b)
	}

	// A heartbeat alone.
	hb := first
	hb.Pack, hb.Confirmed, hb.Pending = nil, 3, 2
	if ack, err = l.ingest(t, s, hb); err != nil || !ack.Fits || ack.Tip.Seq != 3 {
		t.Fatal(ack, err)
	}
	if rows, _ := s.Summary(); find(rows, schoolA).Pending != 2 || find(rows, schoolA).LastSeen != hubNow {
		t.Error(rows)
	}
	hb.Confirmed = 2
	if ack, err = l.ingest(t, s, hb); err != nil || ack.Fits || ack.Near != near {
		t.Fatal(ack, err)
	}
	_, tip, at, err := s.Tip(p.caller(), p.chain[:8], 2)
	if err != nil || tip.Seq != 3 || at != near {
		t.Error(tip, at, err)
	}
}

func TestWhoMayPush(t *testing.T) {
	p, q, stranger := newPen(schoolA, 1), newPen(schoolB, 1), newPen(schoolA, 7)
	l := &raftLog{}
	l.begin(p, q)
	s := open(t)
	s.must(t, l.entries...)
	send := func(x *pen, edit func(*session.Push)) error {
		t.Helper()
		c := *x
		c.table = x.table.Clone()
		c.save("", schema.KindTeacher, "T1", set(schema.TeacherName, schema.Str("王")))
		push := c.push(t)
		if edit != nil {
			edit(&push)
		}
		ack, err := l.ingest(t, s, push)
		if err == nil && ack.Fits {
			*x = c
		}
		return err
	}
	for name, c := range map[string]struct {
		pen  *pen
		edit func(*session.Push)
		want error
	}{
		"not enrolled":            {stranger, nil, session.ErrRefused},
		"no epoch":                {p, func(x *session.Push) { x.Epoch = [16]byte{} }, session.ErrUnknownChain},
		"epoch of another device": {p, func(x *session.Push) { x.Epoch = q.epoch }, session.ErrRefused},
		"cut pack":                {p, func(x *session.Push) { x.Pack = x.Pack[:len(x.Pack)-1] }, frame.ErrFormat},
		"no pack":                 {p, func(x *session.Push) { x.Pack = []byte{1} }, frame.ErrFormat},
		"huge pack":               {p, func(x *session.Push) { x.Pack = make([]byte, frame.MaxPack+1) }, frame.ErrLimit},
	} {
		if err := send(c.pen, c.edit); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if rows, _ := s.Summary(); find(rows, schoolA).Teachers != 0 {
		t.Error("something was written", rows)
	}
	if err := send(p, nil); err != nil {
		t.Fatal(err)
	}
	// Another device on a chain that is not its own, and with a school that is not its own.
	if err := send(p, func(x *session.Push) { x.Caller.Device = q.device }); !errors.Is(err, session.ErrRefused) {
		t.Error(err)
	}
	if _, _, _, err := s.Tip(session.Caller{Device: p.device, School: schoolB}, p.chain[:], 0); !errors.Is(err, session.ErrRefused) {
		t.Error(err)
	}
	if _, _, _, err := s.Tip(q.caller(), p.chain[:], 0); !errors.Is(err, session.ErrUnknownChain) {
		t.Error(err)
	}
	if err := DecodeDone(l.commit(t, s, EncodeRevoke(Revoke{Device: p.device, Now: hubNow, Account: "op", Reason: "lost"}))); err != nil {
		t.Fatal(err)
	}
	if err := send(p, nil); !errors.Is(err, session.ErrRevoked) {
		t.Error(err)
	}
	if _, err := s.Pull(p.caller(), p.chain, 0, 1000); !errors.Is(err, session.ErrRevoked) {
		t.Error(err)
	}
}

func TestTokensAreSpentOnce(t *testing.T) {
	l := &raftLog{}
	l.begin()
	s := open(t)
	s.must(t, l.entries...)
	issue := IssueToken{Hash: [32]byte{9}, School: schoolA, Role: TokenSchool, Now: 100, Expires: 200, Account: "op"}
	enrol := func(device byte, now int64, cert string) (EnrolResult, error) {
		return DecodeEnrol(l.commit(t, s, EncodeEnrol(Enrol{Hash: issue.Hash, Role: issue.Role, Device: [16]byte{device}, Certificate: []byte(cert), Now: now})))
	}
	if _, err := enrol(1, 150, "x"); !errors.Is(err, ErrUnknownToken) {
		t.Error(err)
	}
	unknown := issue
	unknown.School = "9999999999"
	if err := DecodeDone(l.commit(t, s, EncodeToken(unknown))); !errors.Is(err, ErrUnknownSchool) {
		t.Error(err)
	}
	if err := DecodeDone(l.commit(t, s, EncodeToken(issue))); err != nil {
		t.Fatal(err)
	}
	if _, err := enrol(1, 201, "late"); !errors.Is(err, ErrTokenExpired) {
		t.Error(err)
	}
	if r, err := enrol(1, 150, "first"); err != nil || r.School != schoolA || string(r.Certificate) != "first" || r.Again {
		t.Error(r, err)
	}
	// A lost answer: the same device asks again, even late.
	if r, err := enrol(1, 300, "second"); err != nil || string(r.Certificate) != "first" || !r.Again {
		t.Error(r, err)
	}
	if _, err := enrol(2, 160, "thief"); !errors.Is(err, ErrTokenUsed) {
		t.Error(err)
	}
	if ds, err := s.Devices(); err != nil || len(ds) != 1 || ds[0].School != schoolA || string(ds[0].Certificate) != "first" {
		t.Error(ds, err)
	}
	// A second token for another school does not move the device.
	issue.Hash, issue.School = [32]byte{8}, schoolB
	l.commit(t, s, EncodeToken(issue))
	if _, err := enrol(1, 150, "move"); !errors.Is(err, ErrOtherSchool) {
		t.Error(err)
	}
	issue.Hash, issue.School, issue.Role = [32]byte{7}, "", TokenNode
	l.commit(t, s, EncodeToken(issue))
	if r, err := enrol(5, 150, "node"); err != nil || r.School != "" {
		t.Error(r, err)
	}
	if ds, _ := s.Devices(); len(ds) != 1 {
		t.Error("a node was enrolled as a device", ds)
	}
}

func TestAuthorIsAllOrNothing(t *testing.T) {
	l := &raftLog{}
	l.begin()
	s := open(t)
	s.must(t, l.entries...)
	load := Author{"op", hubNow, []Change{schoolChange(schoolA, "甲"), schoolChange(schoolB, "乙")}}
	if r, err := DecodeAuthor(l.commit(t, s, EncodeAuthor(load))); err != nil || r.Applied != 0 || r.Same != 2 {
		t.Error("loading twice changed something", r, err)
	}
	load.Changes = []Change{schoolChange(schoolA, "新名"), schoolChange("12", "坏")}
	if r, err := DecodeAuthor(l.commit(t, s, EncodeAuthor(load))); !errors.Is(err, ErrInvalid) || r.Refused != 1 || r.Reason == "" {
		t.Error(r, err)
	}
	if ss, _ := s.Schools(); len(ss) != 3 || ss[1].Name != "甲" {
		t.Error(ss)
	}
	load.Changes = load.Changes[:1]
	if r, err := DecodeAuthor(l.commit(t, s, EncodeAuthor(load))); err != nil || r.Applied != 1 || r.Tip.Seq != 5 {
		t.Error(r, err)
	}
	if err := DecodeDone(l.commit(t, s, EncodeInit(Init{Cluster: [16]byte{9}, Name: "别区"}))); !errors.Is(err, ErrCluster) {
		t.Error(err)
	}
	if err := DecodeDone(l.commit(t, s, []byte{200, 0x90})); !errors.Is(err, ErrCommand) {
		t.Error(err)
	}
	if _, err := DecodeIngest(l.commit(t, s, []byte{cmdIngest, 0xff})); !errors.Is(err, ErrCommand) {
		t.Error(err)
	}
}
