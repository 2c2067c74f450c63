package term

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"shangu/agent/store"
	"shangu/hub/state"
	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/disk"
	"shangu/sync/session"
)

// virtualDays is how long the simulated hub and agents live.
const virtualDays = 30

// TestVirtualMonth runs the real state, store and session for a month of
// virtual time over a transport that loses, repeats, flips and cuts messages.
// Agents lose power in mid-save, the hub restarts and is once restored from an
// old backup. Two computers of one school work on the same sheets, a helper
// school confirms visits. In the end every save that was confirmed is in its
// document or on a card, and all digests are equal.
//
// Everything happens on one goroutine, in the order of a virtual clock that
// store and hub are given, so a seed replays exactly. It is no synctest bubble:
// Badger's tickers of 50 ms would be woken 50 million times a month there.
//
// Set SHANGU_MONTH_SEED to run the same month again.
func TestVirtualMonth(t *testing.T) {
	runs, seed := 2, uint64(time.Now().UnixNano())
	if testing.Short() {
		runs = 1
	}
	if s := os.Getenv("SHANGU_MONTH_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("SHANGU_MONTH_SEED: %v", err)
		}
		runs = 1
	}
	for i := range runs {
		seed := seed + uint64(i)
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Logf("seed: SHANGU_MONTH_SEED=%d", seed)
			newMonth(t, seed).run()
		})
	}
}

type month struct {
	t      *testing.T
	seed   uint64
	clock  *virtualClock
	hub    *loneHub
	agents []*simAgent
	days   int // how long it lasts
}

// virtualClock is the time of the simulation.
type virtualClock struct{ now time.Time }

func (c *virtualClock) Now() time.Time { return c.now }

// actor is somebody to whom something happens at a time of its own.
type actor struct {
	at   time.Time
	next func() time.Duration // until it happens again
	do   func()
}

// simAgent is one computer of a school.
type simAgent struct {
	m       *month
	name    string
	school  string
	device  [16]byte
	disk    *disk.Sim
	store   *store.Store
	link    *simLink
	r       *rand.Rand
	skew    time.Duration // by which this computer's clock is wrong
	calm    bool          // the weather is good
	saved   map[savedKey]schema.Value
	maybe   map[savedKey][]schema.Value // saves that a power cut interrupted: the store says neither yes nor no
	syncs   int
	repairs int
	rewinds int
	post    *post // nil: this computer has a link and nothing else
}

// savedKey is one field that somebody saved.
type savedKey struct {
	scope string
	kind  schema.Kind
	id    string
	key   schema.Key
}

const (
	hostSchool   = "2199109014"
	helperSchool = "2199109002"
	farSchool    = "2199109024"
)

func newMonth(t *testing.T, seed uint64) *month {
	clock := &virtualClock{time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)}
	m := &month{t: t, seed: seed, clock: clock, hub: newLoneHub(t, clock.Now), days: virtualDays}
	author := state.Author{Account: "区级管理员", Now: clock.now.Unix()}
	for _, code := range []string{helperSchool, hostSchool, farSchool} {
		author.Changes = append(author.Changes, state.Change{
			Scope: schema.DistrictScope, Kind: schema.KindSchool, ID: code, Latest: true,
			Fields: []change.Field{{Key: schema.Key{Num: schema.SchoolName}, Value: schema.Str("学校" + code)}},
		})
	}
	author.Changes = append(author.Changes, state.Change{
		Scope: schema.DistrictScope, Kind: schema.KindAgreement, ID: "P004", Latest: true,
		Fields: []change.Field{
			{Key: schema.Key{Num: schema.AgreementLead}, Value: schema.Str(helperSchool)},
			{Key: schema.Key{Num: schema.AgreementMember, Sub: hostSchool}, Value: schema.Str("斋岭镇上岭小学")},
			{Key: schema.Key{Num: schema.AgreementFrom}, Value: schema.Int(int64(schema.DateOf(2026, 9, 1)))},
		},
	})
	if _, err := state.DecodeAuthor(m.hub.propose(state.EncodeAuthor(author))); err != nil {
		t.Fatal(err)
	}
	for i, a := range []struct {
		name, school string
		skew         time.Duration
	}{
		{"host-1", hostSchool, 0},
		{"host-2", hostSchool, -20 * 365 * 24 * time.Hour}, // a dead CMOS battery
		{"helper", helperSchool, 40 * 24 * time.Hour},
		{"far", farSchool, -3 * time.Hour},
	} {
		m.join(i, a.name, a.school, a.skew)
	}
	return m
}

