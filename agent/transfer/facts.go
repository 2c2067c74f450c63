package transfer

import (
	"context"
	"fmt"

	"shangu/schema"
)

// Facts are fields of a pupil and what they are to hold.
type Facts map[schema.FieldNum]schema.Value

// Correct puts facts right. What is so already makes no entry, and a box that stays
// empty does not turn "not known" into "no".
func (d *Desk) Correct(ctx context.Context, account, pupil string, facts Facts) error {
	doc, err := d.store.Doc("", schema.KindPupil, pupil)
	if err != nil {
		return fmt.Errorf("read pupil: %w", err)
	}
	b := d.batch()
	var fields []set
	for _, f := range schema.Fields(schema.KindPupil) {
		if v, ok := facts[f.Num]; ok && !(v == schema.Bool(false) && doc.Value(f.Num).IsNil()) {
			fields = append(fields, set{f.Num, v})
		}
	}
	b.edit(schema.KindPupil, pupil, fields...)
	return b.save(ctx, account)
}
