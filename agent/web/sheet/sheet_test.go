package sheet_test

import (
	"encoding/json"
	"strings"
	"testing"

	"shangu/agent/account"
	"shangu/agent/attend"
	"shangu/agent/leave"
	"shangu/agent/roll"
	"shangu/agent/store/storetest"
	"shangu/agent/watch"
	"shangu/agent/web/sheet"
	"shangu/agent/web/webtest"
	"shangu/schema"
)

const class = "2026/一年级（1）班"

// bench is a class of three and its sheet of this morning.
type bench struct {
	*webtest.School
	path string
	key  [3]string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	s := webtest.New(t)
	s.Staff()
	s.Save(storetest.Class(class, schema.DateOf(2026, 9, 1), "阿依", "李四", "张小明")...)
	today := func() schema.Date { return schema.DateAt(s.Now) }
	days := attend.NewBook(s.Store)
	desk := roll.NewDesk(roll.Parts{
		Store: s.Store, Saver: s.Store, Roster: s.Book, Days: days, Today: today, Leaves: leave.NewDesk(s.Store, s.Store, s.Book, today),
	})
	s.Serve(sheet.Area(desk, s.Book, watch.NewDesk(s.Store, s.Store, s.Book, days)))
	r, err := s.Book.Open()
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{School: s, path: sheet.Path(r, schema.SheetID{Date: today(), Session: schema.SessionAM, Class: class})}
	for i := range b.key {
		b.key[i] = r.Key(storetest.Pupil(i))
	}
	s.SignIn(account.Clerk)
	s.Get(b.path).Is(200, "张小明", b.key[2]).Lacks(storetest.Pupil(0), class)
	return b
}

type m = map[string]any

func typed(key string, was, now [3]int) m { return m{"pupil": key, "was": was, "now": now} }

var present, absent, sick = [3]int{1, 0, 0}, [3]int{6, 0, 0}, [3]int{4, 0, 1}

// What a script sends is saved, and what the page is told names pupils by keys.
func TestSaved(t *testing.T) {
	b := newBench(t)
	b.Send(b.path, m{"marks": []m{typed(b.key[1], present, sick)}, "take": true}).Is(200, `"state":1`, `"where":1`, b.key[1]).Lacks(storetest.Pupil(1), "李四")
	b.Get(b.path+"/now").Is(200, `"state":1`, `[4,0,1]`)
	p := b.Send(b.path, m{"marks": []m{typed(b.key[1], present, absent), typed(b.key[2], present, absent)}}).Is(200)
	var a struct {
		Wrong bool
		Stale []string
	}
	if err := json.Unmarshal([]byte(p.Body), &a); err != nil || !a.Wrong || len(a.Stale) != 1 || a.Stale[0] != b.key[1] {
		t.Errorf("%s, %v", p.Body, err)
	}
	b.Get(b.path).Is(200, "4,0,1").Lacks("6,0,0")
	b.Get(b.path+"/trail").Is(200, "李四", "病假（发热）", "clerk")
}

// What no page of ours sends is refused in a sentence, and nothing of it is kept.
func TestBadWishes(t *testing.T) {
	b := newBench(t)
	before := b.Store.Status().Tip
	for name, w := range map[string]any{
		"no such pupil":     m{"marks": []m{typed("0123456789abcdef", present, absent)}},
		"a pupil's number":  m{"marks": []m{typed(storetest.Pupil(0), present, absent)}},
		"status 700":        m{"marks": []m{typed(b.key[0], present, [3]int{700, 0, 0})}},
		"status -1":         m{"marks": []m{typed(b.key[0], present, [3]int{-1, 0, 0})}},
		"status 300":        m{"marks": []m{typed(b.key[0], present, [3]int{300, 0, 0})}},
		"status 0":          m{"marks": []m{typed(b.key[0], present, [3]int{})}},
		"minutes of sick":   m{"marks": []m{typed(b.key[0], present, [3]int{4, 5, 0})}},
		"a long note":       m{"note": m{"now": strings.Repeat("长", 2001)}},
		"a long reason":     m{"closed": true, "reason": strings.Repeat("长", 201)},
		"no reason":         m{"closed": true, "reason": "  "},
		"more than we know": m{"marks": []m{}, "void": true},
		"a list":            []int{1},
	} {
		p := b.Send(b.path, w)
		if p.Code < 400 || p.Code >= 500 || !strings.Contains(p.Body, `"error":"`) {
			t.Errorf("%s: %d %s", name, p.Code, p.Body)
		}
	}
	if got := b.Store.Status().Tip; got != before {
		t.Errorf("%d entries were made", got-before)
	}
	for _, path := range []string{strings.Replace(b.path, "/am", "/noon", 1), strings.Replace(b.path, "2026-10-12", "2026-10-32", 1), strings.Replace(b.path, "2026-10-12", "2024-10-12", 1)} {
		if p := b.Get(path); p.Code < 400 || p.Code >= 500 {
			t.Errorf("%s: %d", path, p.Code)
		}
	}
	b.SignIn(account.Visiting)
	b.Send(b.path, m{"take": true}).Is(403)
	b.Forget()
	b.Send(b.path, m{"take": true}).Is(401)
}
