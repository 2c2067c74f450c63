package roster_test

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"

	"shangu/agent/account"
	"shangu/agent/intake"
	"shangu/agent/store"
	"shangu/agent/transfer"
	"shangu/agent/web/roster"
	"shangu/agent/web/webtest"
	"shangu/schema"
)

const one, two = "2026/一年级（1）班", "2026/一年级（2）班"

func pupil(i int) string { return fmt.Sprintf("L99010920160901%04d", i) }

// tables write the store's roster.
type tables struct{ s *store.Store }

func (x tables) RosterOn(_ context.Context, w io.Writer, file string, on schema.Date, open bool) error {
	return intake.WriteRosterOn(w, file, x.s, on, open)
}

func (x tables) OneRoster(_ context.Context, w io.Writer, v intake.OneVersion, on schema.Date) error {
	return intake.WriteOneRoster(w, v, x.s, intake.School{}, on)
}

func open(t *testing.T) *webtest.School {
	s := webtest.New(t)
	s.Staff()
	from := schema.DateOf(2026, 8, 1)
	for i, id := range []string{one, two} {
		s.Save(webtest.Edit(schema.KindClass, id, schema.ClassName, id[5:], schema.ClassOrder, 101+i))
	}
	for i, name := range []string{"阿依", "张小明", "李四"} {
		s.Save(webtest.Edit(schema.KindPupil, pupil(i), schema.PupilName, name, schema.PupilSex, 1+i%2, schema.PupilLeftBehind, i == 0, schema.PupilBoarder, i == 1),
			webtest.Edit(schema.KindEnrolment, schema.EnrolmentID(pupil(i), one, from), schema.EnrolmentFrom, from, schema.EnrolmentRow, i+1))
	}
	s.Serve(roster.Area(s.Book, transfer.NewDesk(s.Store, s.Store, s.Book), s.Store, tables{s.Store}))
	return s
}

func TestClassesAndPupils(t *testing.T) {
	s := open(t)
	s.SignIn(account.Clerk)
	p := s.Get("/roster").Is(200, "一年级（1）班", "合计 2 个班").Lacks("names=1", "oneroster")
	c := s.Get(p.Link("一年级（1）班")).Is(200, "张小明", "住宿", "3 人，男 2，女 1，住宿 1").Lacks("留守")
	s.Get(c.Link("阿依")).Is(200, pupil(0), "2026-2027", "至今").Lacks("受保护", "/more")
	s.Get("/roster?on=2027-09-01").Is(200, "还没有班级", "不是今天的")
	s.Get("/roster?on=2026-13-01").Is(422, "不是日期", `value="2026-13-01"`)
	s.Get("/roster/pupil/nobody").Is(409, "没有这个页面")
	s.SignIn(account.Visiting)
	s.Get("/roster").Is(403)
	s.SignIn(account.Head)
	p = s.Get("/roster").Is(200, "names=1")
	s.Get(p.Link("一年级（1）班")).Is(200, "留守")
}

func TestSearch(t *testing.T) {
	s := open(t)
	s.SignIn(account.Clerk)
	s.Get("/roster")
	s.Post("/roster/find", "who", "zxm").Is(200, "张小明").Lacks("李四")
	s.Post("/roster/find", "who", " 李 ").Is(200, "李四").Lacks("张小明")
	s.Post("/roster/find", "who", "qq").Is(200, "没有找到")
}

