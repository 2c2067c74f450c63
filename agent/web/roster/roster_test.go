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
