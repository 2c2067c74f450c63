// Package sign is how people come in: the first run, which ends with an account, and
// from then on their PIN; how they lock the pages when they leave, and in which
// language they read. Nothing here touches what is recorded.
package sign

import (
	"embed"

	"shangu/agent/account"
	"shangu/agent/web/ui"
	"shangu/schema/text"
)

//go:embed *.html *.css
var files embed.FS

// Area returns the pages of sign-in.
func Area(accounts *account.Book) ui.Area {
	p := &pages{accounts}
	return ui.Area{Name: "sign", Files: files, Routes: []ui.Route{
		{Pattern: "GET " + ui.SignPath, Do: p.show},
		{Pattern: "POST " + ui.SignPath, Do: p.enter},
		{Pattern: "POST /lock", Who: ui.Signed, Do: func(r *ui.Request) (ui.Answer, error) { return ui.SignedOut{Next: r.Back()}, nil }},
		{Pattern: "POST " + ui.LanguagePath, Do: speak},
		{Pattern: "POST " + ui.LargePath, Do: func(r *ui.Request) (ui.Answer, error) {
			return ui.Large(r.PostForm.Get("on") == "1", r.Back()), nil
		}},
		{Pattern: "GET " + ui.StartPath, Do: p.start},
		{Pattern: "POST " + ui.StartPath, Do: p.first},
	}}
}

type pages struct{ accounts *account.Book }

// tiles is what sign-in shows: who may come in, and whose PIN is asked for.
type tiles struct {
	Form     *ui.Form
	Accounts []account.Account
	Chosen   *account.Account
}

func (p *pages) show(r *ui.Request) (ui.Answer, error) {
	who := r.FormValue("who")
	if who == "" {
		who = r.LastAccount()
	}
	return p.ask(r, r.NewForm("who", who), 0), nil
}

func (p *pages) ask(r *ui.Request, f *ui.Form, code int) ui.Answer {
	list := p.accounts.List()
	if len(list) == 0 {
		return ui.See(ui.StartPath)
	}
	t := tiles{Form: f, Accounts: list}
	for i := range list {
		if list[i].ID == f.Value("who") || len(list) == 1 {
			t.Chosen = &list[i]
		}
	}
	return ui.Show{Template: "sign/sign", Active: "sign", Title: r.Say("sign.title"), Data: t, Code: code}
}

func (p *pages) enter(r *ui.Request) (ui.Answer, error) {
	if r.Script() {
		return p.unlock(r)
	}
	f := r.Typed()
	a, err := p.accounts.Check(f.Value("who"), f.Value("pin"))
	if err := f.Refuse("pin", err); err != nil {
		return nil, err
	}
	if !f.OK() {
		return p.ask(r, f, 422), nil
	}
	return ui.SignedIn(a), nil
}

// unlock lets the account of a locked page go on in its place.
func (p *pages) unlock(r *ui.Request) (ui.Answer, error) {
	var typed struct{ PIN string }
	if err := r.JSON(&typed); err != nil {
		return nil, err
	}
	a, err := p.accounts.Check(r.LastAccount(), typed.PIN)
	if err != nil {
		return nil, err
	}
	return ui.SignedIn(a), nil
}

func speak(r *ui.Request) (ui.Answer, error) {
	lang, ok := text.ParseLang(r.PostForm.Get("lang"))
	if !ok {
		return nil, text.New("page.bad_form")
	}
	return ui.Speak(lang, r.Back()), nil
}

// start is the first run's only screen that must be filled in: the first account,
// which administers the computer.
func (p *pages) start(r *ui.Request) (ui.Answer, error) {
	if len(p.accounts.List()) > 0 {
		return ui.See(ui.SignPath), nil
	}
	return ui.Show{Template: "sign/start", Active: "sign", Title: r.Say("sign.start_title"), Data: r.NewForm()}, nil
}

func (p *pages) first(r *ui.Request) (ui.Answer, error) {
	if len(p.accounts.List()) > 0 {
		return ui.See(ui.SignPath), nil
	}
	f := r.Typed()
	if f.Value("pin") != f.Value("again") {
		_ = f.Refuse("again", text.New("sign.pins_differ"))
	}
	if f.OK() {
		a, err := p.accounts.Make(f.Value("name"), account.Admin, f.Value("pin"))
		if err == nil {
			return ui.Begun{Account: a, Next: "/setup"}, nil
		}
		field := "name"
		if m := text.Of(err); m != nil && (m.ID() == "account.bad_pin" || m.ID() == "account.easy_pin") {
			field = "pin"
		}
		if err := f.Refuse(field, err); err != nil {
			return nil, err
		}
	}
	return ui.Show{Template: "sign/start", Active: "sign", Title: r.Say("sign.start_title"), Data: f, Code: 422}, nil
}
