package term

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// nodes is the size of the hub.
const nodes = 3

// faultRounds is how many things go wrong before the weather clears.
const faultRounds = 60

// school is one row of expected.csv and the agent that stands there.
type school struct {
	code string
	want map[string]int // by name in `hub report summary`
	name string         // of its process
	dir  string
	link *link
	data string
}

// TestTermInTheMountains runs three hub nodes and an agent for every school of
// the district. A term is imported with all links cut; then links come and go,
// crawl and break, agents and the hub's leader are killed, and corrections are
// made meanwhile. One school stays cut off until all others have sent everything.
// In the end the district holds what the schools recorded, once.
//
// Set SHANGU_TERM_SEED to run the same faults again.
func TestTermInTheMountains(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("SHANGU_TERM_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("SHANGU_TERM_SEED: %v", err)
		}
	}
	t.Logf("seed: SHANGU_TERM_SEED=%d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	began := time.Now()
	step := func(what string) { t.Logf("%5.1f s  %s", time.Since(began).Seconds(), what) }

	schools := readSchools(t)
	if testing.Short() {
		schools = schools[:6]
	}
	b := newBench(t)
	step("built agent and hub")
	h := startHub(b, nodes)
	step("hub of three nodes")
	tokens := h.enrolTokens(schools)
	ways := links(t, len(schools), h.Listen)
	for i, s := range schools {
		s.link = ways[i]
	}
	each(t, schools, func(i int, s *school) error { return s.open(b, tokens[i], s.link.urls(i)) })
	step(fmt.Sprintf("%d schools recorded a term with no link", len(schools)))

	// The last school is not reached before all others have sent everything. The
	// visits that it recorded are its helper's too.
	late := len(schools) - 1
	w := weather{b: b, h: h, r: r, schools: schools[:late]}
	for round := range faultRounds {
		w.round(round)
	}
	step("the weather clears: " + w.String())
	for _, some := range [][]*school{schools[:late], schools[late:]} {
		for _, s := range some {
			if err := s.link.mend(); err != nil {
				t.Fatal(err)
			}
		}
		each(t, some, func(_ int, s *school) error { return s.drain(b) })
	}
	step("all agents drained")
	// Who drained early has not seen what others sent later: a helper's next
	// session, which is minutes away, brings the visits. It is held now.
	each(t, schools, func(_ int, s *school) error { return s.drain(b) })
	step("all agents have what others sent")

	h.compare(schools)
	each(t, schools, func(_ int, s *school) error { return s.compare(b, h) })
	step("counts and digests are equal at every school and on every node")
	for _, s := range schools {
		b.stop(s.name)
	}
	for n := range nodes {
		b.stop(h.name(n))
	}
	step("all stopped")
}

