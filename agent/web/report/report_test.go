package report_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"shangu/agent/account"
	"shangu/agent/attend"
	"shangu/agent/register"
	"shangu/agent/roster"
	"shangu/agent/store"
	"shangu/agent/store/storetest"
	"shangu/agent/web/report"
	"shangu/agent/web/webtest"
	"shangu/schema"
	"shangu/schema/schooltest"
)

const class = "2026/一年级（2）班"

var monday = schema.DateOf(2026, 10, 12)

// tables says what it was asked for instead of writing it.
type tables struct{}

func (tables) Table(_ context.Context, w io.Writer, kind string, month schema.Date, open bool) error {
	_, err := fmt.Fprintf(w, "%s %v %v", kind, month, open)
	return err
}

func serve(s *webtest.School) {
	s.Staff()
	s.Serve(report.Area(register.NewDesk(s.Store, s.Store, s.Book, attend.NewBook(s.Store)), s.Book, tables{}))
}

func newSchool(t *testing.T) *webtest.School {
	t.Helper()
	s := webtest.New(t)
	s.Now = time.Date(2026, 11, 2, 1, 0, 0, 0, time.UTC)
	s.Save(storetest.Class(class, schema.DateOf(2026, 9, 1), "阿依古丽", "李四", "张小明")...)
	roll(s, monday, map[int]schema.Mark{1: {Status: schema.StatusAbsent}, 2: {Status: schema.StatusSick, Symptom: 1}})
	serve(s)
	return s
}

func roll(s *webtest.School, on schema.Date, marks map[int]schema.Mark) {
	s.Save(storetest.Sheet(class, on, schema.SessionAM, schema.SheetTaken, marks))
}

func TestFreezeAndCorrectOnPages(t *testing.T) {
	s := newSchool(t)
	s.SignIn(account.Clerk)
	s.Get("/reports").Is(200, "2026年10月", "未定稿")
	s.Get("/reports/2026-10").Is(200, "还没有定稿", "还有 43 张", "一年级（2）班", "33.33", "发热 1 人次").Lacks("/freeze")
	s.Get("/reports/2026-12").Is(409)
	s.Post("/reports/2026-10/freeze").Is(403)
	s.SignIn(account.Head)
	s.Get("/reports/2026-11").Is(200, "还没上完").Lacks("/freeze")
	s.Get("/reports/2026-10").Is(200, "/freeze")
	s.Post("/reports/2026-10/freeze").Is(303)
	page := s.Get("/reports/2026-10").Is(200, "2026-11-02 由head定稿", "校验值").Lacks("/freeze", "定稿之后有变化")
	digest := strings.SplitN(strings.SplitN(page.Body, `class="digest">`, 2)[1], "<", 2)[0]
	if len(digest) != 64 {
		t.Fatalf("digest %q", digest)
	}

	roll(s, monday, map[int]schema.Mark{1: {Status: schema.StatusLeave}})
	s.Get("/reports/2026-10").Is(200, "定稿之后有变化", "李四", "旷课", "事假", digest, "谁改的", ">test<")
	s.Post("/reports/2026-10/correct", "reason", "").Is(422, "请填写这一项")
	to := s.Post("/reports/2026-10/correct", "reason", "家长补了<假条>").Is(303).Location
	s.Get(to).Is(200, "更正表", "家长补了&lt;假条&gt;", "李四", digest)
	s.Get("/reports/2026-10").Is(200, "更正表第 1 次", digest).Lacks("定稿之后有变化")
	s.Get("/reports").Is(200, "已定稿", "更正 1 次")
	s.Post("/reports/2026-10/correct", "reason", "再来一次").Is(409, "没有变化")
	s.Get("/reports/2026-10/sheet/2").Is(409)

	book := s.Get("/reports/2026-10/xlsx").Is(200)
	f := open(t, book.Body)
	if got, _ := f.GetCellValue("2026-10", "A3"); got != "一年级（2）班" {
		t.Errorf("%q", got)
	}
}

