package front_test

import (
	"context"
	"path/filepath"
	"strings"
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

func (p *pocket) Bundle(context.Context) (front.Written, []byte, error) {
	p.asked = append(p.asked, "browser")
	return front.Written{At: time.Unix(1791763200, 0), File: "2199109015-00000000-000001.sgup", Entries: 12}, []byte("sealed"), p.err
}

func (p *pocket) Reply(_ context.Context, name string, file []byte) (front.Taken, error) {
	p.asked = append(p.asked, name+" "+string(file))
	return front.Taken{At: time.Unix(1791763200, 0), Told: time.Unix(1791763200, 0), Files: []string{name}, Safe: 12}, p.err
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

// Whose stick the program cannot see carries the files through the browser.
func TestStickThroughTheBrowser(t *testing.T) {
	s := webtest.New(t)
	s.Staff()
	p := &pocket{volumes: []stick.Volume{{Path: "/media/wang/KINGSTON", Name: "KINGSTON", Shut: true}}}
	s.Serve(front.Area(front.Deps{Source: fixed{}, Sticks: p}))
	s.SignIn(account.Clerk)
	s.Get("/sync/stick").Is(200, "“KINGSTON”插着，但程序没有权限写它", "下载数据包", "交上回执").Lacks(`value="/media/wang/KINGSTON"`)
	got := s.Post("/sync/stick/file").Is(200)
	if got.Body != "sealed" || got.Header.Get("Content-Disposition") != "attachment; filename=2199109015-00000000-000001.sgup" || got.Header.Get("Content-Length") != "6" {
		t.Errorf("downloaded %q, %v", got.Body, got.Header)
	}
	s.Get("/sync/stick").Is(200, "已做好 12 条记录的数据包").Lacks("已安全到区")
	s.Upload("/sync/stick/reply", "none.sgdn", nil).Is(422, "请先选区里给的回执文件")
	s.Upload("/sync/stick/reply", "a.sgdn", []byte("reply")).Is(303)
	s.Get("/sync/stick").Is(200, "12 条记录已安全到区", "a.sgdn")
	for id, want := range map[string]string{"bundle.is_no_reply": "不是回执", "agent.bundle_other_machine": text.New("agent.bundle_other_machine").Error(), "agent.bundle_no_recipient": "请先联网同步一次"} {
		p.err = text.New(id)
		s.Upload("/sync/stick/reply", "x", []byte("x")).Is(422, want, `id="f-reply-wrong"`)
		s.Post("/sync/stick/file").Is(422, want, `id="f-file-wrong"`)
	}
	s.Get("/sync/stick").Is(200, "12 条记录已安全到区")
	if want := "browser|a.sgdn reply"; !strings.HasPrefix(strings.Join(p.asked, "|"), want) {
		t.Errorf("asked for %q", p.asked)
	}
}
