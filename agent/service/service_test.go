package service

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"shangu/agent/intake"
	"shangu/agent/web"
	"shangu/installer/host/local"
	"shangu/schema/table"
	"shangu/schema/text"
	"shangu/sync/identity"
	"shangu/sync/session"
)

const home = "2199109015"

func schoolFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "installer", "demo", "yunling", "schools", home, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func token(t *testing.T, role identity.Role, school string) string {
	t.Helper()
	tok, err := identity.NewToken(role, school, [32]byte{1}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return tok.String()
}

// open opens an agent whose hub cannot be reached.
func open(t *testing.T, dir string) *Agent {
	t.Helper()
	a, err := Open(Options{Dir: dir, Version: "test", Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no line")
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// serve opens the local door of an agent and knocks at it.
func serve(t *testing.T, a *Agent) *Client {
	t.Helper()
	l, err := local.Listen(a.o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- local.ServeOn(ctx, l, a.Door(ctx)) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	c, ok := local.Client(a.o.Dir)
	if !ok {
		t.Fatal("nobody at the door")
	}
	t.Cleanup(c.CloseIdleConnections)
	return NewClient(c)
}

// TestTheDoorSaysWhatTheAgentSays: a command cannot tell whether it opened the
// data itself.
func TestTheDoorSaysWhatTheAgentSays(t *testing.T) {
	a := open(t, t.TempDir())
	c := serve(t, a)
	ctx := t.Context()
	roster := Import{Kind: intake.Roster, Name: "roster.xlsx", Data: schoolFile(t, "roster.xlsx"), Account: "wang"}
	dry := roster
	dry.DryRun = true
	would, err := c.Import(ctx, dry)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := c.Status(ctx); err != nil || s.Pending != 0 {
		t.Fatalf("a dry run saved %d entries, %v", s.Pending, err)
	}
	did, err := c.Import(ctx, roster)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(would, did) || did.New != 11 || did.Entries == 0 {
		t.Errorf("would %+v, did %+v", would, did)
	}
	again, err := a.Import(ctx, roster)
	if err != nil || again.Entries != 0 || again.Same != 11 {
		t.Errorf("again: %+v, %v", again, err)
	}
	s1, err1 := a.Status(ctx)
	s2, err2 := c.Status(ctx)
	s1.DiskFree, s2.DiskFree = 0, 0
	if !reflect.DeepEqual(s1, s2) || err1 != nil || err2 != nil || s1.Pending != uint64(did.Entries) {
		t.Errorf("status %+v, %v; through the door %+v, %v", s1, err1, s2, err2)
	}
	d1, err1 := a.Digest(ctx)
	d2, err2 := c.Digest(ctx)
	if !reflect.DeepEqual(d1, d2) || err1 != nil || err2 != nil || len(d1) == 0 {
		t.Errorf("digest %v, %v; through the door %v, %v", d1, err1, d2, err2)
	}
	var f1, f2 bytes.Buffer
	err1 = a.Export(ctx, intake.Roster, "x.csv", "", &f1)
	err2 = c.Export(ctx, intake.Roster, "x.csv", "", &f2)
	if err1 != nil || err2 != nil || f1.String() != f2.String() || f1.Len() == 0 {
		t.Errorf("export of %d bytes, %v; through the door %d, %v", f1.Len(), err1, f2.Len(), err2)
	}
	v1, err1 := a.Verify(ctx, false)
	v2, err2 := c.Verify(ctx, true)
	if !reflect.DeepEqual(v1, v2) || err1 != nil || err2 != nil || len(v1.Problems) != 0 || v1.Entries != s1.Pending {
		t.Errorf("verified %+v, %v; through the door %+v, %v", v1, err1, v2, err2)
	}
}

func TestProblemsComeThroughTheDoorInAnyLanguage(t *testing.T) {
	a := open(t, t.TempDir())
	c := serve(t, a)
	bad := Import{Kind: intake.Attendance, Name: "a.csv", Data: []byte("date,session,class,student_id,status,minutes,symptom\n" + strings.Repeat("2026-13-01,am,x,,taken,,\n", 150))}
	_, err1 := a.Import(t.Context(), bad)
	_, err2 := c.Import(t.Context(), bad)
	p1, ok1 := errors.AsType[*table.Problems](err1)
	p2, ok2 := errors.AsType[*table.Problems](err2)
	if !ok1 || !ok2 {
		t.Fatalf("%v; through the door %v", err1, err2)
	}
	for _, lang := range []text.Lang{text.ZH, text.EN} {
		if p1.In(lang) != p2.In(lang) || p1.Len() != p2.Len() {
			t.Errorf("%d problems\n%s\nthrough the door %d\n%s", p1.Len(), p1.In(lang), p2.Len(), p2.In(lang))
		}
	}
	if _, more := p2.List(); more == 0 {
		t.Error("the test has too few problems")
	}
	if s, err := c.Status(t.Context()); err != nil || s.Pending != 0 {
		t.Errorf("a refused file left %d entries, %v", s.Pending, err)
	}
	if err := c.ask(t.Context(), "POST", "/v1/import?kind=roster&year=soon", nil, &struct{}{}); err == nil {
		t.Error("a year that is none is taken")
	}
	if err := c.ask(t.Context(), "GET", "/v1/nothing", nil, &struct{}{}); text.Of(err) == nil || text.Of(err).ID() != "agent.bad_answer" {
		t.Errorf("a question that the service does not know: %v", err)
	}
}

func TestEnrolmentIsKept(t *testing.T) {
	dir := t.TempDir()
	a, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	own, other := token(t, identity.RoleSchool, home), token(t, identity.RoleSchool, "2199109024")
	hubs := []string{" https://a:1/ ", "https://b:2", "https://a:1"}
	for _, c := range []struct {
		hubs  []string
		token string
		want  string // id of the refusal
	}{
		{nil, own, "agent.no_hub_given"}, {[]string{" "}, own, "agent.no_hub_given"},
		{[]string{"http://a:1"}, own, "link.bad_hub"}, {[]string{"https://a:1/x"}, own, "link.bad_hub"},
		{[]string{"https://u:p@a:1"}, own, "link.bad_hub"}, {[]string{"https://:1"}, own, "link.bad_hub"}, {[]string{"a:1"}, own, "link.bad_hub"},
		{hubs, "", "agent.no_token_given"}, {hubs, own[1:], "identity.token_text"},
		{hubs, token(t, identity.RoleNode, ""), "identity.token_is_node"},
	} {
		if _, err := a.Enrol(t.Context(), c.hubs, c.token); text.Of(err) == nil || text.Of(err).ID() != c.want {
			t.Errorf("%q %q: %v, want %s", c.hubs, c.token, err, c.want)
		}
	}
	if err := a.Session(t.Context()); !errors.Is(err, errNotEnrolled) {
		t.Errorf("a session without enrolment: %v", err)
	}
	e, err := a.Enrol(t.Context(), hubs, strings.ToLower(own[:8])+"-"+own[8:])
	if err != nil || e.School != home || !reflect.DeepEqual(e.Hubs, []string{"https://a:1", "https://b:2"}) {
		t.Fatalf("%+v, %v", e, err)
	}
	before, err := a.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.store.SetHome(home); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Enrol(t.Context(), hubs, other); text.Of(err) == nil || text.Of(err).ID() != "agent.other_school" {
		t.Errorf("a token of another school: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, enrolmentFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the token lies open: %v, %v", info.Mode(), err)
	}
	a = open(t, dir)
	if _, err := a.Enrol(t.Context(), []string{"https://c:3"}, ""); err != nil {
		t.Fatal(err)
	}
	after, err := a.Status(t.Context())
	if err != nil || after.Device != before.Device || after.Epoch != before.Epoch || after.School != home || !reflect.DeepEqual(after.Hubs, []string{"https://c:3"}) {
		t.Errorf("before %+v, after %+v, %v", before, after, err)
	}
}

func TestAFailedSessionIsToldInWords(t *testing.T) {
	a := open(t, t.TempDir())
	c := serve(t, a)
	if _, err := c.Enrol(t.Context(), []string{"https://127.0.0.1:1"}, token(t, identity.RoleSchool, home)); err != nil {
		t.Fatal(err)
	}
	err := c.Sync(t.Context(), 5*time.Second)
	if m := text.Of(err); m == nil || m.ID() != "link.no_answer" {
		t.Fatalf("sync: %v", err)
	}
	s, err := c.Status(t.Context())
	if err != nil || text.Parse(s.LastError).ID() != "link.no_answer" || s.LastSync != "" {
		t.Errorf("%+v, %v", s, err)
	}
	if got := a.store.Heartbeat().Failure; got != "link.no_answer" {
		t.Errorf("the heartbeat says %q", got)
	}
	st, err := (&source{Agent: a}).State(t.Context())
	if err != nil || st.LastError == nil || !st.LastSync.IsZero() || st.School != home {
		t.Errorf("the page says %+v, %v", st, err)
	}
}

func TestExplain(t *testing.T) {
	for want, err := range map[string]error{
		"agent.hub_busy": &session.RetryError{Err: session.ErrBusy, After: time.Second}, "agent.hub_no_leader": fmt.Errorf("x: %w", session.ErrNoLeader),
		"agent.hub_disk_full": session.ErrDiskFull, "agent.revoked": session.ErrRevoked, "agent.protocol": session.ErrProtocol,
		"agent.refused": fmt.Errorf("%w: why", session.ErrRefused), "agent.sync_failed": errors.New("x"), "agent.not_enrolled": errNotEnrolled,
	} {
		m := explain(err)
		if m.ID() != want || !errors.Is(m, err) && m != err {
			t.Errorf("%v: %s, want %s", err, m.ID(), want)
		}
	}
}

func TestPatience(t *testing.T) {
	type step struct {
		err  error
		took time.Duration
	}
	for name, c := range map[string]struct {
		steps []step // the last one goes on for ever
		want  string // id, "" for success
		took  time.Duration
		tries int
	}{
		"at once":                  {[]step{{nil, 0}}, "", 0, 1},
		"no line":                  {[]step{{errors.New("x"), time.Second}}, "agent.sync_failed", time.Second, 1},
		"a leader is chosen":       {[]step{{session.ErrNoLeader, 0}, {session.ErrNoLeader, 0}, {nil, 0}}, "", 750 * time.Millisecond, 3},
		"the hub asks for 7 s":     {[]step{{&session.RetryError{Err: session.ErrBusy, After: 7 * time.Second}, 0}, {nil, 0}}, "", 7 * time.Second, 2},
		"busy for ever":            {[]step{{session.ErrBusy, 0}}, "agent.hub_busy", 20 * time.Second, 9},
		"the session takes long":   {[]step{{nil, time.Minute}}, "agent.sync_timeout", 20 * time.Second, 1},
		"busy, then it takes long": {[]step{{session.ErrBusy, 0}, {nil, time.Minute}}, "agent.hub_busy", 20 * time.Second, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				start := time.Now()
				err := patient(t.Context(), 20*time.Second, func(ctx context.Context) error {
					s := c.steps[min(tries, len(c.steps)-1)]
					tries++
					select {
					case <-time.After(s.took):
						return s.err
					case <-ctx.Done():
						return ctx.Err()
					}
				})
				got := ""
				if err != nil {
					got = text.Of(err).ID()
				}
				if got != c.want || time.Since(start) != c.took || tries != c.tries {
					t.Errorf("%q after %v and %d tries, want %q after %v and %d", got, time.Since(start), tries, c.want, c.took, c.tries)
				}
			})
		})
	}
}

func TestRunServesUntilToldToStop(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir)
	page, err := web.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- a.Run(ctx, Work{Page: page, Recent: func(int) []string { return []string{"a line"} }, Ready: func() { close(ready) }})
	}()
	<-ready
	req, err := http.NewRequest("GET", "http://"+page.Addr().String()+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.AddCookie(&http.Cookie{Name: "shangu-lang", Value: "en"})
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || !strings.Contains(string(body), "not enrolled yet") || strings.Contains(string(body), "a line") {
		t.Errorf("%v\n%s", err, body)
	}
	hc, ok := local.Client(dir)
	if !ok {
		t.Fatal("nobody at the door")
	}
	if s, err := NewClient(hc).Status(t.Context()); err != nil || s.Version != "test" {
		t.Errorf("%+v, %v", s, err)
	}
	hc.CloseIdleConnections()
	stop()
	if err := <-done; err != nil {
		t.Errorf("stopped: %v", err)
	}
}

func TestRunEndsWhenItsPageCannotGoOn(t *testing.T) {
	a := open(t, t.TempDir())
	page, err := web.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	err = a.Run(t.Context(), Work{Page: page, Recent: func(int) []string { return nil }, Ready: func() { page.Close() }})
	if err == nil || !strings.Contains(err.Error(), "page") {
		t.Errorf("%v", err)
	}
}

// Records are kept whatever the notes beside them say; with a damaged enrolment
// the page says that nobody knows the hub.
func TestADamagedNoteCostsNothingElse(t *testing.T) {
	for _, name := range []string{lastFile, enrolmentFile, clockName} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, name), []byte("{"), 0o600); err != nil {
				t.Fatal(err)
			}
			if s, err := open(t, dir).Status(t.Context()); err != nil || s.LastSync != "" || s.School != "" {
				t.Errorf("%+v, %v", s, err)
			}
		})
	}
}

// TestLostCredentialsAreAskedForAgain: the token stays, and the hub knows the
// machine.
func TestLostCredentialsAreAskedForAgain(t *testing.T) {
	dir := t.TempDir()
	a, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Enrol(t.Context(), []string{"https://127.0.0.1:1"}, token(t, identity.RoleSchool, home)); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	for _, damage := range []string{"{", `{"school":"` + home + `","cluster":"` + strings.Repeat("0", 32) + `","receipt_key":"` + strings.Repeat("A", 43) + `="}`} {
		if err := os.WriteFile(filepath.Join(dir, credentialsFile), []byte(damage), 0o600); err != nil {
			t.Fatal(err)
		}
		var asked []string
		a, err := Open(Options{Dir: dir, Dial: func(_ context.Context, _, address string) (net.Conn, error) {
			asked = append(asked, address)
			return nil, errors.New("no line")
		}})
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Session(t.Context()); text.Of(err) == nil || text.Of(err).ID() != "link.no_answer" || len(asked) == 0 {
			t.Errorf("with credentials %q: %v, asked %v", damage, err, asked)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
