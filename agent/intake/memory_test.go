package intake_test

import (
	"bytes"
	"cmp"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"shangu/agent/intake"
	"shangu/agent/store"
	"shangu/schema"
	"shangu/schema/table"
	"shangu/schema/text"
	"shangu/sync/change"
)

var today = schema.DateOf(2026, 11, 20)

// memory is a store in memory: it merges edits as the real one does and refuses
// what the real one refuses.
type memory struct {
	t    testing.TB
	docs map[string]*change.Doc
	seq  uint64
}

func newMemory(t testing.TB) *memory { return &memory{t: t, docs: map[string]*change.Doc{}} }

func key(scope string, k schema.Kind, id string) string { return scope + "|" + k.String() + "|" + id }

func (m *memory) Doc(scope string, k schema.Kind, id string) (*change.Doc, error) {
	return m.docs[key(scope, k, id)], nil
}

func (m *memory) Docs(k schema.Kind, prefix string) iter.Seq2[*change.Doc, error] {
	var found []*change.Doc
	for _, d := range m.docs {
		if d.Kind == k && strings.HasPrefix(d.ID, prefix) {
			found = append(found, d)
		}
	}
	slices.SortFunc(found, func(a, b *change.Doc) int { return cmp.Compare(a.ID, b.ID) })
	return func(yield func(*change.Doc, error) bool) {
		for _, d := range found {
			if !yield(d, nil) {
				return
			}
		}
	}
}

func (m *memory) save(edits ...store.Edit) {
	m.t.Helper()
	for _, e := range edits {
		m.seq++
		in := &change.Entry{Seq: m.seq, At: int64(m.seq), Scope: e.Scope, Kind: e.Kind, ID: e.ID}
		for _, f := range e.Fields {
			base := change.Ref{}
			if f.Base != nil {
				base = *f.Base
			} else if c, ok := m.docs[key(e.Scope, e.Kind, e.ID)].Find(f.Key); ok {
				base = c.Version
			}
			in.Fields = append(in.Fields, change.Field{Key: f.Key, Value: f.Value, Base: base})
		}
		if !slices.IsSortedFunc(in.Fields, func(a, b change.Field) int { return a.Key.Compare(b.Key) }) {
			m.t.Fatalf("%v %s: fields are not sorted", e.Kind, e.ID)
		}
		k := key(e.Scope, e.Kind, e.ID)
		out, lost := change.Merge(m.docs[k], in, change.Author{Chain: change.ChainID{1}, Role: schema.RoleHost})
		if len(lost) > 0 {
			m.t.Fatalf("%v %s: the plan was not made against the present state: %v", e.Kind, e.ID, lost)
		}
		if wrong := schema.Validate(e.Kind, e.ID, out.Each); len(wrong) > 0 {
			m.t.Fatalf("%v %s: not valid: %v", e.Kind, e.ID, wrong)
		}
		m.docs[k] = out
	}
}

// read makes a plan that must be made.
func (m *memory) read(kind intake.Kind, name string, data []byte) *intake.Plan {
	m.t.Helper()
	p, err := intake.Read(kind, name, data, m, intake.Options{Today: today})
	if err != nil {
		m.t.Fatalf("import %s: %v", kind, err)
	}
	return p
}

// load imports a file and checks that importing it again changes nothing.
func (m *memory) load(kind intake.Kind, data []byte) *intake.Plan {
	m.t.Helper()
	p := m.read(kind, "", data)
	m.save(p.Edits...)
	again := m.read(kind, "", data)
	if len(again.Edits) != 0 || again.New != 0 || again.Changed != 0 || again.Same != p.New+p.Changed+p.Same {
		m.t.Fatalf("%s again: new %d, changed %d, same %d, entries %d: %v", kind, again.New, again.Changed, again.Same, len(again.Edits), again.Edits)
	}
	return p
}

// refused reads a file that must be refused, and returns what is wrong.
func (m *memory) refused(kind intake.Kind, name string, data []byte) []table.Problem {
	m.t.Helper()
	p, err := intake.Read(kind, name, data, m, intake.Options{Today: today})
	ps, ok := err.(*table.Problems)
	if !ok || p != nil {
		m.t.Fatalf("%s was not refused: %v, %v", kind, p, err)
	}
	list, _ := ps.List()
	for _, p := range list {
		for _, l := range []text.Lang{text.ZH, text.EN} {
			if s := p.In(l); strings.ContainsAny(s, "{}") || s == "" {
				m.t.Errorf("unfinished message: %q", s)
			}
		}
	}
	return list
}

// want checks that a file is refused for one reason, at one place.
func (m *memory) want(kind intake.Kind, data []byte, line int, cell, id string) {
	m.t.Helper()
	list := m.refused(kind, "", data)
	if len(list) != 1 || list[0].Line != line || list[0].Cell != cell || list[0].Message.ID() != id {
		for _, p := range list {
			m.t.Logf("got line %d cell %s %s: %s", p.Line, p.Cell, p.Message.ID(), p.Message)
		}
		m.t.Fatalf("want one problem %s on line %d in %q", id, line, cell)
	}
}

// count returns how many documents of a kind are not void.
func (m *memory) count(k schema.Kind) (n int) {
	for _, d := range m.docs {
		if d.Kind == k && !d.Void() {
			n++
		}
	}
	return n
}

func (m *memory) marks() (n int) {
	for _, d := range m.docs {
		for i := range d.Cells {
			if d.Kind == schema.KindSheet && d.Cells[i].Key.Num == schema.SheetMark && !d.Cells[i].Value.IsNil() {
				n++
			}
		}
	}
	return n
}

// yunling is the made-up district that the system test works with too.
const yunling = "../../installer/term/testdata/yunling"

func sample(t testing.TB, school, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(yunling, "schools", school, file))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

var files = []struct {
	kind intake.Kind
	name string
}{
	{intake.Roster, "roster.xlsx"}, {intake.Teachers, "teachers.xlsx"}, {intake.Attendance, "attendance.csv"},
	{intake.Visits, "visits.csv"}, {intake.Training, "training.csv"},
}

func export(t testing.TB, kind intake.Kind, name string, v intake.View) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := intake.Write(kind, &b, name, v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
