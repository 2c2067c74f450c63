package gate

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"shangu/hub/state"
	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/frame"
	"shangu/sync/session"
)

// record is a document as this test knows it: in plain words, with none of the
// hub's own rules.
type record struct {
	kind   schema.Kind
	scope  string // school code, "" for the district
	id     string
	helper string          // of a visit
	named  map[string]bool // schools that an agreement or a posting names
	all    bool            // for every school
	void   bool
}

func (r *record) key() session.DocKey {
	k := session.DocKey{Scope: r.scope, Kind: r.kind, ID: r.id}
	if k.Scope == "" {
		k.Scope = schema.DistrictScope
	}
	return k
}

// readable is DOMAIN.md's rule: its own, what names it, and what is for all.
func (r *record) readable(school string) bool {
	return r.all || r.scope == school || r.helper == school || r.named[school]
}

// scopes is a district as this test plays it.
type scopes struct {
	d       *district
	node    *node
	docs    map[session.DocKey]*record
	seen    map[string]map[session.DocKey]bool // what each school could read at any time
	schools []string                           // of this trial
	devices map[string]*device
	tips    map[string]frame.Tip // of what each school wrote
	tables  map[string]*frame.Table
	made    int
	read    int
}

func (s *scopes) add(r *record) {
	s.docs[r.key()] = r
	for _, school := range s.schools {
		if r.readable(school) {
			s.seen[school][r.key()] = true
		}
	}
}

// number is one that was not used before.
func (s *scopes) number() int { s.made++; return s.made }

func (s *scopes) author(t *rapid.T, r *record, fields ...change.Field) {
	k := r.key()
	slices.SortFunc(fields, func(a, b change.Field) int { return a.Key.Compare(b.Key) })
	a := state.Author{Account: "op", Now: 1e9, Changes: []state.Change{{Scope: k.Scope, Kind: k.Kind, ID: k.ID, Fields: fields, Latest: true}}}
	if res, err := state.DecodeAuthor(s.d.do(state.EncodeAuthor(a))); err != nil {
		t.Fatalf("%v %s: %v %s", k.Kind, k.ID, err, res.Reason)
	}
	s.add(r)
}

func field(n schema.FieldNum, v schema.Value) change.Field {
	return change.Field{Key: schema.Key{Num: n}, Value: v}
}

// begin founds schools that no trial before had, each with a device.
func (s *scopes) begin(t *rapid.T, n int) {
	s.schools, s.devices = nil, map[string]*device{}
	for range n {
		code := fmt.Sprintf("3199%06d", 100+s.number())
		s.schools = append(s.schools, code)
		s.seen[code] = map[session.DocKey]bool{}
		for k, r := range s.docs {
			if r.all {
				s.seen[code][k] = true
			}
		}
	}
	for _, code := range s.schools {
		s.author(t, &record{kind: schema.KindSchool, id: code, named: map[string]bool{code: true}}, field(schema.SchoolName, schema.Str("校")))
		v := newDevice(s.d.t)
		hash := [32]byte{byte(s.made), byte(s.made >> 8), byte(s.made >> 16), 1}
		hash[31] = code[9]
		copy(hash[4:], code)
		s.d.mustDo(state.EncodeToken(state.IssueToken{Hash: hash, School: code, Role: state.TokenSchool, Now: 1, Expires: 9}))
		if _, err := state.DecodeEnrol(s.d.do(state.EncodeEnrol(state.Enrol{Hash: hash, Role: state.TokenSchool, Device: v.key.Device(), Now: 2}))); err != nil {
			t.Fatal(err)
		}
		s.devices[code] = v
	}
}

// confirm has a school's device write a helper's value into a visit of another
// school, which only the visit's helper may, or, before the host's record of it
// has come, a school that an agreement ties to the host.
func (s *scopes) confirm(t *rapid.T, writer, host, id string) {
	v := s.devices[writer]
	chain := frame.ChainOf(v.key.Device(), v.epoch)
	tip := s.tips[writer]
	if tip == (frame.Tip{}) {
		tip, s.tables[writer] = frame.Genesis(chain), frame.NewTable()
	}
	e := &change.Entry{Seq: tip.Seq + 1, Account: "x", Scope: host, Kind: schema.KindVisit, ID: id, Fields: []change.Field{
		{Key: schema.Key{Num: schema.VisitHelperCredits, Sub: "t" + strconv.Itoa(s.number())}, Value: schema.Int(10)}}}
	pack, err := frame.PackEntries(s.tables[writer], chain, tip, []*change.Entry{e})
	if err != nil {
		t.Fatal(err)
	}
	ack, err := s.node.Ingest(s.d.t.Context(), session.Push{Caller: session.Caller{Device: v.key.Device(), School: writer},
		Chain: chain, Epoch: v.epoch, Pack: pack, Confirmed: tip.Seq, Clock: change.Clock{Hub: 1e9, At: 1e9}})
	if err != nil || !ack.Fits {
		t.Fatalf("push: %+v, %v", ack, err)
	}
	s.tips[writer] = ack.Tip
	r := &record{kind: schema.KindVisit, scope: host, id: id}
	s.seen[writer][r.key()] = true // it named the visit itself, and may hear that it is not there for it
	was := s.docs[r.key()]
	may := was != nil && was.helper != "" && was.helper == writer || (was == nil || was.helper == "") && s.tied(writer, host)
	if may = may && writer != host; !may {
		s.add(&record{kind: schema.KindQuarantine, scope: writer, id: hex.EncodeToString(chain[:]) + "/" + strconv.FormatUint(e.Seq, 10)})
	} else if was == nil {
		s.add(r)
	}
	if refused := len(ack.Verdicts) == 1 && ack.Verdicts[0].Outcome == change.Quarantined; refused == may {
		t.Fatalf("%s writes into visit %s of %s: refused %v, allowed %v (%+v)", writer, id, host, refused, may, ack.Verdicts)
	}
}

