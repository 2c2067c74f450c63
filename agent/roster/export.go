package roster

import (
	"io"
	"maps"
	"slices"
	"strconv"

	"shangu/schema"
	"shangu/schema/table"
	"shangu/schema/text"
)

var classesSpec = table.NewSpec(text.Label{ZH: "班级", EN: "classes"},
	table.Column{Name: "class", Titles: []string{"班级"}}, table.Column{Name: "grade", Titles: []string{"年级"}}, table.Column{Name: "head", Titles: []string{"班主任"}},
	table.Column{Name: "pupils", Titles: []string{"人数"}}, table.Column{Name: "boys", Titles: []string{"男生"}}, table.Column{Name: "girls", Titles: []string{"女生"}},
	table.Column{Name: "boarders", Titles: []string{"住宿生"}},
)

// WriteClasses writes the classes of a day as a workbook. Unless open is set, names are
// masked.
func (r *Roster) WriteClasses(w io.Writer, on schema.Date, open bool) error {
	_, name := schema.Masks(open)
	var rows [][]any
	for _, c := range r.Classes(on) {
		head := ""
		if t := r.Teacher(c.Head); t != nil {
			head = t.Name
		}
		n := r.Heads(c.ID, on)
		rows = append(rows, []any{c.Name, table.Text(c.Grade), table.Text(name(head)), n.All, n.Boys, n.Girls, n.In})
	}
	return table.WriteBook(w, classesSpec, classesSpec.Title.ZH, rows)
}

var enrolmentsSpec = table.NewSpec(text.Label{ZH: "就读记录与异动", EN: "enrolments and changes"},
	table.Column{Name: "student_id", Titles: []string{"全国学籍号"}}, table.Column{Name: "name", Titles: []string{"姓名"}}, table.Column{Name: "class", Titles: []string{"班级"}},
	table.Column{Name: "year", Titles: []string{"学年"}}, table.Column{Name: "from", Titles: []string{"开始日期"}}, table.Column{Name: "in", Titles: []string{"进入原因"}},
	table.Column{Name: "to", Titles: []string{"结束日期"}}, table.Column{Name: "out", Titles: []string{"离开原因"}},
)

// WriteEnrolments writes who was in which class as a workbook: all pupils that the
// school has had in pinyin order, each with the latest class first. Unless open is set,
// names and numbers are masked.
func (r *Roster) WriteEnrolments(w io.Writer, open bool) error {
	id, name := schema.Masks(open)
	var rows [][]any
	for _, p := range r.Everybody() {
		for _, e := range slices.Backward(p.places) {
			year, class, _ := schema.ParseClassID(e.Class)
			rows = append(rows, []any{
				id(p.ID), name(p.Name), class, strconv.Itoa(year) + "-" + strconv.Itoa(year+1), table.Text(e.From.Text()), table.Text(schema.EnrolmentReasons.Said(e.In).ZH),
				table.Text(e.To.Text()), table.Text(schema.EnrolmentReasons.Said(e.Out).ZH),
			})
		}
	}
	return table.WriteBook(w, enrolmentsSpec, enrolmentsSpec.Title.ZH, rows)
}

var agreementsSpec = table.NewSpec(text.Label{ZH: "结对协议", EN: "agreements"},
	table.Column{Name: "agreement", Titles: []string{"协议编号"}}, table.Column{Name: "lead", Titles: []string{"牵头校标识码"}}, table.Column{Name: "lead_name", Titles: []string{"牵头校"}},
	table.Column{Name: "member", Titles: []string{"成员校标识码"}}, table.Column{Name: "member_name", Titles: []string{"成员校"}}, table.Column{Name: "series", Titles: []string{"系列"}},
	table.Column{Name: "from", Titles: []string{"开始日期"}}, table.Column{Name: "to", Titles: []string{"结束日期"}}, table.Column{Name: "state", Titles: []string{"协议状态"}},
)

// WriteAgreements writes the school's agreements as a workbook, a line for each
// member. They name schools and no person.
func (r *Roster) WriteAgreements(w io.Writer) error {
	var rows [][]any
	for _, a := range r.agreements {
		for _, code := range slices.Sorted(maps.Keys(a.Members)) {
			rows = append(rows, []any{
				a.ID, a.Lead, r.SchoolName(a.Lead), code, r.SchoolName(code), table.Text(a.Series), table.Text(a.From.Text()), table.Text(a.To.Text()),
				table.Text(schema.AgreementStates.Said(a.State).ZH),
			})
		}
	}
	return table.WriteBook(w, agreementsSpec, agreementsSpec.Title.ZH, rows)
}
