package register

import (
	"fmt"
	"io"
	"time"

	"shangu/agent/roster"
	"shangu/schema"
	"shangu/schema/table"
	"shangu/schema/text"
)

var monthsSpec = table.NewSpec(text.Label{ZH: "月报定稿情况", EN: "reports that were frozen"},
	table.Column{Name: "month", Titles: []string{"月份"}}, table.Column{Name: "state", Titles: []string{"状态"}}, table.Column{Name: "correction", Titles: []string{"更正次数"}},
	table.Column{Name: "date", Titles: []string{"日期"}}, table.Column{Name: "by", Titles: []string{"定稿人"}}, table.Column{Name: "reason", Titles: []string{"更正原因"}},
	table.Column{Name: "digest", Titles: []string{"校验值"}}, table.Column{Name: "sound", Titles: []string{"校验值相符"}},
)

// WriteMonths writes what Months lists as a workbook: a line for each month that is
// not frozen, each report and each correction sheet. Unless open is set, names are
// masked.
func (d *Desk) WriteMonths(w io.Writer, today schema.Date, open bool) error {
	months, err := d.Months(today)
	if err != nil {
		return err
	}
	_, name := schema.Masks(open)
	var rows [][]any
	for _, m := range months {
		reports, err := d.Reports(m.Month)
		if err != nil {
			return err
		}
		if len(reports) == 0 {
			rows = append(rows, []any{m.Month.Month(), text.New("register.open").In(text.ZH), nil, nil, nil, nil, nil, nil})
		}
		for _, r := range reports {
			correction := any(nil)
			if r.Correction > 0 {
				correction = r.Correction
			}
			rows = append(rows, []any{
				m.Month.Month(), text.New("register.frozen").In(text.ZH), correction, r.Frozen.String(), name(r.By), table.Text(r.Reason),
				fmt.Sprintf("%x", r.Digest), schema.YesNo(r.Sound).ZH,
			})
		}
	}
	return table.WriteBook(w, monthsSpec, monthsSpec.Title.ZH, rows)
}

// WriteChanges writes what changed in a month after it was frozen as a workbook of two
// sheets: the figures, by correction sheet and what is in none yet, and who wrote.
// Unless open is set, names and numbers are masked.
func (d *Desk) WriteChanges(w io.Writer, month, today schema.Date, open bool) error {
	r, err := d.book.Open()
	if err != nil {
		return err
	}
	reports, err := d.Reports(month)
	if err != nil {
		return err
	}
	pending, trace, err := d.Pending(month, today)
	if err != nil {
		return err
	}
	g := newChangeGrids(r, month, open)
	for _, c := range reports {
		if c.Correction > 0 {
			g.add(text.New("register.col_sheet", "n", c.Correction), c.Changes, c.Trace)
		}
	}
	g.add(text.New("register.col_no_sheet"), pending, trace)
	return table.WriteGrids(w, g.figures, g.writes)
}

// changeGrids are the two sheets of WriteChanges.
type changeGrids struct {
	r               *roster.Roster
	id, name        func(string) string
	figures, writes table.Grid
}

func newChangeGrids(r *roster.Roster, month schema.Date, open bool) *changeGrids {
	g := &changeGrids{r: r}
	g.id, g.name = schema.Masks(open)
	grid := func(name string, heads ...string) table.Grid {
		out := table.Grid{Name: name, Title: name + " " + month.Month(), Wide: true, Widths: []float64{14}, Head: [][]table.Span{nil}}
		for _, h := range heads {
			out.Head[0] = append(out.Head[0], table.Span{Text: h})
		}
		return out
	}
	g.figures = grid("变化明细", "更正表", "班级", "全国学籍号", "姓名", "变化项目", "原来", "现在")
	g.writes = grid("谁改的", "更正表", "班级", "日期", "时段", "全国学籍号", "姓名", "改为", "填写人", "时间")
	return g
}

// who is a pupil's number and name as the table may have them, nothing for none.
func (g *changeGrids) who(pupil string) (id, name any) {
	if pupil == "" {
		return nil, nil
	}
	if p := g.r.Pupil(pupil); p != nil {
		name = g.name(p.Name)
	}
	return g.id(pupil), name
}

func (g *changeGrids) add(sheet *text.Message, list []Change, trace []Touch) {
	for _, c := range list {
		class := text.New("register.whole_school").In(text.ZH)
		if c.Class != "" {
			class = ClassName(c.Class)
		}
		id, name := g.who(c.Pupil)
		g.figures.Rows = append(g.figures.Rows, []any{sheet.In(text.ZH), class, id, name, c.Say().In(text.ZH), c.What.decimal(c.Old), c.What.decimal(c.New)})
	}
	for _, t := range trace {
		id, name := g.who(t.Pupil)
		g.writes.Rows = append(g.writes.Rows, []any{
			sheet.In(text.ZH), ClassName(t.Sheet.Class), t.Sheet.Date.String(), text.New("sheet.session_" + t.Sheet.Session.String()).In(text.ZH), id, name,
			t.Say().ZH, g.name(t.By), time.Unix(t.At, 0).In(schema.Zone).Format("2006-01-02 15:04"),
		})
	}
}
