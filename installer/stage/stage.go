// Package stage puts the built programs on this machine as processes of their
// own, for drills and system tests: they are started by name, asked by
// commands, killed as a power cut would kill them, and started again. It ends
// only processes that it started. Of ours it imports sync/disk, for a lock.
package stage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"sync"
	"syscall"
	"time"
)

// Stage is a folder with built programs and the processes that run from it.
type Stage struct {
	Bin  string // folder of the programs
	Work string // folder for their data and output
	// Elsewhere names programs that do not stand in Bin, with their files.
	Elsewhere map[string]string
	// Host is the address that hub nodes listen on for agents; "" is 127.0.0.1.
	Host string

	mu    sync.Mutex
	procs map[string]*process
}

type process struct {
	args []string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// endWithin is how long a process may take to end after it was asked to.
const endWithin = 30 * time.Second

// Build builds the named packages of the module at root into bin, as README
// tells a user to.
func Build(ctx context.Context, root, bin string, packages ...string) error {
	build := exec.CommandContext(ctx, "go", append([]string{"build", "-o", bin + string(filepath.Separator)}, packages...)...)
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// New makes a stage of the programs in bin. work should have a short name: the
// programs make Unix sockets below it.
func New(bin, work string) *Stage {
	return &Stage{Bin: bin, Work: work, procs: map[string]*process{}}
}

// Start starts a program, args[0], under a name; what it prints is appended to
// the file of that name in Work.
func (s *Stage) Start(name string, args ...string) error {
	log, err := os.OpenFile(s.LogFile(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	cmd := exec.Command(s.program(args[0]), args[1:]...)
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
	s.mu.Lock()
	s.procs[name] = p
	s.mu.Unlock()
	return nil
}

func (s *Stage) program(name string) string {
	if file, ok := s.Elsewhere[name]; ok {
		return file
	}
	return filepath.Join(s.Bin, name)
}

// LogFile is where the output of a process goes.
func (s *Stage) LogFile(name string) string { return filepath.Join(s.Work, name+".log") }

func (s *Stage) process(name string) *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.procs[name]
}

// PID is a process's id; 0 if it was never started.
func (s *Stage) PID(name string) int {
	if p := s.process(name); p != nil {
		return p.cmd.Process.Pid
	}
	return 0
}

// Ended is closed when a process has ended; nil if it was never started.
func (s *Stage) Ended(name string) <-chan struct{} {
	if p := s.process(name); p != nil {
		return p.done
	}
	return nil
}

// Kill ends a process without warning and waits for it to be gone.
func (s *Stage) Kill(name string) error { return s.end(name, os.Kill) }

// Stop asks a process to end and waits for it. One that does not end in time
// is killed, and that is an error.
func (s *Stage) Stop(name string) error { return s.end(name, syscall.SIGTERM) }

func (s *Stage) end(name string, sig os.Signal) error {
	p := s.process(name)
	if p == nil {
		return nil
	}
	p.cmd.Process.Signal(sig) // fails only if it has ended already
	select {
	case <-p.done:
		return nil
	case <-time.After(endWithin):
		p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("%s does not end within %v after %v", name, endWithin, sig)
	}
}

// Restart starts a process again with the arguments it had and any more.
func (s *Stage) Restart(name string, more ...string) error {
	p := s.process(name)
	if p == nil {
		return fmt.Errorf("restart %s: never started", name)
	}
	return s.Start(name, append(p.args[:len(p.args):len(p.args)], more...)...)
}

// Close kills what still runs.
func (s *Stage) Close() error {
	s.mu.Lock()
	var names []string
	for n := range s.procs {
		names = append(names, n)
	}
	s.mu.Unlock()
	sort.Strings(names)
	var errs []error
	for _, n := range names {
		errs = append(errs, s.Kill(n))
	}
	return errors.Join(errs...)
}

// Run runs one command to its end and returns what it printed.
func (s *Stage) Run(ctx context.Context, args ...string) (stdout []byte, err error) {
	cmd := exec.CommandContext(ctx, s.program(args[0]), args[1:]...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.Bytes(), fmt.Errorf("%v: %w: %s", args, err, bytes.TrimSpace(errs.Bytes()))
	}
	return out.Bytes(), nil
}

// Ask runs one command with --json and decodes what it prints into v.
func (s *Stage) Ask(ctx context.Context, v any, args ...string) error {
	out, err := s.Run(ctx, append(args[:len(args):len(args)], "--json")...)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out, v); err != nil {
		return fmt.Errorf("%v: %w in %.200s", args, err, out)
	}
	return nil
}

// Until asks every 100 ms until f returns nil; when limit has passed or ctx has
// ended it returns f's last error.
func Until(ctx context.Context, limit time.Duration, f func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}
