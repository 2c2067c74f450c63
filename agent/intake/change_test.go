package intake_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"shangu/agent/intake"
	"shangu/agent/store"
	"shangu/schema"
)

func (m *memory) field(k schema.Kind, id string, n schema.FieldNum) string {
	d, _ := m.Doc("", k, id)
	return schema.Show(d.Value(n))
}

func TestPupilChangesClass(t *testing.T) {
	m := withRoster(t)
	from := "/2026/" + class1 + "/2026-08-01"
	p := m.load("roster", workbook(t, rosterHead, rosterRow(1, pupilA, "陆宇一", class1), rosterRow(2, pupilB, "韦婷晓", "一年级（2）班"), rosterRow(3, pupilC, "马琳佳", "一年级（2）班")))
	if p.Changed != 2 || p.New != 0 || p.Same != 1 {
		t.Errorf("%+v", p) // C moves down in the list of its class
	}
	old, _ := m.Doc("", schema.KindEnrolment, pupilB+from)
	e, ok := schema.EnrolmentOf(old.ID, old.Lookup)
	if !ok || e.To != today-1 || e.Out != schema.EnrolMoved {
		t.Errorf("old enrolment: %+v", e)
	}
	now, _ := m.Doc("", schema.KindEnrolment, pupilB+"/2026/一年级（2）班/"+today.String())
	if e, ok := schema.EnrolmentOf(now.ID, now.Lookup); !ok || e.To != 0 || e.In != schema.EnrolMoved || e.Row != 1 {
		t.Errorf("new enrolment: %+v", e)
	}
	// Back on the same day: the move never held.
	m.load("roster", workbook(t, rosterHead, rosterRow(1, pupilA, "陆宇一", class1), rosterRow(2, pupilB, "韦婷晓", class1), rosterRow(3, pupilC, "马琳佳", "一年级（2）班")))
	if now, _ = m.Doc("", schema.KindEnrolment, now.ID); !now.Void() {
		t.Error("the move still stands")
	}
	// Attendance of the time before the move is still that class's.
	m.load("attendance", []byte("date,session,class,student_id,status\n2026-09-01,am,一年级（1）班,,taken\n2026-09-01,am,一年级（1）班,"+pupilB+",late\n"))
}

func TestNewcomerAndMissing(t *testing.T) {
	m := withRoster(t)
	p := m.load("roster", workbook(t, rosterHead, rosterRow(1, pupilA, "陆宇一", class1), rosterRow(2, pupilB, "韦婷晓", class1), rosterRow(3, "G990109201902090969", "姜国志", class1)))
	if p.New != 1 || p.Same != 2 || len(p.Edits) != 2 {
		t.Errorf("a newcomer at the end of a list costs two entries: %+v", p)
	}
	if len(p.Notes) != 1 || !strings.Contains(p.Notes[0].Message.Error(), "马琳佳") {
		t.Errorf("who is missing is not told: %v", p.Notes)
	}
	if m.count(schema.KindPupil) != 4 {
		t.Error("who is missing was removed")
	}
	if got := m.field(schema.KindEnrolment, "G990109201902090969/2026/"+class1+"/"+today.String(), schema.EnrolmentRow); got != "3" {
		t.Errorf("place in the list: %s", got)
	}
}

func TestNextYear(t *testing.T) {
	m := withRoster(t)
	next := rosterRow(1, pupilA, "陆宇一", "二年级（1）班")
	next[6], next[8] = "二年级", "2027-09"
	later := schema.DateOf(2027, 9, 3)
	p, err := intake.Read("roster", "", workbook(t, rosterHead, next), m, intake.Options{Today: later})
	if err != nil {
		t.Fatal(err)
	}
	m.save(p.Edits...)
	d, _ := m.Doc("", schema.KindEnrolment, pupilA+"/2026/"+class1+"/2026-08-01")
	if e, _ := schema.EnrolmentOf(d.ID, d.Lookup); e.To != schema.DateOf(2027, 7, 31) || e.Out != schema.EnrolPromoted {
		t.Errorf("last year's enrolment: %+v", e)
	}
	d, _ = m.Doc("", schema.KindEnrolment, pupilA+"/2027/二年级（1）班/2027-08-01")
	if e, ok := schema.EnrolmentOf(d.ID, d.Lookup); !ok || e.In != schema.EnrolPromoted {
		t.Errorf("this year's enrolment: %+v", e)
	}
}

