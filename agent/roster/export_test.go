package roster_test

import (
	"io"
	"slices"
	"testing"

	"shangu/schema"
	"shangu/schema/table/tabletest"
	"shangu/sync/change"
	"shangu/sync/session"
)

func TestRosterAsTables(t *testing.T) {
	s := newSchool(t)
	first, moved := schema.DateOf(2026, 9, 1), schema.DateOf(2026, 10, 12)
	one, two := "2026/一年级（1）班", "2026/一年级（2）班"
	s.set(schema.KindTeacher, "T1", schema.TeacherName, "王小红")
	s.set(schema.KindClass, one, schema.ClassName, "一年级（1）班", schema.ClassGrade, "一年级", schema.ClassHead, "T1")
	s.set(schema.KindClass, two, schema.ClassName, "一年级（2）班")
	id := "L990109201609010001"
	s.set(schema.KindPupil, id, schema.PupilName, "张小明", schema.PupilSex, schema.SexMale, schema.PupilBoarder, true)
	s.set(schema.KindEnrolment, schema.EnrolmentID(id, one, first), schema.EnrolmentFrom, first, schema.EnrolmentIn, schema.EnrolNew, schema.EnrolmentTo, moved-1, schema.EnrolmentOut, schema.EnrolMoved)
	s.set(schema.KindEnrolment, schema.EnrolmentID(id, two, moved), schema.EnrolmentFrom, moved, schema.EnrolmentIn, schema.EnrolMoved)
	d := &change.Doc{Scope: schema.DistrictScope, Kind: schema.KindAgreement, ID: "YL-01"}
	for key, v := range map[schema.Key]schema.Value{
		{Num: schema.AgreementLead}: schema.Str("3199109004"), {Num: schema.AgreementLeadName}: schema.Str("云岭中学"), {Num: schema.AgreementMember, Sub: home}: schema.Str("山谷小学"),
		{Num: schema.AgreementFrom}: schema.Int(int64(first)), {Num: schema.AgreementState}: schema.Int(2),
	} {
		d.Cells = append(d.Cells, change.Cell{Key: key, Value: v, Version: change.Ref{Chain: change.ChainID{7}, Seq: 1}, Role: schema.RoleDistrict})
	}
	slices.SortFunc(d.Cells, func(a, b change.Cell) int { return a.Key.Compare(b.Key) })
	if err := s.s.Absorb(session.Delta{Docs: []*change.Doc{d}}); err != nil {
		t.Fatal(err)
	}
	r := s.open()
	for _, open := range []bool{false, true} {
		number, name := schema.Masks(open)
		for sheet, want := range map[string]struct {
			write func(io.Writer) error
			rows  [][]string
		}{
			"班级": {func(w io.Writer) error { return r.WriteClasses(w, first, open) }, [][]string{
				{"一年级（1）班", "一年级", name("王小红"), "1", "1", "0", "1"}, {"一年级（2）班", "", "", "0", "0", "0", "0"}}},
			"就读记录与异动": {func(w io.Writer) error { return r.WriteEnrolments(w, open) }, [][]string{
				{number(id), name("张小明"), "一年级（2）班", "2026-2027", "2026-10-12", schema.EnrolmentReasons.Label(schema.EnrolMoved).ZH},
				{number(id), name("张小明"), "一年级（1）班", "2026-2027", "2026-09-01", schema.EnrolmentReasons.Label(schema.EnrolNew).ZH, "2026-10-11", schema.EnrolmentReasons.Label(schema.EnrolMoved).ZH}}},
			"结对协议": {func(w io.Writer) error { return r.WriteAgreements(w) }, [][]string{
				{"YL-01", "3199109004", "云岭中学", home, "山谷小学", "", "2026-09-01", "", "预警"}}},
		} {
			got := tabletest.Rows(t, sheet, want.write)
			if len(got) != 2+len(want.rows) {
				t.Errorf("%s: %q", sheet, got)
				continue
			}
			for i, row := range want.rows {
				if !slices.Equal(got[2+i], row) {
					t.Errorf("open %v, %s: %q, want %q", open, sheet, got[2+i], row)
				}
			}
		}
	}
}
