// Package accounts is the pages of who may use this computer: the accounts and their
// roles for its administrator, everybody's own PIN, and what there is to do when a PIN
// was forgotten.
//
// What an account has recorded is never touched here. The package imports agent/account
// and agent/web/ui.
package accounts

import (
	"embed"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"shangu/agent/account"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/text"
)

//go:embed *.html *.css
var files embed.FS

// Area returns the pages. device is who this computer is to the district; it fails with
// a sentence where the district cannot help. todo reports whether something is left to
// set up.
func Area(book *account.Book, device func() (account.Device, error), todo func() bool, log *slog.Logger) ui.Area {
	p := &pages{book, device, todo, log}
	return ui.Area{Name: "accounts", Files: files, Routes: []ui.Route{
		{Pattern: "GET /settings", Who: ui.Signed, Do: p.settings},
		{Pattern: "GET /settings/pin", Who: ui.Signed, Do: p.own},
		{Pattern: "POST /settings/pin", Who: ui.Signed, Do: p.setOwn},
		{Pattern: "GET /settings/accounts", Who: ui.Manager, Do: p.list},
		{Pattern: "POST /settings/accounts", Who: ui.Manager, Do: p.add},
		{Pattern: "GET /settings/accounts/{id}", Who: ui.Manager, Do: p.one},
		{Pattern: "POST /settings/accounts/{id}", Who: ui.Manager, Do: p.change},
		{Pattern: "POST /settings/accounts/{id}/pin", Who: ui.Manager, Do: p.setPIN},
		{Pattern: "POST /settings/accounts/{id}/close", Who: ui.Manager, Do: p.close},
		{Pattern: "GET /sign/forgot", Do: p.forgot},
		{Pattern: "POST /sign/forgot/ask", Do: p.ask},
		{Pattern: "POST /sign/forgot", Do: p.answer},
	}}
}

type pages struct {
	book   *account.Book
	device func() (account.Device, error)
	todo   func() bool
	log    *slog.Logger
}

// menu is what the first page of the settings shows.
type menu struct {
	Manages bool
	Leads   bool
	Todo    bool // something is left to set up
}

func (p *pages) settings(r *ui.Request) (ui.Answer, error) {
	v := menu{Manages: r.May(ui.Manager), Leads: r.May(ui.Leader)}
	v.Todo = v.Manages && p.todo()
	return ui.Show{Template: "accounts/settings", Title: r.Say("accounts.settings"), Active: "settings", Data: v}, nil
}

// roles are the choices of a role.
func roles(r *ui.Request) (out []ui.Choice) {
	for _, role := range account.Roles() {
		out = append(out, ui.Choice{Value: string(role), Text: role.Label().In(r.Lang)})
	}
	return out
}

// blame puts what is wrong beside the field that it is about.
func blame(f *ui.Form, err error) error {
	field := "name"
	if m := text.Of(err); m != nil {
		switch m.ID() {
		case "account.bad_pin", "account.easy_pin":
			field = "pin"
		case "account.bad_role", "account.last_admin":
			field = "role"
		}
	}
	return f.Refuse(field, err)
}

// twice reads a PIN that was typed twice.
func twice(f *ui.Form) string {
	pin := f.Value("pin")
	if pin == "" {
		_ = f.Refuse("pin", text.New("page.needed"))
	} else if pin != f.Value("again") {
		_ = f.Refuse("again", text.New("sign.pins_differ"))
	}
	return pin
}

type entry struct {
	account.Account
	Since string // the day the account was made
	Own   bool
}

type listing struct {
	Form     *ui.Form
	Accounts []entry
	Roles    []ui.Choice
}

func (p *pages) list(r *ui.Request) (ui.Answer, error) {
	return p.showList(r, r.NewForm("role", string(account.Clerk))), nil
}

func (p *pages) showList(r *ui.Request, f *ui.Form) ui.Answer {
	v := listing{Form: f, Roles: roles(r)}
	for _, a := range p.book.List() {
		v.Accounts = append(v.Accounts, entry{a, schema.DateAt(time.Unix(a.Made, 0)).String(), a.ID == r.Account.ID})
	}
	return show(r, f, "accounts/list", r.Say("accounts.title"), v)
}

