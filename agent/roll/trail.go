package roll

import (
	"cmp"
	"fmt"
	"slices"

	"shangu/agent/roster"
	"shangu/schema"
	"shangu/schema/text"
)

// Step is one change of a sheet: who, when, from what, to what.
type Step struct {
	At    int64 // unix seconds
	By    string
	Field schema.FieldNum
	Pupil *roster.Pupil // of a mark; nil for what is said of the sheet itself
	Was   schema.Value  // schema.Nil: nothing was said
	Now   schema.Value
	Blind bool // another computer made it, and what was there before is not known here
}

// Trail is how a sheet came to be what it is, the earliest step first. What this
// computer wrote is there whole; of another computer's changes the last of each
// mark, for those before it are in the district's trail alone.
func (d *Desk) Trail(id schema.SheetID) ([]Step, error) {
	r, err := d.book.Open()
	if err != nil {
		return nil, err
	}
	doc, err := d.store.Doc("", schema.KindSheet, id.String())
	if err != nil {
		return nil, fmt.Errorf("read trail: %w", err)
	}
	chain, entries, err := d.store.Written(schema.KindSheet, id.String())
	if err != nil {
		return nil, err
	}
	var out []Step
	now := map[schema.Key]schema.Value{}
	own := map[uint64]bool{}
	for _, e := range entries {
		own[e.Seq] = true
		for _, f := range e.Fields {
			was, said := now[f.Key]
			if now[f.Key] = f.Value; f.Key.Num == schema.SheetRoll {
				continue // it goes with the state
			}
			s := Step{At: e.At, By: e.Account, Field: f.Key.Num, Was: was, Now: f.Value, Blind: !said && !f.Base.IsZero()}
			if f.Key.Num == schema.SheetMark {
				s.Pupil = r.Pupil(f.Key.Sub)
			}
			out = append(out, s)
		}
	}
	if doc != nil {
		for _, c := range doc.Cells {
			if c.Version.Chain == chain && own[c.Version.Seq] || c.Key.Num == schema.SheetRoll {
				continue
			}
			s := Step{At: c.At, By: c.By, Field: c.Key.Num, Now: c.Value, Blind: true}
			if c.Key.Num == schema.SheetMark {
				s.Pupil = r.Pupil(c.Key.Sub)
			}
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(a, b Step) int { return cmp.Compare(a.At, b.At) })
	return out, nil
}

// Words are a step as people say it: what was changed, from what, to what. No mark is
// present.
func (s Step) Words() (what, was, now text.Label) {
	if s.Pupil != nil {
		what = text.Label{ZH: s.Pupil.Name, EN: s.Pupil.Name}
	} else if f, ok := schema.FieldOf(schema.KindSheet, s.Field); ok {
		what = f.Label
	}
	if was = worded(s.Field, s.Was); s.Blind {
		was = label("sheet.trail_blind")
	}
	return what, was, worded(s.Field, s.Now)
}

func worded(f schema.FieldNum, v schema.Value) text.Label {
	switch {
	case !v.IsNil():
		return schema.Words(schema.KindSheet, f, v)
	case f == schema.SheetMark:
		return schema.Statuses.Label(int64(schema.StatusPresent))
	}
	return text.Label{ZH: "—", EN: "—"}
}

// label is a message of the catalogue in all languages.
func label(id string, kv ...any) text.Label {
	m := text.New(id, kv...)
	return text.Label{ZH: m.In(text.ZH), EN: m.In(text.EN)}
}