// tied reports whether an agreement that was not voided names both schools.
func (s *scopes) tied(a, b string) bool {
	for _, r := range s.docs {
		if r.kind == schema.KindAgreement && !r.void && r.named[a] && r.named[b] {
			return true
		}
	}
	return false
}

// direct carries requests to a hub for a caller, past TLS and HTTP.
type direct struct {
	n *node
	c session.Caller
}

// Exchange implements session.Transport.
func (d direct) Exchange(ctx context.Context, request []byte) ([]byte, error) {
	sd := session.District{Cluster: d.n.d.secrets.Cluster, Key: d.n.d.secrets.Receipt}
	return session.Serve(ctx, d.n, sd, d.c, 1e9, request).Body, nil
}

// reader is a device that takes all it can get, in every way there is.
type reader struct {
	hostile
	replaced []*change.Doc
	gone     []session.DocKey
}

func (r *reader) Absorb(d session.Delta) error {
	r.gone = append(r.gone, d.Gone...)
	return r.hostile.Absorb(d)
}

func (r *reader) Replace(_ digest.Bucket, docs []*change.Doc) error {
	r.replaced = append(r.replaced, docs...)
	return nil
}

// look reads all that a school's device gets by feed and by bucket, and holds
// it against what it may.
func (s *scopes) look(t *rapid.T, school string, cursor uint64, epoch [16]byte) {
	v := s.devices[school]
	asked := digest.Set{}
	for kind := schema.Kind(1); kind < 40; kind++ {
		for _, month := range []string{"", "2026-09", "1970-01"} {
			asked[digest.Bucket{Kind: kind, Month: month}] = digest.Sum{1}
		}
	}
	chain := frame.ChainOf(v.key.Device(), epoch)
	r := &reader{hostile: hostile{device: &device{key: v.key, epoch: epoch}, chain: chain, tips: []frame.Tip{frame.Genesis(chain)}, sent: true, cursor: cursor, buckets: asked}}
	// It never agrees with what it is given, so that it is shown everything twice.
	caller := session.Caller{Device: v.key.Device(), School: school}
	_, err := session.Run(s.d.t.Context(), r, direct{s.node, caller}, session.Options{Cluster: s.d.secrets.Cluster, Key: s.d.secrets.Receipt.Public().(ed25519.PublicKey)})
	if !errors.Is(err, session.ErrProtocol) {
		t.Fatalf("a session that never agrees: %v", err)
	}
	want := map[session.DocKey]bool{}
	for k, d := range s.docs {
		if d.readable(school) {
			want[k] = true
		}
	}
	for way, docs := range map[string][]*change.Doc{"feed": r.got, "bucket": r.replaced} {
		got := map[session.DocKey]bool{}
		for _, doc := range docs {
			got[session.DocKey{Scope: doc.Scope, Kind: doc.Kind, ID: doc.ID}] = true
		}
		s.read += len(got)
		for k := range got {
			// What a school had confirmed in a visit that now names another helper
			// comes back to it, in its own quarantine.
			if stray := k.Kind == schema.KindQuarantine && k.Scope == school; !want[k] && !stray {
				t.Errorf("%s reads %v %s of %s by %s and may not", school, k.Kind, k.ID, k.Scope, way)
			}
		}
		for k := range want {
			if !got[k] && (way == "bucket" || cursor == 0) {
				t.Errorf("%s may read %v %s of %s and does not get it by %s", school, k.Kind, k.ID, k.Scope, way)
			}
		}
	}
	for _, k := range r.gone {
		if !s.seen[school][k] {
			t.Errorf("%s hears of %v %s of %s, which it never could read", school, k.Kind, k.ID, k.Scope)
		}
	}
	for _, other := range s.schools {
		if other == school {
			continue
		}
		stranger := direct{s.node, session.Caller{Device: v.key.Device(), School: other}}
		r := &reader{hostile: hostile{device: &device{key: v.key, epoch: epoch}, chain: chain, tips: r.tips, sent: true, buckets: asked}}
		if _, err := session.Run(s.d.t.Context(), r, stranger, session.Options{}); err == nil || len(r.got)+len(r.replaced) > 0 {
			t.Errorf("%s reads %d documents as %s: %v", school, len(r.got)+len(r.replaced), other, err)
		}
	}
}