// join enrols a computer with a token of its own.
func (m *month) join(i int, name, school string, skew time.Duration) {
	a := &simAgent{
		m: m, name: name, school: school, skew: skew, device: [16]byte{0: byte(i + 1), 15: 1},
		disk: disk.NewSim(m.seed + uint64(i)), r: rand.New(rand.NewPCG(m.seed, uint64(i))), saved: map[savedKey]schema.Value{}, maybe: map[savedKey][]schema.Value{},
	}
	now := m.clock.now.Unix()
	hash := [32]byte{byte(i + 1)}
	if err := state.DecodeDone(m.hub.propose(state.EncodeToken(state.IssueToken{Hash: hash, School: school, Role: state.TokenSchool, Now: now, Expires: now + 3600}))); err != nil {
		m.t.Fatal(err)
	}
	if _, err := state.DecodeEnrol(m.hub.propose(state.EncodeEnrol(state.Enrol{Hash: hash, Role: state.TokenSchool, Device: a.device, Certificate: []byte(name), Now: now}))); err != nil {
		m.t.Fatal(err)
	}
	a.link = &simLink{hub: m.hub, caller: session.Caller{Device: a.device, School: school}, fault: a.fault}
	a.open()
	m.agents = append(m.agents, a)
}

func (a *simAgent) open() {
	s, err := store.Open(a.name, store.Options{
		Device: a.device, Version: "sim", Disk: a.disk, InMemory: true, SegmentSize: 64 << 10,
		Now: func() time.Time { return a.m.clock.now.Add(a.skew) },
	})
	if err != nil {
		a.m.t.Fatalf("%s does not open: %v", a.name, err)
	}
	if err := s.SetHome(a.school); err != nil {
		a.m.t.Fatal(err)
	}
	a.store = s
}

func (a *simAgent) fault() fault {
	if a.calm || a.r.IntN(3) > 0 {
		return carried
	}
	return [...]fault{lostRequest, lostResponse, lostResponse, twice, flipped, cutShort}[a.r.IntN(6)]
}

// run lets the month pass and checks what is left of it.
func (m *month) run() {
	end := m.clock.now.AddDate(0, 0, m.days)
	r := rand.New(rand.NewPCG(m.seed, 99))
	within := func(r *rand.Rand, d time.Duration) func() time.Duration {
		return func() time.Duration { return time.Duration(r.Int64N(int64(d))) }
	}
	actors := []*actor{{do: m.operate(r), next: within(r, 48*time.Hour)}}
	for _, a := range m.agents {
		actors = append(actors, &actor{do: a.live, next: within(a.r, 3*time.Hour)})
	}
	for _, a := range actors {
		a.at = m.clock.now.Add(a.next())
	}
	for {
		first := slices.MinFunc(actors, func(a, b *actor) int { return a.at.Compare(b.at) })
		if first.at.After(end) {
			break
		}
		m.clock.now = first.at
		first.do()
		first.at = first.at.Add(first.next())
	}

	for range 3 { // what one drains, the others still have to see
		for _, a := range m.agents {
			a.calm = true
			if a.post != nil {
				a.post.drain()
				continue
			}
			if err := a.sync(); err != nil {
				m.t.Fatalf("%s does not drain in good weather: %v", a.name, err)
			}
		}
	}
	m.check()
	for _, a := range m.agents {
		m.t.Logf("%s: %d sessions, %d repaired buckets, %d rewinds", a.name, a.syncs, a.repairs, a.rewinds)
		if err := a.store.Close(); err != nil {
			m.t.Error(err)
		}
	}
	m.hub.close()
}

