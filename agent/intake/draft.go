package intake

import (
	"maps"
	"slices"
	"strings"

	"shangu/agent/store"
	"shangu/schema"
	"shangu/schema/table"
	"shangu/schema/text"
	"shangu/sync/change"
)

// draft collects what an edit changes in one document.
type draft struct {
	kind   schema.Kind
	id     string
	doc    *change.Doc // nil: not there yet
	fields []store.FieldEdit
	bad    func(schema.FieldNum, *text.Message) // reports a value that breaks a rule
}

// set makes a field hold a value, "" or Nil for none.
func (d *draft) set(n schema.FieldNum, v schema.Value) { d.setKey(schema.Key{Num: n}, v) }

func (d *draft) setKey(k schema.Key, v schema.Value) {
	if v == "" {
		v = schema.Nil
	}
	cur, _ := d.doc.Find(k)
	if v == cur.Value || v == schema.Nil && cur.Value.IsNil() {
		return
	}
	if m := schema.CheckField(d.kind, k, v); m != nil {
		d.bad(k.Num, m)
		return
	}
	d.fields = append(d.fields, store.FieldEdit{Key: k, Value: v, Base: &cur.Version})
}

// commit adds the edit to the plan if it changes anything.
func (p *planner) commit(d *draft) Outcome {
	if len(d.fields) == 0 {
		return Same
	}
	slices.SortFunc(d.fields, func(a, b store.FieldEdit) int { return a.Key.Compare(b.Key) })
	p.plan.Edits = append(p.plan.Edits, store.Edit{Kind: d.kind, ID: d.id, Fields: d.fields})
	if d.doc == nil {
		return New
	}
	return Changed
}

// rowDraft is the draft of a document that one row of a table speaks of.
type rowDraft struct {
	*draft
	row  *table.Row
	cols map[schema.FieldNum]int // which column speaks of which field
}

func (p *planner) row(r *table.Row, k schema.Kind, id string, doc *change.Doc, cols map[schema.FieldNum]int) *rowDraft {
	d := &rowDraft{&draft{kind: k, id: id, doc: doc}, r, cols}
	d.bad = func(n schema.FieldNum, m *text.Message) {
		if c, ok := cols[n]; ok {
			r.Fail(c, m)
			return
		}
		r.FailRow(m)
	}
	return d
}

// cell sets a field if the table has its column: a table without the column
// says nothing about the field, an empty cell says that there is nothing.
func (d *rowDraft) cell(n schema.FieldNum, value func(column int) schema.Value) {
	if c := d.cols[n]; d.row.Has(c) {
		d.set(n, value(c))
	}
}

// opt is a number's value if there is one.
func opt[N ~int | ~int32 | ~int64](n N, ok bool) schema.Value {
	if !ok {
		return schema.Nil
	}
	return schema.Int(int64(n))
}

func optBool(b, ok bool) schema.Value {
	if !ok {
		return schema.Nil
	}
	return schema.Bool(b)
}

// code reads a cell that holds one of a list.
func code(r *table.Row, c int, l *schema.CodeList) schema.Value {
	s := r.Text(c)
	if s == "" {
		return schema.Nil
	}
	v, ok := l.Parse(s)
	if !ok {
		r.Fail(c, text.New("intake.no_code", "value", s, "list", l.Name(), "choices", l.Choices()))
		return schema.Nil
	}
	return schema.Int(v.Num)
}

// missing notes which documents the file does not speak of. They are not
// removed: a file may hold a part.
func (p *planner) missing(docs map[string]*change.Doc, seen map[string]int, id string, name schema.FieldNum) {
	var names []string
	n := 0
	for _, k := range slices.Sorted(maps.Keys(docs)) {
		if _, ok := seen[k]; ok || docs[k].Void() {
			continue
		}
		if n++; len(names) < 10 {
			names = append(names, docs[k].Value(name).Text())
		}
	}
	if n > 0 {
		p.note(table.Problem{Message: text.New(id, "count", n, "names", strings.Join(names, "、"))})
	}
}
