package register

import (
	"fmt"
	"io"

	"shangu/schema"
	"shangu/schema/table"
	"shangu/schema/text"
)

// Sign is how a register writes a status: one character.
func Sign(s schema.Status) text.Label {
	signs := [...]text.Label{
		schema.StatusPresent: {ZH: "√", EN: "√"}, schema.StatusLate: {ZH: "迟", EN: "L"}, schema.StatusEarly: {ZH: "早", EN: "E"}, schema.StatusSick: {ZH: "病", EN: "S"},
		schema.StatusLeave: {ZH: "事", EN: "V"}, schema.StatusAbsent: {ZH: "旷", EN: "A"}, schema.StatusUnknown: {ZH: "查", EN: "?"},
		schema.StatusOfficial: {ZH: "公", EN: "O"}, schema.StatusHome: {ZH: "送", EN: "H"},
	}
	if int(s) < len(signs) && s > 0 {
		return signs[s]
	}
	return text.Label{ZH: "其", EN: "+"}
}

// Sign is how a register writes a cell.
func (c Cell) Sign() text.Label {
	switch c.State {
	case Marked:
		return Sign(c.Mark.Status)
	case Closed:
		return text.Label{ZH: "停", EN: "–"}
	case NotHere:
		return text.Label{ZH: "／", EN: "/"}
	}
	return text.Label{}
}

// Totals are the statuses that a register adds up for each pupil.
var Totals = []schema.Status{
	schema.StatusLate, schema.StatusEarly, schema.StatusSick, schema.StatusLeave, schema.StatusAbsent, schema.StatusUnknown, schema.StatusOfficial, schema.StatusHome,
}

// Legend says what the signs mean.
func Legend(lang text.Lang) string {
	out := ""
	for _, c := range schema.Statuses.All() {
		out += Sign(schema.Status(c.Num)).In(lang) + " " + c.Name.In(lang) + "  "
	}
	return out + text.New("register.legend_more").In(lang)
}

// sessionSigns name the sessions in a register.
var sessionSigns = [...]string{schema.SessionAM: "上", schema.SessionPM: "下", schema.SessionEve: "晚"}

// grid lays a register out for paper. name writes a pupil's name.
func (r *Register) grid(school string, name func(string) string) table.Grid {
	y, m, _ := r.Month.Parts()
	per := len(r.Sessions)
	g := table.Grid{
		Name: r.Class.Name, Wide: true, Widths: []float64{4, 9},
		Title: text.New("register.grid_title", "school", school, "class", r.Class.Name, "year", y, "month", m).In(text.ZH),
		Head:  [][]table.Span{{{Text: "序号", Rows: 2}, {Text: "姓名", Rows: 2}}, nil},
	}
	for _, d := range r.Days {
		_, _, day := d.Date.Parts()
		g.Head[0] = append(g.Head[0], table.Span{Text: fmt.Sprint(day), Cols: per})
		for _, s := range r.Sessions {
			g.Head[1] = append(g.Head[1], table.Span{Text: sessionSigns[s]})
		}
	}
	for range per*len(r.Days) + len(Totals) {
		g.Widths = append(g.Widths, 3.2)
	}
	for _, s := range Totals {
		g.Head[0] = append(g.Head[0], table.Span{Text: schema.Statuses.Label(int64(s)).ZH, Rows: 2})
	}
	for i := range r.Lines {
		line := &r.Lines[i]
		row := []any{i + 1, name(line.Pupil.Name)}
		for _, day := range line.Cells {
			for _, c := range day {
				row = append(row, c.Sign().ZH)
			}
		}
		for _, s := range Totals {
			row = append(row, some(line.By[s]))
		}
		g.Rows = append(g.Rows, row)
	}
	row := []any{nil, "实到"}
	for i := range r.Days {
		for j := range r.Sessions {
			if r.List[i][j] == 0 {
				row = append(row, nil)
				continue
			}
			row = append(row, r.Present[i][j])
		}
	}
	for _, s := range Totals {
		row = append(row, some(r.Sum.By[s]))
	}
	g.Rows = append(g.Rows, row)
	g.Below = []string{Legend(text.ZH)}
	return g
}

// some is a count that is shown, and nothing for none.
func some(n int) any {
	if n == 0 {
		return nil
	}
	return n
}

