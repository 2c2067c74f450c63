package watch_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"shangu/agent/account"
	"shangu/agent/attend"
	"shangu/agent/roster"
	"shangu/agent/store"
	"shangu/agent/store/storetest"
	"shangu/agent/watch"
	pages "shangu/agent/web/watch"
	"shangu/agent/web/webtest"
	"shangu/schema"
	"shangu/schema/schooltest"
)

const class = "2026/一年级（2）班"

var monday = schema.DateOf(2026, 10, 12)

func serve(s *webtest.School) {
	s.Staff()
	s.Serve(pages.Area(watch.NewDesk(s.Store, s.Store, s.Book, attend.NewBook(s.Store)), s.Book))
}

func newSchool(t *testing.T) *webtest.School {
	t.Helper()
	s := webtest.New(t)
	s.Save(storetest.Class(class, schema.DateOf(2026, 9, 1), "阿依", "李四", "张小明", "周一<b>")...)
	serve(s)
	return s
}

func roll(s *webtest.School, on schema.Date, marks map[int]schema.Mark) {
	s.Save(storetest.Sheet(class, on, schema.SessionAM, schema.SheetTaken, marks))
}

func TestACaseOnPages(t *testing.T) {
	s := newSchool(t)
	s.SignIn(account.Clerk)
	s.Get("/watch").Is(200, "没有学生需要立案", "还没点名，未核查")
	roll(s, monday, map[int]schema.Mark{3: {Status: schema.StatusUnknown}})
	page := s.Get("/watch").Is(200, "周一&lt;b&gt;", "零报告").Lacks(storetest.Pupil(3))
	at := s.Post("/watch/open", "pupil", page.Value("pupil"), "rule", "4").Is(303).Location
	s.Get(at).Is(200, "去向待查", "还没有记录")
	if want := []string{"clerk case " + at}; !slices.Equal(s.Noted, want) {
		t.Errorf("who looked: %q, want %q", s.Noted, want)
	}
	s.Post(at+"/step", "kind", "1", "date", "2026-10-13", "by", "王", "result", "无人接听").Is(422, "不能晚于今天", "无人接听")
	s.Post(at+"/step", "kind", "1", "date", "2026-10-12", "by", "王", "result", " ").Is(422, "请填写这一项")
	s.Post(at+"/step", "kind", "1", "date", "2026-10-12", "by", "王", "result", "无人接听").Is(303)
	s.Get(at).Is(200, "无人接听").Lacks("还没有记录")
	step := s.Get(at).Value("step")
	s.Post(at+"/void", "step", step, "reason", " ").Is(409, "请写明")
	s.Post(at+"/void", "step", step, "reason", "记错人了").Is(303)
	s.Get(at).Is(200, "还没有记录")
	s.Post(at+"/close", "end", "9", "on", "2026-10-12", "note", "").Is(422, "请写明原因", `value="9" selected`)
	s.Post(at+"/close", "end", "1", "on", "2026-10-12").Is(303)
	// By mistake: it goes on, with the reason among its steps.
	s.Get(at).Is(200, "销号销错了").Lacks(at + "/close")
	s.Post(at+"/reopen", "why", "").Is(422, "请填写这一项", `<details class="card" open>`)
	s.Post(at+"/reopen", "why", "认错<人>了").Is(303)
	s.Get(at).Is(200, "撤销销号", "认错&lt;人&gt;了", at+"/close").Lacks("销号销错了")
	s.Post(at+"/close", "end", "1", "on", "2026-10-12").Is(303)
	s.Get(at).Is(200, "已销号").Lacks(at + "/step")
	s.Get("/watch/cases").Is(200, "已返校")
	s.Get(at[:len(at)-1] + "1").Is(409)
}

