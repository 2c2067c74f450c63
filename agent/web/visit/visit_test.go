package visit_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"shangu/agent/account"
	"shangu/agent/intake"
	"shangu/agent/store"
	"shangu/agent/visit"
	pages "shangu/agent/web/visit"
	"shangu/agent/web/webtest"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
	"shangu/sync/session"
)

const host, helper, pact = "2199109015", "3199109006", "P005"

var day = schema.DateOf(2026, 10, 9)

// newSchool is a school with teachers, a class and an agreement that it is helped
// or, as home, helps under.
func newSchool(t *testing.T, home string) *webtest.School {
	t.Helper()
	s := webtest.New(t)
	s.Staff()
	if err := s.Store.SetHome(home); err != nil {
		t.Fatal(err)
	}
	s.Save(
		webtest.Edit(schema.KindClass, "2026/一年级（1）班", schema.ClassName, "一年级（1）班", schema.ClassOrder, 101),
		webtest.Edit(schema.KindTeacher, "T1", schema.TeacherName, "李小红", schema.TeacherSubject, "语文"),
		webtest.Edit(schema.KindTeacher, "T2", schema.TeacherName, "张大山"),
	)
	cell := func(n schema.FieldNum, sub string, v schema.Value) change.Cell {
		return change.Cell{Key: schema.Key{Num: n, Sub: sub}, Value: v, Version: change.Ref{Seq: 1}}
	}
	absorb(s, &change.Doc{Scope: schema.DistrictScope, Kind: schema.KindAgreement, ID: pact, Cells: []change.Cell{
		cell(schema.AgreementLead, "", schema.Str(helper)), cell(schema.AgreementLeadName, "", schema.Str("云岭第一小学")),
		cell(schema.AgreementMember, host, schema.Str("青石小学")), cell(schema.AgreementFrom, "", schema.Int(int64(schema.DateOf(2026, 9, 1)))),
	}})
	s.Serve(pages.Area(visit.NewDesk(s.Store, s.Store, s.Book), s.Book))
	return s
}

func absorb(s *webtest.School, docs ...*change.Doc) {
	s.T.Helper()
	if err := s.Store.Absorb(session.Delta{Docs: docs}); err != nil {
		s.T.Fatal(err)
	}
}

// send carries the host's visits to another school.
func send(from, to *webtest.School) {
	from.T.Helper()
	for d, err := range from.Store.Docs(schema.KindVisit, "") {
		if err != nil {
			from.T.Fatal(err)
		}
		out := *d
		out.Scope = host
		absorb(to, &out)
	}
}

func key(s *webtest.School, teacher string) string {
	s.T.Helper()
	r, err := s.Book.Open()
	if err != nil {
		s.T.Fatal(err)
	}
	return r.Key(teacher)
}

// write writes a visit down and returns the address of its page.
func write(s *webtest.School, kv ...string) string {
	s.T.Helper()
	blank := s.Get("/visits/new").Is(200)
	typed := append([]string{"ticket", blank.Value("ticket"), "date", day.String(), "agreement", pact, "kind", "1", "mode", "1", "hours", "2.5"}, kv...)
	return s.Post("/visits/new", typed...).Is(303).Location
}

