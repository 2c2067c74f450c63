package training_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"shangu/agent/account"
	"shangu/agent/intake"
	"shangu/agent/store"
	"shangu/agent/training"
	"shangu/agent/visit"
	pages "shangu/agent/web/training"
	visitpages "shangu/agent/web/visit"
	"shangu/agent/web/webtest"
	"shangu/schema"
)

const day = "2026-10-09"

func newSchool(t *testing.T) *webtest.School {
	t.Helper()
	s := webtest.New(t)
	s.Staff()
	if err := s.Store.SetHome("2199109015"); err != nil {
		t.Fatal(err)
	}
	s.Save(
		webtest.Edit(schema.KindTeacher, "T2199109015001", schema.TeacherName, "李小红", schema.TeacherSubject, "语文", schema.TeacherBackbone, true),
		webtest.Edit(schema.KindTeacher, "T2199109015002", schema.TeacherName, "张大山"),
	)
	visits := visit.NewDesk(s.Store, s.Store, s.Book)
	s.Serve(pages.Area(training.NewDesk(s.Store, s.Store, visits, s.Book), s.Book), visitpages.Area(visits, s.Book))
	return s
}

func key(s *webtest.School, teacher string) string {
	s.T.Helper()
	r, err := s.Book.Open()
	if err != nil {
		s.T.Fatal(err)
	}
	return r.Key(teacher)
}

func TestOneTrainingOfMany(t *testing.T) {
	s := newSchool(t)
	s.SignIn(account.Clerk)
	s.Get("/training").Is(200, "李小红", "还差 360 学时", "50%", "骨干")
	s.Get("/training/records").Is(200, "还没有培训记录")
	blank := s.Get("/training/new").Is(200, "启航", "校本教研", "李小红", `value="2026-10-12"`)
	one, two := key(s, "T2199109015001"), key(s, "T2199109015002")
	typed := []string{"ticket", blank.Value("ticket"), "date", day, "title", "", "hours", "很多", "programme", "启航", "level", "2", "cost", "1.234", "teachers", one, "teachers-" + one, "云教培1号", "teachers-" + two, "云教培2号"}
	s.Post("/training/new", typed...).Is(422, `id="f-title-wrong"`, `id="f-hours-wrong"`, `id="f-cost-wrong"`, `id="f-teachers-wrong"`, "张大山 填了证书编号", `value="很多"`, `value="1.234"`, `value="云教培1号"`, `value="云教培2号"`, "checked")
	s.Post("/training/new", "ticket", blank.Value("ticket"), "date", day, "title", "研修", "hours", "8").Is(422, "请至少勾选一名教师", `value="研修"`)

	typed[5], typed[7], typed[13] = "新教师研修", "３６０", "120.5"
	typed = append(typed, "teachers", two)
	at := s.Post("/training/new", typed...).Is(303).Location
	list := s.Get(at).Is(200, "新教师研修", "李小红", "张大山", "启航", "区级")
	if s.Post("/training/new", typed...).Is(303); s.Store.Status().Kinds[schema.KindTraining] != 2 {
		t.Error("a form sent twice made its records twice")
	}
	typed[5] = "别的"
	if again := s.Post("/training/new", typed...).Is(422, "刚才已经保存过"); again.Value("ticket") == blank.Value("ticket") {
		t.Error("the form cannot be saved as another training")
	}
	s.Get("/training").Is(200, "360 / 360", "2031-10-09 起不足")
	mine := s.Get("/training/teachers/"+one).Is(200, "李小红", "新教师研修", "2031-10-09", "360 / 360")

	record := mine.Link("新教师研修")
	if !strings.Contains(list.Body, record) || strings.Contains(record, "T2199") {
		t.Errorf("the record is at %s", record)
	}
	edit := s.Get(record).Is(200, `value="新教师研修"`, `value="360"`, `value="120.50"`, "云教培1号", "李小红").Lacks("请至少勾选")
	seen := edit.Value("seen")
	change := []string{"date", day, "title", "新教师研修", "hours", "12", "result", "3"}
	s.Post(record, append([]string{"seen", seen}, change...)...).Is(303)
	s.Get("/training/teachers/"+one).Is(200, "没有计入的 1 条", "（不计学时）", "还差 360 学时")
	stale := s.Post(record, append([]string{"seen", seen}, change...)...).Is(422, "刚被别人改过", `value="12"`)
	change[7] = "1"
	s.Post(record, append([]string{"seen", stale.Value("seen")}, change...)...).Is(303)
	s.Get("/training/teachers/"+one).Is(200, "12 / 360", "还差 348 学时")

	s.Post(record+"/cancel", "reason", "").Is(422, `id="f-reason-wrong"`, "新教师研修")
	s.Post(record+"/cancel", "reason", "记错人").Is(303)
	s.Get(record).Is(200, "记错人", "恢复这条记录").Lacks(`name="title"`)
	s.Get("/training/records?void=1").Is(200, record).Lacks("张大山")
	s.Post(record + "/restore").Is(303)
	s.Get("/training/records").Is(200, record)
	s.Get("/training/teachers/ffff").Is(409)
	s.Get("/training/records/ffff").Is(409)
}

