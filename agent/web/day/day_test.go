package day_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"shangu/agent/account"
	"shangu/agent/attend"
	"shangu/agent/leave"
	"shangu/agent/roll"
	"shangu/agent/watch"
	"shangu/agent/web/day"
	"shangu/agent/web/webtest"
	"shangu/schema"
)

var classes = []string{"2026/一年级（1）班", "2026/一年级（2）班"}

// newSchool has two classes of two pupils, one of whom boards.
func newSchool(t *testing.T) (*webtest.School, *roll.Desk) {
	t.Helper()
	s := webtest.New(t)
	s.Staff()
	for i, class := range classes {
		s.Save(webtest.Edit(schema.KindClass, class, schema.ClassName, class[5:], schema.ClassOrder, 101+i))
		for j := range 2 {
			id := pupil(i, j)
			s.Save(webtest.Edit(schema.KindPupil, id, schema.PupilName, fmt.Sprintf("学生%d%d", i, j), schema.PupilBoarder, i+j == 2),
				webtest.Edit(schema.KindEnrolment, schema.EnrolmentID(id, class, schema.DateOf(2026, 9, 1)), schema.EnrolmentFrom, schema.DateOf(2026, 9, 1)))
		}
	}
	today := func() schema.Date { return schema.DateAt(s.Now) }
	desk := roll.NewDesk(roll.Parts{
		Store: s.Store, Saver: s.Store, Roster: s.Book, Days: attend.NewBook(s.Store), Today: today,
		Leaves: leave.NewDesk(s.Store, s.Store, s.Book, today),
	})
	s.Serve(day.Area(desk, s.Book, watch.NewDesk(s.Store, s.Store, s.Book, attend.NewBook(s.Store))))
	return s, desk
}

func pupil(class, i int) string { return fmt.Sprintf("L9901092016090%d%04d", class+1, i) }

// Not taken, begun, missed, all present, with absences, no school and not due are
// told apart in words.
func TestADaysSlots(t *testing.T) {
	s, desk := newSchool(t)
	today := schema.DateAt(s.Now)
	save := func(class int, session schema.Session, w roll.Wish) {
		t.Helper()
		if _, err := desk.Save(t.Context(), "王", schema.SheetID{Date: today, Session: session, Class: classes[class]}, w); err != nil {
			t.Fatal(err)
		}
	}
	one := []roll.Typed{{Pupil: pupil(0, 0), Was: schema.Mark{Status: schema.StatusPresent}, Now: schema.Mark{Status: schema.StatusAbsent}}}
	save(0, schema.SessionAM, roll.Wish{Take: true, Marks: one})
	save(0, schema.SessionPM, roll.Wish{Marks: one})
	save(1, schema.SessionAM, roll.Wish{Take: true})
	save(1, schema.SessionPM, roll.Wish{NoSchool: true, Reason: "停电"})
	s.SignIn(account.Clerk)
	p := s.Get("/day").Is(200, "缺席 1 人", "没点完", "全到", "当日不上课", "不用点名", "还没点名", "应点名 5 张，已完成 3 张", "存本机")
	p.Lacks(classes[0], "漏点名", pupil(0, 0)).Is(200)
	s.Now = s.Now.Add(24 * time.Hour)
	s.SignIn(account.Clerk)
	s.Get("/day").Is(200, "前两周还有 2 张没点名")
	r, err := s.Book.Open()
	if err != nil {
		t.Fatal(err)
	}
	fortnight := "/fortnight/" + r.Key(classes[0])
	s.Get("/day/2026-10-12").Is(200, "漏点名", fortnight)
	s.Get(fortnight).Is(200, "缺席 1 人", "没点完", "节假日")
	s.Get("/fortnight/0123456789abcdef").Is(http.StatusConflict)
	s.Get("/day/2026-13-01").Is(http.StatusConflict, "2026-13-01")
	s.SignIn(account.Visiting)
	s.Get("/day").Is(http.StatusForbidden)
}

// The school closes for snow and makes up for it; both are undone.
func TestClosedDays(t *testing.T) {
	s, _ := newSchool(t)
	s.SignIn(account.Clerk)
	s.Get("/closed").Is(200, "本校没有登记过停课")
	snow, up := fmt.Sprint(schema.DaySnow), fmt.Sprint(schema.DayMakeUp)
	s.Post("/closed", "kind", snow, "from", "2026-10-15", "to", "2026-10-14").Is(422, `value="2026-10-15"`, "不能早于开始日期")
	s.Post("/closed", "kind", snow, "from", "十五号").Is(422, "十五号")
	s.Post("/closed", "kind", snow, "from", "2026-10-17").Is(422, "本来就不上课")
	p := s.Post("/closed", "kind", snow, "from", "2026-10-15", "to", "2026-10-18").Is(http.StatusSeeOther)
	s.Get(p.Location).Is(200, "已登记 2 天", "雪天停课", "10月15日", "10月16日", "clerk")
	s.Post("/closed", "kind", up, "from", "2026-10-17").Is(http.StatusSeeOther)
	s.Get("/day").Is(200, "近期安排", "10月17日", "调休上课")
	s.Get("/day/2026-10-15").Is(200, "雪天停课", "不需要点名")
	days := s.Get("/closed").Value("days")
	if !strings.HasPrefix(days, "2026-10-15/2026-10-16") {
		t.Fatalf("%q", days)
	}
	s.Post("/closed/undo", "days", days).Is(http.StatusSeeOther)
	s.Get("/day/2026-10-15").Is(200).Lacks("雪天停课")
	s.Post("/closed/undo", "days", "2026-10-15/gestern").Is(http.StatusConflict)
}