// operate is the hub's month: restarts, and one restore of an old backup.
func (m *month) operate(r *rand.Rand) func() {
	var kept *backup
	restored := false
	return func() {
		switch {
		case kept == nil:
			b := m.hub.backup()
			kept = &b
		case !restored && r.IntN(4) == 0:
			m.hub.restore(*kept)
			restored = true
		case r.IntN(3) == 0:
			m.hub.redo()
		}
	}
}

// live is one thing that happens at a school.
func (a *simAgent) live() {
	switch a.r.IntN(10) {
	case 0, 1, 2, 3, 4:
		a.save()
	case 5, 6, 7:
		if a.post != nil && a.post.trip() {
			break
		}
		if err := a.sync(); err != nil && a.calm {
			a.m.t.Errorf("%s: %v", a.name, err)
		}
	case 8:
		a.disk.CutAfter(1 + a.r.IntN(40))
		for range 10 {
			a.save()
		}
		a.restart()
	case 9:
		a.restart()
	}
}

// restart pulls the plug and starts again.
func (a *simAgent) restart() {
	a.disk.Cut()
	a.store.Close() // its disk is gone; what it says does not matter
	a.disk.Boot()
	a.open()
}

func (a *simAgent) sync() error {
	a.syncs++
	o := session.Options{Cluster: a.m.hub.cluster, Key: a.m.hub.pub, Budget: func() int { return 200 + a.r.IntN(4000) }}
	rep, err := session.Run(context.Background(), a.store, a.link, o)
	a.repairs += rep.Repaired
	if rep.Rewound {
		a.rewinds++
	}
	return err
}

// save makes one edit and remembers it if the store says that it is saved.
func (a *simAgent) save() {
	day := schema.DateOf(2026, 9, 1+a.r.IntN(30))
	var e store.Edit
	switch n := a.r.IntN(10); {
	case n < 7:
		e = store.Edit{Kind: schema.KindSheet, ID: schema.SheetID{Date: day, Session: schema.Session(1 + a.r.IntN(2)), Class: "2026/一年级（1）班"}.String()}
		e.Fields = append(e.Fields, store.FieldEdit{Key: schema.Key{Num: schema.SheetState}, Value: schema.Int(schema.SheetTaken)})
		for _, i := range a.r.Perm(len(simPupils))[:a.r.IntN(3)] {
			k := schema.Key{Num: schema.SheetMark, Sub: simPupils[i]}
			mark := schema.Mark{Status: schema.StatusSick, Symptom: schema.Symptom(1 + a.r.IntN(14))}
			e.Fields = append(e.Fields, store.FieldEdit{Key: k, Value: mark.Encode()})
		}
	case n < 9 && a.school == hostSchool:
		e = store.Edit{Kind: schema.KindVisit, ID: "P004/" + day.String(), Fields: []store.FieldEdit{
			{Key: schema.Key{Num: schema.VisitDate}, Value: schema.Int(int64(day))},
			{Key: schema.Key{Num: schema.VisitAgreement}, Value: schema.Str("P004")},
			{Key: schema.Key{Num: schema.VisitHelper}, Value: schema.Str(helperSchool)},
			{Key: schema.Key{Num: schema.VisitKind}, Value: schema.Int(1)},
			{Key: schema.Key{Num: schema.VisitMode}, Value: schema.Int(1)},
			{Key: schema.Key{Num: schema.VisitTopic}, Value: schema.Str(fmt.Sprintf("课例研讨%d", a.r.IntN(100)))},
		}}
	case n < 9 && a.school == helperSchool:
		for d, err := range a.store.Docs(schema.KindVisit, "") {
			if err != nil {
				if !a.disk.Off() {
					a.m.t.Errorf("%s: %v", a.name, err)
				}
				return
			}
			if a.r.IntN(3) == 0 {
				e = store.Edit{Scope: d.Scope, Kind: schema.KindVisit, ID: d.ID, Fields: []store.FieldEdit{
					{Key: schema.Key{Num: schema.VisitConfirmed}, Value: schema.Int(int64(day))},
					{Key: schema.Key{Num: schema.VisitConfirmedBy}, Value: schema.Str(fmt.Sprintf("王%d", a.r.IntN(9)))},
				}}
				break
			}
		}
	}
	if e.Kind == 0 {
		return
	}
	_, err := a.store.Save(context.Background(), a.name, []store.Edit{e})
	if err != nil && !a.disk.Off() {
		if !errors.Is(err, store.ErrScope) { // a rebuilt store knows other schools' documents after its next session
			a.m.t.Errorf("%s: save: %v", a.name, err)
		}
		return
	}
	scope := e.Scope
	if scope == "" {
		scope = a.school
	}
	for _, f := range e.Fields {
		k := savedKey{scope, e.Kind, e.ID, f.Key}
		if err != nil {
			a.maybe[k] = append(a.maybe[k], f.Value)
			continue
		}
		a.saved[k], a.maybe[k] = f.Value, nil
	}
}

