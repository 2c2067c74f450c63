package front

import (
	"context"
	"time"

	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/text"
)

// Papers are what the district said about this school's records.
type Papers interface {
	// Receipts is the sheet of a day. It fails with words where nothing was recorded.
	Receipts(ctx context.Context, date schema.Date) (Sheet, error)
	// Held lists the entries that the district could not take, waiting ones first.
	Held(ctx context.Context) ([]Held, error)
}

// Sheet is what was recorded about one day, and the codes that prove that it is safe.
type Sheet struct {
	School, Name  string
	Code          string    // of the day, "" while there is none
	At            time.Time // when the district gave the receipt that Code is of
	Safe, Waiting int       // records
	Lines         []Line
}

// Line is one record of a Sheet.
type Line struct {
	What  *text.Message
	By    string
	State *text.Message // safe, waiting, or safe and written elsewhere
	Mood  string
	Code  string    // "" where there is none here
	At    time.Time // when the district gave the receipt
}

// Held is an entry that the district could not take.
type Held struct {
	About   *text.Message
	By      string
	Why     *text.Message
	Fields  []*text.Message
	State   string // waiting, fixed or dropped
	Settler string
	Note    string
}

// papers is what the page of a day's receipts shows.
type papers struct {
	Date   schema.Date
	Before schema.Date
	After  schema.Date // 0: the future
	Sheet  *Sheet      // nil: there is none, and why
	Why    *text.Message
	Form   *ui.Form
}

func (p *pages) receipts(r *ui.Request) (ui.Answer, error) {
	v := papers{Date: r.Today, Form: r.NewForm("date", r.Today.String())}
	code := 0
	if s := r.URL.Query().Get("date"); s != "" {
		v.Form = r.NewForm("date", s)
		d := v.Form.Date("date")
		if !v.Form.OK() {
			code = 422
		} else {
			v.Date = d
		}
	}
	v.Before = v.Date - 1
	if v.Date < r.Today {
		v.After = v.Date + 1
	}
	if code == 0 {
		s, err := p.d.Papers.Receipts(r.Context(), v.Date)
		if v.Why = text.Of(err); err != nil && v.Why == nil {
			return nil, err
		}
		if err == nil {
			v.Sheet = &s
		}
	}
	return ui.Show{Template: "front/receipts", Title: r.Say("front.receipts_title", "date", v.Date), Active: "front", Data: v, Code: code}, nil
}

func (p *pages) held(r *ui.Request) (ui.Answer, error) {
	all, err := p.d.Papers.Held(r.Context())
	if err != nil {
		return nil, err
	}
	return ui.Show{Template: "front/held", Title: r.Say("front.held_title"), Active: "front", Data: all}, nil
}
