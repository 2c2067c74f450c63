package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

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

// needRoot skips a test that only root can run; in CI we are root.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatal("needs root, and CI runs as root")
	}
	t.Skip("needs root")
}

var built struct {
	sync.Mutex
	dirs map[string]string
}

// binaries builds the three programs, once for all tests of a system, and
// returns their directory.
func binaries(t *testing.T, goos string) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if dir := built.dirs[goos]; dir != "" {
		return dir
	}
	dir := filepath.Join(scratch, goos)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", dir+string(filepath.Separator), "./agent", "./hub", "./installer")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH=amd64")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build for %s: %v\n%s", goos, err, out)
	}
	if built.dirs == nil {
		built.dirs = map[string]string{}
	}
	built.dirs[goos] = dir
	return dir
}

// scratch holds what is built for all tests of the package.
var scratch string

func TestMain(m *testing.M) {
	var err error
	scratch, err = os.MkdirTemp("", "shangu-installer-")
	if err != nil {
		panic(err)
	}
	if job := os.Getenv(strangerJob); job != "" {
		os.RemoveAll(scratch)
		os.Exit(beStranger(job))
	}
	code := m.Run()
	os.RemoveAll(scratch)
	os.Exit(code)
}

// until polls f until it returns nil, and fails the test if it does not in time.
func until(t *testing.T, what string, limit time.Duration, f func() error) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-deadline.C:
			t.Fatalf("waited %v for %s: %v", limit, what, err)
		case <-tick.C:
		}
	}
}
