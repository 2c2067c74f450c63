package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"shangu/agent/service"
)

// What the service was told of the line holds for a command that finds none
// running: the month's limit is not got round by `agent sync`.
func TestCommandsKeepToTheServicesLimit(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the agent")
	}
	bin, dir := builtAgent(t), filepath.Join(t.TempDir(), "a")
	limit := func() int64 {
		t.Helper()
		out, err := exec.Command(bin, "status", "--json", "--dir", dir).Output()
		var s service.Status
		if err == nil {
			err = json.Unmarshal(out, &s)
		}
		if err != nil {
			t.Fatal(err)
		}
		return s.Data.Limit
	}
	startAgent(t, bin, dir, "--monthly-data", "30MB").stop(t)
	if n := limit(); n != 30e6 {
		t.Errorf("without the service the limit is %d", n)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "limits.json")); err != nil || strings.Contains(string(b), "monthly") {
		t.Errorf("the limit lies there unsealed: %q, %v", b, err)
	}
	startAgent(t, bin, dir).stop(t)
	if n := limit(); n != 0 {
		t.Errorf("the service was told of no limit, and it is %d", n)
	}
}
