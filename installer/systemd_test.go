//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"shangu/installer/host/service"
	"shangu/schema/text"
)

// boot makes a machine of the one that the test runs on - its files under a
// layer of memory, the binaries in /opt/stage - and starts systemd on it.
const boot = `
set -eu
mkdir "$W"; mount -t tmpfs tmpfs "$W"
mkdir "$W/upper" "$W/work" "$W/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$W/upper,workdir=$W/work" "$W/root"
rm -f "$W/root/usr/sbin/policy-rc.d"
: > "$W/root/etc/machine-id"
mkdir -p "$W/root/opt/stage"; cp "$BIN"/* "$W/root/opt/stage/"
for h in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
	if [ -e "$h/cgroup.procs" ]; then mkdir "$h/$GROUP"; echo $$ > "$h/$GROUP/cgroup.procs"; fi
done
exec systemd-nspawn --quiet --register=no --keep-unit -D "$W/root" -b --console=pipe --private-network systemd.unit=basic.target
`

// machine is a running one.
type machine struct {
	t      *testing.T
	leader int // its process 1
}

func bootMachine(t *testing.T) *machine {
	t.Helper()
	needRoot(t)
	for _, name := range []string{"systemd-nspawn", "unshare", "nsenter", "systemctl"} {
		tool(t, name)
	}
	group := "shangu-test-" + strconv.Itoa(os.Getpid())
	cmd := exec.Command("unshare", "-m", "--propagation", "private", "bash", "-c", boot)
	cmd.Env = append(os.Environ(), "W="+filepath.Join(t.TempDir(), "machine"), "BIN="+binaries(t, "linux"), "GROUP="+group)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	// The machine must not outlive a test that is killed. The signal comes when
	// the thread that started the process ends, so that thread stays with us.
	runtime.LockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		if m.leader > 0 {
			syscall.Kill(m.leader, syscall.SIGKILL)
		} else {
			cmd.Process.Kill()
		}
		<-ended
		if t.Failed() {
			t.Logf("the machine's console:\n%s", log.String())
		}
		for _, h := range []string{"", "systemd", "unified"} {
			removeGroups(filepath.Join("/sys/fs/cgroup", h, group))
		}
	})
	until(t, "systemd to come up", 60*time.Second, func() error {
		select {
		case <-ended:
			t.Fatalf("it did not start:\n%s", log.String())
		default:
		}
		pid := cmd.Process.Pid
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
		if err != nil {
			return err
		}
		first, _, _ := strings.Cut(strings.TrimSpace(string(children)), " ")
		m.leader, err = strconv.Atoi(first)
		if err != nil {
			return err
		}
		out, _, err := m.try("systemctl", "is-system-running")
		if s := strings.TrimSpace(out); s == "running" || s == "degraded" {
			return nil
		}
		return fmt.Errorf("it is %q: %w", out, err)
	})
	return m
}

// removeGroups removes a control group and those below it, which have no
// processes any more.
func removeGroups(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.IsDir() {
			removeGroups(filepath.Join(dir, e.Name()))
		}
	}
	os.Remove(dir)
}

// try runs a command on the machine.
func (m *machine) try(args ...string) (stdout, stderr string, err error) {
	var out, complaint bytes.Buffer
	cmd := exec.Command("nsenter", append([]string{"-t", strconv.Itoa(m.leader), "-a"}, args...)...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "SHANGU_LANG=en"}
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err = cmd.Run()
	return out.String(), complaint.String(), err
}

func (m *machine) run(args ...string) string {
	m.t.Helper()
	out, complaint, err := m.try(args...)
	if err != nil {
		log, _, _ := m.try("journalctl", "--no-pager", "-n", "50", "-u", "shangu-*")
		m.t.Fatalf("%s: %v\n%s%s\njournal:\n%s", strings.Join(args, " "), err, out, complaint, log)
	}
	return out
}