func open(t *testing.T, body string) *excelize.File {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestRegisterOnPages(t *testing.T) {
	s := newSchool(t)
	s.SignIn(account.Clerk)
	at := s.Get("/reports/2026-10/registers").Is(200, "3 名学生").Link("一年级（2）班")
	s.Get(at).Is(200, "张小明", `<td class="bad">旷</td>`, `<td class="wait">病</td>`, "√ 出勤").Lacks(storetest.Pupil(1), "带姓名")
	f := open(t, s.Get(at+"/xlsx").Is(200).Body)
	if got, _ := f.GetCellValue("一年级（2）班", "B6"); got != "张**" {
		t.Errorf("a name that is not masked: %q", got)
	}
	s.Get(at + "/xlsx?names=1").Is(409)
	s.SignIn(account.Head)
	s.Get(at).Is(200, "带姓名")
	f = open(t, s.Get("/reports/2026-10/registers/xlsx?names=1").Is(200).Body)
	if got, _ := f.GetCellValue("一年级（2）班", "B6"); got != "张小明" || !slices.Equal(s.Noted, []string{"head registers /reports/2026-10/registers/xlsx"}) {
		t.Errorf("%q", got)
	}
}

func TestExports(t *testing.T) {
	s := newSchool(t)
	s.SignIn(account.Clerk)
	s.Get("/exports").Is(200, "教师名册", "2026年10月", "姓名会打星号").Lacks(`name="names"`)
	p := s.Get("/exports/attendance?month=2026-10").Is(200, "attendance 2026-10-01 false")
	if got := p.Header.Get("Content-Disposition"); got != "attachment; filename=attendance-2026-10.xlsx" {
		t.Error(got)
	}
	s.Get("/exports/attendance").Is(409, "请选择月份")
	s.Get("/exports/roster?names=1").Is(409)
	s.Get("/exports/secrets").Is(409)
	// Of a day: today's unless another is asked for.
	p = s.Get("/exports/fortnight").Is(200, "fortnight 2026-11-02 false")
	if got := p.Header.Get("Content-Disposition"); got != "attachment; filename=fortnight-2026-11-02.xlsx" {
		t.Error(got)
	}
	s.Get("/exports/fortnight?on=2026-10-12").Is(200, "fortnight 2026-10-12 false")
	s.Get("/exports/fortnight?on=tomorrow").Is(409, "请选择日期")
	// Who does not see the list of accounts does not get it as a table.
	s.Get("/exports").Lacks("/exports/accounts")
	for _, role := range []account.Role{account.Clerk, account.Head} {
		s.SignIn(role)
		s.Get("/exports/accounts").Is(409, "不能做这一步")
	}
	s.SignIn(account.Visiting)
	s.Get("/exports/cases").Is(403)
	s.SignIn(account.Admin)
	s.Get("/exports").Is(200, "/exports/accounts")
	s.Get("/exports/accounts").Is(200, "accounts")
	s.Get("/exports/roster?names=1").Is(200, "roster", "true")
}

// The pages of a large school come at once.
func TestLargeSchool(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a large school")
	}
	dir := t.TempDir()
	if err := storetest.Fill(t.Context(), dir, [16]byte{1}, storetest.Years{School: "2199109099", Days: 60, Classes: 75, Pupils: 3000}); err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(dir, store.Options{Device: [16]byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	s := webtest.New(t)
	s.Store, s.Book = st, roster.NewBook(st, []byte("secret of addresses"))
	s.Now = time.Unix(int64(schooltest.SchoolDays(60)[59])*86400+3600, 0)
	serve(s)
	s.SignIn(account.Head)
	r, err := s.Book.Open() // the roster is every page's
	if err != nil {
		t.Fatal(err)
	}
	at := "/reports/2026-10/registers/" + r.Key(r.Classes(monday)[0].ID)
	ask := func(what, path string) {
		t.Helper()
		var page webtest.Page
		took := time.Hour
		for range 3 { // the machine is shared: the best counts
			start := time.Now()
			page = s.Get(path).Is(200)
			took = min(took, time.Since(start))
		}
		t.Logf("%s of 3,000 pupils: %v, %d KiB", what, took, len(page.Body)>>10)
		if took > 300*time.Millisecond || strings.HasPrefix(page.Body, "<") && len(page.Body) > 150<<10 {
			t.Errorf("%s: %v, %d bytes", what, took, len(page.Body))
		}
	}
	ask("register", at)
	ask("month", "/reports/2026-10")
	s.Post("/reports/2026-10/freeze").Is(303)
	ask("frozen month", "/reports/2026-10")
	start := time.Now()
	page := s.Get("/reports/2026-10/registers/xlsx?names=1").Is(200)
	t.Logf("registers of 75 classes as a workbook: %v, %d KiB", time.Since(start), len(page.Body)>>10)
}
