package pages

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"shangu/agent/store"
	"shangu/hub/district"
	"shangu/hub/state"
	"shangu/installer/stage"
	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/identity"
	"shangu/sync/seal"
	"shangu/sync/session"
)

// shots is where pictures of pages are kept; "" keeps none.
var shots = flag.String("shots", "", "keep pictures of all pages in this folder")

// today is the day of all tests: a Monday, after the last day of Yunling's records.
const today = "2026-11-23"

// The schools of Yunling that tests play in. All classes of the town's middle school
// have 40 pupils; the mountain school has visits, boarders and records of a term.
const (
	townSchool     = "3199109004"
	mountainSchool = "2199109021"
)

var (
	bin      string // the built programs
	work     string // short, for Unix sockets have short names
	building sync.Once
	buildErr error
	making   sync.Mutex
	made     = map[string]*stage.School{} // templates by school and what they hold; making guards them
)

func TestMain(m *testing.M) {
	flag.Parse()
	var err error
	if work, err = os.MkdirTemp("", "pages"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	bin = filepath.Join(work, "bin")
	code := m.Run()
	closeBrowser()
	os.RemoveAll(work)
	os.Exit(code)
}

// built builds agent and hub as README says, once.
func built(t *testing.T) {
	t.Helper()
	building.Do(func() {
		buildErr = stage.Build(context.Background(), filepath.Join("..", ".."), bin, "./agent", "./hub")
	})
	if buildErr != nil {
		t.Fatal(buildErr)
	}
}

// sample is a file of Yunling.
func sample(parts ...string) string {
	return filepath.Join(append([]string{"..", "term", "testdata", "yunling"}, parts...)...)
}

// newStage is a stage whose processes end with the test.
func newStage(t *testing.T) *stage.Stage {
	t.Helper()
	built(t)
	dir, err := os.MkdirTemp(work, "t")
	if err != nil {
		t.Fatal(err)
	}
	s := stage.New(bin, dir)
	t.Cleanup(func() {
		s.Close()
		if t.Failed() {
			showLogs(t, dir)
		}
		os.RemoveAll(dir)
	})
	return s
}

func showLogs(t *testing.T, dir string) {
	logs, _ := filepath.Glob(filepath.Join(dir, "*.log"))
	for _, path := range logs {
		if data, err := os.ReadFile(path); err == nil && len(data) > 0 {
			t.Logf("--- %s\n%s", filepath.Base(path), data[max(0, len(data)-1500):])
		}
	}
}

// template is a school's data directory that was never run: it has met the hub's
// reference data, and holds what its files say of kinds. It is made once.
func template(t *testing.T, code string, kinds ...string) *stage.School {
	t.Helper()
	built(t)
	name := code
	for _, k := range kinds {
		name += "-" + k
	}
	making.Lock()
	defer making.Unlock()
	if s := made[name]; s != nil {
		return s
	}
	s := stage.New(bin, work).School(name, code)
	if err := reference(s); err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds {
		if err := s.Import(t.Context(), k, sample("schools", code, k+map[bool]string{true: ".xlsx", false: ".csv"}[k == "roster" || k == "teachers"])); err != nil {
			t.Fatal(err)
		}
	}
	made[name] = s
	return s
}

// reference gives an agent the district's schools, agreements and calendar, as its
// first contact with a hub would.
func reference(c *stage.School) error {
	files, err := district.Open(os.DirFS(sample("district")))
	if err != nil {
		return err
	}
	plan, err := district.Read(files, empty{})
	if err != nil {
		return err
	}
	var delta session.Delta
	for _, ch := range plan.Changes {
		doc, _ := change.Merge(nil, &change.Entry{Seq: 1, Scope: ch.Scope, Kind: ch.Kind, ID: ch.ID, Fields: ch.Fields}, change.Author{})
		seen, all := schema.Viewers(doc.Kind, doc.Scope, doc.ID, doc.Each)
		if all || slices.Contains(seen, c.Code) {
			delta.Docs = append(delta.Docs, doc)
		}
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	key, err := identity.OpenKey(filepath.Join(c.Dir, "device.key"), rand.Reader, seal.Files{})
	if err != nil {
		return err
	}
	s, err := store.Open(filepath.Join(c.Dir, "data"), store.Options{Device: key.Device()})
	if err != nil {
		return err
	}
	return errors.Join(s.SetHome(c.Code), s.Absorb(delta), s.Close())
}

// empty is a district that has nothing yet.
type empty struct{}

func (empty) Doc(state.DocKey) (*change.Doc, error) { return nil, nil }

func (empty) Docs(string, schema.Kind, func(*change.Doc) error) error { return nil }

// desk is an agent's process and a browser before it.
type desk struct {
	*tab
	*stage.School
	t     *testing.T
	stage *stage.Stage
	page  string // http://127.0.0.1:PORT
}

// first is the account that open makes, an administrator.
const (
	firstName = "王老师"
	firstPIN  = "2580"
)

// open starts the agent of a school, with what its files say of kinds, on the day
// that is today in all tests, and signs the first account in.
func open(t *testing.T, code string, kinds ...string) *desk {
	t.Helper()
	d := unopened(t, code, kinds...)
	d.SignUp()
	return d
}

// unopened is open before anybody has an account.
func unopened(t *testing.T, code string, kinds ...string) *desk {
	t.Helper()
	needBrowser(t)
	return placed(t, newStage(t), code, kinds...)
}

// placed is unopened on a stage that is there.
func placed(t *testing.T, s *stage.Stage, code string, kinds ...string) *desk {
	t.Helper()
	from := template(t, code, kinds...)
	c := s.School("agent", code)
	twin, err := from.Clone(filepath.Join(filepath.Base(s.Work), "agent"))
	if err != nil {
		t.Fatal(err)
	}
	if twin.Dir != c.Dir {
		t.Fatalf("the copy lies in %s, not in %s", twin.Dir, c.Dir)
	}
	return start(t, s, c, today)
}

// at is open for a directory that a test made itself, on a day of its own.
func at(t *testing.T, s *stage.Stage, c *stage.School, day string) *desk {
	t.Helper()
	d := start(t, s, c, day)
	d.SignUp()
	return d
}

func start(t *testing.T, s *stage.Stage, c *stage.School, day string) *desk {
	t.Helper()
	d := &desk{School: c, t: t, stage: s}
	d.Run()
	if _, err := s.Run(t.Context(), "agent", "date", "--confirm", day, "--dir", c.Dir); err != nil {
		t.Fatal(err)
	}
	d.tab = newTab(t, d.page)
	return d
}

// Run starts the agent's process, again at the same address if it ran before.
func (d *desk) Run() {
	d.t.Helper()
	if d.page == "" {
		address, err := stage.Port()
		if err != nil {
			d.t.Fatal(err)
		}
		d.page = "http://" + address
	}
	if err := d.Serve(d.t.Context(), "--listen", d.page[len("http://"):]); err != nil {
		d.t.Fatal(err)
	}
}

// SignUp makes the first account by hand and comes in with it.
func (d *desk) SignUp() {
	d.t.Helper()
	d.Go("/day")
	d.Type("[name=name]", firstName)
	d.Type("[name=pin]", firstPIN)
	d.Type("[name=again]", firstPIN)
	d.Submit("main form")
}

// Another is a second window of the same browser: it shares the session.
func (d *desk) Another() *tab {
	d.t.Helper()
	return d.tab.sibling(d.t)
}

// Elsewhere is another person's browser before the same agent, not signed in.
func (d *desk) Elsewhere() *tab {
	d.t.Helper()
	return newTab(d.t, d.page)
}

// until asks again and again until f returns nil.
func (d *desk) until(what string, f func() error) {
	d.t.Helper()
	if err := stage.Until(d.t.Context(), 30*time.Second, f); err != nil {
		d.t.Fatalf("waited in vain for %s: %v", what, err)
	}
}
