package intake

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"shangu/schema"
	"shangu/schema/table"
	"shangu/schema/text"
	"shangu/sync/change"
)

// record is a visit or a training as a row of a file shows it. Neither has a
// natural id, so a row is matched with the documents that say the same; see
// match.
type record struct {
	at    place
	group string // what never differs between two versions of one record, and the start of its id
	want  []change.Field
	guess []change.Field // what stands for a field that neither the file nor the store says
	like  []schema.Value // what tells it from others of its group, the most telling first
	bad   func(schema.FieldNum, *text.Message)
}

// rec collects the fields of a record from a row.
type rec struct {
	*record
	row *table.Row
}

func (d *rec) cell(n schema.FieldNum, c int, v func(c int) schema.Value) {
	if d.row.Has(c) {
		d.want = append(d.want, change.Field{Key: schema.Key{Num: n}, Value: v(c)})
	}
}

// records plans the records of a kind. group is the group of a stored document,
// like its telling values.
func (p *planner) records(kind schema.Kind, all []*record, group func(*change.Doc) string, like func(*change.Doc) []schema.Value) error {
	stored := map[string][]*change.Doc{}
	taken := map[string]bool{}
	for d, err := range p.own(kind, "") {
		if err != nil {
			return fmt.Errorf("read %s: %w", kind, err)
		}
		taken[d.ID] = true
		g := group(d)
		stored[g] = append(stored[g], d)
	}
	for _, docs := range stored {
		slices.SortFunc(docs, func(a, b *change.Doc) int { return cmp.Compare(a.ID, b.ID) })
	}
	byGroup := map[string][]*record{}
	for _, r := range all {
		byGroup[r.group] = append(byGroup[r.group], r)
	}
	matched := map[*record]*change.Doc{}
	for g, rs := range byGroup {
		match(rs, stored[g], like, matched)
	}
	for _, r := range all {
		doc := matched[r]
		id := ""
		if doc != nil {
			id = doc.ID
		}
		for n := 1; id == ""; n++ {
			if try := r.group + "/" + strconv.Itoa(n); !taken[try] {
				id = try
				taken[id] = true
			}
		}
		if doc.Void() {
			p.note(r.at.problem("", text.New("intake.void", "value", id)))
			p.line(Same, r.at, r.who(), len(p.plan.Edits))
			continue
		}
		d := &draft{kind: kind, id: id, doc: doc, bad: r.bad}
		for _, f := range r.want {
			d.setKey(f.Key, f.Value)
		}
		for _, f := range r.guess {
			if doc.Lookup(f.Key).IsNil() {
				d.setKey(f.Key, f.Value)
			}
		}
		first := len(p.plan.Edits)
		p.line(p.commit(d), r.at, r.who(), first)
	}
	return nil
}

// match pairs rows with the documents that they speak of: first those that
// agree in all that tells records apart, then those that agree in the most
// telling part. What is left on either side are different records, and a row
// without a document is new: a second visit on the same day must not overwrite
// the first.
func match(rows []*record, docs []*change.Doc, like func(*change.Doc) []schema.Value, matched map[*record]*change.Doc) {
	used := map[*change.Doc]bool{}
	pair := func(fit func(r *record, d *change.Doc) bool) {
		for _, r := range rows {
			if matched[r] != nil {
				continue
			}
			for _, d := range docs {
				if !used[d] && fit(r, d) {
					matched[r], used[d] = d, true
					break
				}
			}
		}
	}
	pair(func(r *record, d *change.Doc) bool { // the same in every word
		for _, f := range r.want {
			v := d.Lookup(f.Key)
			if v != f.Value && (!v.IsNil() || !f.Value.IsNil()) {
				return false
			}
		}
		return true
	})
	pair(func(r *record, d *change.Doc) bool { return slices.Equal(r.like, like(d)) })
	for i := range like(nil) {
		pair(func(r *record, d *change.Doc) bool { return !r.like[i].IsNil() && r.like[i] == like(d)[i] })
	}
}

// failOrder reports a last day before the first.
func failOrder(r *table.Row, c int, from, to schema.Date) {
	r.Fail(c, text.New("intake.ends_before", "from", from, "to", to))
}