func TestPrivateColumnsAreNotStored(t *testing.T) {
	head := append(slices.Clone(rosterHead), "身份证号", "家庭住址", "联系电话")
	row := append(rosterRow(1, pupilA, "陆宇一", class1), "990109201910090934", "石门沟5号", "13900000000")
	m := newMemory(t)
	p := m.load("roster", workbook(t, head, row))
	for _, e := range p.Edits {
		for _, f := range e.Fields {
			for _, secret := range []string{"石门沟", "13900000000"} {
				if strings.Contains(string(f.Value), secret) {
					t.Errorf("%s was stored in field %v", secret, f.Key)
				}
			}
		}
	}
	if len(p.Notes) != 1 || !strings.Contains(p.Notes[0].Message.Error(), "家庭住址") {
		t.Errorf("notes: %v", p.Notes)
	}
	m.docs[key(schema.DistrictScope, schema.KindSetting, schema.SettingKeepContacts)] = nil
	m.save(store.Edit{Scope: schema.DistrictScope, Kind: schema.KindSetting, ID: schema.SettingKeepContacts,
		Fields: []store.FieldEdit{{Key: schema.Key{Num: schema.SettingValue}, Value: schema.Int(1)}}})
	m.load("roster", workbook(t, head, row))
	if got := m.field(schema.KindPupil, pupilA, schema.PupilAddress); got != "石门沟5号" {
		t.Errorf("the district keeps addresses, but: %q", got)
	}
	if out := export(t, "roster", "a.csv", m); bytes.Contains(out, []byte("石门沟")) || bytes.Contains(out, []byte("1390000")) {
		t.Error("an export has what is guarded")
	}
}

func TestCorrectedSheet(t *testing.T) {
	m := withRoster(t)
	head := "date,session,class,student_id,status,minutes,symptom\n2026-09-01,am,一年级（1）班,,taken,,\n"
	row := "2026-09-01,am,一年级（1）班,"
	m.load("attendance", []byte(head+row+pupilA+",late,5,\n"+row+pupilB+",sick,,发热\n"))
	p := m.load("attendance", []byte(head+row+pupilA+",late,7,\n"))
	if p.Changed != 1 || len(p.Edits) != 1 || len(p.Edits[0].Fields) != 2 || m.marks() != 1 {
		t.Errorf("%+v", p.Edits)
	}
	if p = m.load("attendance", []byte(head+row+pupilA+",present,,\n")); m.marks() != 0 || p.Changed != 1 {
		t.Errorf("present after all: %+v", p)
	}
	// Marks alone do not say that the roll was taken.
	p = m.load("attendance", []byte("date,session,class,student_id,status\n2026-09-02,am,一年级（1）班,"+pupilA+",sick\n"))
	d, _ := m.Doc("", schema.KindSheet, "2026-09-02/am/2026/"+class1)
	if !d.Value(schema.SheetState).IsNil() || len(p.Notes) != 1 {
		t.Errorf("taken without saying so: %+v %v", d, p.Notes)
	}
	// No school is neither.
	m.load("attendance", []byte("date,session,class,student_id,status,reason\n2026-09-03,am,一年级（1）班,,不上课,大雪\n"))
}

const visitHead = "date,agreement,helper_school,kind,mode,topic,visitors,hours,students_reached,teachers_reached,note\n"