func TestByHandAndTheWatchList(t *testing.T) {
	s := newSchool(t)
	r, err := s.Book.Open()
	if err != nil {
		t.Fatal(err)
	}
	at, li := r.Key(class), r.Key(storetest.Pupil(1))
	s.SignIn(account.Clerk)
	s.Get("/watch/new").Is(200, "/watch/new/"+at, "4 名学生")
	s.Post("/watch/new/"+at, "pupil", li, "note", "", "by", "李").Is(422, " selected", "请填写这一项")
	to := s.Post("/watch/new/"+at, "pupil", li, "note", "听说要去打工", "by", "李").Is(303).Location
	s.Get(to).Is(200, "人工立案", "听说要去打工")
	s.Post("/watch/new/"+at, "pupil", li, "note", "再来", "by", "李").Is(422, "已有跟进中的个案", "再来")
	s.Get("/watch/list").Is(200).Lacks("/watch/list/")
	s.Get("/watch/list/" + at).Is(403)
	s.Post("/watch/list/"+at, "pupil", li).Is(403)
	s.SignIn(account.Head)
	s.Get("/watch/list").Is(200, "名单是空的", "/watch/list/"+at)
	s.Post("/watch/list/"+at, "pupil", r.Key(storetest.Pupil(2)), "pupil", r.Key(storetest.Pupil(0))).Is(303)
	s.Get("/watch/list").Is(200, "张小明", "阿依")
	if n := strings.Count(s.Get("/watch/list/"+at).Body, " checked"); n != 2 {
		t.Errorf("%d are ticked", n)
	}
	s.Post("/watch/list/"+at, "pupil", r.Key(storetest.Pupil(2))).Is(303)
	s.Get("/watch/list").Is(200, "张小明").Lacks("阿依")
}

func TestAlarm(t *testing.T) {
	s := newSchool(t)
	s.SignIn(account.Clerk)
	roll(s, monday, map[int]schema.Mark{0: {Status: schema.StatusSick, Symptom: 1}, 1: {Status: schema.StatusSick, Symptom: 2}, 2: {Status: schema.StatusSick, Symptom: 4}})
	s.Get("/watch").Is(200, `role="alert"`, "发热呼吸道", "1 起聚集", "张小明")
}

// The page of a large school comes at once, though nobody asked for it before.
func TestLargeSchool(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a large school")
	}
	dir := t.TempDir()
	if err := storetest.Fill(t.Context(), dir, [16]byte{1}, storetest.Years{School: "2199109099", Days: 200, Classes: 75, Pupils: 3000}); err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(dir, store.Options{Device: [16]byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	all := schooltest.SchoolDays(200)
	s := webtest.New(t)
	s.Store, s.Book = st, roster.NewBook(st, []byte("secret of addresses"))
	s.Now = time.Unix(int64(all[199])*86400+3600, 0)
	serve(s)
	s.SignIn(account.Clerk)
	r, err := s.Book.Open() // the roster is every page's
	if err != nil {
		t.Fatal(err)
	}
	took := map[string]time.Duration{}
	// The machine is shared: the best of a few counts, and of the first, which reads what
	// nobody has read before, only that it reads no years.
	for i, is := range []string{"cold", "warm", "warm", "after a roll", "after a roll", "after a roll"} {
		if is == "after a roll" {
			name := r.Classes(all[199])[0].ID
			s.Save(webtest.Edit(schema.KindSheet, schema.SheetID{Date: all[199], Session: schema.SessionAM, Class: name}.String(), schema.SheetNote, fmt.Sprint(i)))
		}
		start := time.Now()
		page := s.Get("/watch").Is(200)
		if d := time.Since(start); took[is] == 0 || d < took[is] {
			took[is] = d
		}
		if len(page.Body) > 150<<10 {
			t.Errorf("%d bytes", len(page.Body))
		}
	}
	t.Logf("watch page of 3,000 pupils: %v", took)
	for is, d := range took {
		if bound := map[bool]time.Duration{true: 1500, false: 300}[is == "cold"] * time.Millisecond; d > bound {
			t.Errorf("%s: %v", is, d)
		}
	}
}