// What a device can read is what DOMAIN.md gives its school, document by
// document, and never more nor less: agreements that name it and not others,
// visits in which it is the helper for as long as it is, postings from and to it.
func TestScopeIsExact(t *testing.T) {
	d := newDistrict(t)
	s := &scopes{d: d, node: d.open(), docs: map[session.DocKey]*record{}, seen: map[string]map[session.DocKey]bool{},
		tips: map[string]frame.Tip{}, tables: map[string]*frame.Table{}}
	trials, checks := 0, "6"
	if drillLong() {
		checks = "500"
	}
	for name, value := range map[string]string{"rapid.checks": checks, "rapid.nofailfile": "true", "rapid.seed": strconv.FormatUint(drillSeed(t), 10)} {
		was := flag.Lookup(name).Value.String()
		if err := flag.Set(name, value); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { flag.Set(name, was) })
	}
	rapid.Check(t, func(t *rapid.T) {
		s.begin(t, 3)
		school := func(what string) string { return s.schools[rapid.IntRange(0, 2).Draw(t, what)] }
		first := s.number() * 100 // of this trial's ids
		id := func() string { return strconv.Itoa(first + rapid.IntRange(0, 2).Draw(t, "id")) }
		t.Repeat(map[string]func(*rapid.T){
			"agreement": func(t *rapid.T) {
				r := &record{kind: schema.KindAgreement, id: id(), named: map[string]bool{}, void: rapid.Bool().Draw(t, "void")}
				lead := school("lead")
				fields := []change.Field{field(schema.AgreementLead, schema.Str(lead)), field(schema.FieldVoid, schema.Nil)}
				if r.void {
					fields[1].Value = schema.Str("撤销")
				}
				for _, m := range s.schools {
					f := change.Field{Key: schema.Key{Num: schema.AgreementMember, Sub: m}}
					if rapid.Bool().Draw(t, "member") {
						f.Value, r.named[m] = schema.Str("成员"), true
					} else {
						f.Value = schema.Nil
					}
					fields = append(fields, f)
				}
				r.named[lead] = true
				s.author(t, r, fields...)
			},
			"visit": func(t *rapid.T) {
				r := &record{kind: schema.KindVisit, scope: school("host"), id: id(), helper: school("helper")}
				s.author(t, r, field(schema.VisitHelper, schema.Str(r.helper)), field(schema.VisitDate, schema.Int(20700)), field(schema.VisitKind, schema.Int(schema.VisitLesson)))
			},
			"posting": func(t *rapid.T) {
				from, to := school("from"), school("to")
				s.author(t, &record{kind: schema.KindPosting, id: id(), named: map[string]bool{from: true, to: true}},
					field(schema.PostingPerson, schema.Str("人")), field(schema.PostingStart, schema.Int(20700)),
					field(schema.PostingFrom, schema.Str(from)), field(schema.PostingTo, schema.Str(to)))
			},
			"teacher": func(t *rapid.T) {
				s.author(t, &record{kind: schema.KindTeacher, scope: school("of"), id: id()}, field(schema.TeacherName, schema.Str("师")))
			},
			"for the office alone": func(t *rapid.T) {
				s.author(t, &record{kind: schema.KindContact, id: id()}, field(schema.ContactResearcher, schema.Str("研")))
			},
			"for all": func(t *rapid.T) {
				s.author(t, &record{kind: schema.KindSetting, id: "s" + strconv.Itoa(rapid.IntRange(0, 2).Draw(t, "id")), all: true}, field(schema.SettingValue, schema.Int(int64(s.number()))))
			},
			"confirm": func(t *rapid.T) { s.confirm(t, school("writer"), school("host"), id()) },
			"": func(t *rapid.T) {
				trials++
				who := school("reader")
				epoch := [16]byte{byte(s.number()), byte(s.made >> 8), byte(s.made >> 16), 9}
				if whose := school("whose"); whose != who { // another's epoch, played back
					epoch = s.devices[whose].epoch
				}
				s.look(t, who, rapid.Uint64Range(0, 3).Draw(t, "cursor")*rapid.Uint64Range(0, 1<<40).Draw(t, "far"), epoch)
			},
		})
	})
	t.Logf("drill: trials=%d lost=0 saw=%d documents read by feed and bucket in %d looks, exactly those that each school may", trials, s.read, trials)
}
