package release

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"shangu/installer/stage"
)

// Directories of each release open with the programs of today, which say of
// them what that release said, and go on from there.
func TestDirectoriesOpen(t *testing.T) {
	onlyLinux(t)
	names := releases(t)
	if len(names) == 0 {
		t.Fatal("there is no release in testdata")
	}
	s := newStage(t)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			was := read(t, name)
			work := filepath.Join(s.Work, name)
			check(t, os.Mkdir(work, 0o700))
			here := stage.New(s.Bin, work)
			t.Cleanup(func() { here.Close() })
			c := here.School("agent", school)
			check(t, unpack(filepath.Join("testdata", name, "agent.tar.gz"), c.Dir))
			check(t, unpack(filepath.Join("testdata", name, "hub.tar.gz"), filepath.Join(work, "hub0")))
			h, err := here.Reopen(ctx, 1)
			if err != nil {
				log, _ := os.ReadFile(here.LogFile("hub0"))
				t.Fatalf("%v\n%s", err, log)
			}

			is := ask(t, here, here, c, h)
			if is.Status.Pending != was.Status.Pending || is.Status.Safe != was.Status.Safe || is.Status.Docs != was.Status.Docs || is.Status.Epoch != was.Status.Epoch {
				t.Errorf("agent: was %+v, is %+v", was.Status, is.Status)
			}
			if at := was.Agent.Differ(is.Agent); at != "" {
				t.Errorf("the agent's digest differs in %s", at)
			}
			if at := was.Hub.Differ(is.Hub); at != "" {
				t.Errorf("the hub's digest differs in %s", at)
			}
			if was, is := fmt.Sprint(counts(was.Summary)), fmt.Sprint(counts(is.Summary)); was != is {
				t.Errorf("the hub's summary was\n%s, is\n%s", was, is)
			}
			_, err = here.Run(ctx, "agent", "verify", "--dir", c.Dir)
			check(t, err)

			// The machine that it left is not the one it wakes on: it is told where the hub is.
			check(t, c.Enrol(ctx, h, 0))
			check(t, c.Drained(ctx, h, 0))
			_, err = here.Run(ctx, "agent", "verify", "--dir", c.Dir)
			check(t, err)
		})
	}
}

// counts are the columns of a summary that a release never takes away.
func counts(rows []map[string]any) (out []string) {
	for _, r := range rows {
		out = append(out, fmt.Sprint(r["school"], r["pupils"], r["sheets"], r["marks"], r["visits"], r["trainings"], r["conflicts"], r["quarantined"]))
	}
	return out
}

// The programs of the release before and those of today understand each other,
// whichever of them is the school's. SHANGU_PREVIOUS names another commit to be
// held against today's.
func TestPreviousRelease(t *testing.T) {
	onlyLinux(t)
	commit := os.Getenv("SHANGU_PREVIOUS")
	if names := releases(t); commit == "" {
		if len(names) < 2 {
			t.Skip("there is no release before this one; SHANGU_PREVIOUS=COMMIT names a commit to try")
		}
		commit = read(t, names[len(names)-2]).Commit
	}
	before := previous(t, commit)
	today := newStage(t)
	for _, c := range []struct {
		name       string
		agent, hub *stage.Stage
	}{
		{"old agent, new hub", before, today},
		{"new agent, old hub", today, before},
	} {
		t.Run(c.name, func(t *testing.T) {
			work := t.TempDir()
			agent, hub := stage.New(c.agent.Bin, filepath.Join(work, "a")), stage.New(c.hub.Bin, filepath.Join(work, "h"))
			for _, s := range []*stage.Stage{agent, hub} {
				check(t, os.Mkdir(s.Work, 0o700))
				t.Cleanup(func() { s.Close() })
			}
			school, h := play(t, agent, hub)
			check(t, school.Drained(t.Context(), h, 0))
			v := ask(t, agent, hub, school, h)
			if v.Status.Pending != 0 || v.Status.Conflicts != 0 || v.Status.Quarantined != 0 || v.Status.Safe == 0 {
				t.Errorf("%+v", v.Status)
			}
		})
	}
}

// previous builds the programs of a commit.
func previous(t *testing.T, commit string) *stage.Stage {
	t.Helper()
	archive := exec.Command("git", "archive", "--format=tar", commit)
	archive.Dir = root(t)
	data, err := archive.Output()
	if err != nil {
		t.Skipf("the history here does not reach back to %s: %v", commit, err)
	}
	source := t.TempDir()
	r := tar.NewReader(bytes.NewReader(data))
	for {
		head, err := r.Next()
		if err == io.EOF {
			break
		}
		check(t, err)
		path := filepath.Join(source, filepath.FromSlash(head.Name))
		switch head.Typeflag {
		case tar.TypeDir:
			check(t, os.MkdirAll(path, 0o755))
		case tar.TypeReg:
			data, err := io.ReadAll(r)
			check(t, err)
			check(t, os.MkdirAll(filepath.Dir(path), 0o755))
			check(t, os.WriteFile(path, data, 0o644))
		}
	}
	work, err := os.MkdirTemp("", "old")
	check(t, err)
	t.Cleanup(func() { os.RemoveAll(work) })
	s := stage.New(filepath.Join(work, "bin"), work)
	check(t, stage.Build(t.Context(), source, s.Bin, "./agent", "./hub"))
	return s
}
