package main

import (
	"context"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"shangu/installer/demo"
	"shangu/installer/stage"
	"shangu/schema/text"
)

// nobody is a user of the machine who has nothing to do with the service.
const nobody = 65534

// stranger runs a program as nobody, from a folder that anybody may enter.
func stranger(t *testing.T, dir string, env []string, in io.Reader, args ...string) (out string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Stdin = dir, in
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "TMPDIR=/tmp", "SHANGU_LANG=en"}, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	b, err := cmd.CombinedOutput()
	if err != nil && exitCode(err) == 0 {
		t.Fatalf("%v as nobody: %v", args, err)
	}
	return string(b), exitCode(err)
}

// Another user of the machine reaches neither data nor door nor page of agent and
// hub, while they run and when they do not, and is told why; even where somebody
// has opened the data directory itself to all.
func TestStrangersOnTheSameMachine(t *testing.T) {
	needRoot(t)
	// Anybody may go through to the programs; the data is in it too.
	dir, err := os.MkdirTemp("/tmp", "strangers")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	built := binaries(t, "linux")
	for name, from := range map[string]string{"agent": filepath.Join(built, "agent"), "hub": filepath.Join(built, "hub"), "other": self} {
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	sample, err := demo.Sample()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "sample"), sample); err != nil {
		t.Fatal(err)
	}
	s := stage.New(dir, dir)
	t.Cleanup(func() { s.Close() })
	h, err := s.FoundHub(t.Context(), 1, "云岭区")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(t.Context(), "hub", "district", "load", filepath.Join(dir, "sample", "district"), "--dir", h.Dirs[0]); err != nil {
		t.Fatal(err)
	}
	c := s.School("school", "2199109015")
	page, err := stage.Port()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Serve(t.Context(), "--listen", page); err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{
		func() error { return c.Enrol(t.Context(), h, 0) },
		func() error {
			return c.Import(t.Context(), "roster", filepath.Join(dir, "sample", "schools", c.Code, "roster.xlsx"))
		},
		func() error { return c.Sync(t.Context()) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	parts := map[string]string{"agent": c.Dir, "hub": h.Dirs[0]}
	denied := func(when string) {
		t.Helper()
		for name, data := range parts {
			said, code := stranger(t, dir, nil, nil, filepath.Join(dir, name), "status", "--dir", data)
			if code != 1 || strings.TrimSpace(said) != text.New("host.denied", "dir", data).In(text.EN) {
				t.Errorf("%s: %s status as another user ends with %d and says %q", when, name, code, said)
			}
			var files []string
			if err := filepath.WalkDir(data, func(path string, _ fs.DirEntry, err error) error {
				if path != data {
					files = append(files, path)
				}
				return err
			}); err != nil && !os.IsNotExist(err) { // a temporary file may go meanwhile
				t.Fatal(err)
			}
			if len(files) < 8 {
				t.Fatalf("%s: only %q in the data of %s", when, files, name)
			}
			got, _ := stranger(t, dir, []string{strangerJob + "=files"}, strings.NewReader(strings.Join(files, "\n")), filepath.Join(dir, "other"))
			if got != "" {
				t.Errorf("%s: another user opens of %s\n%s", when, name, got)
			}
		}
	}
	doors := func(when string) {
		t.Helper()
		for _, data := range parts {
			socket := filepath.Join(data, "local.sock")
			if _, err := os.Stat(socket); err != nil {
				t.Fatal(err)
			}
			got, _ := stranger(t, dir, []string{strangerJob + "=door", "SHANGU_TEST_TARGET=" + socket}, nil, filepath.Join(dir, "other"))
			if !strings.Contains(got, "permission denied") {
				t.Errorf("%s: at the door %s another user gets %q", when, socket, got)
			}
		}
		got, _ := stranger(t, dir, []string{strangerJob + "=page", "SHANGU_TEST_TARGET=http://" + page + "/"}, nil, filepath.Join(dir, "other"))
		if want := "403 " + text.New("agent.wrong_user").In(text.ZH); strings.TrimSpace(got) != want {
			t.Errorf("%s: another user gets the page %.200q, want %q", when, got, want)
		}
	}
	denied("while they run")
	doors("while they run")
	for _, data := range parts {
		if err := os.Chmod(data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	denied("in an opened directory")
	doors("in an opened directory")
	for _, end := range []func() error{c.Stop, func() error { return s.Stop(h.Name(0)) }} {
		if err := end(); err != nil {
			t.Fatal(err)
		}
	}
	denied("when they do not run")
	for _, data := range parts {
		if err := os.Chmod(data, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	denied("behind a closed directory")
}
