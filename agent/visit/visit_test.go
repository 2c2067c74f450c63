package visit_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"shangu/agent/form"
	"shangu/agent/roster"
	"shangu/agent/store"
	"shangu/agent/visit"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
	"shangu/sync/receipt"
	"shangu/sync/session"
)

const host, helper, pact = "2199109015", "3199109006", "P005"

var (
	day   = schema.DateOf(2026, 10, 12)
	today = day + 2
)

type school struct {
	t    testing.TB
	s    *store.Store
	desk *visit.Desk
	code string
}

func newSchool(t testing.TB, code string, device byte) *school {
	t.Helper()
	s, err := store.Open(t.TempDir(), store.Options{Device: [16]byte{device}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.SetHome(code); err != nil {
		t.Fatal(err)
	}
	c := &school{t, s, visit.NewDesk(s, s, roster.NewBook(s, nil)), code}
	plain := func(n schema.FieldNum, v schema.Value) change.Cell {
		return change.Cell{Key: schema.Key{Num: n}, Value: v, Version: change.Ref{Seq: 1}}
	}
	c.absorb(&change.Doc{Scope: schema.DistrictScope, Kind: schema.KindAgreement, ID: pact, Cells: []change.Cell{
		plain(schema.AgreementLead, schema.Str(helper)), plain(schema.AgreementLeadName, schema.Str("云岭第一小学")),
		{Key: schema.Key{Num: schema.AgreementMember, Sub: host}, Value: schema.Str("青石小学"), Version: change.Ref{Seq: 1}},
		plain(schema.AgreementFrom, schema.Int(int64(schema.DateOf(2026, 9, 1)))), plain(schema.AgreementTo, schema.Int(int64(schema.DateOf(2027, 7, 31)))),
	}})
	return c
}

func (c *school) absorb(d *change.Doc) {
	c.t.Helper()
	if err := c.s.Absorb(session.Delta{Docs: []*change.Doc{d}}); err != nil {
		c.t.Fatal(err)
	}
}

// send carries the host's visits from one school to the other, as a hub does.
func (c *school) send(to *school) {
	c.t.Helper()
	for d, err := range c.s.Docs(schema.KindVisit, "") {
		if err != nil {
			c.t.Fatal(err)
		}
		out := *d
		out.Scope = host
		to.absorb(&out)
	}
}

func (c *school) all() []*visit.Visit {
	c.t.Helper()
	all, err := c.desk.All()
	if err != nil {
		c.t.Fatal(err)
	}
	return all
}

func (c *school) write(f visit.Facts) *visit.Visit {
	c.t.Helper()
	v, err := c.desk.Write(c.t.Context(), "王", c.desk.Ticket(), f, today)
	if err != nil {
		c.t.Fatal(err)
	}
	return v
}

func facts() visit.Facts {
	return visit.Facts{
		Date: day, Agreement: pact, Kind: schema.VisitLesson, Mode: 1, Topic: "分数的初步认识", Visitors: 3, Hours: 25, PupilsMet: 41, TeachersMet: 6,
		Names: []string{"赵老师", "钱老师"}, Credits: map[string]int{"T1": 25, "T2": 10},
	}
}

func TestWrittenDown(t *testing.T) {
	c := newSchool(t, host, 1)
	v := c.write(facts())
	if v.Helper != helper || v.Direction != schema.VisitOut || !v.Own || v.State() != visit.Waits || v.By != "王" || !c.desk.Here(v) {
		t.Errorf("%+v", v)
	}
	if got := c.all(); len(got) != 1 || got[0].Code != v.Code || !maps.Equal(got[0].Credits, facts().Credits) || !slices.Equal(got[0].Names, facts().Names) {
		t.Errorf("%+v", got)
	}
	earlier := facts()
	earlier.Date, earlier.Kind, earlier.Credits = day-1, schema.VisitShadow, nil
	w := c.write(earlier)
	if got := c.all(); len(got) != 2 || got[0].ID != v.ID || w.Direction != schema.VisitIn {
		t.Errorf("not the newest first: %+v", got)
	}
	if found, err := c.desk.Find(w.Key()); err != nil || found.ID != w.ID {
		t.Errorf("%+v, %v", found, err)
	}
	if _, err := c.desk.Find("nothing"); text.Of(err) == nil {
		t.Errorf("a key of nothing: %v", err)
	}
}

func TestWhatIsWrong(t *testing.T) {
	c := newSchool(t, host, 1)
	for name, try := range map[string]struct {
		do    func(*visit.Facts)
		field schema.FieldNum
		id    string
	}{
		"no date":            {func(f *visit.Facts) { f.Date = 0 }, schema.VisitDate, "visit.no_date"},
		"tomorrow":           {func(f *visit.Facts) { f.Date = today + 1 }, schema.VisitDate, "visit.future"},
		"ends before":        {func(f *visit.Facts) { f.End = day - 1 }, schema.VisitEnd, "form.ends_before"},
		"agreement over":     {func(f *visit.Facts) { f.Date = schema.DateOf(2026, 8, 31) }, schema.VisitAgreement, "visit.agreement_dead"},
		"no such agreement":  {func(f *visit.Facts) { f.Agreement = "P009" }, schema.VisitAgreement, "visit.agreement_dead"},
		"no helper":          {func(f *visit.Facts) { f.Agreement = "" }, schema.VisitHelper, "visit.no_helper"},
		"helps itself":       {func(f *visit.Facts) { f.Helper = host }, schema.VisitHelper, "visit.own_helper"},
		"helper of 9 digits": {func(f *visit.Facts) { f.Helper = "319910900" }, schema.VisitHelper, "schema.school_length"},
		"no kind":            {func(f *visit.Facts) { f.Kind = 0 }, schema.VisitKind, "visit.no_kind"},
		"hours of nobody":    {func(f *visit.Facts) { f.Credits["T3"] = visit.Unsaid }, schema.VisitCredits, "visit.no_hours"},
		"a long topic":       {func(f *visit.Facts) { f.Topic = strings.Repeat("长", 201) }, schema.VisitTopic, "schema.too_long"},
	} {
		f := facts()
		try.do(&f)
		_, err := c.desk.Write(t.Context(), "王", c.desk.Ticket(), f, today)
		wrong, ok := errors.AsType[form.Wrong](err)
		if !ok || wrong[try.field] == nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := wrong[try.field].ID(); got != try.id && name != "helper of 9 digits" {
			t.Errorf("%s: %s", name, got)
		}
	}
	if n := c.s.Status().Tip; n != 0 {
		t.Errorf("%d entries of what was refused", n)
	}
}

// A form that is sent twice makes one visit; the browser's way back to it and other
// words do not overwrite what was saved.
func TestSentTwice(t *testing.T) {
	c := newSchool(t, host, 1)
	ticket := c.desk.Ticket()
	for range 2 {
		if _, err := c.desk.Write(t.Context(), "王", ticket, facts(), today); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.s.Status().Tip; n != 1 {
		t.Errorf("%d entries", n)
	}
	for name, do := range map[string]func(*visit.Facts){
		"another topic": func(f *visit.Facts) { f.Topic = "别的" },
		"fewer credits": func(f *visit.Facts) { delete(f.Credits, "T2") },
	} {
		other := facts()
		do(&other)
		if _, err := c.desk.Write(t.Context(), "王", ticket, other, today); !errors.Is(err, visit.ErrTwice) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestChangedAndCancelled(t *testing.T) {
	c := newSchool(t, host, 1)
	v := c.write(facts())
	f := facts()
	f.Topic, f.Credits = "别的主题", map[string]int{"T2": 20}
	w, err := c.desk.Change(t.Context(), "李", v.Key(), v.Seen, f, today)
	if err != nil || w.Topic != f.Topic || !maps.Equal(w.Credits, f.Credits) || w.Code == v.Code || w.By != "李" {
		t.Fatalf("%+v, %v", w, err)
	}
	if _, err := c.desk.Change(t.Context(), "王", v.Key(), v.Seen, facts(), today); !errors.Is(err, visit.ErrStale) {
		t.Errorf("over what somebody else has written: %v", err)
	}
	// The agreement ended since: the visit stays under it.
	c.absorb(&change.Doc{Scope: schema.DistrictScope, Kind: schema.KindAgreement, ID: pact, Cells: []change.Cell{
		{Key: schema.Key{Num: schema.AgreementLead}, Value: schema.Str(helper), Version: change.Ref{Seq: 2}},
		{Key: schema.Key{Num: schema.AgreementMember, Sub: host}, Value: schema.Str("青石小学"), Version: change.Ref{Seq: 1}},
		{Key: schema.Key{Num: schema.AgreementState}, Value: schema.Int(schema.AgreementEnded), Version: change.Ref{Seq: 2}},
	}})
	f.Note = "补记"
	if w, err = c.desk.Change(t.Context(), "李", v.Key(), w.Seen, f, today); err != nil || w.Note != f.Note {
		t.Errorf("under an agreement that has ended: %v", err)
	}
	if w, err = c.desk.Cancel(t.Context(), "李", v.Key(), "记重了"); err != nil || w.State() != visit.Voided || w.Code != "" {
		t.Errorf("%+v, %v", w, err)
	}
	if _, err := c.desk.Change(t.Context(), "李", v.Key(), w.Seen, f, today); err == nil {
		t.Error("a cancelled visit was changed")
	}
	if w, err = c.desk.Cancel(t.Context(), "李", v.Key(), ""); err != nil || w.State() != visit.Waits || w.Topic != f.Topic {
		t.Errorf("back again: %+v, %v", w, err)
	}
}

func TestClassesAreOfSharedLessons(t *testing.T) {
	c := newSchool(t, host, 1)
	f := facts()
	f.Classes, f.Link = []string{"一年级（1）班"}, visit.LinkDropped
	if v := c.write(f); len(v.Classes) != 0 || v.Link != visit.LinkUnsaid {
		t.Errorf("of a lesson: %+v", v)
	}
	f.Kind = schema.VisitSync
	if v := c.write(f); len(v.Classes) != 1 || v.Link != visit.LinkDropped {
		t.Errorf("of a shared lesson: %+v", v)
	}
}

// The helper sees the host's visit with the same code, confirms what it saw, and the
// host sees that. A change after it shows as one on both sides.
func TestConfirmed(t *testing.T) {
	a, b := newSchool(t, host, 1), newSchool(t, helper, 2)
	v := a.write(facts())
	a.send(b)
	in := b.all()
	if len(in) != 1 || in[0].Own || in[0].Host != host || in[0].Code != v.Code || in[0].State() != visit.Waits || b.desk.Here(in[0]) {
		t.Fatalf("at the helper: %+v", in)
	}
	if _, err := b.desk.Change(t.Context(), "钱", in[0].Key(), in[0].Seen, facts(), today); err == nil {
		t.Error("the helper changed the host's words")
	}
	if _, err := a.desk.Confirm(t.Context(), "王", v.Key(), v.Code, visit.Word{}, today); err == nil {
		t.Error("the host confirmed for the helper")
	}
	if _, err := b.desk.Confirm(t.Context(), "钱", in[0].Key(), "2222-2222", visit.Word{}, today); !errors.Is(err, visit.ErrStale) {
		t.Errorf("something else confirmed: %v", err)
	}
	w, err := b.desk.Confirm(t.Context(), "钱", in[0].Key(), v.Code, visit.Word{Note: "收到", Credits: map[string]int{"H1": 25}}, today)
	if err != nil || w.State() != visit.Confirmed || !b.desk.Here(w) || w.By != "王" {
		t.Fatalf("%+v, %v", w, err)
	}
	b.send(a)
	if got := a.all()[0]; got.State() != visit.Confirmed || got.Confirmed != today || got.ConfirmedBy != "钱" || got.HelperNote != "收到" || got.HelperCredits["H1"] != 25 || got.Code != v.Code {
		t.Errorf("at the host: %+v", got)
	}
	f := facts()
	f.Hours = 40
	changed, err := a.desk.Change(t.Context(), "王", v.Key(), a.all()[0].Seen, f, today)
	if err != nil || changed.State() != visit.Changed {
		t.Fatalf("%+v, %v", changed, err)
	}
	a.send(b)
	if got := b.all()[0]; got.State() != visit.Changed || got.Code != changed.Code {
		t.Errorf("%+v", got)
	}
	if w, err = b.desk.Confirm(t.Context(), "钱", in[0].Key(), changed.Code, visit.Word{Credits: map[string]int{"H2": 40}}, today); err != nil || w.State() != visit.Confirmed || len(w.HelperCredits) != 1 || w.HelperNote != "" {
		t.Errorf("%+v, %v", w, err)
	}
	if w, err = b.desk.Withdraw(t.Context(), "钱", in[0].Key()); err != nil || w.State() != visit.Waits || len(w.HelperCredits) != 0 {
		t.Errorf("%+v, %v", w, err)
	}
}

// Others' visits, which a district's copy of the store may hold, are not shown.
func TestOthersVisits(t *testing.T) {
	a, c := newSchool(t, host, 1), newSchool(t, "2199109024", 3)
	a.write(facts())
	a.send(c)
	if got := c.all(); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

// A code changes with each of the facts that it stands for, and with nothing else;
// typed as people type it is read again.
func TestCodes(t *testing.T) {
	c := newSchool(t, host, 1)
	v := c.write(facts())
	plain := strings.ReplaceAll(v.Code, "-", "")
	if len(plain) != 8 || strings.Trim(plain, receipt.Letters) != "" {
		t.Fatalf("code %s", v.Code)
	}
	for _, typed := range []string{v.Code, strings.ToLower(v.Code), plain, " " + plain[:4] + " " + plain[4:] + "\n"} {
		if got, err := visit.ReadCode(typed); err != nil || got != v.Code {
			t.Errorf("%q: %s, %v", typed, got, err)
		}
	}
	for typed, id := range map[string]string{"": "visit.code_shape", plain[:7]: "visit.code_shape", "码" + plain[1:]: "visit.code_shape"} {
		if _, err := visit.ReadCode(typed); text.Of(err) == nil || text.Of(err).ID() != id {
			t.Errorf("%q: %v", typed, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		at, to := rapid.IntRange(0, 7).Draw(t, "at"), rapid.SampledFrom([]byte(receipt.Letters)).Draw(t, "to")
		bad := []byte(plain)
		if bad[at] == to {
			return
		}
		bad[at] = to
		if _, err := visit.ReadCode(string(bad)); text.Of(err) == nil || text.Of(err).ID() != "visit.code_misread" {
			t.Fatalf("%s passes for %s: %v", bad, plain, err)
		}
	})
	seen, now := map[string]string{v.Code: "as written"}, v
	for i, do := range []func(*visit.Facts){
		func(f *visit.Facts) { f.Date-- }, func(f *visit.Facts) { f.End = day + 1 }, func(f *visit.Facts) { f.Agreement, f.Helper = "", helper },
		func(f *visit.Facts) { f.Helper = "3199109007" }, func(f *visit.Facts) { f.Direction = schema.VisitIn }, func(f *visit.Facts) { f.Kind = schema.VisitTheme },
		func(f *visit.Facts) { f.Mode = 2 }, func(f *visit.Facts) { f.Topic += "（续）" }, func(f *visit.Facts) { f.Visitors = 2 },
		func(f *visit.Facts) { f.Names = f.Names[:1] }, func(f *visit.Facts) { f.Hours = 26 }, func(f *visit.Facts) { f.PupilsMet = visit.Unsaid },
		func(f *visit.Facts) { f.TeachersMet = 0 },
	} {
		f := facts()
		do(&f)
		var err error
		if now, err = c.desk.Change(t.Context(), "王", v.Key(), now.Seen, f, today); err != nil {
			t.Fatal(err)
		}
		if was := seen[now.Code]; was != "" {
			t.Errorf("change %d has the code of %s", i, was)
		}
		seen[now.Code] = fmt.Sprint("change ", i)
	}
	f := facts()
	f.Note, f.Credits = "换个说法", nil
	if now, err := c.desk.Change(t.Context(), "王", v.Key(), now.Seen, f, today); err != nil || now.Code != v.Code {
		t.Errorf("%s, expected %s: %v", now.Code, v.Code, err)
	}
}

// The codes of this release never change: they are on paper.
func TestGoldenCode(t *testing.T) {
	c := newSchool(t, helper, 2)
	cell := func(n schema.FieldNum, v schema.Value) change.Cell {
		return change.Cell{Key: schema.Key{Num: n}, Value: v, Version: change.Ref{Seq: 1}}
	}
	c.absorb(&change.Doc{Scope: host, Kind: schema.KindVisit, ID: "2026-10-12/P005/1", Cells: []change.Cell{
		cell(schema.VisitDate, schema.Int(int64(day))), cell(schema.VisitEnd, schema.Nil), cell(schema.VisitAgreement, schema.Str(pact)),
		cell(schema.VisitHelper, schema.Str(helper)), cell(schema.VisitKind, schema.Int(schema.VisitSync)), cell(schema.VisitTopic, schema.Str("分数的初步认识")),
		cell(schema.VisitVisitorNames, schema.List(schema.Str("赵一"), schema.Str("钱二"))), cell(schema.VisitHours, schema.Int(25)), cell(schema.VisitDropped, schema.Bool(false)),
	}})
	if got := c.all()[0].Code; got != "5PA9-93ZS" {
		t.Errorf("code %s", got)
	}
}
