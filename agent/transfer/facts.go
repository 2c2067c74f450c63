package transfer

import (
	"context"
	"fmt"

	"shangu/schema"
)

// Facts are fields of a pupil, a teacher or a class and what they are to hold.
type Facts map[schema.FieldNum]schema.Value

// Correct puts facts of a document right. What is so already makes no entry, and a box
// that stays empty does not turn "not known" into "no".
func (d *Desk) Correct(ctx context.Context, account string, kind schema.Kind, id string, facts Facts) error {
	doc, err := d.store.Doc("", kind, id)
	if err != nil {
		return fmt.Errorf("read %v: %w", kind, err)
	}
	b := d.batch()
	var fields []set
	for _, f := range schema.Fields(kind) {
		if v, ok := facts[f.Num]; ok && !(v == schema.Bool(false) && doc.Value(f.Num).IsNil()) {
			fields = append(fields, set{f.Num, v})
		}
	}
	b.edit(kind, id, fields...)
	return b.save(ctx, account)
}
