package accounts

import (
	"net/http"

	"shangu/agent/account"
	"shangu/agent/web/ui"
	"shangu/schema/text"
	"shangu/sync/identity"
)

// forgotten is what the page for a forgotten PIN shows.
type forgotten struct {
	Form     *ui.Form
	Accounts []account.Account
	Account  *account.Account // whose PIN it is; nil: it is asked
	Code     string           // that is read to the district, "" while none is asked for
	Device   string
	Cannot   string // why the district cannot help, in the reader's words
}

func (p *pages) forgot(r *ui.Request) (ui.Answer, error) {
	return p.showForgot(r, r.NewForm("who", r.FormValue("who")))
}

func (p *pages) showForgot(r *ui.Request, f *ui.Form) (ui.Answer, error) {
	v := forgotten{Form: f, Accounts: p.book.List()}
	if len(v.Accounts) == 0 {
		return ui.See(ui.StartPath), nil
	}
	if a, err := p.book.Get(f.Value("who")); err == nil {
		v.Account = &a
	}
	d, err := p.device()
	switch m := text.Of(err); {
	case err != nil && m == nil:
		return nil, err
	case err != nil:
		v.Cannot = m.In(r.Lang)
	default:
		v.Device = identity.FormatDevice(d.ID)
		if v.Account != nil {
			v.Code = p.book.Asked(v.Account.ID, d)
		}
	}
	a := ui.Show{Template: "accounts/forgot", Title: r.Say("accounts.forgot"), Active: "sign", Data: v}
	if !f.OK() {
		a.Code = http.StatusUnprocessableEntity
	}
	return a, nil
}

// ask makes the code that is read to the district.
func (p *pages) ask(r *ui.Request) (ui.Answer, error) {
	f := r.Typed()
	d, err := p.device()
	if err != nil {
		return nil, err
	}
	if err := p.book.Ask(f.Value("who"), d); err != nil {
		return nil, err
	}
	return ui.See("/sign/forgot?who=" + f.Value("who")), nil
}

// answer takes the district's answer and the new PIN.
func (p *pages) answer(r *ui.Request) (ui.Answer, error) {
	f := r.Typed()
	pin := twice(f)
	answer := f.Needed("answer", 60)
	if !f.OK() {
		return p.showForgot(r, f)
	}
	d, err := p.device()
	if err != nil {
		return nil, err
	}
	who := f.Value("who")
	if err = p.book.Answer(who, d, answer, pin); err == nil {
		a, err := p.book.Get(who)
		if err != nil {
			return nil, err
		}
		p.log.Warn("a PIN was set by the district's code", "account", a.Name)
		return ui.SignedIn(a), nil
	}
	field := "answer"
	if m := text.Of(err); m != nil && (m.ID() == "account.bad_pin" || m.ID() == "account.easy_pin") {
		field = "pin"
	}
	if err := f.Refuse(field, err); err != nil {
		return nil, err
	}
	return p.showForgot(r, f)
}
