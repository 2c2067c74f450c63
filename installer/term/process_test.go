package term

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// bench runs the built programs as processes of their own and ends only those
// that it started.
type bench struct {
	t    *testing.T
	bin  string
	work string

	mu    sync.Mutex
	procs map[string]*process
}

type process struct {
	args []string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// newBench builds agent and hub as README says and makes a working folder.
func newBench(t *testing.T) *bench {
	t.Helper()
	// Unix sockets have short names, so the folder is not t.TempDir.
	work, err := os.MkdirTemp("", "term")
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, bin: filepath.Join(work, "bin"), work: work, procs: map[string]*process{}}
	t.Cleanup(func() {
		b.killAll()
		if t.Failed() {
			b.showLogs()
		}
		os.RemoveAll(work)
	})
	build := exec.Command("go", "build", "-o", b.bin+string(filepath.Separator), "./agent", "./hub")
	build.Dir = filepath.Join("..", "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return b
}

// start starts a program under a name; its output goes to a file of that name.
func (b *bench) start(name string, args ...string) error {
	log, err := os.OpenFile(filepath.Join(b.work, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(b.bin, args[0]), args[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		log.Close()
		return fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{args: args, cmd: cmd, done: make(chan struct{})}
	go func() {
		cmd.Wait() // a killed process reports an error, which is what was wanted
		log.Close()
		close(p.done)
	}()
	b.mu.Lock()
	b.procs[name] = p
	b.mu.Unlock()
	return nil
}

// kill ends a process without warning, as a power cut would.
func (b *bench) kill(name string) { b.end(name, os.Kill) }

// stop asks a process to end and waits for it.
func (b *bench) stop(name string) { b.end(name, syscall.SIGTERM) }

func (b *bench) end(name string, sig os.Signal) {
	b.mu.Lock()
	p := b.procs[name]
	b.mu.Unlock()
	if p == nil {
		return
	}
	p.cmd.Process.Signal(sig) // fails only if it has ended already
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		b.t.Errorf("%s does not end within 30 s after %v", name, sig)
		p.cmd.Process.Kill()
		<-p.done
	}
}

// restart starts a process again with the arguments it had.
func (b *bench) restart(name string) error {
	b.mu.Lock()
	p := b.procs[name]
	b.mu.Unlock()
	return b.start(name, p.args...)
}

func (b *bench) killAll() {
	b.mu.Lock()
	var names []string
	for n := range b.procs {
		names = append(names, n)
	}
	b.mu.Unlock()
	for _, n := range names {
		b.kill(n)
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

// run runs one command to its end and returns what it printed.
func (b *bench) run(ctx context.Context, args ...string) (stdout []byte, err error) {
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin, args[0]), args[1:]...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.Bytes(), fmt.Errorf("%v: %w: %s", args, err, bytes.TrimSpace(errs.Bytes()))
	}
	return out.Bytes(), nil
}

// must runs one command that has to succeed.
func (b *bench) must(args ...string) []byte {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	out, err := b.run(ctx, args...)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

// ask runs one command and decodes the JSON that it prints.
func (b *bench) ask(v any, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := b.run(ctx, append(args, "--json")...)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out, v); err != nil {
		return fmt.Errorf("%v: %w in %.200s", args, err, out)
	}
	return nil
}

// until asks again and again until f returns nil.
func (b *bench) until(what string, limit time.Duration, f func() error) {
	b.t.Helper()
	if err := wait(limit, f); err != nil {
		b.t.Fatalf("waited %v in vain for %s: %v", limit, what, err)
	}
}

func wait(limit time.Duration, f func() error) error {
	deadline := time.After(limit)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-deadline:
			return err
		case <-tick.C:
		}
	}
}

// freePort returns an address on loopback that nobody listens on. It is not
// one that the system gives to outgoing connections: whoever listens there ends
// and comes back, and must find it free.
func freePort(t *testing.T) string {
	t.Helper()
	for range 200 {
		addr := fmt.Sprintf("127.0.0.1:%d", 12000+rand.IntN(20000))
		if _, taken := given.LoadOrStore(addr, true); taken {
			continue
		}
		l, err := net.Listen("tcp", addr)
		if err == nil {
			l.Close()
			return addr
		}
	}
	t.Fatal("no free port")
	return ""
}

// given are the addresses that freePort has given out.
var given sync.Map