// A pupil moves, leaves and is taken back; what is wrong stands beside the field and
// what was typed stays.
func TestAPupilsWay(t *testing.T) {
	s := open(t)
	s.SignIn(account.Clerk)
	at := s.Get(s.Get("/roster").Link("一年级（1）班")).Link("张小明")
	page := s.Get(at).Is(200)
	second := page.Value("一年级（2）班")
	s.Post(at+"/move", "class", second, "from", "2026-02-30").Is(422, "不是日期", `value="2026-02-30"`, "selected")
	s.Post(at+"/move", "class", "", "from", "2026-10-12").Is(422, "请选择班级")
	s.Post(at+"/move", "class", second, "from", "2025-10-12").Is(422, "才进一年级（1）班")
	s.Post(at+"/move", "class", second, "from", "2026-10-12").Is(303)
	page = s.Get(at).Is(200, "调到了一年级（2）班", "撤销这一步")
	s.Post(at+"/out", "out_reason", "", "out_from", "2026-10-20").Is(422, "请选择原因", `value="2026-10-20"`)
	s.Post(at+"/out", "out_reason", "23", "out_from", "2026-10-20").Is(303)
	// The page that was shown before takes nothing back.
	s.Post(at+"/undo", "seen", page.Value("seen")).Is(409, "刚刚改过")
	page = s.Get(at).Is(200, "转出", "2026-10-19")
	s.Post(at+"/undo", "seen", page.Value("seen")).Is(303)
	page = s.Get(at).Is(200, "至今")
	s.Post(at+"/undo", "seen", page.Value("seen")).Is(303)
	s.Get(at).Is(200, "一年级（1）班").Lacks("撤销这一步")
	s.Post(at, "name", "", "sex", "1", "birth", "").Is(422, "请填写这一项")
	s.Post(at, "name", "张晓明", "sex", "1", "birth", "2016-09-02").Is(303)
	s.Get(at).Is(200, "张晓明", "2016-09-02")
}

func TestANewPupil(t *testing.T) {
	s := open(t)
	s.SignIn(account.Clerk)
	class := s.Get("/roster/new").Is(200).Value("一年级（2）班")
	kv := []string{"id", "G123", "name", "王五", "class", class, "from", "2026-10-12", "reason", "4"}
	s.Post("/roster/new", kv...).Is(422, `value="G123"`, `value="王五"`, "f-id-wrong")
	kv[1] = pupil(1)
	s.Post("/roster/new", kv...).Is(422, "已经在一年级（1）班")
	kv[1] = pupil(77)
	p := s.Post("/roster/new", kv...).Is(303)
	s.Get(p.Location).Is(200, "王五", "2016-09-01", "转入")
	if strings.Contains(p.Location, "L99") || strings.Contains(p.Location, url.PathEscape("王")) {
		t.Errorf("the address tells who it is: %s", p.Location)
	}
}

func TestWhatIsKeptApart(t *testing.T) {
	s := open(t)
	s.SignIn(account.Clerk)
	at := s.Get(s.Get("/roster").Link("一年级（1）班")).Link("阿依")
	s.Get(at + "/more").Is(403)
	s.SignIn(account.Head)
	s.Get(at+"/more").Is(200, "阿依", "checked")
	if want := []string{"head pupil " + at + "/more"}; !slices.Equal(s.Noted, want) || strings.Contains(s.Log.String(), "阿依") {
		t.Errorf("who looked: %q, want %q; the log: %s", s.Noted, want, &s.Log)
	}
	s.Post(at+"/more", "watch", "1", "consent", "2").Is(303)
	d, err := s.Store.Doc("", schema.KindPupil, pupil(0))
	if err != nil {
		t.Fatal(err)
	}
	left, _ := d.Value(schema.PupilLeftBehind).Bool()
	watch, _ := d.Value(schema.PupilWatch).Bool()
	if left || !watch || !d.Value(schema.PupilDisability).IsNil() {
		t.Errorf("left-behind %v, watch %v, disability %v", left, watch, d.Value(schema.PupilDisability))
	}
}