// readSchools reads the district, smallest school first.
func readSchools(t *testing.T) []*school {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("testdata", "yunling"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(root, "expected.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	columns := map[string]string{"students": "pupils", "sheets": "sheets", "exceptions": "marks", "visits": "visits", "trainings": "trainings"}
	var out []*school
	for _, row := range rows[1:] {
		s := &school{code: row[0], want: map[string]int{}, name: "agent-" + row[0], data: filepath.Join(root, "schools", row[0])}
		for i, c := range rows[0] {
			if name, ok := columns[c]; ok {
				if s.want[name], err = strconv.Atoi(row[i]); err != nil {
					t.Fatal(err)
				}
			}
		}
		out = append(out, s)
	}
	return out
}

// each runs f for all schools, a few at a time, and fails with all their errors.
func each(t *testing.T, schools []*school, f func(int, *school) error) {
	t.Helper()
	errs := make([]error, len(schools))
	slots := make(chan struct{}, runtime.NumCPU())
	var wg sync.WaitGroup
	for i, s := range schools {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if err := f(i, s); err != nil {
				errs[i] = fmt.Errorf("%s: %w", s.code, err)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// open starts a school's agent and records its term there. Nothing leaves it.
func (s *school) open(b *bench, token, urls string) error {
	s.dir = filepath.Join(b.work, s.name)
	if err := b.Start(s.name, "agent", "run", "--dir", s.dir, "--listen", "127.0.0.1:0"); err != nil {
		return err
	}
	if err := s.up(b); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := b.Run(ctx, "agent", "enroll", "--dir", s.dir, "--hub", urls, "--token", token); err != nil {
		return err
	}
	for _, f := range []string{"roster.xlsx", "teachers.xlsx", "attendance.csv", "visits.csv", "training.csv"} {
		kind := strings.TrimSuffix(f, filepath.Ext(f))
		if _, err := b.Run(ctx, "agent", "import", kind, filepath.Join(s.data, f), "--dir", s.dir); err != nil {
			return err
		}
	}
	v, err := s.status(b)
	if err == nil && v.Pending == 0 {
		err = errors.New("nothing waits after the imports")
	}
	return err
}

type agentStatus struct {
	Pending, Safe, Quarantined, Conflicts int
	LastError                             string `json:"last_error"`
}

func (s *school) status(b *bench) (v agentStatus, err error) {
	return v, b.ask(&v, "agent", "status", "--dir", s.dir)
}

// up waits until the agent answers.
func (s *school) up(b *bench) error {
	return wait(20*time.Second, func() error { _, err := s.status(b); return err })
}

// drain syncs until nothing waits.
func (s *school) drain(b *bench) error {
	err := wait(100*time.Second, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_, err := b.Run(ctx, "agent", "sync", "--dir", s.dir, "--timeout", "50s")
		return err
	})
	if err != nil {
		return err
	}
	v, err := s.status(b)
	switch {
	case err != nil:
		return err
	case v.Pending != 0 || v.Quarantined != 0 || v.Conflicts != 0 || v.Safe == 0:
		return fmt.Errorf("after draining: %+v", v)
	}
	return nil
}

// correct changes the status of one mark in each of some sheets, as a clerk
// does who looked into it, and imports these sheets again.
func (s *school) correct(b *bench, r *rand.Rand, round int) error {
	data, err := os.ReadFile(filepath.Join(s.data, "attendance.csv"))
	if err != nil {
		return err
	}
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		return err
	}
	sheets := map[string][][]string{}
	var keys []string
	for _, row := range rows[1:] {
		k := strings.Join(row[:3], "/")
		if sheets[k] == nil {
			keys = append(keys, k)
		}
		sheets[k] = append(sheets[k], row)
	}
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	w.Write(rows[0])
	for range 5 {
		k := keys[r.IntN(len(keys))]
		changed := false
		for _, row := range sheets[k] {
			if row[3] != "" && !changed {
				row = append(append([]string(nil), row[:4]...), "leave", "", "")
				changed = true
			}
			w.Write(row)
		}
		delete(sheets, k)
	}
	w.Flush()
	path := filepath.Join(b.work, fmt.Sprintf("%s-%d.csv", s.code, round))
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err = b.Run(ctx, "agent", "import", "attendance", path, "--dir", s.dir)
	return err
}

// compare asks agent and every node for their digests.
func (s *school) compare(b *bench, h *hub) error {
	type digests map[string]map[string]string
	var own digests
	if err := b.ask(&own, "agent", "digest", "--dir", s.dir); err != nil {
		return err
	}
	if len(own["attendance"]) < 3 || len(own["pupil"]) == 0 {
		return fmt.Errorf("the agent's digests miss kinds or months: %v", own)
	}
	for n := range nodes {
		if err := wait(20*time.Second, func() error {
			var theirs digests
			if err := b.ask(&theirs, "hub", "digest", "--school", s.code, "--dir", h.Dirs[n]); err != nil {
				return err
			}
			if !reflect.DeepEqual(own, theirs) {
				return fmt.Errorf("digests of agent and node %d differ:\n%v\n%v", n, own, theirs)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := b.Run(ctx, "agent", "verify", "--dir", s.dir)
	return err
}

// weather is what happens to links and machines.
type weather struct {
	b       *bench
	h       *hub
	r       *rand.Rand
	schools []*school
	did     map[string]int
}

func (w *weather) String() string {
	var out []string
	for _, k := range []string{"cut", "slow", "torn", "reset", "mended", "corrections", "agents killed", "leaders killed"} {
		out = append(out, fmt.Sprintf("%s %d", k, w.did[k]))
	}
	return strings.Join(out, ", ")
}

// round lets one thing go wrong for each of a few schools, lets them try to
// sync, and now and then kills an agent or the leader while they do.
func (w *weather) round(n int) {
	if w.did == nil {
		w.did = map[string]int{}
	}
	t := w.b.t
	var syncs []*school
	for range 3 {
		s := w.schools[w.r.IntN(len(w.schools))]
		what := [...]string{"cut", "slow", "torn", "reset", "mended", "torn"}[w.r.IntN(6)]
		var err error
		switch what {
		case "cut":
			s.link.cut()
		case "slow":
			err = s.link.mend(slow(w.r)...)
		case "torn":
			err = s.link.mend(torn(w.r)...)
		case "reset":
			err = s.link.mend(reset(w.r)...)
		case "mended":
			err = s.link.mend()
		}
		if err != nil {
			t.Fatal(err)
		}
		w.did[what]++
		syncs = append(syncs, s)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
	defer cancel()
	var wg sync.WaitGroup
	for _, s := range syncs {
		wg.Go(func() { w.b.Run(ctx, "agent", "sync", "--dir", s.dir, "--timeout", "1s") }) // fails as often as not
	}
	victim := syncs[w.r.IntN(len(syncs))]
	pause := time.After(time.Duration(w.r.IntN(700)) * time.Millisecond) // so that the blow falls in mid-sync
	switch {
	case n%10 == 9:
		leader := w.h.leader()
		<-pause
		w.b.kill(w.h.name(leader))
		if err := w.b.Restart(w.h.name(leader)); err != nil {
			t.Fatal(err)
		}
		w.did["leaders killed"]++
	case n%4 == 3:
		<-pause
		w.b.kill(victim.name)
		if err := w.b.Restart(victim.name); err != nil {
			t.Fatal(err)
		}
		if err := victim.up(w.b); err != nil {
			t.Fatalf("%s does not come up after SIGKILL: %v", victim.name, err)
		}
		w.did["agents killed"]++
	case n%3 == 1:
		if err := victim.correct(w.b, w.r, n); err != nil {
			t.Fatalf("%s: correction: %v", victim.code, err)
		}
		w.did["corrections"]++
	}
	wg.Wait()
}
