package leave_test

import (
	"net/http"
	"testing"

	"shangu/agent/account"
	"shangu/agent/attend"
	"shangu/agent/leave"
	"shangu/agent/roll"
	"shangu/agent/store/storetest"
	"shangu/agent/watch"
	"shangu/agent/web/day"
	pages "shangu/agent/web/leave"
	"shangu/agent/web/webtest"
	"shangu/schema"
)

const class = "2026/一年级（1）班"

func newSchool(t *testing.T) *webtest.School {
	t.Helper()
	s := webtest.New(t)
	s.Staff()
	s.Save(storetest.Class(class, schema.DateOf(2026, 9, 1), "阿依", "李四", "张小明", "王五")...)
	today := func() schema.Date { return schema.DateAt(s.Now) }
	leaves := leave.NewDesk(s.Store, s.Store, s.Book, today)
	days := attend.NewBook(s.Store)
	desk := roll.NewDesk(roll.Parts{Store: s.Store, Saver: s.Store, Roster: s.Book, Days: days, Leaves: leaves, Today: today})
	s.Serve(day.Area(desk, s.Book, watch.NewDesk(s.Store, s.Store, s.Book, days)), pages.Area(leaves, s.Book, s.Store.NewID))
	return s
}

// A form sent twice makes one leave, what is typed stays where something is wrong,
// and a visitor sees none of it.
func TestLeavePages(t *testing.T) {
	s := newSchool(t)
	s.SignIn(account.Visiting)
	s.Get("/leave").Is(http.StatusForbidden)
	s.SignIn(account.Clerk)
	s.Get("/leave").Is(200, "今天没有人请假")
	r, err := s.Book.Open()
	if err != nil {
		t.Fatal(err)
	}
	p := s.Get("/leave/new?class="+r.Key(class)+"&pupil="+r.Key(storetest.Pupil(1))).Is(200, "李四", `value="2026-10-12"`)
	form := func(kv ...string) []string {
		return append([]string{"id", p.Value("id"), "class", r.Key(class), "status", "4", "from", "2026-10-12"}, kv...)
	}
	s.Post("/leave/new", form("reason", "水痘")...).Is(422, "水痘", "请至少选一名学生")
	s.Post("/leave/new", form("pupil", r.Key(storetest.Pupil(1)), "to", "2026-10-11", "reason", "水痘")...).Is(422, "水痘", "不能早于开始日期")
	s.Post("/leave/new", form("pupil", r.Key(storetest.Pupil(1)), "to", "10月14日")...).Is(422, "10月14日")
	s.Post("/leave/new", form("pupil", "0123456789abcdef")...).Is(422, "不在名册里")
	for range 2 {
		s.Post("/leave/new", form("pupil", r.Key(storetest.Pupil(1)), "to", "2026-10-14", "symptom", "9", "reason", "水痘")...).Is(http.StatusSeeOther)
	}
	if n := s.Store.Status().Kinds[schema.KindLeave]; n != 1 {
		t.Errorf("%d leaves", n)
	}
	list := s.Get("/leave").Is(200, "李四", "水痘", "病假（皮疹）", "10月14日").Lacks(storetest.Pupil(1))
	one := list.Link("李四")
	s.Get(one).Is(200, "提前结束", "作废")
	s.Post(one+"/end", "to", "2026-10-20").Is(422, "只能提前", `value="2026-10-20"`)
	s.Post(one+"/end", "to", "2026-10-13").Is(http.StatusSeeOther)
	s.Get("/leave").Is(200, "10月13日").Lacks("10月14日")
	s.Post(one+"/void", "reason", "").Is(422, "请写明为什么作废")
	s.Post(one+"/void", "reason", "写错了").Is(http.StatusSeeOther)
	s.Get("/leave").Is(200, "今天没有人请假")
	s.Get(one).Is(http.StatusConflict, "没有这张请假单")
}

// A group is told by its first names and how many it has.
func TestLeaveOfAGroup(t *testing.T) {
	s := newSchool(t)
	s.SignIn(account.Clerk)
	r, err := s.Book.Open()
	if err != nil {
		t.Fatal(err)
	}
	kv := []string{"class", r.Key(class), "status", "8", "from", "2026-10-15", "session", "2", "reason", "运动会"}
	for i := range 4 {
		kv = append(kv, "pupil", r.Key(storetest.Pupil(i)))
	}
	s.Post("/leave/new", kv...).Is(http.StatusSeeOther)
	s.Get("/leave").Is(200, "以后要请假的", "等 4 人", "公假", "下午", "一年级（1）班")
}