// A teacher's facts are put right on a page of their own; a slip keeps what was typed.
func TestATeacherIsPutRight(t *testing.T) {
	s := open(t)
	s.Save(webtest.Edit(schema.KindTeacher, "T1", schema.TeacherName, "王小红", schema.TeacherSubject, "语文", schema.TeacherBirth, 1985, schema.TeacherPost, "在编", schema.TeacherBackbone, true),
		webtest.Edit(schema.KindTeacher, "T2", schema.TeacherName, "李大山"))
	s.SignIn(account.Clerk)
	at := s.Get("/roster/teachers").Is(200, "王小红", "李大山").Link("王小红")
	if strings.Contains(at, "T1") || strings.Contains(at, url.QueryEscape("王")) {
		t.Errorf("an address that tells whose it is: %s", at)
	}
	s.Get(at).Is(200, `value="王小红"`, `value="语文"`, `value="1985"`, `value="在编"`, "T1")
	s.Post(at, "name", "", "birth", "85", "subject", "数学<一>", "rank", "一级").Is(422, "请填写这一项", `id="f-birth-wrong"`, `value="数学&lt;一&gt;"`, `value="85"`, `value="一级"`)
	doc := func() (name, subject, post string, sex int64, mountain, said bool) {
		d, err := s.Store.Doc("", schema.KindTeacher, "T1")
		if err != nil {
			t.Fatal(err)
		}
		sex, _ = d.Value(schema.TeacherSex).Int()
		mountain, said = d.Value(schema.TeacherMountain).Bool()
		return d.Value(schema.TeacherName).Text(), d.Value(schema.TeacherSubject).Text(), d.Value(schema.TeacherPost).Text(), sex, mountain, said
	}
	if name, subject, _, _, _, _ := doc(); name != "王小红" || subject != "语文" {
		t.Errorf("a slip was saved: %s %s", name, subject)
	}
	if to := s.Post(at, "name", "王晓红", "sex", "2", "birth", "1985", "subject", "数学", "rank", "一级", "post", "", "backbone", "1").Is(303).Location; to != "/roster/teachers" {
		t.Error(to)
	}
	if name, subject, post, sex, _, said := doc(); name != "王晓红" || subject != "数学" || post != "" || sex != 2 || said {
		t.Errorf("%s %s %q %d, mountain post said: %v", name, subject, post, sex, said)
	}
	s.Get("/roster/teachers").Is(200, "王晓红", "数学", "一级", "骨干教师").Lacks("山区岗位")
	s.Get("/roster/teacher/0000000000000000").Is(409)
	s.SignIn(account.Visiting)
	s.Post(at, "name", "谁").Is(403)
}

// A class gets its class teacher on its page, and keeps its name.
func TestAClassIsPutRight(t *testing.T) {
	s := open(t)
	s.Save(webtest.Edit(schema.KindTeacher, "T1", schema.TeacherName, "王小红"))
	s.SignIn(account.Clerk)
	at := s.Get("/roster").Is(200).Link("一年级（1）班")
	p := s.Get(at).Is(200, "更正班主任").Lacks("· 班主任")
	head := p.Value("王小红")
	s.Post(at, "head", "0123456789abcdef", "grade", "一年级").Is(422, "没有这位教师", "<details class=\"card\" open>")
	if to := s.Post(at, "head", head, "grade", "一年级", "name", "别的班").Is(303).Location; to != at {
		t.Error(to)
	}
	s.Get(at).Is(200, "班主任 王小红", "<option value=\""+head+"\" selected>", "一年级（1）班")
	s.Get("/roster").Is(200, "王小红").Lacks("别的班")
	teacher := s.Get("/roster/teachers").Link("王小红")
	s.Get(teacher).Is(200, at)
	s.Post(at, "head", "", "grade", "").Is(303)
	s.Get(teacher).Is(200).Lacks(at)
	s.SignIn(account.Visiting)
	s.Post(at, "head", head).Is(403)
}

func TestFiles(t *testing.T) {
	s := open(t)
	s.SignIn(account.Clerk)
	p := s.Get("/roster/export?on=2026-10-12").Is(200)
	if got := p.Header.Get("Content-Disposition"); got != "attachment; filename=roster-2026-10-12.xlsx" {
		t.Error(got)
	}
	s.Get("/roster/export?on=2026-10-12&names=1").Is(409, "不能做这一步")
	s.Get("/roster/oneroster").Is(403)
	s.SignIn(account.Head)
	s.Get("/roster/export?on=2026-10-12&names=1").Is(200)
	s.Get("/roster/oneroster").Is(200)
	s.Get("/roster/oneroster?v=1.2").Is(200, "roles.csv")
}
