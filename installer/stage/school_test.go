//go:build unix

package stage

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// An agent whose commands always answer, as they do when they open the data
// themselves, and whose service takes the lock once it is told to.
const slowAgent = `#!/bin/sh
case $1 in
status) echo '{}' ;;
run)
	while [ ! -e "$3/go" ]; do sleep 0.05; done
	echo $$ >"$3/lock"
	exec sleep 60
	;;
esac
`

// WaitUp waits for the service, and not for a command that found the data free.
func TestWaitUpWaitsForTheService(t *testing.T) {
	bin, work := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "agent"), []byte(slowAgent), 0o700); err != nil {
		t.Fatal(err)
	}
	s := New(bin, work)
	t.Cleanup(func() { s.Close() })
	c := s.School("school", "1")
	if err := os.Mkdir(c.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	// The last holder's number is still there.
	if err := os.WriteFile(filepath.Join(c.Dir, "lock"), []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(c.Name, "agent", "run", "--dir", c.Dir); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if c.WaitUp(short) == nil {
		t.Fatal("up before the service has its data")
	}
	if err := os.WriteFile(filepath.Join(c.Dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.WaitUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Kill(); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := c.WaitUp(t.Context()); err == nil || time.Since(start) > upWithin/2 {
		t.Errorf("after its end: %v after %v", err, time.Since(start))
	}
}
