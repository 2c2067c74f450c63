package stage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// School is a school's agent: its data directory, and its process when Serve
// has started one. Without a process its commands open the data themselves.
type School struct {
	Name string // of its folder and process
	Code string
	Dir  string

	s *Stage
}

// SchoolStatus is the part of `agent status` that drills look at.
type SchoolStatus struct {
	School, Device, Epoch string
	Pending, Safe         int
	Quarantined           int
	Conflicts             int
	Docs                  int
	Boot                  int
	Rebuilt               string
	LastError             string `json:"last_error"`
}

// School is an agent with an empty directory of its own.
func (s *Stage) School(name, code string) *School {
	return &School{Name: name, Code: code, Dir: filepath.Join(s.Work, name), s: s}
}

// Enrol gives the agent a fresh token of the hub. node is the first address
// that it tries.
func (c *School) Enrol(ctx context.Context, h *Hub, node int) error {
	token, err := h.Token(ctx, node, c.Code)
	if err != nil {
		return err
	}
	_, err = c.s.Run(ctx, "agent", "enroll", "--dir", c.Dir, "--hub", h.URLs(node), "--token", token)
	return err
}

// Import takes a file into the agent.
func (c *School) Import(ctx context.Context, kind, file string) error {
	_, err := c.s.Run(ctx, "agent", "import", kind, file, "--dir", c.Dir)
	return err
}

// Export writes what the agent holds of a kind to a file.
func (c *School) Export(ctx context.Context, kind, file string) error {
	_, err := c.s.Run(ctx, "agent", "export", kind, file, "--dir", c.Dir)
	return err
}

// Sync runs one session; it fails while anything is pending.
func (c *School) Sync(ctx context.Context) error {
	_, err := c.s.Run(ctx, "agent", "sync", "--dir", c.Dir)
	return err
}

// Status asks the agent how it stands.
func (c *School) Status(ctx context.Context) (v SchoolStatus, err error) {
	return v, c.s.Ask(ctx, &v, "agent", "status", "--dir", c.Dir)
}

// Serve starts the agent's service and waits until it answers.
func (c *School) Serve(ctx context.Context, more ...string) error {
	args := append([]string{"agent", "run", "--dir", c.Dir, "--listen", "127.0.0.1:0"}, more...)
	if err := c.s.Start(c.Name, args...); err != nil {
		return err
	}
	return c.WaitUp(ctx)
}

// upWithin is how long the service may take to answer.
const upWithin = 20 * time.Second

// WaitUp waits until the agent's service answers. Before it has taken the
// directory's lock, which says whose it is, a command would open the data itself
// and be in its way.
func (c *School) WaitUp(ctx context.Context) error {
	pid := strconv.Itoa(c.s.PID(c.Name))
	ended := c.s.Ended(c.Name)
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	return Until(waiting, upWithin, func() error {
		select {
		case <-ended:
			cancel()
			return fmt.Errorf("the service of %s has ended", c.Name)
		default:
		}
		b, err := os.ReadFile(filepath.Join(c.Dir, "lock"))
		if holder := string(bytes.TrimSpace(b)); err != nil || holder != pid {
			return fmt.Errorf("the service of %s, process %s, has not opened its data: process %q has", c.Name, pid, holder)
		}
		_, err = c.Status(ctx)
		return err
	})
}

// Kill and Stop end the agent's service.
func (c *School) Kill() error { return c.s.Kill(c.Name) }
func (c *School) Stop() error { return c.s.Stop(c.Name) }

// Clone copies the directory of an agent that does not run, as a disk is cloned.
func (c *School) Clone(name string) (*School, error) {
	twin := c.s.School(name, c.Code)
	if err := os.RemoveAll(twin.Dir); err != nil {
		return nil, fmt.Errorf("clone %s: %w", c.Name, err)
	}
	if err := os.CopyFS(twin.Dir, os.DirFS(c.Dir)); err != nil {
		return nil, fmt.Errorf("clone %s: %w", c.Name, err)
	}
	// A disk's image keeps who may read; CopyFS does not.
	return twin, filepath.WalkDir(c.Dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(c.Dir, path)
		if err != nil {
			return err
		}
		return os.Chmod(filepath.Join(twin.Dir, name), info.Mode().Perm())
	})
}

// Digests are the digests of what a school sees, by kind and month.
type Digests map[string]map[string]string

// Digest asks the agent for its digests.
func (c *School) Digest(ctx context.Context) (v Digests, err error) {
	return v, c.s.Ask(ctx, &v, "agent", "digest", "--dir", c.Dir)
}

// Digest asks node n for a school's digests.
func (h *Hub) Digest(ctx context.Context, n int, school string) (v Digests, err error) {
	return v, h.s.Ask(ctx, &v, "hub", "digest", "--school", school, "--dir", h.Dirs[n])
}

// Differ names the first kind and month in which two sides differ, "" if none.
func (d Digests) Differ(o Digests) string {
	for _, kind := range slices.Sorted(maps.Keys(d)) {
		for _, month := range slices.Sorted(maps.Keys(d[kind])) {
			if o[kind][month] != d[kind][month] {
				return kind + " " + month
			}
		}
		if len(o[kind]) != len(d[kind]) {
			return kind
		}
	}
	if len(o) != len(d) {
		return "kinds"
	}
	return ""
}

// Drained waits until nothing is pending at the agent and node n holds what
// the agent holds, byte for byte.
func (c *School) Drained(ctx context.Context, h *Hub, n int) error {
	return Until(ctx, time.Minute, func() error {
		if err := c.Sync(ctx); err != nil {
			return err
		}
		st, err := c.Status(ctx)
		if err != nil {
			return err
		}
		if st.Pending != 0 {
			return fmt.Errorf("%s: %d entries pending", c.Name, st.Pending)
		}
		here, err1 := c.Digest(ctx)
		there, err2 := h.Digest(ctx, n, c.Code)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		if len(here) == 0 {
			return fmt.Errorf("%s holds nothing", c.Name)
		}
		if at := here.Differ(there); at != "" {
			return fmt.Errorf("%s and %s differ in %s", c.Name, h.Name(n), at)
		}
		return nil
	})
}
