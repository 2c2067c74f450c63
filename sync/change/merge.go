package change

import (
	"slices"

	"shangu/schema"
)

// Outcome says what a merge did with an entry.
type Outcome uint8

// Outcomes, in wire numbers.
const (
	Applied     Outcome = 0 // every field took its value
	Conflict    Outcome = 1 // applied, and at least one value lost; it is on a card
	Quarantined Outcome = 2 // not applied, kept by the hub with a reason
	Duplicate   Outcome = 3 // was applied before
)

// Author says who wrote an entry, as the merging side knows it.
type Author struct {
	Chain ChainID
	Role  schema.Role // the writer's standing towards this document
	Clock Clock
}

// Loss is one value that a merge did not keep.
type Loss struct {
	Key  schema.Key
	Lost Cell
	Kept Cell
}

// maxAlso bounds Cell.Also. More writers than this agreeing on one field's
// value while all being offline costs a needless card, nothing else.
const maxAlso = 4

// Merge applies an entry to a document and returns the new document, which
// shares no cell slice with d, and what was lost on the way. d may be nil: a
// document that does not exist yet.
//
// A field applies when its base is the field's version. The same value from
// both sides applies without fuss. Otherwise the field's owner wins, then the
// later corrected time, then the greater version; the loser is returned.
func Merge(d *Doc, e *Entry, a Author) (*Doc, []Loss) {
	out := &Doc{Cells: make([]Cell, 0, d.Len()+len(e.Fields))}
	return out, MergeInto(out, d, e, a)
}

// MergeInto is Merge into a document whose memory is used again: what out held
// before is gone. out must not be d.
func MergeInto(out, d *Doc, e *Entry, a Author) []Loss {
	*out = Doc{Scope: e.Scope, Kind: e.Kind, ID: e.ID, Cells: out.Cells[:0]}
	if d != nil {
		out.Scope = d.Scope
		out.Cells = append(out.Cells, d.Cells...)
	}
	var losses []Loss
	at := a.Clock.Correct(e)
	for _, f := range e.Fields {
		next := Cell{
			Key: f.Key, Value: f.Value, Version: Ref{a.Chain, e.Seq},
			At: at, By: e.Account, Role: a.Role,
		}
		i, found := search(out.Cells, f.Key)
		if !found {
			out.Cells = slices.Insert(out.Cells, i, next)
			continue
		}
		cur := out.Cells[i]
		switch {
		case f.Base == cur.Version || slices.Contains(cur.Also, f.Base):
			out.Cells[i] = next
		case f.Value == cur.Value:
			also := append(slices.Clone(cur.Also), cur.Version)
			next.Also = also[max(0, len(also)-maxAlso):]
			out.Cells[i] = next
		case beats(e.Kind, &next, &cur):
			out.Cells[i] = next
			losses = append(losses, Loss{f.Key, cur, next})
		default:
			losses = append(losses, Loss{f.Key, next, cur})
		}
	}
	return losses
}

// beats reports whether a new cell wins over the present one.
func beats(k schema.Kind, next, cur *Cell) bool {
	owner := schema.Owner(k, next.Key.Num)
	if n, c := next.Role == owner, cur.Role == owner; n != c {
		return n
	}
	if next.At != cur.At {
		return next.At > cur.At
	}
	return next.Version.Compare(cur.Version) > 0
}
