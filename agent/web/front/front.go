// Package front is the first page, which everybody at the computer sees: where the
// school's records stand, in plain words, and whether it may be switched off; and
// the pages for what there is to do about it: conflicts, entries that the district
// could not take, sticks, receipts to print, the log.
//
// The first page needs no sign-in, for whoever switches the computer off must see
// it, and the date is asked for before anybody works: it tells numbers, the school's
// name and notices, which name nobody. What names pupils, teachers or who wrote
// something needs an account. The package imports agent/web/ui and what pages of
// one subject stand on; what it needs of the agent it declares itself.
package front

import (
	"context"
	"embed"
	"html/template"
	"time"

	"shangu/agent/stick"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/text"
)

//go:embed *.html *.css *.js
var files embed.FS

// State is how the school stands.
type State struct {
	School      string // 学校标识码, "" before the first contact with the hub
	Name        string // of the school, "" while unknown
	Device      string
	Version     string
	Hubs        []string // none before enrolment
	Pending     uint64   // entries saved here and not yet safe
	Safe        uint64   // entries that the hub has given a receipt for
	Docs        int
	Conflicts   int
	Quarantined int
	LastSync    time.Time // zero: never
	LastError   *text.Message
	Revoked     bool     // the district has shut this machine out
	Budget      bool     // this month's data is used up
	Share       bool     // today's share of what is left of it is
	Data        string   // carried this month
	DataLimit   string   // of Data; "": none
	DiskFree    uint64   // bytes
	DiskLow     bool     // nothing but attendance is saved
	Notices     []Notice // gravest first
	Ask         *DateAsk // nil: today's date is settled
	Sending     bool     // a session that was asked for here is under way
	Sent        *Sent    // what the last one came to, nil if there was none lately
}

// Sent is what a session came to that somebody asked for at the page.
type Sent struct {
	At      time.Time
	Entries uint64        // that became safe
	Failed  *text.Message // nil: all went well
}

// Source gives the page its facts and does what it is asked for.
type Source interface {
	// State is read for each request; it must be cheap.
	State(ctx context.Context) (State, error)
	// Recent returns the newest n lines of the log, oldest first.
	Recent(n int) []string
	// ConfirmDate takes the clerk's word for today's date, as 2026-10-12.
	ConfirmDate(ctx context.Context, date string) error
	// Send begins a session with the hub, unless one that was asked for is under
	// way, and does not wait for it.
	Send()
}

// Deps are what the pages stand on.
type Deps struct {
	Source Source
	Cards  Cards
	Papers Papers
	Sticks Sticks
}

// Area returns the pages.
func Area(d Deps) ui.Area {
	p := &pages{d: d}
	return ui.Area{Name: "front", Files: files, Funcs: template.FuncMap{"frontTime": moment, "cardSide": newSide}, Routes: []ui.Route{
		{Pattern: "GET /{$}", Do: p.status},
		{Pattern: "POST /date", Do: p.date},
		{Pattern: "POST /sync", Do: p.send},
		{Pattern: "GET /sync/standing", Do: p.standing, Quiet: true},
		{Pattern: "GET /sync/log", Who: ui.Signed, Do: p.log},
		{Pattern: "GET /sync/log/file", Who: ui.Signed, Do: p.logFile},
		{Pattern: "GET /sync/cards", Who: ui.Recorder, Do: p.cards},
		{Pattern: "POST /sync/cards", Who: ui.Recorder, Do: p.settle},
		{Pattern: "GET /sync/quarantine", Who: ui.Recorder, Do: p.held},
		{Pattern: "GET /sync/receipts", Who: ui.Recorder, Do: p.receipts},
		{Pattern: "GET /sync/stick", Who: ui.Signed, Do: p.stick},
		{Pattern: "POST /sync/stick/out", Who: ui.Signed, Do: p.export},
		{Pattern: "POST /sync/stick/in", Who: ui.Signed, Do: p.reply},
		{Pattern: "POST /sync/stick/file", Who: ui.Signed, Do: p.download},
		{Pattern: "POST /sync/stick/reply", Who: ui.Signed, Upload: stick.MaxReply, Do: p.upload},
	}}
}

// moment is a time at the school, to the minute.
func moment(t time.Time) string { return t.In(schema.Zone).Format("2006-01-02 15:04") }

// Entry is the first page's place in the menu. conflicts counts what waits for
// somebody to choose.
func Entry(conflicts func() int) ui.Entry {
	return ui.Entry{ID: "front", Path: "/", Text: "front.menu", Who: ui.Signed, Count: conflicts}
}

type pages struct {
	d    Deps
	trip trip
}

func (p *pages) status(r *ui.Request) (ui.Answer, error) { return p.show(r, r.NewForm(), 0) }

// show is the first page; f is what was answered to the date question.
func (p *pages) show(r *ui.Request, f *ui.Form, code int) (ui.Answer, error) {
	st, err := p.d.Source.State(r.Context())
	if err != nil {
		return nil, err
	}
	v := look(st, r.Lang, r.Now)
	v.Form = f
	return ui.Show{Template: "front/status", Title: r.Say("front.title"), Active: "front", Data: v, Code: code}, nil
}

// standing tells the page's script what has changed.
func (p *pages) standing(r *ui.Request) (ui.Answer, error) {
	st, err := p.d.Source.State(r.Context())
	if err != nil {
		return nil, err
	}
	return ui.Reply{Value: look(st, r.Lang, r.Now).Live}, nil
}

func (p *pages) send(*ui.Request) (ui.Answer, error) {
	p.d.Source.Send()
	return ui.See("/"), nil
}

// date takes the clerk's answer to what day it is.
func (p *pages) date(r *ui.Request) (ui.Answer, error) {
	f := r.Typed()
	if err := f.Refuse("date", p.d.Source.ConfirmDate(r.Context(), f.Value("date"))); err != nil {
		return nil, err
	}
	if !f.OK() {
		return p.show(r, f, 422)
	}
	return ui.See("/"), nil
}
