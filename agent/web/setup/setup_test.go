package setup_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"shangu/agent/account"
	"shangu/agent/web/imports"
	"shangu/agent/web/roster"
	"shangu/agent/web/setup"
	"shangu/agent/web/webtest"
	"shangu/schema/text"
)

type district struct {
	school string
	hubs   []string
	token  string
	pack   []byte
}

func (d *district) Enrolled() (string, []string) { return d.school, d.hubs }

func (d *district) EnrolFor(_ context.Context, hubs []string, token string) error {
	if len(hubs) == 0 {
		return text.New("agent.no_hub_given")
	}
	d.school, d.hubs, d.token = "2199109015", hubs, token
	return nil
}

func (d *district) EnrolBy(_ context.Context, pack []byte) error {
	if string(pack) == "bad" {
		return text.New("bundle.bad_pack")
	}
	d.school, d.pack = "2199109015", pack
	return nil
}

func open(t *testing.T) (*webtest.School, *district) {
	s, d := webtest.New(t), &district{}
	s.Serve(setup.Area(d, s.Book), roster.Area(s.Book, nil, s.Store, nil), imports.Area(s.Store, s.Store))
	return s, d
}

const token = "shangu1qpzry9x8gf2tvdw0s3jn54khce6mua7lqpzry9x8gf2tvdw0s3jn54khce6mua7l"

// A new computer: language and account, the district, the roster.
func TestTheFirstRun(t *testing.T) {
	s, d := open(t)
	if p := s.Get("/sign"); p.Location != "/start" {
		t.Fatalf("%d %s", p.Code, p.Location)
	}
	s.Get("/start").Is(200, `lang="zh-CN"`, "English")
	if p := s.Post("/start", "name", "王老师", "pin", "2580", "again", "2580").Is(303); p.Location != "/setup" {
		t.Fatal(p.Location)
	}
	if p := s.Get("/setup").Is(303); p.Location != "/setup/district" {
		t.Fatal(p.Location)
	}
	s.Get("/setup/district").Is(200, "以后再说")
	s.Post("/setup/district", "sent", "").Is(422, "请填写这一项")
	s.Post("/setup/district", "sent", "https://hub.example:8443").Is(422, "没有找到入网码", "https://hub.example:8443</textarea>")
	s.Post("/setup/district", "sent", token).Is(422, token)
	s.Post("/setup/district", "sent", "网址：https://hub.example:8443\n入网码："+"\n"+token+"，请保密").Is(303)
	if !slices.Equal(d.hubs, []string{"https://hub.example:8443"}) || d.token != token {
		t.Errorf("%v %s", d.hubs, d.token)
	}
	if p := s.Get("/setup").Is(303); p.Location != "/setup/roster" {
		t.Fatal(p.Location)
	}
	p := s.Get("/setup/roster").Is(200, "导入学生名册", "以后再导入")
	s.Get(p.Link("导入学生名册")).Is(200, "学生名册")
	at := s.Upload("/import", "x.csv", []byte("全国学籍号,姓名,班级\nL990109201609010001,阿依,一年级（1）班\n"), "kind", "roster", "year", "2026").Is(303).Location
	s.Get(at)
	s.Post(at + "/store").Is(303)
	s.Get("/setup").Is(200, "学生 1 名", "2199109015")
	// It is for the administrator alone.
	if _, err := s.Accounts.Make("李", account.Clerk, "2580"); err != nil {
		t.Fatal(err)
	}
	s.Forget()
	s.Get("/sign")
	list := s.Accounts.List()
	s.Post("/sign", "who", list[1].ID, "pin", "2580").Is(303)
	s.Get("/setup").Is(403)
}

func TestASchoolPack(t *testing.T) {
	s, d := open(t)
	s.Get("/start")
	s.Post("/start", "name", "王老师", "pin", "2580", "again", "2580")
	s.Get("/setup/district")
	s.Upload("/setup/pack", "x.pack", nil).Is(422, "请选择一个文件")
	s.Upload("/setup/pack", "x.pack", []byte("bad")).Is(422)
	s.Upload("/setup/pack", "x.pack", []byte("good")).Is(303)
	if string(d.pack) != "good" {
		t.Error(d.pack)
	}
	s.Upload("/setup/pack", "x.pack", []byte(strings.Repeat("x", 2<<20))).Is(403, "1 MB")
}
