package term

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"shangu/installer/stage"
)

// bench is a stage that fails its test.
type bench struct {
	*stage.Stage
	t    *testing.T
	work string
}

// newBench builds agent and hub as README says and makes a working folder.
func newBench(t *testing.T) *bench {
	t.Helper()
	// Unix sockets have short names, so the folder is not t.TempDir.
	work, err := os.MkdirTemp("", "term")
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{stage.New(filepath.Join(work, "bin"), work), t, work}
	t.Cleanup(func() {
		b.Close()
		if t.Failed() {
			b.showLogs()
		}
		os.RemoveAll(work)
	})
	if err := stage.Build(t.Context(), filepath.Join("..", ".."), b.Bin, "./agent", "./hub"); err != nil {
		t.Fatal(err)
	}
	return b
}

// kill ends a process without warning, as a power cut would.
func (b *bench) kill(name string) { b.check(b.Kill(name)) }

// stop asks a process to end and waits for it.
func (b *bench) stop(name string) { b.check(b.Stop(name)) }

func (b *bench) check(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Error(err)
	}
}

// showLogs prints the end of each process's output.
func (b *bench) showLogs() {
	logs, _ := filepath.Glob(filepath.Join(b.work, "*.log"))
	for _, path := range logs {
		data, err := os.ReadFile(path)
		if err == nil && len(data) > 0 {
			b.t.Logf("--- %s\n%s", filepath.Base(path), data[max(0, len(data)-1500):])
		}
	}
}

// must runs one command that has to succeed.
func (b *bench) must(args ...string) []byte {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	out, err := b.Run(ctx, args...)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

// ask runs one command and decodes the JSON that it prints.
func (b *bench) ask(v any, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return b.Ask(ctx, v, args...)
}

// until asks again and again until f returns nil.
func (b *bench) until(what string, limit time.Duration, f func() error) {
	b.t.Helper()
	if err := wait(limit, f); err != nil {
		b.t.Fatalf("waited %v in vain for %s: %v", limit, what, err)
	}
}

func wait(limit time.Duration, f func() error) error {
	return stage.Until(context.Background(), limit, f)
}

func freePort(t *testing.T) string {
	t.Helper()
	addr, err := stage.Port()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}
