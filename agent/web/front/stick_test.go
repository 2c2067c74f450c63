package front_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"shangu/agent/account"
	"shangu/agent/stick"
	"shangu/agent/web/front"
	"shangu/agent/web/webtest"
	"shangu/schema/text"
)

// pocket is a stick in somebody's pocket.
type pocket struct {
	volumes []stick.Volume
	err     error
	asked   []string
}

func (p *pocket) Volumes() []stick.Volume { return p.volumes }

func (p *pocket) Export(_ context.Context, folder string) (front.Written, error) {
	p.asked = append(p.asked, folder)
	return front.Written{At: time.Unix(1791763200, 0), File: folder + "2199109015-00000000-000001.sgup", Entries: 12, Enrols: true}, p.err
}

func (p *pocket) Import(_ context.Context, path string) (front.Taken, error) {
	p.asked = append(p.asked, path)
	return front.Taken{At: time.Unix(1791763200, 0), Told: time.Unix(1791763200, 0), Files: []string{filepath.Join(path, "a.sgdn")}, Safe: 12, LetIn: true}, p.err
}

func TestStickWizard(t *testing.T) {
	s := webtest.New(t)
	s.Staff()
	p := &pocket{}
	s.Serve(front.Area(front.Deps{Source: fixed{}, Sticks: p}))
	s.SignIn(account.Visiting)
	s.Get("/sync/stick").Is(200, "没有找到U盘")
	for _, c := range []struct{ out, want string }{{"", "请选一个U盘"}, {"usb", "“usb”不是完整的文件夹位置"}} {
		s.Post("/sync/stick/out", "out", c.out).Is(422, c.want, `value="`+c.out+`"`)
	}
	// What goes wrong is said beside the field, without commands.
	dir := t.TempDir()
	for id, want := range map[string]string{"bundle.stick_full": "U盘没有空间了", "agent.bundle_no_recipient": "请先联网同步一次"} {
		p.err = text.New(id, "file", dir)
		s.Post("/sync/stick/out", "out", dir).Is(422, want, `value="`+dir+`"`, `role="alert"`).Lacks("agent enroll", "hub pack")
	}
	p.err = text.New("agent.bundle_no_reply", "dir", dir)
	s.Post("/sync/stick/in", "in", dir).Is(422, "没有给这台电脑的回执", `value="`+dir+`"`)
	p.err, p.asked = nil, nil
	p.volumes = []stick.Volume{{Path: dir, Name: "KINGSTON", Free: 1 << 30}}
	s.Get("/sync/stick").Is(200, "KINGSTON", "1.0 GB")
	s.Post("/sync/stick/out", "volume", dir, "out", "").Is(303)
	s.Get("/sync/stick").Is(200, "已写好 12 条", "000001.sgup", "这是第一个数据包")
	s.Post("/sync/stick/in", "volume", dir, "in", "").Is(303)
	s.Get("/sync/stick").Is(200, "12 条记录已安全到区", "a.sgdn", "区里已登记本机")
	if len(p.asked) != 2 || p.asked[0] != dir+string(filepath.Separator) || p.asked[1] != dir {
		t.Errorf("asked for %q", p.asked)
	}
}