// WriteRegisters writes registers of a month as a workbook for paper: of one class, or
// of all if class is "". Unless open is set, names are masked.
func (d *Desk) WriteRegisters(w io.Writer, month, today schema.Date, class string, open bool) error {
	r, err := d.book.Open()
	if err != nil {
		return err
	}
	name := schema.MaskName
	if open {
		name = func(s string) string { return s }
	}
	var grids []table.Grid
	for _, c := range r.Classes(month) {
		if class != "" && c.ID != class {
			continue
		}
		reg, err := d.Class(c.ID, month, today)
		if err != nil {
			return err
		}
		grids = append(grids, reg.grid(r.Name, name))
	}
	if len(grids) == 0 {
		return text.New("register.no_class")
	}
	return table.WriteGrids(w, grids...)
}

// ClassName is a class's name as its id has it, so that what was frozen needs no
// roster to be read.
func ClassName(id string) string {
	if _, name, ok := schema.ParseClassID(id); ok {
		return name
	}
	return id
}

// Write writes a month's figures as a workbook for paper, with what last is known of
// its digest and corrections. Reports are those of the month; without any the figures are
// as they stand.
func Write(w io.Writer, school string, f *Figures, reports []*Report) error {
	y, m, _ := f.Month.Parts()
	g := table.Grid{
		Name: f.Month.Month(), Wide: true, Widths: []float64{14, 8},
		Title: text.New("register.report_title", "school", school, "year", y, "month", m).In(text.ZH),
	}
	head := []table.Span{{Text: "班级"}, {Text: "人数"}, {Text: "应点名"}, {Text: "已点名"}, {Text: "停课"}, {Text: "应到人次"}, {Text: "出勤率%"}}
	for _, s := range Totals {
		head = append(head, table.Span{Text: schema.Statuses.Label(int64(s)).ZH})
	}
	g.Head = [][]table.Span{head}
	row := func(name string, s *Sum) {
		cells := []any{name, s.Pupils, s.Sheets.Due, s.Sheets.Taken, s.Sheets.NoSchool, s.Sessions, nil}
		if rate, ok := s.Rate(); ok {
			cells[6] = table.Decimal{N: int64(rate), Digits: 2}
		}
		for _, status := range Totals {
			cells = append(cells, s.By[status])
		}
		g.Rows = append(g.Rows, cells)
	}
	var all Sum
	for i := range f.Classes {
		var sum Sum
		sum.Add(&f.Classes[i])
		all.Add(&f.Classes[i])
		row(ClassName(f.Classes[i].Class), &sum)
	}
	row("合计", &all)
	for _, msg := range f.School.Say() {
		g.Below = append(g.Below, msg.In(text.ZH))
	}
	for symptom, n := range all.Symptoms {
		if n > 0 {
			g.Below = append(g.Below, text.New("register.symptom", "symptom", SymptomLabel(symptom), "n", n).In(text.ZH))
		}
	}
	if len(reports) == 0 {
		g.Below = append(g.Below, text.New("register.not_frozen_yet").In(text.ZH))
	}
	for _, r := range reports {
		id := "register.frozen_by"
		if r.Correction > 0 {
			id = "register.corrected_by"
		}
		g.Below = append(g.Below, text.New(id, "n", r.Correction, "date", r.Frozen, "by", r.By, "reason", r.Reason).In(text.ZH), fmt.Sprintf("SHA-256 %x", r.Digest))
	}
	return table.WriteGrids(w, g)
}

// SymptomLabel names a symptom of figures.
func SymptomLabel(n int) text.Label {
	if n == 0 {
		return text.Label{ZH: "未写明", EN: "not said"}
	}
	return schema.Symptoms.Label(int64(n))
}

// Say are the school's figures in words.
func (s *SchoolFigures) Say() []*text.Message {
	tenths := func(n int) string { return table.Decimal{N: int64(n), Digits: 1}.String() }
	return []*text.Message{
		text.New("register.school_visits", "hosted", s.Hosted, "confirmed", s.Confirmed, "made", s.Made, "hours", tenths(s.Hours)),
		text.New("register.school_training", "n", s.Trainings, "hours", tenths(s.Training)),
		text.New("register.school_cases", "opened", s.Opened, "closed", s.Closed),
	}
}
