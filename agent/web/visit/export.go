package visit

import (
	"io"
	"strings"

	"shangu/agent/roster"
	"shangu/agent/visit"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/table"
	"shangu/schema/text"
)

// workbook has the columns that an import of visits takes, and what has become of
// each visit.
var workbook = table.NewSpec(text.Label{ZH: "帮扶活动", EN: "visits"},
	table.Column{Name: "date", Titles: []string{"日期"}}, table.Column{Name: "end_date", Titles: []string{"结束日期"}},
	table.Column{Name: "agreement", Titles: []string{"协议编号"}}, table.Column{Name: "helper_school", Titles: []string{"帮扶校标识码"}},
	table.Column{Name: "helper", Titles: []string{"帮扶校名称"}}, table.Column{Name: "host", Titles: []string{"受援校"}},
	table.Column{Name: "direction", Titles: []string{"方向"}}, table.Column{Name: "kind", Titles: []string{"活动类型"}}, table.Column{Name: "mode", Titles: []string{"方式"}},
	table.Column{Name: "topic", Titles: []string{"主题"}}, table.Column{Name: "visitors", Titles: []string{"来访人数"}}, table.Column{Name: "visitor_names", Titles: []string{"来访人员"}},
	table.Column{Name: "hours", Titles: []string{"课时"}}, table.Column{Name: "students_reached", Titles: []string{"受益学生数"}}, table.Column{Name: "teachers_reached", Titles: []string{"受益教师数"}},
	table.Column{Name: "classes", Titles: []string{"覆盖班级"}}, table.Column{Name: "dropped", Titles: []string{"是否掉线"}}, table.Column{Name: "note", Titles: []string{"备注"}},
	table.Column{Name: "credits", Titles: []string{"计入学时"}}, table.Column{Name: "state", Titles: []string{"确认情况"}}, table.Column{Name: "confirmed", Titles: []string{"确认日期"}},
	table.Column{Name: "confirmed_by", Titles: []string{"确认人"}}, table.Column{Name: "helper_note", Titles: []string{"帮扶校备注"}}, table.Column{Name: "code", Titles: []string{"核对码"}},
	table.Column{Name: "void", Titles: []string{"作废原因"}},
)

func (p *pages) export(r *ui.Request) (ui.Answer, error) {
	all, err := p.desk.All()
	if err != nil {
		return nil, err
	}
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	f, chosen := p.chosen(r, book, all)
	open, _ := r.Open("visits") // who may not have names gets the table without
	_, name := schema.Masks(open)
	var rows [][]any
	for _, v := range chosen {
		rows = append(rows, p.row(book, v, name))
	}
	title := text.New("visit.export_title", "school", book.Name, "year", f.Value("year"), "month", f.Value("month"))
	return ui.Download{Name: "visits.xlsx", Type: ui.TypeXLSX, Write: func(w io.Writer) error {
		return table.WriteBook(w, workbook, title.In(text.ZH), rows)
	}}, nil
}

// row is one visit in the order of workbook's columns; name writes a person's name.
func (p *pages) row(book *roster.Roster, v *visit.Visit, name func(string) string) []any {
	l := p.line(book, v)
	people := make([]string, len(v.Names))
	for i, n := range v.Names {
		people[i] = name(n)
	}
	var hours []string
	credits := v.Credits
	if !v.Own {
		credits = v.HelperCredits
	}
	for _, s := range shares(book, credits) {
		hours = append(hours, name(s.Name)+" "+s.Time)
	}
	dropped := any(nil)
	if v.Link != visit.LinkUnsaid {
		dropped = schema.Words(schema.KindVisit, schema.VisitDropped, schema.Bool(v.Link == visit.LinkDropped)).ZH
	}
	return []any{
		table.Text(v.Date.Text()), table.Text(v.End.Text()), table.Text(v.Agreement), v.Helper, book.SchoolName(v.Helper), book.SchoolName(v.Host),
		table.Text(l.Way().ZH), l.What().ZH, table.Text(l.How().ZH), table.Text(v.Topic), heads(v.Visitors), table.Text(strings.Join(people, "、")),
		decimal(v.Hours), heads(v.PupilsMet), heads(v.TeachersMet), table.Text(strings.Join(v.Classes, "、")), dropped, table.Text(v.Note),
		table.Text(strings.Join(hours, "、")), text.New("visit.state_" + l.State()).In(text.ZH), table.Text(v.Confirmed.Text()),
		table.Text(name(v.ConfirmedBy)), table.Text(v.HelperNote), table.Text(v.Code), table.Text(v.Void),
	}
}

func heads(n int) any {
	if n == visit.Unsaid {
		return nil
	}
	return n
}

func decimal(n int) any {
	if n == visit.Unsaid {
		return nil
	}
	return table.Decimal{N: int64(n), Digits: 1}
}
