package intake_test

import (
	"errors"
	"testing"

	"shangu/agent/intake"
	"shangu/schema"
	"shangu/schema/table"
)

// FuzzRead gives each kind hostile bytes: the answer is a plan whose edits keep
// every rule of the schema, or a list of what is wrong.
func FuzzRead(f *testing.F) {
	heads := []string{
		"学籍号,姓名,班级,出生日期,入学年月,学年\n" + pupilA + ",甲,1班,2019-10-09,2026-09,2026\n",
		"教师编号,姓名,出生年份\nT1,甲,1980\n",
		"date,session,class,student_id,status,minutes,symptom\n2026-09-01,am,一年级（1）班,,taken,,\n2026-09-01,am,一年级（1）班," + pupilA + ",late,5,\n",
		visitHead + "2026-09-08,P005,3199109006,同步课堂,线上,拼音教学,6,5.5,1,2,\n",
		"date,teacher_id,programme,title,hours,cost\n2026-09-08,T1,助航,活动,10,5.5\n",
	}
	for i, s := range heads {
		f.Add(uint8(i), []byte(s))
	}
	f.Fuzz(func(t *testing.T, n uint8, data []byte) {
		m := newMemory(t)
		m.save(m.read("roster", "", []byte(heads[0])).Edits...)
		m.save(m.read("teachers", "", []byte(heads[1])).Edits...)
		k := intake.Kinds()[int(n)%len(heads)]
		p, err := intake.Read(k, "", data, m, intake.Options{Today: today})
		if err != nil {
			if _, ok := errors.AsType[*table.Problems](err); !ok || p != nil {
				t.Fatalf("%v, %v", p, err)
			}
			return
		}
		m.save(p.Edits...)
		if again := m.read(k, "", data); len(again.Edits) != 0 {
			t.Fatalf("importing again changes %+v", again.Edits)
		}
		for _, d := range m.docs {
			if m := schema.CheckID(d.Kind, d.ID); m != nil {
				t.Fatal(m)
			}
		}
	})
}
