package accounts_test

import (
	"log/slog"
	"strings"
	"testing"

	"shangu/agent/account"
	"shangu/agent/web/accounts"
	"shangu/agent/web/webtest"
	"shangu/schema/text"
	"shangu/sync/newpin"
)

var district account.Device

func open(t *testing.T, device func() (account.Device, error)) *webtest.School {
	s := webtest.New(t)
	s.Staff()
	s.Serve(accounts.Area(s.Accounts, device, func() bool { return true }, slog.New(slog.NewTextHandler(&s.Log, nil))))
	return s
}

func known(t *testing.T) func() (account.Device, error) {
	d := account.Device{ID: [16]byte{9}}
	var err error
	if d.Secret, err = newpin.SecretOf([]byte("agreed"), d.ID); err != nil {
		t.Fatal(err)
	}
	district = d
	return func() (account.Device, error) { return d, nil }
}

func unknown() (account.Device, error) {
	return account.Device{}, text.New("account.no_district")
}

func TestAccounts(t *testing.T) {
	s := open(t, unknown)
	for _, r := range []account.Role{account.Clerk, account.Head, account.Visiting} {
		s.SignIn(r)
		s.Get("/settings").Is(200).Lacks("/settings/accounts", "/setup")
		s.Get("/settings/accounts").Is(403)
		s.Post("/settings/accounts", "name", "x", "role", "admin", "pin", "1470", "again", "1470").Is(403)
	}
	s.SignIn(account.Admin)
	s.Get("/settings").Is(200, "还有几步没有做完", "/setup")
	s.Get("/settings/accounts").Is(200, "clerk", "校务员、班主任")
	s.Post("/settings/accounts", "name", "李老师", "role", "head", "pin", "1234", "again", "1234").Is(422, `value="李老师"`, "太容易猜到", `<option value="head" selected>`).Lacks(`value="1234"`)
	s.Post("/settings/accounts", "name", "clerk", "role", "head", "pin", "1470", "again", "1470").Is(422, "已经有叫")
	s.Post("/settings/accounts", "name", "李老师", "role", "head", "pin", "1470", "again", "147").Is(422, "两次输入的密码不一样")
	s.Post("/settings/accounts", "name", "李老师", "role", "clerk", "pin", "1470", "again", "1470").Is(303)
	at := s.Get("/settings/accounts").Is(200).Link("李老师")
	s.Post(at, "name", "李老师", "role", "head").Is(303)
	s.Get(at).Is(200, `<option value="head" selected>`)
	s.Post("/settings/accounts/"+s.ID(account.Admin), "name", "admin", "role", "clerk").Is(422, "最后一个管理员")
	s.Post("/settings/accounts/"+s.ID(account.Admin)+"/close").Is(409, "最后一个管理员")
	s.Post(at+"/pin", "pin", "3690", "again", "3690").Is(303)
	if _, err := s.Accounts.Check(strings.TrimPrefix(at, "/settings/accounts/"), "3690"); err != nil {
		t.Errorf("the PIN that the administrator set: %v", err)
	}
	s.Post(at + "/close").Is(303)
	s.Get("/settings/accounts").Is(200).Lacks("李老师")
	s.Get(at).Is(409)
}

func TestTheOwnPIN(t *testing.T) {
	s := open(t, unknown)
	s.SignIn(account.Visiting)
	s.Get("/settings/pin").Is(200)
	s.Post("/settings/pin", "old", "9999", "pin", "1470", "again", "1470").Is(422, "密码不对")
	s.Post("/settings/pin", "old", webtest.PIN, "pin", "12", "again", "12").Is(422, "密码要有")
	s.Post("/settings/pin", "old", webtest.PIN, "pin", "1470", "again", "1470").Is(303)
	if _, err := s.Accounts.Check(s.ID(account.Visiting), "1470"); err != nil {
		t.Error(err)
	}
}

// Too many wrong ones: the page says how long to wait.
func TestTheWaitIsSaid(t *testing.T) {
	s := open(t, unknown)
	s.Forget()
	who := s.ID(account.Clerk)
	s.Get("/sign?who="+who).Is(200, "/sign/forgot?who=")
	for range 4 {
		s.Post("/sign", "who", who, "pin", "0000").Is(422, "密码不对")
	}
	s.Post("/sign", "who", who, "pin", "0000").Is(422, "15 秒后再试")
	s.Post("/sign", "who", who, "pin", webtest.PIN).Is(422, "秒后再试")
}

func TestTheDistrictsCode(t *testing.T) {
	s := open(t, known(t))
	who := s.ID(account.Admin)
	s.Get("/sign/forgot").Is(200, "哪个账号忘了密码", "admin")
	s.Get("/sign/forgot?who="+who).Is(200, "取代码").Lacks("答复码</label>")
	s.Post("/sign/forgot", "who", who, "answer", "x", "pin", "1470", "again", "1470").Is(422, "过期或者用过")
	at := s.Post("/sign/forgot/ask", "who", who).Is(303).Location
	s.Get(at).Is(200, "一天内有效", "09000000000000000000000000000000")
	code := s.Accounts.Asked(who, district)
	if code == "" || !strings.Contains(s.Get(at).Body, code) {
		t.Fatalf("the page does not show %s", code)
	}
	c, err := newpin.Parse(code)
	if err != nil {
		t.Fatal(err)
	}
	answer := district.Secret.Answer(district.ID, c)
	s.Post("/sign/forgot", "who", who, "answer", "ABCD", "pin", "1470", "again", "1470").Is(422, "应有 16 个字符", `value="ABCD"`)
	s.Post("/sign/forgot", "who", who, "answer", answer, "pin", "1234", "again", "1234").Is(422, "太容易猜到", answer)
	s.Post("/sign/forgot", "who", s.ID(account.Clerk), "answer", answer, "pin", "1470", "again", "1470").Is(422)
	s.Post("/sign/forgot", "who", who, "answer", answer, "pin", "1470", "again", "1470").Is(303)
	s.Get("/settings/accounts").Is(200) // it came in
	s.Forget()
	s.Get("/sign")
	s.Post("/sign/forgot", "who", who, "answer", answer, "pin", "3690", "again", "3690").Is(422, "过期或者用过")
}

func TestNoDistrict(t *testing.T) {
	s := open(t, unknown)
	s.Get("/sign/forgot?who="+s.ID(account.Admin)).Is(200, "还没有和区里联通过", "agent account pin").Lacks("取代码")
	s.Post("/sign/forgot/ask", "who", s.ID(account.Admin)).Is(409)
}
