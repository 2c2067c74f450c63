package logs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/pflag"
)

func TestLinesAreJSONAndRotate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log", "agent.log")
	var also bytes.Buffer
	l, err := Open(Options{Path: path, MaxBytes: 2000, Keep: 3, Also: &also})
	if err != nil {
		t.Fatal(err)
	}
	const n = 200
	for i := range n {
		l.Info("event", "n", i)
	}
	l.Debug("left out")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(path + "*")
	if err != nil || len(names) != 4 {
		t.Fatalf("files %v: %v", names, err)
	}
	// The newest lines, in order, without a gap, are in the files.
	var kept []byte
	for _, name := range []string{path + ".3", path + ".2", path + ".1", path} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > 2000 {
			t.Errorf("%s has %d bytes", name, len(b))
		}
		kept = append(kept, b...)
	}
	if !strings.HasSuffix(also.String(), string(kept)) || len(kept) < 4000 {
		t.Errorf("files hold %d bytes that are not the end of what was written", len(kept))
	}
	for i, line := range strings.Split(strings.TrimSpace(also.String()), "\n") {
		var e struct {
			Msg string
			N   int
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Msg != "event" || e.N != i {
			t.Fatalf("line %d is %q: %v", i, line, err)
		}
	}
}

func TestALogIsContinued(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.log")
	for i := range 3 {
		l, err := Open(Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		l.Info("start", "n", i)
		l.Close()
	}
	b, err := os.ReadFile(path)
	if err != nil || bytes.Count(b, []byte("\n")) != 3 {
		t.Fatalf("%q: %v", b, err)
	}
}

func TestRecentIsBounded(t *testing.T) {
	l, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := l.Recent(10); len(got) != 0 {
		t.Fatalf("an empty log gave %q", got)
	}
	for i := range Ring + 50 {
		l.Info("event", "n", i, "long", strings.Repeat("山", 5000*(i/(Ring+49))))
	}
	got := l.Recent(1 << 20)
	if len(got) != Ring {
		t.Fatalf("%d lines", len(got))
	}
	if !strings.Contains(got[0], `"n":50,`) {
		t.Errorf("the oldest is %q", got[0])
	}
	last := got[Ring-1]
	if len(last) > longestLine+len("…") || !strings.HasSuffix(last, "山…") {
		t.Errorf("the long line has %d bytes and ends with %q", len(last), last[len(last)-8:])
	}
	if two := l.Recent(2); len(two) != 2 || two[1] != last {
		t.Errorf("Recent(2) gave %d lines", len(two))
	}
}

// Whatever becomes of the files, logging goes on and comes back.
func TestALostDirectoryDoesNotStopTheWork(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not remove a directory with an open file")
	}
	dir := filepath.Join(t.TempDir(), "log")
	path := filepath.Join(dir, "agent.log")
	l, err := Open(Options{Path: path, MaxBytes: 200})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.Info("before", "pad", strings.Repeat("x", 200))
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	l.Info("while it is gone")
	l.Info("and again")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l.Info("after")
	b, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(b), `"after"`) {
		t.Fatalf("file %q: %v", b, err)
	}
	if got := l.Recent(4); len(got) != 4 || !strings.Contains(got[1], "while it is gone") {
		t.Errorf("memory holds %q", got)
	}
}

func TestManyWritersOneLineEach(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.log")
	l, err := Open(Options{Path: path, MaxBytes: 3000, Keep: 100})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 50 {
				l.Info("event", "id", fmt.Sprintf("%d-%d", w, i))
			}
		})
	}
	wg.Wait()
	l.Close()
	seen := map[string]bool{}
	names, _ := filepath.Glob(path + "*")
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			var e struct{ ID string }
			if err := json.Unmarshal([]byte(line), &e); err != nil || seen[e.ID] {
				t.Fatalf("line %q: %v, seen before: %v", line, err, seen[e.ID])
			}
			seen[e.ID] = true
		}
	}
	if len(seen) != 400 {
		t.Errorf("%d lines of 400", len(seen))
	}
}

func TestLevelFlag(t *testing.T) {
	fs := pflag.NewFlagSet("x", pflag.ContinueOnError)
	level := AddFlag(fs)
	if err := fs.Parse([]string{"--log-level", "warn"}); err != nil || *level != slog.LevelWarn {
		t.Fatalf("%v %v", *level, err)
	}
	l, err := Open(Options{Level: level})
	if err != nil {
		t.Fatal(err)
	}
	l.Info("left out")
	l.Warn("kept")
	if got := l.Recent(5); len(got) != 1 || !strings.Contains(got[0], "kept") {
		t.Errorf("%q", got)
	}
	if err := fs.Parse([]string{"--log-level", "loud"}); err == nil {
		t.Error("a level that is none was taken")
	}
}
