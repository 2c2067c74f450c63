package main

import (
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"shangu/installer/host/cli"
	"shangu/sync/identity"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"agent": func() { os.Exit(cli.Main(root())) }})
}

// TestEveryWordIsInTheCatalogue holds all help and flags against schema/text.
func TestEveryWordIsInTheCatalogue(t *testing.T) {
	if err := cli.Check(root()); err != nil {
		t.Fatal(err)
	}
}

// TestScripts runs the commands as processes of their own. The scripts' DATA is
// a small school of the made-up district, BUNDLES are a school pack for it and
// what a stick may hold.
func TestScripts(t *testing.T) {
	data, err := filepath.Abs(filepath.Join("..", "installer", "demo", "yunling", "schools", "2199109015"))
	if err != nil {
		t.Fatal(err)
	}
	bundles, err := filepath.Abs(filepath.Join("..", "sync", "bundle", "testdata", "v1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{data, bundles} {
		if _, err := os.Stat(dir); err != nil {
			t.Fatal(err)
		}
	}
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			e.Setenv("DATA", data)
			e.Setenv("BUNDLES", bundles)
			e.Setenv("SHANGU_LANG", "zh")
			e.Setenv("USER", "wang")
			for name, t := range map[string]struct {
				role   identity.Role
				school string
			}{
				"TOKEN": {identity.RoleSchool, "2199109015"}, "TOKEN2": {identity.RoleSchool, "2199109024"}, "NODE_TOKEN": {identity.RoleNode, ""},
			} {
				token, err := identity.NewToken(t.role, t.school, [32]byte{1}, rand.Reader)
				if err != nil {
					return err
				}
				e.Setenv(name, token.String())
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// exits runs a command and holds its exit code: exits 2 agent import nonsense x
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARGS]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