func TestVisits(t *testing.T) {
	m := newMemory(t)
	a := "2026-09-08,P005,3199109006,同步课堂,线上,拼音教学,6,5.5,1,2,\n"
	b := "2026-09-08,P005,3199109006,听评课,现场,拼音教学,2,1,,,\n"
	if p := m.load("visits", []byte(visitHead+a+b)); p.New != 2 {
		t.Errorf("%+v", p)
	}
	if p := m.load("visits", []byte(visitHead+b+a)); p.Same != 2 {
		t.Errorf("in another order: %+v", p)
	}
	if p := m.load("visits", []byte(visitHead+strings.Replace(b, ",1,,,", ",2,,,", 1))); p.Changed != 1 || m.count(schema.KindVisit) != 2 {
		t.Errorf("corrected: %+v", p)
	}
	if p := m.load("visits", []byte(visitHead+"2026-09-08,P005,3199109006,跟岗学习,现场,班级管理,2,1,,,\n")); p.New != 1 || m.count(schema.KindVisit) != 3 {
		t.Errorf("a third visit that day: %+v", p)
	}
	if got := m.field(schema.KindVisit, "2026-09-08/P005/3", schema.VisitDirection); got != "2" {
		t.Errorf("shadowing goes to the helper: %s", got)
	}
	for _, c := range []struct{ row, cell, id string }{
		{"2026-09-08,P005,3199109,同步课堂,线上,,6,5.5,1,2,\n", "C2", "schema.school_code_length"},
		{"2026-09-08,P005,,同步课堂,线上,,6,5.5,1,2,\n", "C2", "table.empty_cell"},
		{"2026-09-08,P005,3199109006,参观,线上,,6,5.5,1,2,\n", "D2", "intake.no_code"},
		{"2026-09-08,P005,3199109006,同步课堂,线上,,6,5.55,1,2,\n", "H2", "table.no_decimal"},
		{"2026-09-08,P005,3199109006,同步课堂,线上,,-6,5.5,1,2,\n", "G2", "table.no_number"},
		{"2026-09-08,P005,3199109006,同步课堂,线上," + strings.Repeat("长", 201) + ",6,5.5,1,2,\n", "F2", "schema.too_long"},
	} {
		m.want("visits", []byte(visitHead+c.row), 2, c.cell, c.id)
	}
}

func TestVoidedRecordsStayVoid(t *testing.T) {
	m := newMemory(t)
	file := []byte(visitHead + "2026-09-08,P005,3199109006,同步课堂,线上,拼音教学,6,5.5,1,2,\n")
	m.load("visits", file)
	m.save(store.Edit{Kind: schema.KindVisit, ID: "2026-09-08/P005/1", Fields: []store.FieldEdit{{Key: schema.Key{Num: schema.FieldVoid}, Value: schema.Str("误录")}}})
	if p := m.load("visits", file); p.Same != 1 || len(p.Edits) != 0 || len(p.Notes) != 1 {
		t.Errorf("%+v", p)
	}
}

func TestTraining(t *testing.T) {
	m := withRoster(t)
	head := "date,teacher_id,programme,title,level,mode,hours,result,certificate,cost\n"
	m.want("training", []byte(head+"2026-09-08,T9,助航,活动,区级,线上,10,合格,,\n"), 2, "B2", "intake.no_teacher")
	m.want("training", []byte(head+"2026-09-08,T1,助航,活动,乡级,线上,10,合格,,\n"), 2, "E2", "intake.no_code")
	m.load("training", []byte(head+"2026-09-08,T1,助航,活动,区级,线上,10.5,合格,,1200.55\n"))
	if m.field(schema.KindTraining, "2026-09-08/T1/1", schema.TrainingHours) != "105" || m.field(schema.KindTraining, "2026-09-08/T1/1", schema.TrainingCost) != "120055" {
		t.Error("hours or cost")
	}
}

