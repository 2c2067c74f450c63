package service

import (
	"context"
	"io"
	"strings"

	"shangu/schema"
	"shangu/schema/table"
	"shangu/schema/text"
)

var receiptsSpec = table.NewSpec(text.Label{ZH: "一天的回执", EN: "receipts of a day"},
	table.Column{Name: "state", Titles: []string{"状态"}}, table.Column{Name: "what", Titles: []string{"内容"}}, table.Column{Name: "by", Titles: []string{"填写人"}},
	table.Column{Name: "code", Titles: []string{"回执码"}}, table.Column{Name: "at", Titles: []string{"回执时间"}},
)

// writeReceipts writes the sheet of a day as a workbook, under the code of the day.
func (p *papers) writeReceipts(w io.Writer, on schema.Date, open bool) error {
	s, err := p.sheet(on, open)
	if err != nil {
		return err
	}
	var rows [][]any
	for _, l := range s.Lines {
		at := any(nil)
		if !l.At.IsZero() {
			at = l.At.In(schema.Zone).Format("2006-01-02 15:04")
		}
		rows = append(rows, []any{l.State.In(text.ZH), l.What.In(text.ZH), l.By, table.Text(l.Code), at})
	}
	title := strings.TrimSpace(s.Name + " " + on.String() + " " + s.Code)
	return table.WriteBook(w, receiptsSpec, title, rows)
}

var heldSpec = table.NewSpec(text.Label{ZH: "区里没收下的记录", EN: "records set aside"},
	table.Column{Name: "about", Titles: []string{"记录"}}, table.Column{Name: "by", Titles: []string{"填写人"}}, table.Column{Name: "state", Titles: []string{"状态"}},
	table.Column{Name: "why", Titles: []string{"原因"}}, table.Column{Name: "fields", Titles: []string{"内容"}}, table.Column{Name: "settler", Titles: []string{"处理人"}},
	table.Column{Name: "note", Titles: []string{"处理说明"}},
)

// writeHeld writes what the district could not take as a workbook. Unless open is set,
// names are masked, and reasons and values left out: they may hold numbers and names.
func (p *papers) writeHeld(ctx context.Context, w io.Writer, open bool) error {
	all, err := p.held(ctx, open)
	if err != nil {
		return err
	}
	_, name := schema.Masks(open)
	var rows [][]any
	for _, h := range all {
		var why, note string
		var fields []string
		if open {
			why, note = h.Why.In(text.ZH), h.Note
			for _, f := range h.Fields {
				fields = append(fields, f.In(text.ZH))
			}
		}
		rows = append(rows, []any{
			h.About.In(text.ZH), table.Text(name(h.By)), text.New("front.held_" + h.State).In(text.ZH), table.Text(why), table.Text(strings.Join(fields, "；")),
			table.Text(name(h.Settler)), table.Text(note),
		})
	}
	return table.WriteBook(w, heldSpec, heldSpec.Title.ZH, rows)
}
