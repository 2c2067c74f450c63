package main

import (
	crand "crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"shangu/agent/service"
	"shangu/agent/store/storetest"
	"shangu/sync/identity"
	"shangu/sync/seal"
)

// A journal that rotted keeps the agent from opening, in words that name the
// command that helps; and that command does.
func TestVerifyRepairsADamagedJournal(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the agent")
	}
	bin, dir := builtAgent(t), filepath.Join(t.TempDir(), "a")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	key, err := identity.OpenKey(filepath.Join(dir, "device.key"), crand.Reader, seal.Files{})
	if err != nil {
		t.Fatal(err)
	}
	if err := storetest.Fill(t.Context(), filepath.Join(dir, "data"), key.Device(), storetest.Years{Days: 40}); err != nil {
		t.Fatal(err)
	}
	segments, err := filepath.Glob(filepath.Join(dir, "data", "journal", "*", "*.seg"))
	if err != nil || len(segments) == 0 {
		t.Fatal("no journal", err)
	}
	b, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	b[200] ^= 1 // in the first of several saves
	if err := os.WriteFile(segments[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (out, said string, failed bool) {
		t.Helper()
		cmd := exec.Command(bin, append(args, "--dir", dir, "--lang", "en")...)
		o, err := cmd.Output()
		exit, failed := errors.AsType[*exec.ExitError](err)
		if err != nil && !failed {
			t.Fatal(err)
		}
		if failed {
			said = string(exit.Stderr)
		}
		return string(o), said, failed
	}
	if _, said, failed := run("status"); !failed || !strings.Contains(said, "agent verify --repair") {
		t.Fatalf("opened, or it does not say what helps: %s", said)
	}
	out, said, failed := run("verify", "--repair", "--json")
	var v service.Verified
	if failed || json.Unmarshal([]byte(out), &v) != nil || !v.Repaired || len(v.Problems) == 0 {
		t.Fatalf("%s %s", out, said)
	}
	if out, said, failed = run("verify", "--json"); failed || json.Unmarshal([]byte(out), &v) != nil || len(v.Problems) != 0 {
		t.Fatalf("%s %s", out, said)
	}
	var st service.Status
	if out, said, failed = run("status", "--json"); failed || json.Unmarshal([]byte(out), &st) != nil || st.Pending == 0 || st.Docs == 0 {
		t.Fatalf("%s %s", out, said)
	}
}
