package service

import (
	"fmt"
	"io"
	"net/http"

	"shangu/agent/access"
	"shangu/agent/attend"
	"shangu/agent/card"
	"shangu/agent/leave"
	"shangu/agent/register"
	"shangu/agent/roll"
	"shangu/agent/roster"
	"shangu/agent/training"
	"shangu/agent/transfer"
	"shangu/agent/visit"
	"shangu/agent/watch"
	accountpages "shangu/agent/web/accounts"
	"shangu/agent/web/day"
	"shangu/agent/web/front"
	"shangu/agent/web/imports"
	leavepages "shangu/agent/web/leave"
	"shangu/agent/web/looks"
	"shangu/agent/web/network"
	reportpages "shangu/agent/web/report"
	rosterpages "shangu/agent/web/roster"
	"shangu/agent/web/setup"
	"shangu/agent/web/sheet"
	"shangu/agent/web/sign"
	trainingpages "shangu/agent/web/training"
	"shangu/agent/web/ui"
	visitpages "shangu/agent/web/visit"
	watchpages "shangu/agent/web/watch"
)

// pages are what people see of the agent.
func (a *Agent) pages(s *source, net network.Network) (http.Handler, error) {
	accounts, err := a.accounts()
	if err != nil {
		return nil, err
	}
	secret, err := a.pageSecret()
	if err != nil {
		return nil, err
	}
	book := roster.NewBook(a.store, secret)
	days := attend.NewBook(a.store)
	leaves := leave.NewDesk(a.store, a, book, a.today)
	desk := roll.NewDesk(roll.Parts{Store: a.store, Saver: a, Roster: book, Days: days, Leaves: leaves, Today: a.today})
	visits := visit.NewDesk(a.store, a, book)
	watching := watch.NewDesk(a.store, a, book, days)
	registers := register.NewDesk(a.store, a, book, days)
	cards, kept := card.NewDesk(a.store, a, book), &papers{a, book}
	looked := access.New(a.path(accessDir), a.files)
	site, err := ui.New(ui.Deps{
		Accounts: accounts, Secret: secret, Log: a.o.Log, Now: a.now, Today: a.today,
		Menu: []ui.Entry{
			{ID: "day", Path: "/day", Text: "sheet.menu", Who: ui.Recorder},
			visitpages.Entry(visits),
			{ID: "training", Path: trainingpages.Path, Text: "training.menu", Who: ui.Recorder},
			{ID: "watch", Path: "/watch", Text: "watch.menu", Who: ui.Recorder},
			{ID: "roster", Path: "/roster", Text: "roster.menu", Who: ui.Recorder},
			{ID: "reports", Path: "/reports", Text: "register.menu", Who: ui.Recorder},
			front.Entry(s.conflicts),
			{ID: "settings", Path: "/settings", Text: "accounts.menu", Who: ui.Signed},
		},
		Note:  note(looked, book),
		Light: s.light,
		Areas: []ui.Area{
			front.Area(front.Deps{Source: s, Cards: cards, Papers: kept, Sticks: sticks{a}}),
			sign.Area(accounts),
			accountpages.Area(accounts, a.Device, a.unfinished(book), a.o.Log),
			setup.Area(a, book),
			sheet.Area(desk, book, watching),
			day.Area(desk, book, watching),
			network.Area(net),
			looks.Area(looked),
			leavepages.Area(leaves, book, a.store.NewID),
			rosterpages.Area(book, transfer.NewDesk(a.store, a, book), a.store, a),
			imports.Area(a.store, a),
			visitpages.Area(visits, book),
			trainingpages.Area(training.NewDesk(a.store, a, visits, book), book),
			watchpages.Area(watching, book),
			reportpages.Area(registers, book, exports{a.store, book, desk, watching, leaves, registers, cards, kept, accounts, looked, a.today}),
		},
	})
	if err != nil {
		return nil, err
	}
	return site.Handler(), nil
}

// accessDir holds who has seen what few may see.
const accessDir = "access"

// note keeps in l who sees what, and of which pupil a page is that names one.
func note(l *access.Log, book *roster.Book) func(*ui.Request, string) error {
	return func(q *ui.Request, what string) error {
		e := access.Event{At: q.Now.Unix(), Account: q.Name(), What: what, Remote: q.Remote()}
		if key := q.PathValue("pupil"); key != "" {
			r, err := book.Open()
			if err != nil {
				return err
			}
			e.Whose = r.ByKey(key)
			if p := r.Pupil(e.Whose); p != nil {
				e.Name = p.Name
			}
		}
		return l.Note(e)
	}
}

// metaPages names what sessions of pages and addresses in them are made with. A store
// that was rebuilt makes another: then browsers sign in once more.
const metaPages = "pages.secret"

func (a *Agent) pageSecret() ([]byte, error) {
	secret, err := a.store.Meta(metaPages)
	if err != nil {
		return nil, fmt.Errorf("read secret of pages: %w", err)
	}
	if len(secret) > 0 {
		return secret, nil
	}
	secret = make([]byte, 32)
	if _, err := io.ReadFull(a.o.Rand, secret); err != nil {
		return nil, fmt.Errorf("make secret of pages: %w", err)
	}
	if err := a.store.SetMeta(metaPages, secret); err != nil {
		return nil, fmt.Errorf("keep secret of pages: %w", err)
	}
	return secret, nil
}
