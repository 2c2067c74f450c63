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
	"runtime"
	"strings"
	"testing"
	"time"

	"shangu/installer/host/service"
)

// wine is a Windows of its own.
type wine struct {
	t   *testing.T
	env []string
}

// newWine makes a prefix and keeps a program running in it: Wine ends all
// services when no other process is left.
func newWine(t *testing.T) *wine {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("the Windows binaries are for amd64")
	}
	tool(t, "wine")
	tool(t, "wineserver")
	linker := tool(t, "x86_64-w64-mingw32-ld")
	prefix := filepath.Join(t.TempDir(), "prefix")
	w := &wine{t: t, env: append(os.Environ(), "WINEPREFIX="+prefix, "WINEARCH=win64", "WINEDEBUG=-all",
		"WINEDLLOVERRIDES=mscoree,mshtml=", "DISPLAY=")}
	server := func(arg string) {
		cmd := exec.Command("wineserver", arg)
		cmd.Env = w.env
		cmd.Run()
	}
	t.Cleanup(func() { server("-k"); server("-w") })
	w.run("wineboot", "-i")
	// It goes on setting up in the background; done when all its processes have ended.
	server("-w")
	// Go wants this library, and Wine 8 lacks it.
	definition := filepath.Join(t.TempDir(), "bcryptprimitives.def")
	if err := os.WriteFile(definition, []byte("LIBRARY bcryptprimitives\nEXPORTS\nProcessPrng = advapi32.SystemFunction036\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	library := filepath.Join(prefix, "drive_c/windows/system32/bcryptprimitives.dll")
	if out, err := exec.Command(linker, "-shared", "-s", "-e", "0", "--subsystem", "windows", "-o", library, definition).CombinedOutput(); err != nil {
		t.Fatalf("link: %v\n%s", err, out)
	}
	idle := w.command("cmd.exe")
	if _, err := idle.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	prompt, err := idle.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := idle.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { idle.Process.Kill(); idle.Wait() })
	if _, err := prompt.Read(make([]byte, 1)); err != nil {
		t.Fatalf("wait for the command prompt: %v", err)
	}
	return w
}

func (w *wine) command(args ...string) *exec.Cmd {
	cmd := exec.Command("wine", args...)
	cmd.Env = append(w.env, "SHANGU_LANG=en")
	return cmd
}

func (w *wine) try(args ...string) (stdout, stderr string, err error) {
	cmd := w.command(args...)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	// Wine's own processes inherit our pipes and keep them open.
	cmd.WaitDelay = time.Second
	if err = cmd.Run(); errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	return out.String(), complaint.String(), err
}

func (w *wine) run(args ...string) string {
	w.t.Helper()
	out, complaint, err := w.try(args...)
	if err != nil {
		w.t.Fatalf("%s: %v\n%s%s", strings.Join(args, " "), err, out, complaint)
	}
	return out
}

func (w *wine) ask(v any, args ...string) {
	w.t.Helper()
	out := w.run(append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), v); err != nil {
		w.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestServicesUnderWindows(t *testing.T) {
	w := newWine(t)
	installer := filepath.Join(binaries(t, "windows"), "installer.exe")
	status := func(part string) service.Status {
		t.Helper()
		var all []service.Status
		w.ask(&all, installer, "status", part)
		if len(all) != 1 {
			t.Fatalf("status %s: %+v", part, all)
		}
		return all[0]
	}
	if st := status("agent"); st.Installed {
		t.Fatalf("before it is installed: %+v", st)
	}
	if _, complaint, err := w.try(installer, "uninstall", "agent"); exitCode(err) != 1 || !strings.Contains(complaint, "not installed") {
		t.Fatalf("uninstall of nothing: %v %q", err, complaint)
	}

	w.run(installer, "install", "agent")
	st := status("agent")
	if !st.Running || !st.Enabled || st.PID == 0 || st.Dir != `C:\ProgramData\Shangu\agent` || st.Program != `C:\Program Files\Shangu\agent.exe` {
		t.Fatalf("after install: %+v", st)
	}
	key := w.run("reg", "query", `HKLM\System\CurrentControlSet\Services\shangu-agent`)
	for _, want := range []string{`"C:\Program Files\Shangu\agent.exe" run --dir C:\ProgramData\Shangu\agent service`, `NT AUTHORITY\LocalService`} {
		if !strings.Contains(key, want) {
			t.Errorf("the service manager's key lacks %s:\n%s", want, key)
		}
	}
	var first, second struct{ Device, Epoch string }
	w.ask(&first, st.Program, "status")
	if first.Device == "" || first.Epoch == "" {
		t.Fatalf("the agent says %+v", first)
	}
	w.run(installer, "doctor", "agent")

	w.run("net", "stop", "shangu-agent")
	until(t, "the service to stop", 20*time.Second, func() error {
		if st := status("agent"); st.Running {
			return fmt.Errorf("%+v", st)
		}
		return nil
	})
	w.ask(&second, st.Program, "status")
	if _, complaint, err := w.try(installer, "doctor", "agent"); exitCode(err) != 1 || !strings.Contains(complaint, "bad") {
		t.Errorf("doctor with a stopped service: %v %q", err, complaint)
	}
	// Installing again replaces the program while it runs, and keeps the data.
	w.run("net", "start", "shangu-agent")
	w.run(installer, "install", "agent", "--", "--listen", "127.0.0.1:8729")
	w.ask(&second, st.Program, "status")
	if first != second {
		t.Errorf("another agent came up: %+v, was %+v", second, first)
	}

	w.run(installer, "uninstall", "agent")
	if st := status("agent"); st.Installed {
		t.Errorf("after uninstall: %+v", st)
	}
	if _, _, err := w.try("cmd.exe", "/c", `if exist "C:\Program Files\Shangu\agent.exe" exit 3`); exitCode(err) == 3 {
		t.Error("the program was left behind")
	}
	if _, _, err := w.try("cmd.exe", "/c", `if not exist C:\ProgramData\Shangu\agent exit 3`); err != nil {
		t.Errorf("the data is gone: %v", err)
	}

	// What differs between the systems, by its own tests.
	for _, c := range []struct {
		pkg, run string
		names    []string // must be among those that pass
	}{
		{"./host/local", ".", []string{"TestWindowsDoorIsClosedToOthers", "TestLockKeepsASecondProcessOut", "TestAKilledServiceLeavesNothingInTheWay"}},
		{"./host/vault", "^TestWindows", []string{"TestWindowsKeepsTheKey"}},
		{"../sync/disk", "^TestADirectoryMovedAside", []string{"TestADirectoryMovedAsideTakesThePlaceOfTheLast"}},
		{"../hub/state", "^TestARestoredState", []string{"TestARestoredStateTakesThePlaceOfTheLast"}},
	} {
		t.Run(filepath.Base(c.pkg), func(t *testing.T) {
			binary := filepath.Join(t.TempDir(), "it.test.exe")
			build := exec.Command("go", "test", "-c", "-o", binary, c.pkg)
			build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=windows", "GOARCH=amd64")
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("build: %v\n%s", err, out)
			}
			w := &wine{t: t, env: w.env}
			out := w.run(binary, "-test.v", "-test.run", c.run)
			for _, name := range c.names {
				if !strings.Contains(out, "--- PASS: "+name) {
					t.Errorf("%s did not pass:\n%s", name, out)
				}
			}
		})
	}
}
