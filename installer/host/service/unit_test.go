package service

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// agentSpec is a service with everything in its paths that a unit must escape.
func agentSpec() Spec {
	return Spec{
		Name: AgentName, Title: "Shangu school agent 100%", About: "Keeps a school's records",
		Program: "/bin/true", Args: []string{"run", "--dir", `/var/lib/shangu/a "b" $HOME %h \x`, "--listen", "127.0.0.1:8720"},
		Dir: "/var/lib/shangu/agent", User: AgentName, Credential: "/etc/shangu/keys/100% mine.cred",
	}
}

func hubSpec() Spec {
	return Spec{
		Name: HubName, Title: "Shangu district hub", Program: "/bin/true", Args: []string{"serve"},
		Dir: "/var/lib/shangu/hub", User: HubName, LowPorts: true,
		KeyFile: "/etc/shangu/keys/hub.key",
	}
}

func TestUnitQuotes(t *testing.T) {
	unit, err := agentSpec().Unit()
	if err != nil {
		t.Fatal(err)
	}
	want := `ExecStart="/bin/true" "run" "--dir" "/var/lib/shangu/a \"b\" $$HOME %%h \\x" "--listen" "127.0.0.1:8720"` + "\n"
	if !strings.Contains(unit, want) {
		t.Errorf("no %s in\n%s", want, unit)
	}
	if !strings.Contains(unit, "Description=Shangu school agent 100%%\n") {
		t.Errorf("the title is not escaped:\n%s", unit)
	}
}

func TestUnitRefusesWhatCannotBeSaid(t *testing.T) {
	for name, spoil := range map[string]func(*Spec){
		"relative program": func(s *Spec) { s.Program = "agent" },
		"relative dir":     func(s *Spec) { s.Dir = "data" },
		"new directive":    func(s *Spec) { s.Args = append(s.Args, "x\nExecStartPre=/bin/sh") },
		"name with path":   func(s *Spec) { s.Name = "../x" },
		"no name":          func(s *Spec) { s.Name = "" },
		"title with line":  func(s *Spec) { s.Title = "a\r\nUser=root" },
		"relative key":     func(s *Spec) { s.KeyFile = "hub.key" },
		"key with line":    func(s *Spec) { s.Credential = "/etc/a\nUser=root" },
	} {
		s := agentSpec()
		spoil(&s)
		if unit, err := s.Unit(); err == nil {
			t.Errorf("%s: accepted\n%s", name, unit)
		}
	}
}

// tool finds a program of the system. In CI its absence is a failure: CI
// installs it.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is not there, and CI installs it: %v", name, err)
	}
	t.Skipf("needs %s: %v", name, err)
	return ""
}

func TestSystemdUnderstandsTheUnit(t *testing.T) {
	analyze := tool(t, "systemd-analyze")
	for _, s := range []Spec{agentSpec(), hubSpec()} {
		unit, err := s.Unit()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), s.Name+".service")
		if err := os.WriteFile(path, []byte(unit), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(analyze, "verify", "--man=no", path).CombinedOutput()
		if err != nil || strings.Contains(string(out), s.Name) {
			t.Errorf("verify %s: %v\n%s", s.Name, err, out)
		}
	}
}

// systemd rates what a service is left with from 0 (nothing) to 10 (all).
// Nginx and sshd as shipped have 9.2 to 9.6.
func TestTheUnitIsConfined(t *testing.T) {
	analyze := tool(t, "systemd-analyze")
	score := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`)
	for _, c := range []struct {
		Spec
		most float64
	}{{agentSpec(), 1.5}, {hubSpec(), 2.0}} {
		unit, err := c.Unit()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), c.Name+".service")
		if err := os.WriteFile(path, []byte(unit), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(analyze, "security", "--offline=yes", "--no-pager", path).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		m := score.FindSubmatch(out)
		if m == nil {
			t.Fatalf("no score in\n%s", out)
		}
		if got, err := strconv.ParseFloat(string(m[1]), 64); err != nil || got > c.most {
			t.Errorf("%s: exposure %s, at most %.1f wanted\n%s", c.Name, m[1], c.most, out)
		}
		t.Logf("%s: exposure %s", c.Name, m[1])
	}
}

func TestArgs(t *testing.T) {
	for _, c := range []struct {
		args []string
		ok   bool
	}{{nil, true}, {[]string{Arg}, true}, {[]string{"x"}, false}, {[]string{Arg, Arg}, false}} {
		if err := Args(nil, c.args); (err == nil) != c.ok {
			t.Errorf("%q: %v", c.args, err)
		}
	}
}

var errWork = errors.New("work")
