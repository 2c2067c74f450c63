package state

import (
	"testing"

	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
	"shangu/sync/digest"
)

// mirror is a school's documents as its feed makes them.
type mirror struct {
	p      *pen
	cursor uint64
	docs   map[DocKey]*change.Doc
}

// pull takes what is new, a little at a time. Cleanly applied entries of its own
// are not sent: their documents are read where the agent would have merged them.
func (m *mirror) pull(t *testing.T, s *State) {
	t.Helper()
	for more := true; more; {
		d, err := s.Pull(m.p.caller(), m.p.chain, m.cursor, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, doc := range d.Docs {
			m.docs[keyOf(doc)] = doc
		}
		for _, k := range d.Gone {
			delete(m.docs, k)
		}
		m.cursor, more = d.Cursor, d.More
	}
}

func (m *mirror) merge(e *change.Entry, role schema.Role, clock change.Clock) {
	k := DocKey{Scope: e.Scope, Kind: e.Kind, ID: e.ID}
	if k.Scope == "" {
		k.Scope = m.p.school
	}
	d, _ := change.Merge(m.docs[k], e, change.Author{Chain: m.p.chain, Role: role, Clock: clock})
	d.Scope = k.Scope
	m.docs[k] = d
}

func (m *mirror) set() digest.Set {
	set := digest.Set{}
	for _, d := range m.docs {
		set.Replace(nil, d)
	}
	return set
}

// A school confirms a visit that the host has not recorded yet, and the host
// then names another helper, at once or after naming the first. The word of the
// first is nowhere in the visit, waits in quarantine with its reason, and all
// three schools hold what the hub holds.
func TestAnEarlyConfirmationOfAnotherHelperWaits(t *testing.T) {
	for name, c := range map[string]struct {
		named    []string // by the host, one after the other
		district bool     // an operator names the last
		both     bool     // the second school has confirmed too, the same day
		waits    []string // whose word waits in the end
		stands   bool     // a confirmation stands
	}{
		"another at once":           {named: []string{schoolB}, waits: []string{schoolC}},
		"the right one":             {named: []string{schoolC}, stands: true},
		"the right one first":       {named: []string{schoolC, schoolB}, waits: []string{schoolC}},
		"named by an operator":      {named: []string{schoolC, schoolB}, district: true, waits: []string{schoolC}},
		"both said so, one is":      {named: []string{schoolB}, both: true, stands: true},
		"both said so, the other":   {named: []string{schoolC}, both: true, waits: []string{schoolB}, stands: true},
		"both said so, then change": {named: []string{schoolC, schoolB}, both: true, waits: []string{schoolB, schoolC}},
	} {
		t.Run(name, func(t *testing.T) {
			host, first, second := newPen(schoolA, 1), newPen(schoolC, 1), newPen(schoolB, 1)
			pens := []*pen{host, first, second}
			mirrors := map[*pen]*mirror{}
			for _, p := range pens {
				mirrors[p] = &mirror{p: p, docs: map[DocKey]*change.Doc{}}
			}
			l := &raftLog{}
			l.begin(pens...)
			s := open(t)
			s.must(t, l.entries...)
			l.commit(t, s, EncodeAuthor(Author{"admin", hubNow, []Change{{Scope: schema.DistrictScope, Kind: schema.KindAgreement, ID: "P001", Latest: true, Fields: []change.Field{
				set(schema.AgreementLead, schema.Str(schoolC)),
				{Key: schema.Key{Num: schema.AgreementMember, Sub: schoolA}, Value: schema.Str("甲")},
				{Key: schema.Key{Num: schema.AgreementMember, Sub: schoolB}, Value: schema.Str("乙")},
				set(schema.AgreementFrom, schema.Int(20700)),
			}}}}))
			send := func(p *pen, role schema.Role) {
				t.Helper()
				wait := p.wait
				push := p.push(t)
				ack, err := l.ingest(t, s, push)
				if err != nil || len(ack.Verdicts) > 0 {
					t.Fatal(ack, err)
				}
				for _, e := range wait {
					mirrors[p].merge(e, role, push.Clock)
				}
				for _, p := range pens {
					mirrors[p].pull(t, s)
				}
			}
			confirm := func(p *pen) {
				t.Helper()
				p.save(schoolA, schema.KindVisit, "v1", set(schema.VisitConfirmed, schema.Int(20700)))
				send(p, schema.RoleHelper)
			}
			for _, p := range pens {
				mirrors[p].pull(t, s)
			}
			confirm(first)
			if c.both {
				confirm(second)
			}
			var last change.Ref
			for i, helper := range c.named {
				if c.district && i > 0 {
					l.commit(t, s, EncodeAuthor(Author{"op", hubNow, []Change{{Scope: schoolA, Kind: schema.KindVisit, ID: "v1", Latest: true, Fields: []change.Field{
						set(schema.VisitHelper, schema.Str(helper)),
					}}}}))
					for _, p := range pens {
						mirrors[p].pull(t, s)
					}
					continue
				}
				if i == 0 {
					last = host.save("", schema.KindVisit, "v1", visit(schema.DateOf(2026, 9, 3), helper, "听评课")...)
				} else {
					last = host.save("", schema.KindVisit, "v1", set(schema.VisitHelper, schema.Str(helper), last))
				}
				send(host, schema.RoleHost)
			}
			d, err := s.Doc(DocKey{Scope: schoolA, Kind: schema.KindVisit, ID: "v1"})
			if err != nil || d == nil || d.Value(schema.VisitConfirmed).IsNil() == c.stands {
				t.Errorf("the visit is %+v, %v", d, err)
			}
			qs, err := s.Quarantine(false)
			if err != nil || len(qs) != len(c.waits) {
				t.Fatalf("%+v, %v", qs, err)
			}
			for _, q := range qs {
				if q.School != c.waits[0] && q.School != c.waits[len(c.waits)-1] {
					t.Errorf("the word of %s waits", q.School)
				}
				if m := text.Parse(q.Reason); q.Entry == nil || q.Entry.Fields[0].Value != schema.Int(20700) || m.Error() == q.Reason {
					t.Errorf("%+v", q)
				}
			}
			for _, p := range pens {
				want, err := s.DigestOf(p.school)
				if have := mirrors[p].set(); err != nil || have.Root() != want.Root() {
					t.Errorf("%s holds %v, the hub %v, %v", p.school, have.JSON(), want.JSON(), err)
				}
			}
			checkCounts(t, s)
			// The operator finds out that the first was right after all: its word
			// stands then, by the district.
			for _, q := range qs {
				fix := Settle{School: q.School, ID: q.ID, Do: Fix, Account: "op", Note: "核实", Now: hubNow}
				if r, err := DecodeAuthor(l.commit(t, s, EncodeSettle(fix))); err != nil || r.Applied == 0 {
					t.Error(r, err)
				}
			}
			if d, _ := s.Doc(DocKey{Scope: schoolA, Kind: schema.KindVisit, ID: "v1"}); d.Value(schema.VisitConfirmed).IsNil() {
				t.Error("what an operator released does not stand")
			}
			checkCounts(t, s)
		})
	}
}