// ask runs a command with --json and reads its facts.
func (m *machine) ask(v any, args ...string) {
	m.t.Helper()
	out := m.run(append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), v); err != nil {
		m.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

const staged = "/opt/stage/installer"

func (m *machine) status(part string) service.Status {
	m.t.Helper()
	var all []service.Status
	m.ask(&all, staged, "status", part)
	if len(all) != 1 {
		m.t.Fatalf("status %s: %+v", part, all)
	}
	return all[0]
}

// killed kills a service's process and waits for systemd to start it again.
func (m *machine) killed(part string) service.Status {
	m.t.Helper()
	before := m.status(part)
	m.run("kill", "-9", strconv.Itoa(before.PID))
	var after service.Status
	until(m.t, part+" to be started again", 30*time.Second, func() error {
		after = m.status(part)
		if !after.Running || after.PID == before.PID || after.Restarts != before.Restarts+1 {
			return fmt.Errorf("%+v", after)
		}
		return nil
	})
	return after
}

// confined checks that a process is what the unit says: no root, no
// capabilities beyond caps, no way to gain any.
func (m *machine) confined(st service.Status, caps string) {
	m.t.Helper()
	proc := m.run("cat", fmt.Sprintf("/proc/%d/status", st.PID))
	for _, want := range []string{"NoNewPrivs:\t1", "CapEff:\t" + caps, "CapBnd:\t" + caps, "Seccomp:\t2"} {
		if !strings.Contains(proc, want+"\n") {
			m.t.Errorf("%s: no %q in\n%s", st.Name, want, proc)
		}
	}
	if user := strings.TrimSpace(m.run("stat", "-c", "%U", fmt.Sprintf("/proc/%d", st.PID))); user != st.Name {
		m.t.Errorf("%s runs as %s", st.Name, user)
	}
	if mode := strings.TrimSpace(m.run("stat", "-c", "%a %U", st.Dir)); mode != "700 "+st.Name {
		m.t.Errorf("%s of %s is %s", st.Dir, st.Name, mode)
	}
}

func TestServicesUnderSystemd(t *testing.T) {
	m := bootMachine(t)

	if st := m.status("agent"); st.Installed {
		t.Fatalf("before it is installed: %+v", st)
	}
	if _, complaint, err := m.try(staged, "uninstall", "agent"); err == nil || !strings.Contains(complaint, "not installed") {
		t.Fatalf("uninstall of nothing: %v %q", err, complaint)
	}
	if _, complaint, err := m.try(staged, "install", "agent", "--dir", "/home/x"); err == nil || !strings.Contains(complaint, "cannot see") {
		t.Fatalf("install into a home: %v %q", err, complaint)
	}

	m.run("sh", "-c", "umask 077; "+staged+" install agent")
	st := m.status("agent")
	if !st.Running || !st.Enabled || st.PID == 0 || st.Dir != "/var/lib/shangu/agent" {
		t.Fatalf("after install: %+v", st)
	}
	m.confined(st, "0000000000000000")
	agent := []string{"/opt/shangu/bin/agent", "status", "--dir", st.Dir}
	var first, second struct{ Device, Epoch string }
	m.ask(&first, agent...)
	if first.Device == "" || first.Epoch == "" {
		t.Fatalf("the agent says %+v", first)
	}
	st = m.killed("agent")
	m.ask(&second, agent...)
	if first != second {
		t.Errorf("another agent came up: %+v, was %+v", second, first)
	}

	// A command of root's while the service is stopped must not lock it out.
	m.run("systemctl", "stop", "shangu-agent")
	m.ask(&second, agent...)
	if _, complaint, err := m.try(staged, "doctor", "agent"); exitCode(err) != 1 || !strings.Contains(complaint, "bad") {
		t.Errorf("doctor with a stopped service: %v %q", err, complaint)
	}
	m.run("systemctl", "start", "shangu-agent")
	m.ask(&second, agent...)

	// Installing again replaces it and keeps the data.
	m.run(staged, "install", "agent", "--", "--listen", "127.0.0.1:8721")
	m.ask(&second, agent...)
	if first != second {
		t.Errorf("after installing again: %+v, was %+v", second, first)
	}
	m.run(staged, "doctor", "agent")
	m.keyIsKept(st, "cred", "root 600", first)

	m.keyIsLost(st)
	m.ask(&second, agent...)
	if first != second {
		t.Errorf("after its key was lost and came back: %+v, was %+v", second, first)
	}

	// Data that is thrown away does not keep the service from starting anew.
	m.run("systemctl", "stop", "shangu-agent")
	m.run("rm", "-r", st.Dir)
	m.run("mkdir", "-m", "700", st.Dir)
	m.run("systemctl", "start", "shangu-agent")
	m.ask(&first, agent...)
	if first == second {
		t.Error("the data was thrown away, and is there")
	}
	m.keyIsKept(st, "cred", "root 600", first)

	// A systemd of before 250 knows no sealed credentials: the key is in a file,
	// until there is a newer one.
	m.run(staged, "uninstall", "agent")
	m.run("test", "-e", "/etc/shangu/keys/"+m.keyName(st, "cred"))
	m.run("rm", "-r", st.Dir, "/etc/shangu")
	m.run("mv", "/usr/bin/systemd-creds", "/usr/bin/no-systemd-creds")
	m.run(staged, "install", "agent")
	m.ask(&first, agent...)
	m.keyIsKept(st, "key", "shangu-agent 600", first)
	m.run("mv", "/usr/bin/no-systemd-creds", "/usr/bin/systemd-creds")
	m.run(staged, "install", "agent")
	m.keyIsKept(st, "cred", "root 600", first)
	m.run("test", "!", "-e", "/etc/shangu/keys/"+m.keyName(st, "key"))

	// A hub on the port that needs a capability.
	m.run(staged, "install", "hub", "--init", "云岭区", "--", "--id", "n0", "--listen", "127.0.0.1:443", "--raft", "127.0.0.1:8444")
	hub := m.status("hub")
	m.confined(hub, "0000000000000400") // CAP_NET_BIND_SERVICE
	ready := func() {
		t.Helper()
		until(t, "the hub to be ready", 30*time.Second, func() error {
			var s struct{ Ready bool }
			out, complaint, err := m.try("/opt/shangu/bin/hub", "status", "--dir", hub.Dir, "--json")
			if err != nil {
				return fmt.Errorf("%w: %s", err, complaint)
			}
			if err := json.Unmarshal([]byte(out), &s); err != nil || !s.Ready {
				return fmt.Errorf("not ready: %s: %w", out, err)
			}
			return nil
		})
	}
	ready()
	m.killed("hub")
	ready()

	for _, part := range []string{"agent", "hub"} {
		m.run(staged, "uninstall", part)
		if st := m.status(part); st.Installed {
			t.Errorf("after uninstall: %+v", st)
		}
		m.run("test", "-d", "/var/lib/shangu/"+part)
		m.run("test", "!", "-e", "/opt/shangu/bin/"+part)
		m.run("test", "!", "-e", "/etc/systemd/system/shangu-"+part+".service")
	}
}

// keyName is the file of a service's key.
func (m *machine) keyName(st service.Status, ext string) string {
	m.t.Helper()
	out := strings.Fields(m.run("ls", "/etc/shangu/keys"))
	for _, name := range out {
		if strings.HasPrefix(name, filepath.Base(st.Dir)+"-") && strings.HasSuffix(name, "."+ext) {
			return name
		}
	}
	return "no ." + ext + " among " + strings.Join(out, ",")
}

// keyIsKept checks that the system keeps the key of the agent's data, for the
// service and for root's commands; and that a copy of the data opens on no other
// machine.
func (m *machine) keyIsKept(st service.Status, ext, owner string, want any) {
	m.t.Helper()
	key := "/etc/shangu/keys/" + m.keyName(st, ext)
	if got := strings.TrimSpace(m.run("stat", "-c", "%U %a", key)); got != owner {
		m.t.Errorf("%s is %s, not %s", key, got, owner)
	}
	if unit := m.run("systemctl", "cat", st.Name); strings.Contains(unit, "LoadCredentialEncrypted=shangu.key:"+key+"\n") != (ext == "cred") {
		m.t.Errorf("credential .%s and the unit\n%s", ext, unit)
	}
	status := func(dir string) []string { return []string{"/opt/shangu/bin/agent", "status", "--dir", dir} }
	running, byRoot, moved := reflect.New(reflect.TypeOf(want)), reflect.New(reflect.TypeOf(want)), reflect.New(reflect.TypeOf(want))
	m.ask(running.Interface(), status(st.Dir)...)
	m.run("systemctl", "stop", st.Name)
	m.ask(byRoot.Interface(), status(st.Dir)...)
	m.run("cp", "-a", st.Dir, "/var/lib/elsewhere")
	m.ask(moved.Interface(), status("/var/lib/elsewhere")...)
	for what, got := range map[string]reflect.Value{"the service": running, "root": byRoot, "root in another place": moved} {
		if !reflect.DeepEqual(got.Elem().Interface(), want) {
			m.t.Errorf("%s sees %+v, not %+v", what, got.Elem(), want)
		}
	}
	// The same files without this machine's keys.
	away := append([]string{"unshare", "-m", "sh", "-c", `mount -t tmpfs tmpfs /etc/shangu/keys && exec "$@"`, "sh"}, status("/var/lib/elsewhere")...)
	if out, complaint, err := m.try(away...); err == nil || !strings.Contains(complaint, "key.recovery") {
		m.t.Errorf("a copy opens elsewhere: %v %s%s", err, out, complaint)
	}
	m.run("rm", "-r", "/var/lib/elsewhere")
	m.run("systemctl", "start", st.Name)
}

// keyIsLost takes the agent's credential away. The doctor names it and says what to
// do, and doing that brings the service back.
func (m *machine) keyIsLost(st service.Status) {
	m.t.Helper()
	key := "/etc/shangu/keys/" + m.keyName(st, "cred")
	written := strings.TrimSpace(m.run("systemd-creds", "decrypt", "--name=shangu.key", key, "-"))
	m.run("systemctl", "stop", st.Name)
	m.run("rm", key)
	doctor := func(id string, kv ...any) {
		m.t.Helper()
		out, _, err := m.try(staged, "doctor", "agent")
		if want := text.New(id, kv...).In(text.EN); exitCode(err) != 1 || !strings.Contains(out, want) {
			m.t.Errorf("the doctor ends with %v and does not say %q:\n%s", err, want, out)
		}
	}
	doctor("vault.lost", "dir", st.Dir, "file", key)
	if m.try("systemctl", "start", st.Name); m.status("agent").Running {
		m.t.Error("the service runs without its key")
	}
	m.run("/opt/shangu/bin/agent", "key", "set", written, "--dir", st.Dir)
	doctor("vault.away", "dir", st.Dir, "file", key)
	m.run(staged, "install", "agent", "--", "--listen", "127.0.0.1:8721")
	m.run(staged, "doctor", "agent")
}

func exitCode(err error) int {
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return e.ExitCode()
	}
	return 0
}
