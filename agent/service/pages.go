package service

import (
	"net/http"

	"shangu/agent/account"
	"shangu/agent/roll"
	"shangu/agent/roster"
	"shangu/agent/web/sheet"
	"shangu/agent/web/sign"
	"shangu/agent/web/ui"
)

// accountsFile holds the accounts of this computer.
const accountsFile = "accounts.json"

// pages are what clerks work with: everything but the status.
func (a *Agent) pages() (http.Handler, error) {
	accounts, err := account.Open(account.Options{Path: a.path(accountsFile), Files: a.files, Now: a.now, Rand: a.o.Rand})
	if err != nil {
		return nil, err
	}
	book := roster.NewBook(a.store)
	site, err := ui.New(ui.Deps{
		Accounts: accounts, Log: a.o.Log, Now: a.now, Today: a.today,
		Menu: []ui.Entry{
			{ID: "day", Path: "/day", Text: "sheet.menu", Who: ui.Recorder},
		},
		Areas: []ui.Area{
			sign.Area(accounts),
			sheet.Area(roll.NewDesk(a.store, a, book), book),
		},
	})
	if err != nil {
		return nil, err
	}
	return site.Handler(), nil
}