func TestWriteOneDown(t *testing.T) {
	s := newSchool(t, host)
	s.SignIn(account.Clerk)
	s.Get("/visits").Is(200, "还没有帮扶活动", "登记活动", "云岭第一小学")
	blank := s.Get("/visits/new").Is(200, `value="2026-10-12"`, `<option value="P005" selected>`, "李小红", "一年级（1）班")
	ticket, one := blank.Value("ticket"), key(s, "T1")

	// What is wrong stands beside the field, and nothing typed is lost.
	typed := []string{"ticket", ticket, "date", day.String(), "agreement", pact, "kind", "", "topic", "分数<初步>", "hours", "两小时", "teachers", one, "teachers-" + one, "x", "visitors", "3", "names", "赵一、钱二"}
	s.Post("/visits/new", typed...).Is(422, `id="f-kind-wrong"`, `id="f-hours-wrong"`, "李小红 的学时请填", `value="分数&lt;初步&gt;"`, `value="两小时"`, `value="x"`, "赵一、钱二", ticket)

	typed[7], typed[11], typed[15] = "1", "２．５", "1.5"
	at := s.Post("/visits/new", typed...).Is(303).Location
	page := s.Get(at).Is(200, "分数&lt;初步&gt;", "云岭第一小学", "送教下乡", "城→乡", "李小红", "1.5", "赵一 钱二", "等帮扶校确认", "已存本机", "由 clerk 登记")
	if s.Post("/visits/new", typed...).Is(303).Location != at || s.Store.Status().Kinds[schema.KindVisit] != 1 {
		t.Error("a form sent twice made two visits")
	}
	typed[9] = "别的"
	if again := s.Post("/visits/new", typed...).Is(422, "刚才已经保存过"); again.Value("ticket") == ticket {
		t.Error("the form cannot be saved as another visit")
	}
	code := page.Body[strings.Index(page.Body, `id="code">`)+10:][:9]
	s.Get("/visits").Is(200, "分数&lt;初步&gt;", "2026-10", at)
	s.Post("/visits/paper", "code", strings.ToLower(code)).Is(200, "一致", at)
	s.Post("/visits/paper", "code", "2222-22").Is(422, `value="2222-22"`, "8 个字符")
	s.Post("/visits/paper", "code", "2222-2222").Is(200, "对不上").Lacks(at)

	// Another hand, meanwhile.
	edit := s.Get(at+"/edit").Is(200, `value="分数&lt;初步&gt;"`, `value="1.5"`)
	seen := edit.Value("seen")
	change := []string{"date", day.String(), "agreement", pact, "kind", "7", "hours", "3", "topic", "同上一节课", "classes", "一年级（1）班", "link", "2"}
	s.Post(at+"/edit", append([]string{"seen", seen}, change...)...).Is(303)
	s.Get(at).Is(200, "同步课堂", "一年级（1）班", "掉过线").Lacks("李小红", code)
	stale := s.Post(at+"/edit", append([]string{"seen", seen}, change...)...).Is(422, "刚被别人改过", "同上一节课")
	s.Post(at+"/edit", append([]string{"seen", stale.Value("seen")}, change...)...).Is(303)

	s.Post(at+"/cancel", "reason", "").Is(422, `id="f-reason-wrong"`)
	s.Post(at+"/cancel", "reason", "记重了").Is(303)
	s.Get(at).Is(200, "记重了", "恢复这次活动")
	s.Get("/visits").Is(200, "没有符合条件的").Lacks(at)
	s.Get("/visits?state=voided").Is(200, at)
	s.Post(at + "/restore").Is(303)
	s.Get("/visits").Is(200, at)
}

// fails is a saver that keeps nothing, as an agent before the day is settled.
type fails struct{ err error }

func (f fails) Save(context.Context, string, []store.Edit) (store.Saved, error) {
	return store.Saved{}, f.err
}

// What keeps a visit from being saved is said, and what was typed stays; a failure of
// ours tells nothing of itself.
func TestNotSaved(t *testing.T) {
	for name, why := range map[string]struct {
		err  error
		code int
		say  string
	}{
		"the day is not settled": {text.New("agent.date_unconfirmed"), 422, text.New("agent.date_unconfirmed").In(text.ZH)},
		"the disk is full":       {text.Wrap(store.ErrDiskFull, "store.disk_full", "free", 3), 422, `value="公开课"`},
		"against the schema":     {&store.InvalidError{Messages: []*text.Message{text.New("state.too_large", "max", 64)}}, 422, `value="公开课"`},
		"a failure":              {errors.New("inside"), 500, "程序出错"},
	} {
		t.Run(name, func(t *testing.T) {
			s := webtest.New(t)
			s.Staff()
			s.Serve(pages.Area(visit.NewDesk(s.Store, fails{why.err}, s.Book), s.Book))
			s.SignIn(account.Clerk)
			blank := s.Get("/visits/new")
			s.Post("/visits/new", "ticket", blank.Value("ticket"), "date", day.String(), "helper", helper, "kind", "1", "topic", "公开课").Is(why.code, why.say).Lacks("inside")
		})
	}
}