// Hours of a visit stand in the account too, and lead to the visit.
func TestHoursOfAVisit(t *testing.T) {
	s := newSchool(t)
	s.SignIn(account.Clerk)
	one := key(s, "T2199109015001")
	blank := s.Get("/visits/new")
	at := s.Post("/visits/new", "ticket", blank.Value("ticket"), "date", day, "helper", "3199109006", "kind", "2", "hours", "2.5", "topic", "听课", "teachers", one).Is(303).Location
	if got := s.Get("/training/teachers/"+one).Is(200, "2.5 / 360", "听评课").Link("听课"); got != at {
		t.Errorf("leads to %s, not to %s", got, at)
	}
}

func TestWhoMay(t *testing.T) {
	s := newSchool(t)
	s.SignIn(account.Clerk)
	one := key(s, "T2199109015001")
	blank := s.Get("/training/new")
	s.Post("/training/new", "ticket", blank.Value("ticket"), "date", day, "title", "研修", "hours", "8.5", "teachers", one, "teachers-"+one, "云1").Is(303)
	cells := func(path, sheet string) string {
		p := s.Get(path).Is(200)
		book, err := excelize.OpenReader(bytes.NewReader([]byte(p.Body)))
		if err != nil {
			t.Fatal(err)
		}
		defer book.Close()
		rows, err := book.GetRows(sheet)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for _, r := range rows {
			b.WriteString(strings.Join(r, "|") + "\n")
		}
		return b.String()
	}
	files := map[string]string{"/training/export": "学时台账", "/training/records/export": "培训记录", "/training/teachers/" + one + "/export": "教师学时"}
	for path, sheet := range files {
		if got := cells(path+"?names=1", sheet); strings.Contains(got, "李小红") || strings.Contains(got, "T2199109015001") || !strings.Contains(got, "李**") || !strings.Contains(got, "8.5") {
			t.Errorf("a clerk's %s: %s", path, got)
		}
	}
	s.SignIn(account.Head)
	for path, sheet := range files {
		if got := cells(path, sheet); strings.Contains(got, "李小红") {
			t.Errorf("names nobody asked for in %s: %s", path, got)
		}
		if got := cells(path+"?names=1", sheet); !strings.Contains(got, "李小红") {
			t.Errorf("the head's %s: %s", path, got)
		}
	}
	// The head's workbook of records is one that an import takes, and finds nothing
	// new in.
	p := s.Get("/training/records/export?names=1").Is(200)
	plan, err := intake.Read(intake.Training, "training.xlsx", []byte(p.Body), s.Store, intake.Options{Today: schema.DateAt(s.Now)})
	if err != nil || plan.Rows != 1 || plan.Same != 1 {
		t.Errorf("taken in again: %+v, %v", plan, err)
	}
	s.SignIn(account.Visiting)
	for path := range files {
		s.Get(path).Is(403)
	}
	s.Get("/training").Is(403)
	s.Post("/training/new", "title", "x").Is(403)
}

// heavy is what a page's own text may weigh; style and scripts come to about 40 kB.
const heavy = 110_000

// 200 teachers with ten trainings a year for five years, and as many visits as a
// helper of many schools has: no page is heavy, and none reads the years each time.
func TestALargeSchool(t *testing.T) {
	s := webtest.New(t)
	s.Staff()
	if err := s.Store.SetHome("2199109015"); err != nil {
		t.Fatal(err)
	}
	const teachers, years = 200, 5
	var edits []store.Edit
	flush := func() {
		s.Save(edits...)
		edits = nil
	}
	today := schema.DateAt(s.Now)
	for i := range teachers {
		edits = append(edits, webtest.Edit(schema.KindTeacher, fmt.Sprintf("T2199109015%03d", i), schema.TeacherName, "张大山", schema.TeacherSubject, "道德与法治", schema.TeacherBackbone, i%7 == 0))
	}
	flush()
	for n := range teachers * years * 10 {
		edits = append(edits, webtest.Edit(schema.KindTraining, fmt.Sprintf("t%d", n), schema.TrainingTeacher, fmt.Sprintf("T2199109015%03d", n%teachers),
			schema.TrainingDate, today-schema.Date(n%(365*years)), schema.TrainingTitle, "新课标专题研修与课堂教学改进", schema.TrainingProgramme, "乡村教师支持计划",
			schema.TrainingLevel, 2, schema.TrainingHours, 80, schema.TrainingCertificate, "云教培2026字第25620号"))
		if len(edits) == 500 {
			flush()
		}
	}
	for n := range 1000 {
		edits = append(edits, webtest.Edit(schema.KindVisit, fmt.Sprintf("v%d", n), schema.VisitDate, today-schema.Date(n%(365*years)), schema.VisitHelper, "3199109006",
			schema.VisitKind, 2, schema.VisitTopic, "大单元整体设计与作业改进", schema.VisitHours, 25, schema.Key{Num: schema.VisitCredits, Sub: fmt.Sprintf("T2199109015%03d", n%teachers)}, 25))
		if len(edits) == 500 {
			flush()
		}
	}
	visits := visit.NewDesk(s.Store, s.Store, s.Book)
	s.Serve(pages.Area(training.NewDesk(s.Store, s.Store, visits, s.Book), s.Book), visitpages.Area(visits, s.Book))
	s.SignIn(account.Head)
	one := "/training/teachers/" + key(s, "T2199109015007")
	for _, path := range []string{"/training", "/training", "/training?sort=short", one, "/training/records", "/training/new", "/visits", "/visits/new"} {
		from := time.Now()
		p := s.Get(path).Is(200)
		t.Logf("%s: %d bytes in %v", path, len(p.Body), time.Since(from))
		if len(p.Body) > heavy {
			t.Errorf("%s weighs %d bytes", path, len(p.Body))
		}
	}
}