// show is a page with a form: 422 where something in it is wrong.
func show(r *ui.Request, f *ui.Form, template, title string, data any) ui.Answer {
	a := ui.Show{Template: template, Title: title, Active: "settings", Data: data}
	if !f.OK() {
		a.Code = http.StatusUnprocessableEntity
	}
	return a
}

func (p *pages) add(r *ui.Request) (ui.Answer, error) {
	f := r.Typed()
	pin := twice(f)
	if f.OK() {
		a, err := p.book.Make(f.Value("name"), account.Role(f.Value("role")), pin)
		if err == nil {
			p.log.Info("an account was made", "account", a.Name, "role", string(a.Role), "by", r.Name())
			return ui.See("/settings/accounts"), nil
		}
		if err := blame(f, err); err != nil {
			return nil, err
		}
	}
	return p.showList(r, f), nil
}

type person struct {
	Account account.Account
	Form    *ui.Form // name and role
	PIN     *ui.Form
	Roles   []ui.Choice
	Own     bool
}

// find is the account of an address.
func (p *pages) find(r *ui.Request) (account.Account, error) {
	a, err := p.book.Get(r.PathValue("id"))
	if errors.Is(err, account.ErrNone) {
		return a, text.New("page.none")
	}
	return a, err
}

func (p *pages) page(r *ui.Request, a account.Account) person {
	return person{Account: a, Form: r.NewForm("name", a.Name, "role", string(a.Role)), PIN: r.NewForm(), Roles: roles(r), Own: a.ID == r.Account.ID}
}

func (p *pages) one(r *ui.Request) (ui.Answer, error) {
	a, err := p.find(r)
	if err != nil {
		return nil, err
	}
	v := p.page(r, a)
	return show(r, v.Form, "accounts/one", a.Name, v), nil
}

func (p *pages) change(r *ui.Request) (ui.Answer, error) {
	a, err := p.find(r)
	if err != nil {
		return nil, err
	}
	f := r.Typed()
	err = p.book.Change(a.ID, f.Value("name"), account.Role(f.Value("role")))
	if err == nil {
		p.log.Info("an account was changed", "account", a.Name, "name", f.Value("name"), "role", f.Value("role"), "by", r.Name())
		return ui.See("/settings/accounts"), nil
	}
	if err := blame(f, err); err != nil {
		return nil, err
	}
	v := p.page(r, a)
	v.Form = f
	return show(r, f, "accounts/one", a.Name, v), nil
}

func (p *pages) setPIN(r *ui.Request) (ui.Answer, error) {
	a, err := p.find(r)
	if err != nil {
		return nil, err
	}
	f := r.Typed()
	pin := twice(f)
	if f.OK() {
		err := p.book.SetPIN(a.ID, pin)
		if err == nil {
			p.log.Info("a PIN was set", "account", a.Name, "by", r.Name())
			return ui.See("/settings/accounts"), nil
		}
		if err := blame(f, err); err != nil {
			return nil, err
		}
	}
	v := p.page(r, a)
	v.PIN = f
	return show(r, f, "accounts/one", a.Name, v), nil
}

func (p *pages) close(r *ui.Request) (ui.Answer, error) {
	a, err := p.find(r)
	if err != nil {
		return nil, err
	}
	if err := p.book.Close(a.ID); err != nil {
		return nil, err
	}
	p.log.Info("an account was closed", "account", a.Name, "by", r.Name())
	return ui.See("/settings/accounts"), nil
}

func (p *pages) own(r *ui.Request) (ui.Answer, error) {
	f := r.NewForm()
	return show(r, f, "accounts/pin", r.Say("accounts.own_pin"), f), nil
}

func (p *pages) setOwn(r *ui.Request) (ui.Answer, error) {
	f := r.Typed()
	pin := twice(f)
	if f.OK() {
		// Whoever finds the page unlocked is not to take the account over.
		_, err := p.book.Check(r.Account.ID, f.Value("old"))
		if err := f.Refuse("old", err); err != nil {
			return nil, err
		}
	}
	if f.OK() {
		err := p.book.SetPIN(r.Account.ID, pin)
		if err == nil {
			return ui.See("/settings"), nil
		}
		if err := f.Refuse("pin", err); err != nil {
			return nil, err
		}
	}
	return show(r, f, "accounts/pin", r.Say("accounts.own_pin"), f), nil
}
