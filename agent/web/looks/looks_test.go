package looks_test

import (
	"testing"

	"shangu/agent/access"
	"shangu/agent/account"
	"shangu/agent/web/looks"
	"shangu/agent/web/webtest"
	"shangu/sync/seal"
)

// Leaders read who looked, the newest first and page by page; a clerk does not.
func TestWhoLooked(t *testing.T) {
	l := access.New(t.TempDir(), seal.Files{})
	s := webtest.New(t)
	s.Staff()
	s.Serve(looks.Area(l))
	s.SignIn(account.Clerk)
	s.Get(looks.Path).Is(403)
	s.SignIn(account.Head)
	s.Get(looks.Path).Is(200, "还没有人看过")
	note := func(what, name string, remote bool) {
		t.Helper()
		if err := l.Note(access.Event{At: s.Now.Unix(), Account: "王老师", What: what, Name: name, Remote: remote}); err != nil {
			t.Fatal(err)
		}
	}
	note("pupil", "阿依", false)
	for range 200 {
		note("roster", "", true)
	}
	p := s.Get(looks.Path).Is(200, "2026-10-12 09:00:00", "王老师", "导出带姓名的表格：学生名册", "本校其他电脑").Lacks("阿依")
	s.Get(p.Link("更早的")).Is(200, "阿依", "学生的受限资料", "更近的")
}
