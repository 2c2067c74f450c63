package pages

import (
	"crypto/rand"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"shangu/agent/store/storetest"
	"shangu/installer/stage"
	"shangu/schema"
	"shangu/sync/identity"
	"shangu/sync/seal"
)

// The goal is 300 ms for every page, on the machine that README's figures are from.
// Here other tests run beside it and the machine is shared; the bound finds a page
// that reads years to answer.
const (
	slowest = 1500 * time.Millisecond
	loads   = 3
)

// largest adds a school that is as large and as old as any will be; it takes minutes to
// fill.
var largest = flag.Bool("largest", false, "time the pages of a school of 3,000 pupils with five years of data too")

// years makes the agent of a school with many pupils or many years, before it has
// run for the first time.
func years(t *testing.T, s *stage.Stage, y storetest.Years) *stage.School {
	t.Helper()
	c := s.School("agent", y.School)
	if err := os.Mkdir(c.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	key, err := identity.OpenKey(filepath.Join(c.Dir, "device.key"), rand.Reader, seal.Files{})
	if err != nil {
		t.Fatal(err)
	}
	if err := storetest.Fill(t.Context(), filepath.Join(c.Dir, "data"), key.Device(), y); err != nil {
		t.Fatal(err)
	}
	return c
}

// Every page that a click leads to opens fast in a school of 3,000 pupils, and in one
// that has recorded for five years.
func TestPagesAreFast(t *testing.T) {
	if testing.Short() {
		t.Skip("fills two schools")
	}
	type school struct {
		name string
		storetest.Years
		today schema.Date
	}
	schools := []school{
		{"3000 pupils", storetest.Years{School: townSchool, Classes: 75, Pupils: 3000, Days: 15, Confirm: true}, schema.DateOf(2026, 9, 22)},
		// The last day of the school year that the classes are of; what is recorded goes on.
		{"five years", storetest.Years{School: mountainSchool, Classes: 12, Pupils: 300, Days: 1000, Confirm: true}, schema.DateOf(2027, 6, 28)},
	}
	if *largest {
		schools = append(schools, school{"3000 pupils for five years", storetest.Years{School: townSchool, Classes: 75, Pupils: 3000, Days: 1000, Confirm: true}, schema.DateOf(2027, 6, 28)})
	}
	for _, c := range schools {
		t.Run(c.name, func(t *testing.T) {
			needBrowser(t)
			s := newStage(t)
			d := at(t, s, years(t, s, c.Years), c.today.String())
			found := d.crawl()
			if len(found) < fewest {
				t.Errorf("clicks lead to %d sorts of pages", len(found))
			}
			for _, p := range found {
				for len(p.answer) < loads {
					d.load(p)
				}
				slices.Sort(p.answer)
				slices.Sort(p.paint)
				heavy := Eval[float64](d.tab, weight)
				t.Logf("%s: answered in %.0f ms, painted after %.0f ms (medians of %d, the first among them), %.0f bytes", sort(p.path), p.answer[loads/2], p.paint[loads/2], loads, heavy)
				if heavy > heaviest {
					t.Errorf("%s weighs %.0f bytes", p.path, heavy)
				}
				if p.answer[loads/2] > float64(slowest.Milliseconds()) {
					t.Errorf("%s: %.0f ms", p.path, p.answer[loads/2])
				}
			}
		})
	}
}

// fewest is how many sorts of pages clicks lead to at least.
const fewest = 30

// timed is a page and how long its loads took, in milliseconds.
type timed struct {
	path          string
	answer, paint []float64
}

// load opens a page and times it.
func (d *desk) load(p *timed) {
	d.t.Helper()
	d.Go(p.path)
	d.Wait(`performance.getEntriesByName("first-contentful-paint").length > 0`)
	p.answer = append(p.answer, Eval[float64](d.tab, `performance.getEntriesByType("navigation")[0].responseEnd`))
	p.paint = append(p.paint, Eval[float64](d.tab, `performance.getEntriesByName("first-contentful-paint")[0].startTime`))
}

// crawl follows links from the first page on, one of each sort of page, and loads each
// once. A link that leads nowhere fails the test.
func (d *desk) crawl() (found []*timed) {
	d.t.Helper()
	queue, seen := []string{"/"}, map[string]bool{"/": true}
	for len(queue) > 0 {
		path := queue[0]
		queue = queue[1:]
		p := &timed{path: path}
		d.load(p)
		if code := Eval[int](d.tab, `performance.getEntriesByType("navigation")[0].responseStatus || 200`); code != 200 {
			d.t.Errorf("%s answers %d", path, code)
		}
		found = append(found, p)
		for _, to := range Eval[[]string](d.tab, `[...document.querySelectorAll("a[href]")].map(a => new URL(a.href)).filter(u => u.origin === location.origin && !u.hash).map(u => u.pathname)`) {
			if kind := sort(to); !seen[kind] && !file.MatchString(to) {
				seen[kind] = true
				queue = append(queue, to)
			}
		}
	}
	return found
}

var (
	file = regexp.MustCompile(`/(xlsx|export|oneroster|file)$|^/exports/`)
	part = regexp.MustCompile(`^([0-9a-f]{12,}|[0-9a-z]{13}-[0-9a-z]+|\d{4}-\d\d(-\d\d)?|am|pm|eve)$`)
)

// sort is a path with what differs from record to record left out.
func sort(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if part.MatchString(p) {
			parts[i] = "*"
		}
	}
	return strings.Join(parts, "/")
}
