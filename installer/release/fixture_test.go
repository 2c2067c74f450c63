package release

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"shangu/installer/demo"
	"shangu/installer/stage"
)

var makeRelease = flag.String("make", "", "make the fixture of this release, from the programs of today")

// school is the school of the sample that the fixtures play.
const school = "2199109015"

// said is what a release said of its directories when it left them.
type said struct {
	Commit  string             // that the programs were built from
	Status  stage.SchoolStatus // of the agent
	Agent   stage.Digests
	Hub     stage.Digests
	Summary []map[string]any // of the hub: hub report summary
}

// newStage is a stage with the programs of today.
func newStage(t *testing.T) *stage.Stage {
	t.Helper()
	work, err := os.MkdirTemp("", "rel") // sockets need short names
	if err != nil {
		t.Fatal(err)
	}
	s := stage.New(filepath.Join(work, "bin"), work)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		os.RemoveAll(work)
	})
	if err := stage.Build(t.Context(), root(t), s.Bin, "./agent", "./hub"); err != nil {
		t.Fatal(err)
	}
	return s
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sample lays out the sample's tables and returns its folder.
func sample(t *testing.T) string {
	t.Helper()
	files, err := demo.Sample()
	check(t, err)
	dir := t.TempDir()
	check(t, os.CopyFS(dir, files))
	return dir
}

// play makes a district of one node and one agent that has synced its
// attendance and holds visits and training that wait. agent and hub are the
// stages whose programs play them.
func play(t *testing.T, agent, hub *stage.Stage) (*stage.School, *stage.Hub) {
	t.Helper()
	ctx, data := t.Context(), sample(t)
	h, err := hub.FoundHub(ctx, 1, "云岭区")
	check(t, err)
	_, err = hub.Run(ctx, "hub", "district", "load", filepath.Join(data, "district"), "--dir", h.Dirs[0])
	check(t, err)
	c := agent.School("agent", school)
	check(t, c.Enrol(ctx, h, 0))
	take(t, c, data, "roster.xlsx", "teachers.xlsx", "attendance.csv")
	check(t, c.Drained(ctx, h, 0))
	take(t, c, data, "visits.csv", "training.csv")
	return c, h
}

func take(t *testing.T, c *stage.School, data string, files ...string) {
	t.Helper()
	for _, f := range files {
		kind := strings.TrimSuffix(f, filepath.Ext(f))
		check(t, c.Import(t.Context(), kind, filepath.Join(data, "schools", school, f)))
	}
}

// ask asks programs what they say of their directories.
func ask(t *testing.T, agent, hub *stage.Stage, c *stage.School, h *stage.Hub) (v said) {
	t.Helper()
	ctx := t.Context()
	var err error
	v.Status, err = c.Status(ctx)
	check(t, err)
	v.Agent, err = c.Digest(ctx)
	check(t, err)
	v.Hub, err = h.Digest(ctx, 0, school)
	check(t, err)
	check(t, hub.Ask(ctx, &v.Summary, "hub", "report", "summary", "--dir", h.Dirs[0]))
	return v
}

// TestFixtures makes the fixture of a release when -make names one.
func TestFixtures(t *testing.T) {
	if *makeRelease == "" {
		t.Skip("makes a release's fixture with -make NAME")
	}
	into := filepath.Join("testdata", *makeRelease)
	if _, err := os.Stat(into); err == nil {
		t.Fatalf("%s is there: a release's fixture never changes", into)
	}
	commit, err := exec.Command("git", "rev-parse", "HEAD").Output()
	check(t, err)
	s := newStage(t)
	c, h := play(t, s, s)
	v := ask(t, s, s, c, h)
	v.Commit = strings.TrimSpace(string(commit))
	if v.Status.Pending == 0 || v.Status.Safe == 0 || len(v.Hub) == 0 {
		t.Fatalf("the fixture would hold too little: %+v", v)
	}
	check(t, s.Stop(h.Name(0)))
	check(t, os.MkdirAll(into, 0o755))
	check(t, pack(c.Dir, filepath.Join(into, "agent.tar.gz")))
	check(t, pack(h.Dirs[0], filepath.Join(into, "hub.tar.gz")))
	data, err := json.MarshalIndent(v, "", "\t")
	check(t, err)
	check(t, os.WriteFile(filepath.Join(into, "said.json"), append(data, '\n'), 0o644))
}

// pack packs a directory; holes and preallocated space shrink to little.
func pack(dir, file string) error {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return err
	}
	w := tar.NewWriter(z)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() && !info.IsDir() {
			return nil // the local door's socket
		}
		head, err := tar.FileInfoHeader(info, "")
		if err != nil {
			return err
		}
		if head.Name, err = filepath.Rel(dir, path); err != nil {
			return err
		}
		head.Name = filepath.ToSlash(head.Name)
		head.Uname, head.Gname, head.Uid, head.Gid, head.ModTime = "", "", 0, 0, time.Unix(0, 0)
		if err := w.WriteHeader(head); err != nil || info.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		_, err = w.Write(data)
		return err
	})
	if err != nil {
		return fmt.Errorf("pack %s: %w", dir, err)
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(file, out.Bytes(), 0o644)
}

// unpack lays a packed directory out again.
func unpack(file, dir string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	r := tar.NewReader(z)
	for {
		head, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("unpack %s: %w", file, err)
		}
		path := filepath.Join(dir, filepath.FromSlash(head.Name))
		mode := fs.FileMode(head.Mode).Perm()
		if head.Typeflag == tar.TypeDir {
			if err := os.MkdirAll(path, mode); err != nil {
				return err
			}
			continue
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, data, mode); err != nil {
			return err
		}
	}
}

// releases are the folders of testdata, oldest first.
func releases(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir("testdata")
	check(t, err)
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

func read(t *testing.T, release string) (v said) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", release, "said.json"))
	check(t, err)
	check(t, json.Unmarshal(data, &v))
	return v
}

// onlyLinux skips what a release of Linux left: the keys of its directories are
// kept in Linux's way.
func onlyLinux(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the fixtures' keys are kept in Linux's way")
	}
}
