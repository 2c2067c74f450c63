package training

import (
	"io"
	"slices"

	"shangu/agent/roster"
	"shangu/agent/training"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/table"
	"shangu/schema/text"
)

// The workbooks. That of records has the columns that an import of training takes.
var (
	ledgerBook = table.NewSpec(text.Label{ZH: "学时台账", EN: "ledger of hours"},
		table.Column{Name: "teacher_id", Titles: []string{"教师编号"}}, table.Column{Name: "name", Titles: []string{"姓名"}}, table.Column{Name: "subject", Titles: []string{"任教学科"}},
		table.Column{Name: "backbone", Titles: []string{"是否骨干教师"}}, table.Column{Name: "hours", Titles: []string{"周期内学时"}}, table.Column{Name: "need", Titles: []string{"应完成学时"}},
		table.Column{Name: "missing", Titles: []string{"还差学时"}}, table.Column{Name: "short", Titles: []string{"不足起始日期"}})
	recordsBook = table.NewSpec(text.Label{ZH: "培训记录", EN: "list of training"},
		table.Column{Name: "date", Titles: []string{"日期"}}, table.Column{Name: "end_date", Titles: []string{"结束日期"}}, table.Column{Name: "teacher_id", Titles: []string{"教师编号"}},
		table.Column{Name: "name", Titles: []string{"姓名"}}, table.Column{Name: "programme", Titles: []string{"培训项目"}}, table.Column{Name: "title", Titles: []string{"培训名称"}},
		table.Column{Name: "level", Titles: []string{"级别"}}, table.Column{Name: "mode", Titles: []string{"培训方式"}}, table.Column{Name: "hours", Titles: []string{"学时"}},
		table.Column{Name: "result", Titles: []string{"考核结果"}}, table.Column{Name: "certificate", Titles: []string{"证书编号"}}, table.Column{Name: "provider", Titles: []string{"培训单位"}},
		table.Column{Name: "cost", Titles: []string{"费用"}}, table.Column{Name: "void", Titles: []string{"作废原因"}})
	teacherBook = table.NewSpec(text.Label{ZH: "教师学时", EN: "a teacher's hours"},
		table.Column{Name: "on", Titles: []string{"计入日期"}}, table.Column{Name: "title", Titles: []string{"培训或活动"}}, table.Column{Name: "more", Titles: []string{"项目或类型"}},
		table.Column{Name: "hours", Titles: []string{"学时"}}, table.Column{Name: "result", Titles: []string{"考核结果"}}, table.Column{Name: "counts", Titles: []string{"是否计入"}},
		table.Column{Name: "leaves", Titles: []string{"移出周期日期"}}, table.Column{Name: "certificate", Titles: []string{"证书编号"}})
)

// masks write a person's name and number as whoever asks may have them.
type masks struct{ name, number func(string) string }

// masksFor are those of a request for a table: in full where a leader asks for it. Who
// may not have names gets the table without.
func masksFor(r *ui.Request, table string) masks {
	open, _ := r.Open(table)
	id, name := schema.Masks(open)
	return masks{name, id}
}

func workbook(name string, spec *table.Spec, title string, rows [][]any) ui.Answer {
	return ui.Download{Name: name, Type: ui.TypeXLSX, Write: func(w io.Writer) error { return table.WriteBook(w, spec, title, rows) }}
}

func (p *pages) exportLedger(r *ui.Request) (ui.Answer, error) {
	d, err := p.lines(r)
	if err != nil {
		return nil, err
	}
	m := masksFor(r, "training-ledger")
	var rows [][]any
	for _, a := range d.Lines {
		t := a.Teacher
		rows = append(rows, []any{m.number(t.ID), m.name(t.Name), table.Text(t.Subject), yes(t.Backbone), hours(a.Tenths), hours(a.Due), hours(a.Missing()), table.Text(a.Short.Text())})
	}
	title := text.New("training.export_ledger", "hours", d.Need(), "years", d.Window.Years, "day", r.Today)
	return workbook("training-ledger.xlsx", ledgerBook, title.In(text.ZH), rows), nil
}

func (p *pages) exportRecords(r *ui.Request) (ui.Answer, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	all, err := p.desk.All()
	if err != nil {
		return nil, err
	}
	f, chosen := choose(r, all)
	m := masksFor(r, "training")
	var rows [][]any
	for _, t := range chosen {
		rows = append(rows, recordRow(book, t, m))
	}
	title := text.New("training.export_records", "school", book.Name, "year", f.Value("year"))
	return workbook("training.xlsx", recordsBook, title.In(text.ZH), rows), nil
}

func recordRow(book *roster.Roster, t *training.Record, m masks) []any {
	cost := any(nil)
	if t.Cost != training.Unsaid {
		cost = table.Decimal{N: t.Cost, Digits: 2}
	}
	return []any{
		table.Text(t.Date.Text()), table.Text(t.End.Text()), m.number(t.Teacher), table.Text(m.name(known(book, t.Teacher))), table.Text(t.Programme), table.Text(t.Title),
		table.Text(schema.TrainingLevels.Said(t.Level).ZH), table.Text(schema.TrainingModes.Said(t.Mode).ZH), hours(int64(t.Hours)),
		table.Text(schema.TrainingResults.Said(t.Result).ZH), table.Text(t.Certificate), table.Text(t.Provider), cost, table.Text(t.Void),
	}
}

// known is a teacher's name, "" of one who is not on the list.
func known(book *roster.Roster, id string) string {
	if t := book.Teacher(id); t != nil {
		return t.Name
	}
	return ""
}

func (p *pages) exportTeacher(r *ui.Request) (ui.Answer, error) {
	s, err := p.statement(r)
	if err != nil {
		return nil, err
	}
	m := masksFor(r, "training-teacher")
	var rows [][]any
	for _, e := range slices.Concat(s.Now, s.Before) {
		certificate := ""
		if e.Record != nil {
			certificate = e.Record.Certificate
		}
		rows = append(rows, []any{table.Text(e.On.String()), table.Text(e.Title), table.Text(e.More), hours(e.Tenths), table.Text(e.Result.ZH), yes(e.In && e.Counts), table.Text(e.Leaves.String()), table.Text(certificate)})
	}
	title := text.New("training.export_teacher", "name", m.name(s.Teacher.Name), "hours", s.Has(), "need", s.Need(), "day", r.Today)
	return workbook("training-teacher.xlsx", teacherBook, title.In(text.ZH), rows), nil
}

func hours(n int64) any {
	if n == training.Unsaid {
		return nil
	}
	return table.Decimal{N: n, Digits: 1}
}

func yes(b bool) string {
	if b {
		return "是"
	}
	return "否"
}