func TestTheHelperConfirms(t *testing.T) {
	a, b := newSchool(t, host), newSchool(t, helper)
	a.SignIn(account.Clerk)
	b.SignIn(account.Head)
	b.Get("/visits").Is(200, "本校是帮扶校")
	at := write(a, "topic", "单元整体教学", "teachers", key(a, "T2"))
	send(a, b)
	b.Get("/visits").Is(200, "有 1 次活动等本校确认", "青石小学")
	page := b.Get("/visits?state=mine").Is(200, at)
	one := key(b, "T1")
	b.Get(page.Link("单元整体教学")).Is(200, "本校确认这次活动", "李小红").Lacks(at + "/edit")
	b.Get(at + "/edit").Is(409)
	b.Post(at+"/confirm", "code", "2222-2222", "teachers", one, "helper_note", "下次带教具").Is(422, "刚被别人改过", "下次带教具", "checked")
	b.Post(at+"/confirm", "code", b.Get(at).Value("code"), "teachers", one, "teachers-"+one, "很多").Is(422, "李小红 的学时请填")
	b.Post(at+"/confirm", "code", b.Get(at).Value("code"), "teachers", one, "helper_note", "下次带教具").Is(303)
	b.Get(at).Is(200, "帮扶校已确认", "李小红", "下次带教具", "撤回确认")
	b.Get("/visits?state=mine").Is(200).Lacks(at)
	send(b, a)
	a.Get(at).Is(200, "帮扶校已确认", "由 head 确认", "下次带教具", "1 名教师")
	a.Get("/visits").Is(200, "3 天前有过确认的活动")
	edit := a.Get(at + "/edit")
	a.Post(at+"/edit", "seen", edit.Value("seen"), "date", day.String(), "agreement", pact, "kind", "1", "hours", "4").Is(303)
	a.Get(at).Is(200, "确认后又改过")
	send(a, b)
	b.Get(at).Is(200, "本校确认这次活动")
	b.Post(at + "/withdraw").Is(303)
	b.Get(at).Is(200, "待本校确认").Lacks("由 head 确认")
}

func TestWhoMay(t *testing.T) {
	s := newSchool(t, host)
	s.SignIn(account.Clerk)
	at := write(s, "names", "赵一、钱二", "teachers", key(s, "T1"))
	cells := func(path string) string {
		p := s.Get(path).Is(200)
		book, err := excelize.OpenReader(bytes.NewReader([]byte(p.Body)))
		if err != nil {
			t.Fatal(err)
		}
		defer book.Close()
		rows, err := book.GetRows("帮扶活动")
		if err != nil || len(rows) != 3 {
			t.Fatalf("%v, %v", rows, err)
		}
		return strings.Join(rows[2], "|")
	}
	if got := cells("/visits/export?names=1"); strings.Contains(got, "赵一") || strings.Contains(got, "李小红") || !strings.Contains(got, "赵*、钱*") || !strings.Contains(got, "李** 2.5") {
		t.Errorf("a clerk's workbook: %s", got)
	}
	s.SignIn(account.Visiting)
	s.Get(at).Is(200).Lacks("作废这次活动", at+"/edit")
	s.Get("/visits/new").Is(403)
	s.Post(at+"/cancel", "reason", "x").Is(403)
	s.Get("/visits/export").Is(403)
	s.SignIn(account.Head)
	if got := cells("/visits/export"); strings.Contains(got, "李小红") {
		t.Errorf("names nobody asked for: %s", got)
	}
	if got := cells("/visits/export?names=1"); !strings.Contains(got, "赵一、钱二") || !strings.Contains(got, "李小红 2.5") || !strings.Contains(got, pact) {
		t.Errorf("the head's workbook: %s", got)
	}
	if want := []string{"head visits /visits/export"}; !slices.Equal(s.Noted, want) {
		t.Errorf("who took the names away: %q, want %q", s.Noted, want)
	}
	p := s.Get("/visits/export?names=1")
	plan, err := intake.Read(intake.Visits, "visits.xlsx", []byte(p.Body), s.Store, intake.Options{Today: schema.DateAt(s.Now)})
	if err != nil || plan.Rows != 1 || plan.Same != 1 {
		t.Errorf("taken in again: %+v, %v", plan, err)
	}
	s.Get("/visits/0000").Is(409)
}
