//go:build linux

package main

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"shangu/installer/demo"
)

// seeded is SHANGU_DRILL_SEED, or by the clock.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	n := uint64(time.Now().UnixNano())
	if s := os.Getenv("SHANGU_DRILL_SEED"); s != "" {
		var err error
		if n, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("seed: SHANGU_DRILL_SEED=%d", n)
	return rand.New(rand.NewPCG(n, 0x1457))
}

// timed runs a command on the machine to its end.
func (m *machine) timed(args ...string) time.Duration {
	m.t.Helper()
	began := time.Now()
	m.run(args...)
	return time.Since(began)
}

// broken runs a command of the machine and kills it, at times with all that it
// started, after a part of the time that it takes.
func (m *machine) broken(r *rand.Rand, takes time.Duration, args ...string) (stdout string, done bool) {
	m.t.Helper()
	kill := []string{"timeout", "-s", "KILL", fmt.Sprintf("%.4f", (takes.Seconds()+0.01)*r.Float64())}
	if r.IntN(2) == 0 {
		kill = slices.Insert(kill, 1, "--foreground")
	}
	out, complaint, err := m.try(append(kill, args...)...)
	// 124: it ended as the signal came, and nobody knows how.
	if code := exitCode(err); err != nil && code != 137 && code != 124 && code != -1 {
		m.t.Fatalf("%v: %v\n%s%s", args, err, out, complaint)
	}
	return out, err == nil
}

// TestInstallSurvivesKills kills the installer at any instant. An upgrade that
// was broken off leaves a service that starts, as it does when the machine does,
// with the data that it had; and whoever runs the same command again has what he
// wanted.
func TestInstallSurvivesKills(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	tool(t, "curl")
	r := seeded(t)
	trials := 1
	if os.Getenv("SHANGU_DRILL_SEED") != "" {
		trials = 6
	}
	if os.Getenv("SHANGU_DRILL_LONG") != "" {
		trials = 200
	}
	sample, err := demo.Sample()
	if err != nil {
		t.Fatal(err)
	}
	roster, err := fs.ReadFile(sample, "schools/2199109015/roster.xlsx")
	if err == nil { // the machine finds it in /opt/stage
		err = os.WriteFile(filepath.Join(binaries(t, "linux"), "roster.xlsx"), roster, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	m := bootMachine(t)
	lost := 0
	lose := func(format string, args ...any) {
		lost++
		t.Errorf(format, args...)
	}
	m.run("sh", "-c", "cp /opt/stage/agent /opt/stage/next && echo another build >> /opt/stage/next")
	builds := []string{"/opt/stage/agent", "/opt/stage/next"}
	cuts, done := 0, 0

	upgrades := func() {
		const dir = "/srv/a school" // given once, as people do
		m.run(staged, "install", "agent", "--dir", dir)
		m.run("/opt/shangu/bin/agent", "import", "roster", "/opt/stage/roster.xlsx", "--dir", dir)
		type state struct{ Device, Epoch, Pending, Docs any }
		var want state
		status := []string{"/opt/shangu/bin/agent", "status", "--dir", dir}
		m.ask(&want, status...)
		takes := m.timed(staged, "install", "agent")
		for trial := range trials {
			program := builds[trial%2]
			if _, ended := m.broken(r, takes, staged, "install", "agent", "--program", program); ended {
				done++
			}
			cuts++
			switch got := m.run("sha256sum", "/opt/shangu/bin/agent"); {
			case strings.Fields(got)[0] != sum(m, builds[0]) && strings.Fields(got)[0] != sum(m, builds[1]):
				lose("trial %d: the program is neither of the two", trial)
			}
			if r.IntN(2) == 0 { // the machine starts again
				m.run("systemctl", "stop", "shangu-agent")
				m.run("systemctl", "daemon-reload")
				if _, complaint, err := m.try("systemctl", "start", "shangu-agent"); err != nil {
					unit, _, _ := m.try("systemctl", "cat", "shangu-agent")
					lose("trial %d: the service does not start: %s\n%s", trial, complaint, unit)
				}
			} else {
				m.run(staged, "install", "agent", "--program", program)
			}
			var got state
			if m.ask(&got, status...); got != want {
				lose("trial %d: the agent says %+v, and said %+v", trial, got, want)
			}
			if st := m.status("agent"); !st.Running || !st.Enabled || st.Dir != dir {
				lose("trial %d: %+v", trial, st)
			}
		}
		m.run(staged, "install", "agent")
		if left := m.run("ls", "-A", "/opt/shangu/bin"); strings.TrimSpace(left) != "agent" {
			lose("left behind: %s", left)
		}
		m.run(staged, "uninstall", "agent")
	}

	foundings := func() {
		install := []string{staged, "install", "hub", "--init", "云岭区", "--", "--id", "n0", "--listen", "127.0.0.1:443", "--raft", "127.0.0.1:8444"}
		password := regexp.MustCompile(`[a-z2-9]{5}(-[a-z2-9]{5}){3}`)
		takes := m.timed(install...)
		for trial := range max(1, trials/3) {
			m.run(staged, "uninstall", "hub")
			m.run("rm", "-rf", "/var/lib/shangu/hub", "/etc/shangu")
			said, ended := m.broken(r, takes, install...)
			if cuts++; ended {
				done++
			}
			if !ended && r.IntN(2) == 0 { // twice
				more, _ := m.broken(r, takes, install...)
				said += more
				cuts++
			}
			said += m.run(install...)
			all := password.FindAllString(said, -1)
			if len(all) == 0 {
				lose("trial %d: nobody was told the operator's password", trial)
				continue
			}
			until(t, "the hub's page", 30*time.Second, func() error {
				out, complaint, err := m.try("curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", "-u", "admin:"+all[len(all)-1], "https://127.0.0.1/")
				if err != nil {
					return fmt.Errorf("%w: %s", err, complaint)
				}
				if out != "200" {
					return fmt.Errorf("the page answers %s to the last password that was told", out)
				}
				return nil
			})
		}
		m.run(staged, "uninstall", "hub")
	}

	upgrades()
	foundings()
	t.Logf("drill: trials=%d lost=%d saw=%d installs killed, %d ended before", cuts, lost, cuts-done, done)
}

func sum(m *machine, path string) string {
	m.t.Helper()
	return strings.Fields(m.run("sha256sum", path))[0]
}
