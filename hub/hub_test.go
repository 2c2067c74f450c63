package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"shangu/hub/bench"
	"shangu/installer/host/cli"
)

// When the test binary is started with this variable it is the hub.
const beHub = "SHANGU_TEST_HUB"

func TestMain(m *testing.M) {
	if os.Getenv(beHub) != "" {
		os.Exit(cli.Main(root()))
	}
	os.Exit(m.Run())
}

const yunling = "../installer/term/testdata/yunling/district"

func hub(args ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), beHub+"=1", "SHANGU_LANG=en")
	return c
}

// run runs a command to its end and checks its exit code.
func run(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	c := hub(args...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if got := c.ProcessState.ExitCode(); got != want {
		t.Fatalf("hub %s: exit %d, not %d: %s%s", strings.Join(args, " "), got, want, out.String(), errs.String())
	}
	if want == 1 && args[0] != "serve" && strings.Count(strings.TrimSpace(errs.String()), "\n") != 0 {
		t.Errorf("hub %s: failed in more than one line: %s", strings.Join(args, " "), errs.String())
	}
	return out.String(), errs.String()
}

// facts runs a command with --json and decodes what it prints, which may hold
// nothing that v does not know.
func facts(t *testing.T, v any, args ...string) {
	t.Helper()
	out, _ := run(t, 0, append(args, "--json")...)
	d := json.NewDecoder(strings.NewReader(out))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("hub %s: %v in %s", strings.Join(args, " "), err, out)
	}
}

// process is a running `hub serve`.
type process struct {
	t   *testing.T
	dir string
	api string
	cmd *exec.Cmd
	log bytes.Buffer
}

func serveIn(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	p := &process{t: t, dir: dir}
	p.start(args...)
	t.Cleanup(func() {
		p.kill(syscall.SIGKILL)
		if t.Failed() {
			t.Logf("log of %s:\n%s", dir, p.log.String())
		}
	})
	return p
}

func (p *process) start(args ...string) {
	p.t.Helper()
	p.cmd = hub(append([]string{"serve", "--dir", p.dir}, args...)...)
	p.cmd.Stderr = &p.log
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	for i, a := range args {
		if a == "--listen" {
			p.api = args[i+1]
		}
	}
}

// kill ends the process, this one and no other, and waits until it is gone.
func (p *process) kill(with syscall.Signal) {
	p.cmd.Process.Signal(with)
	p.cmd.Wait()
}

var client = &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{
	TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}

// until polls for something to become true.
func until(t *testing.T, what string, f func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if f() {
			break
		}
		if time.Since(start) > time.Minute {
			t.Fatalf("waited in vain: %s", what)
		}
	}
	return time.Since(start)
}

func (p *process) ready() time.Duration {
	p.t.Helper()
	return until(p.t, p.dir+" to be ready", func() bool {
		r, err := client.Get("https://" + p.api + "/readyz")
		if err != nil {
			return false
		}
		r.Body.Close()
		return r.StatusCode == http.StatusOK
	})
}

// page asks for the operator's page and returns the status.
func (p *process) page(name, password string) int {
	p.t.Helper()
	q, err := http.NewRequest(http.MethodGet, "https://"+p.api+"/", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	q.SetBasicAuth(name, password)
	r, err := client.Do(q)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Body.Close()
	return r.StatusCode
}

// addresses are free ports on this machine.
func addresses(t *testing.T, n int) (out []string) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		out = append(out, l.Addr().String())
	}
	return out
}

// status is the shape of `hub status --json`.
type status struct {
	ID      string `json:"id"`
	Leader  string `json:"leader"`
	Term    uint64 `json:"term"`
	Applied uint64 `json:"applied"`
	Nodes   []struct {
		ID    string `json:"id"`
		Addr  string `json:"addr"`
		API   string `json:"api"`
		Voter bool   `json:"voter"`
		Lag   int64  `json:"lag"`
	} `json:"nodes"`
	Ready   bool   `json:"ready"`
	Why     string `json:"why"`
	Version string `json:"version"`
	Audit   struct {
		Count uint64 `json:"count"`
		Head  string `json:"head"`
	} `json:"audit"`
}

type token struct {
	School  string    `json:"school"`
	Token   string    `json:"token"`
	Expires time.Time `json:"expires"`
}

const aSchool = "2199109001"

