package gate

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"shangu/agent/intake"
	"shangu/agent/service"
	"shangu/hub/state"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
	"shangu/sync/identity"
	"shangu/sync/link"
)

// thrifty is a real agent of a school whose line is paid by the byte, at a real
// gate.
type thrifty struct {
	*service.Agent
	t     *testing.T
	d     *district
	dir   string
	limit int64
	wire  wire // counts what really crossed
	dials atomic.Int64
	head  []string
	days  [][][]string // attendance, a school day each
}

const thriftySchool = "2199109015" // of the demo, whose tables it takes

func newThrifty(t *testing.T, limit int64) (*thrifty, *node) {
	t.Helper()
	d := newDistrict(t)
	d.now.Store(time.Date(2026, 11, 20, 9, 0, 0, 0, time.Local).Unix())
	s := &thrifty{t: t, d: d, dir: t.TempDir(), limit: limit}
	s.name("山谷小学")
	n := d.open()
	s.open()
	token, _, err := n.gate.c.Authority.Issue(t.Context(), identity.RoleSchool, thriftySchool, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Enrol(t.Context(), []string{n.url}, token.String()); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(s.table("attendance.csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	s.head = rows[0]
	for _, r := range rows[1:] {
		if n := len(s.days); n == 0 || s.days[n-1][0][0] != r[0] {
			s.days = append(s.days, nil)
		}
		s.days[len(s.days)-1] = append(s.days[len(s.days)-1], r)
	}
	if _, err := s.Import(t.Context(), service.Import{Kind: intake.Roster, Name: "roster.xlsx", Data: s.table("roster.xlsx"), Account: "wang"}); err != nil {
		t.Fatal(err)
	}
	return s, n
}

func (s *thrifty) table(name string) []byte {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "installer", "demo", "yunling", "schools", thriftySchool, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// name has the district write the school's name: something to send it.
func (s *thrifty) name(name string) {
	s.t.Helper()
	a := state.Author{Account: "admin", Now: s.d.clock().Unix(), Changes: []state.Change{{
		Scope: schema.DistrictScope, Kind: schema.KindSchool, ID: thriftySchool, Latest: true,
		Fields: []change.Field{{Key: schema.Key{Num: schema.SchoolName}, Value: schema.Str(name)}}}}}
	if _, err := state.DecodeAuthor(s.d.do(state.EncodeAuthor(a))); err != nil {
		s.t.Fatal(err)
	}
}

// open starts the agent.
func (s *thrifty) open() {
	s.t.Helper()
	a, err := service.Open(service.Options{Dir: s.dir, Version: "test", Now: s.d.clock, Line: &service.Line{Monthly: s.limit},
		Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			s.dials.Add(1)
			return s.wire.dial(ctx, network, addr)
		}})
	if err != nil {
		s.t.Fatal(err)
	}
	s.Agent = a
}

// record saves the next school day, as many entries as it takes.
func (s *thrifty) record() {
	s.t.Helper()
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.WriteAll(append([][]string{s.head}, s.days[0]...)); err != nil {
		s.t.Fatal(err)
	}
	s.days = s.days[1:]
	if _, err := s.Import(s.t.Context(), service.Import{Kind: intake.Attendance, Name: "a.csv", Data: b.Bytes(), Account: "wang"}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *thrifty) status() service.Status {
	s.t.Helper()
	st, err := s.Status(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return st
}

// told reports whether status and page both say the sentence.
func (s *thrifty) told(id string) (inStatus, onPage bool) {
	s.t.Helper()
	for _, n := range s.status().Notices {
		inStatus = inStatus || text.Parse(n.Text).ID() == id
	}
	page, err := s.Standing(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, n := range page.Notices {
		onPage = onPage || n.Text.ID() == id
	}
	return inStatus, onPage
}

// shows is the school's name as its page has it.
func (s *thrifty) shows() string {
	s.t.Helper()
	page, err := s.Standing(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return page.Name
}

// next lets some days pass.
func (s *thrifty) next(days int) { s.d.now.Add(int64(days) * 86400) }

// A month's data run out: attendance alone crosses the line, a part of it each
// day, then nothing; page and status say so; a restart, and a kill, forget none of
// it; with the next month all that waited comes.
func TestMonthOfThrift(t *testing.T) {
	const limit = 60_000
	s, _ := newThrifty(t, limit)
	defer func() { s.Close() }()
	if err := s.Session(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.shows() != "山谷小学" || s.status().Data.Thrift {
		t.Fatalf("before: %q, %+v", s.shows(), s.status().Data)
	}
	for i := 0; !s.status().Data.Thrift; i++ {
		if i > 100 {
			t.Fatalf("no thrift with %+v", s.status().Data)
		}
		if err := s.Session(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if here, page := s.told("agent.notice_thrift"); !here || !page {
		t.Errorf("thrift is told in the status: %v, on the page: %v", here, page)
	}
	// What the district has waits, what was recorded goes.
	s.name("山谷中心小学")
	s.record()
	if err := s.Session(t.Context()); err != nil || s.status().Pending != 0 {
		t.Fatalf("attendance under thrift: %v, %d wait", err, s.status().Pending)
	}
	if s.shows() == "山谷中心小学" {
		t.Error("what could wait crossed the line")
	}
	spend := func(want string) {
		t.Helper()
		for i := 0; ; i++ {
			err := s.Session(t.Context())
			if errors.Is(err, link.ErrDataBudget) {
				if id := text.Of(err).ID(); id != want || text.Parse(s.status().LastError).ID() != want {
					t.Errorf("it says %s and %s, not %s", id, s.status().LastError, want)
				}
				break
			}
			if err != nil || i > 100 {
				t.Fatalf("session %d: %v", i, err)
			}
		}
	}
	silent := func(when string) {
		t.Helper()
		before := s.dials.Load()
		s.record()
		if err := s.Session(t.Context()); !errors.Is(err, link.ErrDataBudget) || s.dials.Load() != before || s.status().Pending == 0 {
			t.Errorf("%s: %v after %d connections, %d wait", when, err, s.dials.Load()-before, s.status().Pending)
		}
	}
	spend("link.data_share")
	silent("the day's share used up")
	// Neither a restart nor a kill, after which the file is as the last session left it, starts a new count.
	if page, err := s.Standing(t.Context()); err != nil || !page.Share || page.Budget {
		t.Errorf("the page's headline is that of share %v, budget %v: %v", page.Share, page.Budget, err)
	}
	was := s.status().Data
	for _, kill := range []bool{false, true} {
		file := filepath.Join(s.dir, "link.json")
		left, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if kill {
			if err := os.WriteFile(file, left, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s.open()
		if got := s.status().Data; got != was {
			t.Errorf("after a restart (kill: %v) %+v were used, before it %+v", kill, got, was)
		}
		if here, page := s.told("agent.notice_thrift"); !here || !page {
			t.Errorf("after a restart thrift is told in the status: %v, on the page: %v", here, page)
		}
		silent("after a restart")
	}
	// The next days have a share each, and each day's attendance goes.
	for day := 21; day <= 30; day++ {
		s.next(1)
		if err := s.Session(t.Context()); err != nil || s.status().Pending != 0 {
			t.Fatalf("November %d: %v, %d wait", day, err, s.status().Pending)
		}
		said := "link.data_share"
		if day == 30 {
			said = "link.data_budget" // nothing is left for another day
		}
		spend(said)
		silent("later that day")
	}
	st := s.status().Data
	crossed := s.wire.sent.Load() + s.wire.received.Load()
	if used := st.Sent + st.Received; used > limit+5000 || used < crossed || used < limit/2 {
		t.Errorf("%d bytes used of %d, %d of TCP", used, limit, crossed)
	}
	if s.shows() == "山谷中心小学" {
		t.Error("what could wait crossed the line")
	}
	s.next(1)
	if err := s.Session(t.Context()); err != nil || s.status().Pending != 0 {
		t.Fatalf("December: %v, %d wait", err, s.status().Pending)
	}
	got := s.status()
	if here, page := s.told("agent.notice_thrift"); here || page || got.Data.Thrift || got.LastError != "" || got.Data.Sent+got.Data.Received > limit/4 {
		t.Errorf("December begins with %+v, %q; told %v %v", got.Data, got.LastError, here, page)
	}
	if s.shows() != "山谷中心小学" {
		t.Errorf("in December the page shows %q", s.shows())
	}
	t.Logf("drill: trials=11 lost=0 saw=a month of %d bytes that runs out on the 20th: %d counted, %d of them TCP's; attendance on each day, two restarts, the rest in December",
		limit, st.Sent+st.Received, crossed)
}
