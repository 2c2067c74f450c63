package district

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"shangu/hub/state"
	"shangu/schema"
	"shangu/schema/table"
	"shangu/schema/text"
	"shangu/sync/change"
)

// View reads what the hub holds. state.State is one.
type View interface {
	// Doc returns a document, nil if there is none.
	Doc(k state.DocKey) (*change.Doc, error)
	// Docs calls f for each document of a scope and kind.
	Docs(scope string, k schema.Kind, f func(*change.Doc) error) error
}

// Files are the contents of the district's files; nil for one that is not
// there.
type Files struct {
	Schools      []byte // schools.xlsx or .csv
	Partnerships []byte // partnerships.xlsx or .csv
	Days         []byte // school-days.xlsx or .csv
}

// Names of the files, without their endings.
const (
	schoolsFile      = "schools"
	partnershipsFile = "partnerships"
	daysFile         = "school-days"
)

// Open reads the files from a directory. Each may be .xlsx or .csv; one at
// least must be there.
func Open(dir fs.FS) (f Files, err error) {
	for _, x := range []struct {
		name string
		data *[]byte
	}{{schoolsFile, &f.Schools}, {partnershipsFile, &f.Partnerships}, {daysFile, &f.Days}} {
		if *x.data, err = open(dir, x.name); err != nil {
			return Files{}, err
		}
	}
	if f.Schools == nil && f.Partnerships == nil && f.Days == nil {
		return Files{}, text.New("district.no_files")
	}
	return f, nil
}

func open(dir fs.FS, name string) (data []byte, err error) {
	for _, ending := range []string{".xlsx", ".csv"} {
		f, err := dir.Open(name + ending)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, text.Wrap(err, "district.unreadable", "file", name+ending)
		}
		defer f.Close()
		if data != nil {
			return nil, text.New("district.two_files", "file", name)
		}
		data, err = io.ReadAll(io.LimitReader(f, table.MaxFile+1))
		if err != nil {
			return nil, text.Wrap(err, "district.unreadable", "file", name+ending)
		}
		if data == nil {
			data = []byte{}
		}
	}
	return data, nil
}

// Counts says what a file came to.
type Counts struct {
	Rows    int `json:"rows"`
	New     int `json:"new"`
	Changed int `json:"changed"`
	Same    int `json:"same"`
}

// Plan is what loading the files would do.
type Plan struct {
	Schools    Counts // schools
	Agreements Counts // agreements, of one or more rows each
	Days       Counts // days
	Changes    []state.Change
	Notes      []table.Problem // what the operator should know and that does not stop the loading
}

// MarshalJSON writes {"schools","agreements","school_days","entries"}, and
// "notes" if there are any.
func (p *Plan) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Schools    Counts          `json:"schools"`
		Agreements Counts          `json:"agreements"`
		Days       Counts          `json:"school_days"`
		Entries    int             `json:"entries"`
		Notes      []table.Problem `json:"notes,omitempty"`
	}{p.Schools, p.Agreements, p.Days, len(p.Changes), p.Notes})
}

// Read makes the plan of loading the files. What is wrong with them comes back
// as *table.Problems; any other error is of the view.
func Read(f Files, view View) (*Plan, error) {
	p := &planner{view: view, plan: &Plan{}, names: map[string]string{}}
	for _, step := range []struct {
		data []byte
		run  func([]byte) error
	}{{f.Schools, p.schools}, {f.Partnerships, p.agreements}, {f.Days, p.days}} {
		if step.data == nil {
			continue
		}
		if err := step.run(step.data); err != nil {
			return nil, fmt.Errorf("load district: %w", err)
		}
	}
	if err := p.problems.Err(); err != nil {
		return nil, err
	}
	return p.plan, nil
}

type planner struct {
	view     View
	problems table.Problems
	plan     *Plan
	names    map[string]string // schools of the file and of the store, by code
}

// read reads a file; its problems carry its name.
func (p *planner) read(file string, data []byte, spec *table.Spec, each func(*table.Row)) int {
	return table.ReadNamed(file, data, spec, &p.problems, each).Rows
}

// draft collects what changes in one document of the district.
type draft struct {
	kind   schema.Kind
	id     string
	doc    *change.Doc
	fields []change.Field
	bad    func(schema.FieldNum, *text.Message)
}

func (p *planner) draft(k schema.Kind, id string, bad func(schema.FieldNum, *text.Message)) (*draft, error) {
	doc, err := p.view.Doc(state.DocKey{Scope: schema.DistrictScope, Kind: k, ID: id})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", k, err)
	}
	return &draft{kind: k, id: id, doc: doc, bad: bad}, nil
}

func (d *draft) set(n schema.FieldNum, v schema.Value) { d.setKey(schema.Key{Num: n}, v) }

func (d *draft) setKey(k schema.Key, v schema.Value) {
	cur, _ := d.doc.Find(k)
	if v == cur.Value || v.IsNil() && cur.Value.IsNil() {
		return
	}
	if m := schema.CheckField(d.kind, k, v); m != nil {
		d.bad(k.Num, m)
		return
	}
	d.fields = append(d.fields, change.Field{Key: k, Value: v, Base: cur.Version})
}

// commit adds the change to the plan if there is any, and counts it.
func (p *planner) commit(d *draft, c *Counts) {
	switch {
	case len(d.fields) == 0:
		c.Same++
	case d.doc == nil:
		c.New++
	default:
		c.Changed++
	}
	p.add(d)
}

func (p *planner) add(d *draft) {
	if len(d.fields) == 0 {
		return
	}
	slices.SortFunc(d.fields, func(a, b change.Field) int { return a.Key.Compare(b.Key) })
	p.plan.Changes = append(p.plan.Changes, state.Change{Scope: schema.DistrictScope, Kind: d.kind, ID: d.id, Fields: d.fields})
}