func TestOneNode(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hub")
	a := addresses(t, 2)
	if _, says := run(t, 1, "status", "--dir", dir); !strings.Contains(says, "hub init") {
		t.Errorf("a hub that is not there: %q", says)
	}
	run(t, 1, "serve", "--dir", dir, "--id", "1", "--listen", a[0], "--raft", a[1])
	if _, says := run(t, 1, "status", "--dir", t.TempDir()); !strings.Contains(says, "hub init") {
		t.Errorf("a directory that is no hub's: %q", says)
	}
	out, _ := run(t, 0, "init", "--dir", dir, "--name", "云岭区")
	if !strings.Contains(out, "admin") {
		t.Errorf("init does not tell the operator: %q", out)
	}
	run(t, 1, "init", "--dir", dir)
	for _, f := range []string{"secrets/cluster.json", "secrets/operators.json", "hub.json"} {
		if info, err := os.Stat(filepath.Join(dir, f)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", f, info.Mode(), err)
		}
	}
	if b, err := os.ReadFile(filepath.Join(dir, "secrets/operators.json")); err != nil || strings.Contains(out, string(b)) || bytes.Contains(b, []byte("password")) {
		t.Errorf("operators' file: %s %v", b, err)
	}

	p := serveIn(t, dir, "--id", "1", "--listen", a[0], "--raft", a[1])
	p.ready()
	var s status
	facts(t, &s, "status", "--dir", dir)
	if s.ID != "1" || s.Leader != "1" || !s.Ready || len(s.Nodes) != 1 || !s.Nodes[0].Voter || s.Version == "" || s.Term == 0 {
		t.Errorf("status: %+v", s)
	}

	// Flags stand before or after arguments.
	run(t, 0, "district", "load", yunling, "--dir", dir)
	var loaded struct {
		Schools, Agreements struct{ Rows, New, Changed, Same int }
		Days                struct{ Rows, New, Changed, Same int } `json:"school_days"`
		Entries             int
	}
	facts(t, &loaded, "--dir", dir, "district", "load", yunling)
	if loaded.Schools.Same != 20 || loaded.Entries != 0 {
		t.Errorf("loading a district again: %+v", loaded)
	}
	var tok token
	facts(t, &tok, "token", "--school", aSchool, "--ttl", "1h", "--dir", dir)
	if tok.School != aSchool || tok.Token == "" || time.Until(tok.Expires) > time.Hour || time.Until(tok.Expires) < 50*time.Minute {
		t.Errorf("token: %+v", tok)
	}
	run(t, 1, "token", "--school", "2199109999", "--dir", dir)
	var rows []map[string]any
	facts(t, &rows, "report", "summary", "--dir", dir)
	if len(rows) != 20 {
		t.Fatalf("summary of %d schools", len(rows))
	}
	for _, key := range []string{"school", "name", "pupils", "sheets", "marks", "visits", "trainings", "last_seen", "pending", "conflicts", "quarantined"} {
		if _, ok := rows[0][key]; !ok {
			t.Errorf("summary lacks %s: %v", key, rows[0])
		}
	}
	book := filepath.Join(t.TempDir(), "summary.xlsx")
	run(t, 0, "report", "summary", "--out", book, "--dir", dir)
	if b, err := os.ReadFile(book); err != nil || !bytes.HasPrefix(b, []byte("PK")) {
		t.Errorf("workbook: %d bytes, %v", len(b), err)
	}
	var sums map[string]map[string]string
	facts(t, &sums, "digest", "--school", aSchool, "--dir", dir)
	if len(sums["school"]["0000-00"]) != 32 || len(sums["calendar"]) == 0 {
		t.Errorf("digest: %v", sums)
	}
	run(t, 1, "digest", "--school", "1", "--dir", dir)
	var none []any
	facts(t, &none, "quarantine", "list", "--dir", dir)
	facts(t, &none, "device", "list", "--dir", dir)
	run(t, 1, "device", "revoke", strings.Repeat("0", 32), "--dir", dir)
	run(t, 1, "quarantine", "show", aSchool+"/x", "--dir", dir)
	run(t, 1, "node", "remove", "1", "--dir", dir)
	for _, wrong := range [][]string{{"quarantine", "show", "x"}, {"node"}, {"token"}, {"report", "x"}, {"device", "revoke", "zz"},
		{"serve", "--join", "https://x"}, {"digest", "--sch", "1"}, {"token", "--school", "1", "--ttl", "0s"}} {
		run(t, 2, append(wrong, "--dir", dir)...)
	}

	backup := filepath.Join(t.TempDir(), "backup")
	run(t, 0, "backup", backup, "--dir", dir)
	phrase, other := filepath.Join(t.TempDir(), "phrase"), filepath.Join(t.TempDir(), "other")
	if err := errors.Join(os.WriteFile(phrase, []byte("云岭区教育局二〇二六备份\r\n"), 0o600), os.WriteFile(other, []byte("another passphrase\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	sealed := backup + ".sealed"
	run(t, 0, "backup", sealed, "--passphrase-file", phrase, "--dir", dir)
	run(t, 1, "backup", sealed+"2", "--passphrase-file", phrase+"0", "--dir", dir)

	// Without a service commands open the store themselves, and can write.
	p.kill(syscall.SIGTERM)
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("serve ended with %d on SIGTERM", code)
	}
	var offline map[string]map[string]string
	facts(t, &offline, "digest", "--school", aSchool, "--dir", dir)
	if offline["school"]["0000-00"] != sums["school"]["0000-00"] {
		t.Errorf("digests without the service: %v, with it: %v", offline, sums)
	}
	facts(t, &tok, "token", "--school", aSchool, "--dir", dir)

	// Another place takes the backup, and only a whole one.
	run(t, 1, "restore", backup, "--dir", dir)
	b, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	damaged := backup + ".damaged"
	if err := os.WriteFile(damaged, b, 0o600); err != nil {
		t.Fatal(err)
	}
	there := filepath.Join(t.TempDir(), "restored")
	run(t, 1, "restore", damaged, "--dir", there)
	run(t, 1, "restore", sealed, "--dir", there)
	run(t, 1, "restore", sealed, "--passphrase-file", other, "--dir", there)
	b, err = os.ReadFile(sealed)
	if err != nil || !bytes.HasPrefix(b, []byte("age-encryption.org/")) || bytes.Contains(b, []byte("shangu backup")) {
		t.Errorf("the backup is not sealed: %v", err)
	}
	if err := os.WriteFile(damaged, b[:len(b)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, 1, "restore", damaged, "--passphrase-file", phrase, "--dir", there)
	run(t, 0, "restore", sealed, "--passphrase-file", phrase, "--dir", there)
	r := serveIn(t, there, "--id", "7", "--listen", a[0], "--raft", a[1])
	r.ready()
	facts(t, &offline, "digest", "--school", aSchool, "--dir", there)
	if offline["school"]["0000-00"] != sums["school"]["0000-00"] {
		t.Errorf("digests of the restored hub: %v, before: %v", offline, sums)
	}
}

func TestThreeNodesOutliveTheirLeader(t *testing.T) {
	base := t.TempDir()
	a := addresses(t, 6)
	dirs := []string{filepath.Join(base, "1"), filepath.Join(base, "2"), filepath.Join(base, "3")}
	var founding struct{ Cluster, Name, Operator, Password string }
	facts(t, &founding, "init", "--dir", dirs[0])
	nodes := []*process{serveIn(t, dirs[0], "--id", "1", "--listen", a[0], "--raft", a[1])}
	nodes[0].ready()
	for i := 1; i < 3; i++ {
		var invite token
		facts(t, &invite, "node", "invite", "--dir", dirs[0])
		args := []string{"--id", string(rune('1' + i)), "--listen", a[2*i], "--raft", a[2*i+1],
			"--join", "https://" + a[0], "--join-token", invite.Token}
		p := serveIn(t, dirs[i], args...)
		p.ready()
		nodes = append(nodes, p)
		// A token lets one machine in, once.
		thief := filepath.Join(base, "thief")
		if i == 1 {
			other := addresses(t, 2)
			run(t, 1, "serve", "--dir", thief, "--id", "9", "--listen", other[0], "--raft", other[1],
				"--join", "https://"+a[0], "--join-token", invite.Token)
		}
	}
	var s status
	until(t, "three voters", func() bool {
		facts(t, &s, "status", "--dir", dirs[2])
		return len(s.Nodes) == 3 && s.Nodes[0].Voter && s.Nodes[1].Voter && s.Nodes[2].Voter
	})
	run(t, 0, "district", "load", yunling, "--dir", dirs[2])
	for _, p := range nodes {
		if got := p.page(founding.Operator, founding.Password); got != http.StatusOK {
			t.Errorf("the operator at the page of %s: %d", p.dir, got)
		}
		if got := p.page(founding.Operator, founding.Password+"x"); got != http.StatusUnauthorized {
			t.Errorf("a wrong password at the page of %s: %d", p.dir, got)
		}
	}

	var dead *process
	for i, id := range []string{"1", "2", "3"} {
		if id == s.Leader {
			dead = nodes[i]
		}
	}
	dead.kill(syscall.SIGKILL)
	var alive []*process
	for _, p := range nodes {
		if p != dead {
			alive = append(alive, p)
		}
	}
	took := alive[0].ready() + alive[1].ready()
	t.Logf("ready %v after the leader was killed", took)
	var tok token
	facts(t, &tok, "token", "--school", aSchool, "--dir", alive[0].dir)
	began := time.Now()
	facts(t, &s, "status", "--dir", alive[1].dir)
	if len(s.Nodes) != 3 || time.Since(began) > 5*time.Second {
		t.Errorf("status with a node down took %v: %+v", time.Since(began), s)
	}

	// It comes back by itself, needs no flags, and ignores an invitation.
	dead.start("--join", "https://"+a[0], "--join-token", "used")
	dead.ready()
	var want, got map[string]map[string]string
	facts(t, &want, "digest", "--school", aSchool, "--dir", alive[0].dir)
	facts(t, &got, "digest", "--school", aSchool, "--dir", dead.dir)
	if got["school"]["0000-00"] == "" || got["school"]["0000-00"] != want["school"]["0000-00"] {
		t.Errorf("digests differ: %v, %v", got, want)
	}

	// Two of three gone: status still answers, quickly, and says what is wrong.
	alive[0].kill(syscall.SIGKILL)
	alive[1].kill(syscall.SIGKILL)
	until(t, "it to see that it is alone", func() bool {
		facts(t, &s, "status", "--dir", dead.dir)
		return !s.Ready && s.Leader == ""
	})
	if s.Why == "" {
		t.Error("a node that is not ready does not say why")
	}
	if r, err := client.Get("https://" + dead.api + "/healthz"); err != nil || r.StatusCode != 200 {
		t.Errorf("healthz of a lone node: %v %v", r, err)
	}
	facts(t, &got, "digest", "--school", aSchool, "--dir", dead.dir) // old, but there
	// All of them gone: a command says so soon, too.
	dead.kill(syscall.SIGKILL)
	began = time.Now()
	facts(t, &s, "status", "--dir", dead.dir)
	if took := time.Since(began); s.Ready || s.Why == "" || took > 10*time.Second {
		t.Errorf("status of a cluster that is down took %v: %+v", took, s)
	}
	for _, p := range nodes {
		p.start()
	}
	for _, p := range nodes {
		p.ready()
	}
}

// The benchmark itself, in its shortest form: three nodes, and pushes that
// become durable beside the bare raft figure.
func TestBench(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three more nodes")
	}
	var r bench.Result
	dir := filepath.Join(t.TempDir(), "profiles")
	facts(t, &r, "bench", "--for", "500ms", "--schools", "1,2", "--profile", dir)
	if r.Documents != 25 || r.Raft.Commands <= 0 || len(r.Runs) != 2 {
		t.Fatalf("%+v", r)
	}
	for i, run := range r.Runs {
		if run.Schools != i+1 || run.Pushes == 0 || run.Failures != 0 || run.Documents <= 0 || run.P99 <= 0 {
			t.Errorf("%+v", run)
		}
		if run.LeaderCPU >= run.NodeCPU {
			t.Errorf("of the nodes' %v us a document %v are the leader's", run.NodeCPU, run.LeaderCPU)
		}
	}
	// What pprof reads is gzip: of each node both sorts, of the schools one.
	profiles, err := filepath.Glob(filepath.Join(dir, "[12]-*"))
	if err != nil || len(profiles) != 2*(3*2+1) {
		t.Errorf("profiles %v, %v", profiles, err)
	}
	for _, f := range profiles {
		if b, err := os.ReadFile(f); err != nil || !bytes.HasPrefix(b, []byte("\x1f\x8b")) {
			t.Errorf("%s: %d bytes, %v", f, len(b), err)
		}
	}
}