// check compares digests, and what was saved with what is there.
func (m *month) check() {
	writers := map[savedKey][]*simAgent{}
	for _, a := range m.agents {
		st := a.store.Status()
		if st.Pending != 0 || st.Quarantined != 0 {
			m.t.Errorf("%s: %d pending, %d in quarantine: %v", a.name, st.Pending, st.Quarantined, m.quarantined(a.school))
		}
		theirs, err := m.hub.state.DigestOf(a.school)
		if err != nil {
			m.t.Fatal(err)
		}
		if own := a.store.Digest(); !reflect.DeepEqual(own.JSON(), theirs.JSON()) {
			m.t.Errorf("%s: digests differ\nagent %v\nhub   %v", a.name, own.JSON(), theirs.JSON())
		}
		for k := range a.saved {
			writers[k] = append(writers[k], a)
		}
	}
	if len(writers) < 50 {
		m.t.Errorf("only %d fields were saved in the month: the simulator is not doing its work", len(writers))
	}
	cards := m.cards()
	for k, who := range writers {
		d, err := m.hub.state.Doc(state.DocKey{Scope: k.scope, Kind: k.kind, ID: k.id})
		if err != nil || d == nil {
			m.t.Errorf("%v is missing: %v", k, err)
			continue
		}
		got := d.Lookup(k.key)
		found, carded := false, true
		for _, a := range m.agents {
			found = found || slices.Contains(a.maybe[k], got)
		}
		for _, a := range who {
			found = found || a.saved[k] == got
			carded = carded && cards[lost{k, a.saved[k]}]
		}
		if !found && !carded {
			m.t.Errorf("%v holds %x, which nobody saved last, and what was is on no card", k, got)
		}
	}
}

// lost is a value that a merge did not keep.
type lost struct {
	savedKey
	value schema.Value
}

// cards collects what is on the cards of all schools.
func (m *month) cards() map[lost]bool {
	out := map[lost]bool{}
	for _, a := range m.agents {
		for d, err := range a.store.Docs(schema.KindCard, "") {
			if err != nil {
				m.t.Fatal(err)
			}
			kind, _ := d.Value(schema.CardKind).Int()
			field, ok := d.Value(schema.CardField).List()
			value, ok2 := d.Value(schema.CardLost).Bin()
			if !ok || !ok2 || len(field) != 2 {
				m.t.Fatalf("card %s cannot be read", d.ID)
			}
			num, _ := field[0].Int()
			out[lost{savedKey{a.school, schema.Kind(kind), d.Value(schema.CardDoc).Text(), schema.Key{Num: schema.FieldNum(num), Sub: field[1].Text()}}, schema.Value(value)}] = true
		}
	}
	return out
}

func (m *month) quarantined(school string) (reasons []string) {
	all, err := m.hub.state.Quarantine(false)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, q := range all {
		if q.School == school {
			reasons = append(reasons, fmt.Sprintf("%s: %s", q.ID, q.Reason))
		}
	}
	return reasons
}

var simPupils = []string{"G990109201910090934", "G990109201909200948", "G990109201903190953", "G990109201902090969"}
