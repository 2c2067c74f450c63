package state

import (
	"slices"

	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
	"shangu/sync/frame"
)

// A confirmation may reach the hub before the host's record of the visit (see
// early), or the host may name another helper once it is there. Then it is the
// word of a school that the visit does not name. It must not stand as the named
// helper's word, nor be lost: it waits in quarantine, as an entry of the school
// that wrote it, until an operator has settled it. The whole pack is in the
// audit trail as it came; what waits are the fields that still stood.

// stray is what one entry of another school wrote into a visit.
type stray struct {
	w writer
	e change.Entry
}

// strays takes the confirmations out of a visit whose helper another school is
// now, and returns them. They are in the order of their fields.
func (b *batch) strays(was, d *change.Doc) (out []stray) {
	helper := d.Value(schema.VisitHelper)
	if d.Kind != schema.KindVisit || helper.IsNil() || was == nil || was.Value(schema.VisitHelper) == helper {
		return nil
	}
	left := d.Cells[:0:0]
	for _, c := range d.Cells {
		school := ""
		if c.Role == schema.RoleHelper {
			school = b.schoolOf(c.Version.Chain)
		}
		if school == "" || school == helper.Text() {
			left = append(left, c)
			continue
		}
		if same := slices.IndexFunc(c.Also, func(r change.Ref) bool { return b.schoolOf(r.Chain) == helper.Text() }); same >= 0 {
			own := c // the named helper had said the same
			own.Version, own.Also, own.By = c.Also[same], nil, ""
			left = append(left, own)
		}
		i := slices.IndexFunc(out, func(s stray) bool { return s.w.chain == c.Version.Chain && s.e.Seq == c.Version.Seq })
		if i < 0 {
			i = len(out)
			out = append(out, stray{
				writer{chain: c.Version.Chain, school: school},
				change.Entry{Seq: c.Version.Seq, At: c.At, Account: c.By, Scope: d.Scope, Kind: d.Kind, ID: d.ID},
			})
		}
		out[i].e.Fields = append(out[i].e.Fields, change.Field{Key: c.Key, Value: c.Value})
	}
	if len(out) > 0 {
		d.Cells = left
	}
	return out
}

// detain puts strays into quarantine. The visit says whom it names now.
func (b *batch) detain(out []stray, helper string) {
	for i := range out {
		s := &out[i]
		raw := frame.AppendEntry(nil, s.w.chain, &s.e)
		b.quarantine(&s.w, &s.e, raw, text.New("state.other_helper", "school", s.w.school, "helper", helper).Code())
	}
}

// schoolOf is the school of the device that writes a chain, "" for the
// district's chain and one that is not known.
func (b *batch) schoolOf(id change.ChainID) string {
	c, ok := b.s.chains.get(id)
	if !ok {
		c = &chain{id: id}
		if !b.load(chainKey(id), &c.chainRecord) {
			return ""
		}
	}
	d := b.device(c.device)
	if d == nil {
		return ""
	}
	return d.School
}
