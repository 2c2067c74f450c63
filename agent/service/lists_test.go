package service

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"shangu/agent/web/report"
)

// lists are what the pages list, template by template and from top to bottom, and how each
// list is taken away as a table: the kind of report.Kinds that the same template offers,
// or the route of a table of its own; or, after "no:", why it is not data to take away.
var lists = map[string][]string{
	"accounts/forgot.html": {"no: names to choose oneself from, before sign-in"},
	"accounts/list.html":   {"accounts"},
	"day/class.html":       {"fortnight"},
	"day/closed.html":      {"days", "days"},
	"day/day.html":         {"fortnight", "fortnight", "fortnight"},
	"front/cards.html":     {"conflicts", "conflicts"},
	"front/held.html":      {"quarantine", "quarantine"},
	"front/log.html":       {"GET /sync/log/file"},
	"front/receipts.html":  {"receipts"},
	"front/status.html":    {"no: what is to be known now", "no: counts, each with a page of its own"},
	"front/stick.html":     {"no: sticks that cannot be written", "no: what there is to do", "no: the file that was just written", "no: the files that were just read"},
	"imports/columns.html": {"no: the beginning of a file that is not stored"},
	"imports/preview.html": {
		"no: what is wrong with a file that is not stored", "no: counts of a file that is not stored", "no: whom a file that is not stored leaves out",
		"no: ways to look at a file", "no: lines of a file that is not stored",
	},
	"leave/list.html":       {"leave"},
	"looks/looks.html":      {"access"},
	"report/exports.html":   {"no: the tables themselves"},
	"network/lan.html":      {"no: addresses to type into a telephone"},
	"report/month.html":     {"GET /reports/{month}/xlsx", "GET /reports/{month}/xlsx", "GET /reports/{month}/xlsx", "changes", "changes"},
	"report/months.html":    {"reports"},
	"report/register.html":  {"GET /reports/{month}/registers/{class}/xlsx"},
	"roster/class.html":     {"GET /roster/export"},
	"roster/classes.html":   {"classes"},
	"roster/found.html":     {"enrolments"},
	"roster/pupil.html":     {"enrolments"},
	"roster/teachers.html":  {"teachers"},
	"roster/more.html":      {"no: facts of one pupil, of which each look is written down"},
	"sheet/sheet.html":      {"no: what is to be known now", "no: what somebody else has just marked", "no: a form; what is saved with it is in attendance and the registers"},
	"sheet/trail.html":      {"GET /roll/{class}/{date}/{session}/trail/xlsx"},
	"training/ledger.html":  {"GET /training/export"},
	"training/records.html": {"GET /training/records/export"},
	"training/teacher.html": {"GET /training/teachers/{key}/export"},
	"visit/paper.html":      {"no: the one visit that a code is of", "no: the one visit that a code was of"},
	"visit/visit.html":      {"no: facts of one visit, which are in the table of visits", "no: facts of one visit, which are in the table of visits"},
	"visit/list.html":       {"agreements", "GET /visits/export"},
	"watch/case.html":       {"steps"},
	"watch/cases.html":      {"cases"},
	"watch/list.html":       {"watched"},
	"watch/overview.html":   {"sickness", "findings", "sickness", "findings", "cases"},
}

var (
	// listed finds lists: tables, bulleted and numbered ones, and cards or paragraphs one
	// after the other. What only leads elsewhere, or to the steps of a wizard, is none.
	listed = regexp.MustCompile(`<(?:table|ul|ol)\b[^>]*>|\{\{range [^}]*\}\}\s*<(?:section|article|div|p|form)\b[^>]*>`)
	ways   = regexp.MustCompile(`class="(?:tabs|tiles|steps)[" ]`)
)

// Whatever is listed can be taken away: each list of each template says how.
func TestWhatIsListedCanBeExported(t *testing.T) {
	web := os.DirFS("../web")
	files, err := fs.Glob(web, "*/*.html")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d templates, %v", len(files), err)
	}
	var routes strings.Builder
	sources, _ := fs.Glob(web, "*/*.go")
	for _, f := range sources {
		b, err := fs.ReadFile(web, f)
		if err != nil {
			t.Fatal(err)
		}
		routes.Write(b)
	}
	for name := range lists {
		if !slices.Contains(files, name) {
			t.Errorf("%s: there is no such template", name)
		}
	}
	for _, name := range files {
		b, err := fs.ReadFile(web, name)
		if err != nil {
			t.Fatal(err)
		}
		if path.Dir(name) == "ui" {
			continue // what all pages have in common lists nothing of its own
		}
		var found []string
		for _, mark := range listed.FindAllString(string(b), -1) {
			if !ways.MatchString(mark) {
				found = append(found, mark)
			}
		}
		said := lists[name]
		if len(found) != len(said) {
			t.Errorf("%s has %d lists, and %d ways to take them away are said: %q", name, len(found), len(said), found)
			continue
		}
		for _, how := range said {
			switch pattern, own := strings.CutPrefix(how, "GET "); {
			case strings.HasPrefix(how, "no: "):
			case own:
				if !strings.Contains(routes.String(), `"`+how+`"`) {
					t.Errorf("%s: there is no route %s", name, how)
				}
				if end := pattern[strings.LastIndex(pattern, "}")+1:]; !strings.Contains(string(b), end) {
					t.Errorf("%s does not lead to %s", name, how)
				}
			default:
				if !slices.ContainsFunc(report.Kinds, func(k report.Kind) bool { return k.Name == how }) {
					t.Errorf("%s: there is no table of %q", name, how)
				}
				if !regexp.MustCompile(`\(take [.$] "` + how + `"[ )]`).Match(b) {
					t.Errorf("%s does not offer the table of %s", name, how)
				}
			}
		}
	}
}
