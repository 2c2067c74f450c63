package card

import (
	"io"
	"time"

	"shangu/schema"
	"shangu/schema/table"
	"shangu/schema/text"
)

var spec = table.NewSpec(text.Label{ZH: "要选的冲突", EN: "conflicts to choose from"},
	table.Column{Name: "about", Titles: []string{"记录"}}, table.Column{Name: "field", Titles: []string{"内容"}},
	table.Column{Name: "kept", Titles: []string{"现在用的值"}}, table.Column{Name: "kept_by", Titles: []string{"填写人"}}, table.Column{Name: "kept_at", Titles: []string{"填写时间"}},
	table.Column{Name: "lost", Titles: []string{"另一个值"}}, table.Column{Name: "lost_by", Titles: []string{"另一个值的填写人"}}, table.Column{Name: "lost_at", Titles: []string{"另一个值的时间"}},
	table.Column{Name: "now", Titles: []string{"后来改为"}},
)

// Write writes what List lists as a workbook. Unless open is set, names are masked and
// cards on guarded fields left out.
func (d *Desk) Write(w io.Writer, open bool) error {
	groups, _, err := d.list(open, open)
	if err != nil {
		return err
	}
	at := func(t time.Time) any {
		if t.IsZero() {
			return nil
		}
		return t.In(schema.Zone).Format("2006-01-02 15:04")
	}
	var rows [][]any
	for _, g := range groups {
		for _, c := range g.Cards {
			now := any(nil)
			if c.Now != nil {
				now = c.Now.ZH
			}
			rows = append(rows, []any{
				g.About.In(text.ZH), c.Field.In(text.ZH), c.Kept.Value.ZH, table.Text(c.Kept.By), at(c.Kept.At), c.Lost.Value.ZH, table.Text(c.Lost.By), at(c.Lost.At), now,
			})
		}
	}
	return table.WriteBook(w, spec, spec.Title.ZH, rows)
}
