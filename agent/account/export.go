package account

import (
	"io"
	"time"

	"shangu/schema"
	"shangu/schema/table"
	"shangu/schema/text"
)

var spec = table.NewSpec(text.Label{ZH: "账户", EN: "accounts"},
	table.Column{Name: "name", Titles: []string{"姓名"}}, table.Column{Name: "role", Titles: []string{"身份"}},
	table.Column{Name: "made", Titles: []string{"建立日期"}}, table.Column{Name: "pin", Titles: []string{"密码更改日期"}},
)

// Write writes what List lists as a workbook, without what lets anybody in. Unless open
// is set, names are masked.
func (b *Book) Write(w io.Writer, open bool) error {
	_, name := schema.Masks(open)
	day := func(at int64) any {
		if at == 0 {
			return nil
		}
		return schema.DateAt(time.Unix(at, 0)).String()
	}
	var rows [][]any
	for _, a := range b.List() {
		rows = append(rows, []any{name(a.Name), a.Role.Label().In(text.ZH), day(a.Made), day(a.Changed)})
	}
	return table.WriteBook(w, spec, spec.Title.ZH, rows)
}