// archive makes a OneRoster archive.
func archive(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range files {
		w, err := z.Create("export/" + name)
		if err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(content))
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func oneRoster() map[string]string {
	return map[string]string{
		"manifest.csv":         "propertyName,value\noneroster.version,1.1\n",
		"orgs.csv":             "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\no1,,,石门沟,school,2199109015,\n",
		"users.csv":            "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password\nu1,,,true,o1,student,a,,宇一,陆,," + pupilA + ",,,13900000000,,01,\nu2,,,true,o1,student,b,,婷晓,韦,," + pupilB + ",,,,,01,\nu3,,,true,o1,teacher,c,,志梦,潘,,T1,,,,,,\nu4,tobedeleted,,true,o1,student,d,,某,某,,X,,,,,01,\n",
		"classes.csv":          "sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,classType,location,schoolSourcedId,termSourcedIds,subjects,subjectCodes,periods\nc1,,,1班,01,k,,homeroom,,o1,t,,,\nc2,,,语文,01,k,,scheduled,,o1,t,,,\n",
		"enrollments.csv":      "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate\ne1,,,c1,o1,u1,student,,,\ne2,,,c1,o1,u2,student,,,\ne3,,,c2,o1,u1,student,,,\ne4,,,c1,o1,u3,teacher,,,\n",
		"demographics.csv":     "sourcedId,status,dateLastModified,birthDate,sex\nu1,,,2019-10-09,female\n",
		"academicSessions.csv": "sourcedId,status,dateLastModified,title,type,startDate,endDate,parentSourcedId,schoolYear\nt,,,秋,term,2026-09-01,2027-01-20,,2027\n",
	}
}

func TestOneRoster(t *testing.T) {
	m := newMemory(t)
	p := m.load("roster", archive(t, oneRoster()))
	if p.New != 2 || p.Rows != 2 || m.count(schema.KindClass) != 1 {
		t.Errorf("%+v", p)
	}
	if d, _ := m.Doc("", schema.KindPupil, pupilA); d.Value(schema.PupilName).Text() != "陆宇一" || schema.Show(d.Value(schema.PupilSex)) != "2" {
		t.Errorf("%+v", d)
	}
	if d, _ := m.Doc("", schema.KindEnrolment, pupilA+"/2026/"+class1+"/2026-08-01"); d == nil {
		t.Error("not in the class that the grade and the number name")
	}
	// 1.2 has roles in a file of their own.
	files := oneRoster()
	files["users.csv"] = strings.NewReplacer(",student,", ",,", ",teacher,", ",,").Replace(files["users.csv"])
	files["roles.csv"] = "sourcedId,status,dateLastModified,userSourcedId,roleType,role,orgSourcedId\nr1,,,u1,primary,student,o1\nr2,,,u2,primary,student,o1\nr3,,,u3,primary,teacher,o1\n"
	if p := newMemory(t).load("roster", archive(t, files)); p.New != 2 {
		t.Errorf("1.2: %+v", p)
	}
	files = oneRoster()
	delete(files, "classes.csv")
	if list := m.refused("roster", "a.zip", archive(t, files)); list[0].Sheet != "classes.csv" || list[0].Message.ID() != "table.not_in_archive" {
		t.Errorf("without classes: %v", list)
	}
	files = oneRoster()
	files["users.csv"] = strings.Replace(files["users.csv"], pupilA, "17", 1)
	if list := m.refused("roster", "a.zip", archive(t, files)); list[0].Line != 2 || list[0].Message.ID() != "intake.one_no_number" {
		t.Errorf("without a number: %v", list)
	}
}

// TestWhatGoesOutComesBack: whatever a school holds, an export imports as the same.
func TestWhatGoesOutComesBack(t *testing.T) {
	words := rapid.StringOfN(rapid.SampledFrom([]rune("云岭甲乙,;\"'=+-@| 　a1（）\n")), 0, 12, -1)
	rapid.Check(t, func(rt *rapid.T) {
		m := newMemory(t)
		var roster, sheet, visits, training bytes.Buffer
		roster.WriteString("学籍号,姓名,班级,性别,民族,是否住宿生,入学年月\n")
		pupils := []string{pupilA, pupilB, pupilC, "G990109201902090969", "G990109201805140979"}
		quote := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
		class := map[string]string{}
		for _, id := range pupils {
			class[id] = fmt.Sprintf("一年级（%d）班", rapid.IntRange(1, 2).Draw(rt, "class"))
			fmt.Fprintf(&roster, "%s,%s,%s,%s,%s,%s,%s\n", id, quote("学"+words.Draw(rt, "name")), class[id],
				rapid.SampledFrom([]string{"", "男", "女"}).Draw(rt, "sex"), rapid.SampledFrom([]string{"", "汉", "满族"}).Draw(rt, "ethnic"),
				rapid.SampledFrom([]string{"", "是", "否"}).Draw(rt, "boarder"), rapid.SampledFrom([]string{"", "2026-09", "2026年10月"}).Draw(rt, "admitted"))
		}
		m.load("roster", roster.Bytes())
		m.load("teachers", []byte("教师编号,姓名,出生年份\nT1,"+quote("师"+words.Draw(rt, "teacher"))+",1980\n"))
		sheet.WriteString("日期,时段,班级,学籍号,状态,分钟,症状,备注,点名人\n")
		for day := 1; day < 4; day++ {
			fmt.Fprintf(&sheet, "2026-09-%02d,上午,%s,,已点名,,,%s,%s\n", day, class[pupilA], quote(words.Draw(rt, "note")), quote(words.Draw(rt, "taker")))
			fmt.Fprintf(&sheet, "2026-09-%02d,上午,%s,%s,%s\n", day, class[pupilA], pupilA,
				rapid.SampledFrom([]string{"迟到,5,,,", "病假,,发热,,", "事假,,,,", "出勤,,,,"}).Draw(rt, "mark"))
		}
		m.load("attendance", sheet.Bytes())
		visits.WriteString("日期,协议编号,帮扶校标识码,活动类型,课时,主题,备注,来访人员\n")
		training.WriteString("日期,教师编号,培训名称,学时,费用,培训单位\n")
		for range rapid.IntRange(0, 5).Draw(rt, "records") {
			fmt.Fprintf(&visits, "2026-09-0%d,%s,3199109006,%s,%.1f,%s,%s,%s\n", rapid.IntRange(1, 3).Draw(rt, "day"), rapid.SampledFrom([]string{"P1", "", "P2"}).Draw(rt, "p"),
				rapid.SampledFrom([]string{"听评课", "督导"}).Draw(rt, "kind"), float64(rapid.IntRange(0, 99).Draw(rt, "hours"))/10,
				quote(words.Draw(rt, "topic")), quote(words.Draw(rt, "note")), quote(words.Draw(rt, "who")))
			fmt.Fprintf(&training, "2026-09-0%d,T1,%s,%d,%.2f,%s\n", rapid.IntRange(1, 2).Draw(rt, "day"), quote("题"+words.Draw(rt, "title")),
				rapid.IntRange(0, 9).Draw(rt, "hours"), float64(rapid.IntRange(0, 9999).Draw(rt, "cost"))/100, quote(words.Draw(rt, "by")))
		}
		m.load("visits", visits.Bytes())
		m.load("training", training.Bytes())
		for _, k := range intake.Kinds() {
			name := rapid.SampledFrom([]string{"a.csv", "a.xlsx"}).Draw(rt, "format")
			data := export(t, k, name, m)
			p, err := intake.Read(k, name, data, m, intake.Options{Today: today + 1})
			if err != nil {
				rt.Fatalf("%s as %s: %v\n%s", k, name, err, data)
			}
			if len(p.Edits) != 0 || p.New != 0 || p.Changed != 0 {
				rt.Fatalf("%s as %s changed: %+v", k, name, p.Edits)
			}
		}
	})
}
