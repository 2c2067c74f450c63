package intake

import (
	"encoding/json"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"

	"shangu/agent/store"
	"shangu/schema"
	"shangu/schema/table"
	"shangu/schema/text"
	"shangu/sync/change"
)

// View reads the store's present documents: what the hub confirmed with the
// own pending entries on top.
type View interface {
	// Doc returns a document, nil if there is none. Scope "" is the own school.
	Doc(scope string, kind schema.Kind, id string) (*change.Doc, error)
	// Docs yields the documents of a kind, of all scopes, whose ids begin with prefix.
	Docs(kind schema.Kind, prefix string) iter.Seq2[*change.Doc, error]
}

// Kind is a sort of file.
type Kind string

// Kinds of files.
const (
	Roster     Kind = "roster"
	Teachers   Kind = "teachers"
	Attendance Kind = "attendance"
	Visits     Kind = "visits"
	Training   Kind = "training"
)

// Kinds lists them in the order in which a new school imports them.
func Kinds() []Kind { return []Kind{Roster, Teachers, Attendance, Visits, Training} }

// ParseKind reads the name of a kind.
func ParseKind(s string) (Kind, error) {
	if k := Kind(strings.ToLower(s)); slices.Contains(Kinds(), k) {
		return k, nil
	}
	var names []string
	for _, k := range Kinds() {
		names = append(names, string(k))
	}
	return "", text.New("intake.kind", "kind", s, "kinds", strings.Join(names, ", "))
}

// Options are what a file does not say.
type Options struct {
	Today schema.Date // by the trusted clock; dates what a roster only shows as it stands
	Year  int         // the school year that a roster is for; 0: as the file says
	// Sheet is the one of a workbook that is read; "" reads those that fit.
	Sheet string
	// Headings say what a column of the file holds that it does not say by a heading
	// of ours: its heading, and the Name of one of Columns, or "" for nothing.
	Headings map[string]string
	// Out are pupils of Gone who have left: they are transferred out from today on.
	Out []string
}

// Plan is what an import would do.
type Plan struct {
	Kind    Kind
	Rows    int // rows of the file that hold data
	New     int // pupils, teachers, sheets, visits or training records that are new
	Changed int
	Same    int
	Edits   []store.Edit    // one entry each; in this order, with the versions that the plan was made against
	Notes   []table.Problem // what the clerk should know and that does not stop the import
	Lines   []Line          // what each line comes to, in the order of the plan
	Gone    []Gone          // of a roster: who is in a class and not in the file
}

// MarshalJSON writes {"kind","rows","new","changed","same","entries"}, and
// "notes" if there are any.
func (p *Plan) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Kind    Kind            `json:"kind"`
		Rows    int             `json:"rows"`
		New     int             `json:"new"`
		Changed int             `json:"changed"`
		Same    int             `json:"same"`
		Entries int             `json:"entries"`
		Notes   []table.Problem `json:"notes,omitempty"`
	}{p.Kind, p.Rows, p.New, p.Changed, p.Same, len(p.Edits), p.Notes})
}

// Read makes the plan of importing a file. What is wrong with the file comes
// back as *table.Problems; any other error is of the view.
func Read(kind Kind, name string, data []byte, view View, o Options) (*Plan, error) {
	p := &planner{view: view, Options: o, year: o.Year, today: o.Today, plan: &Plan{Kind: kind}}
	base := path.Base(strings.ReplaceAll(name, `\`, "/"))
	var err error
	switch {
	case strings.HasPrefix(base, "~$") || strings.HasPrefix(base, ".~lock."):
		p.problems.Fail(text.New("intake.lock_file", "file", base))
	case kind == Roster && table.IsArchive(data):
		err = p.oneRoster(data)
	case kind == Roster:
		err = p.roster(data)
	case kind == Teachers:
		err = p.teachers(data)
	case kind == Attendance:
		err = p.attendance(data)
	case kind == Visits:
		err = p.visits(data)
	case kind == Training:
		err = p.training(data)
	default:
		_, err = ParseKind(string(kind))
	}
	if err != nil {
		return nil, fmt.Errorf("import %s: %w", kind, err)
	}
	if err := p.problems.Err(); err != nil {
		return nil, err
	}
	if a := p.ahead; a.rows > 0 {
		a.first.Message = text.New("intake.ahead", "count", a.rows, "date", a.date, "today", p.today)
		p.note(a.first)
	}
	return p.plan, nil
}

// planner makes one plan.
type planner struct {
	Options
	view     View
	today    schema.Date
	year     int
	problems table.Problems
	plan     *Plan
	ahead    ahead
}

// ahead counts rows of what happened on days that are yet to come. They are
// saved all the same: it may be the computer that has the date wrong.
type ahead struct {
	rows  int
	first table.Problem
	date  schema.Date // of the first
}

// happened reads the date in column c on which something is said to have
// happened.
func (p *planner) happened(r *table.Row, c int) (schema.Date, bool) {
	d, ok := r.Date(c)
	if ok && d > p.today {
		if p.ahead.rows++; p.ahead.rows == 1 {
			p.ahead.first, p.ahead.date = r.Where(c, nil), d
		}
	}
	return d, ok
}

// line notes what became of a line: the edits from first on are its own.
func (p *planner) line(o Outcome, at place, who string, first int) {
	switch o {
	case New:
		p.plan.New++
	case Changed:
		p.plan.Changed++
	default:
		p.plan.Same++
	}
	p.plan.Lines = append(p.plan.Lines, Line{Sheet: at.sheet, Line: at.line, Who: who, Outcome: o, first: first, edits: len(p.plan.Edits) - first})
}

// maxNotes is how many notes are kept; they are advice, not a log.
const maxNotes = 50

func (p *planner) note(at table.Problem) {
	if len(p.plan.Notes) < maxNotes {
		p.plan.Notes = append(p.plan.Notes, at)
	}
}

// read reads a table and notes which of its columns were left out on purpose.
func (p *planner) read(data []byte, spec *table.Spec, each func(*table.Row)) {
	info := table.Read(data, spec.As(p.Sheet, p.Headings), &p.problems, each)
	p.plan.Rows += info.Rows
	if len(info.Private) > 0 {
		slices.Sort(info.Private)
		p.note(table.Problem{Message: text.New("intake.private", "columns", strings.Join(slices.Compact(info.Private), "、"))})
	}
}

// own yields the own school's documents of a kind.
func (p *planner) own(kind schema.Kind, prefix string) iter.Seq2[*change.Doc, error] {
	return own(p.view, kind, prefix)
}

func own(v View, kind schema.Kind, prefix string) iter.Seq2[*change.Doc, error] {
	return func(yield func(*change.Doc, error) bool) {
		for d, err := range v.Docs(kind, prefix) {
			if err == nil && d.Scope != "" {
				continue
			}
			if !yield(d, err) {
				return
			}
		}
	}
}

// load reads the own school's documents of a kind by id.
func (p *planner) load(kind schema.Kind) (map[string]*change.Doc, error) {
	out := map[string]*change.Doc{}
	for d, err := range p.own(kind, "") {
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", kind, err)
		}
		out[d.ID] = d
	}
	return out, nil
}
