package service

import (
	"context"
	"time"

	"shangu/agent/card"
	"shangu/agent/roster"
	"shangu/agent/web/front"
	"shangu/schema"
	"shangu/schema/text"
)

// papers puts what the agent knows of receipts and quarantine before people.
type papers struct {
	*Agent
	book *roster.Book
}

// Receipts is Receipt for the page.
func (p *papers) Receipts(_ context.Context, date schema.Date) (front.Sheet, error) {
	return p.sheet(date, true)
}

// sheet is the sheet of a day with names and numbers of people as they are, or masked.
func (p *papers) sheet(date schema.Date, open bool) (front.Sheet, error) {
	day, err := p.receipt(date.String(), "", open)
	if err != nil {
		return front.Sheet{}, err
	}
	out := front.Sheet{School: day.School, Name: day.Name, Code: day.Code, At: unclock(day.Time), Safe: day.Safe, Waiting: day.Waiting}
	for _, r := range day.Records {
		mood := "good"
		if r.State == stateWaiting {
			mood = "wait"
		}
		out.Lines = append(out.Lines, front.Line{
			What: text.Parse(r.What), By: r.By, State: text.New("front.receipt_" + r.State), Mood: mood, Code: r.Code, At: unclock(r.Time),
		})
	}
	return out, nil
}

// unclock reads what clockTime wrote; the zero time where there is none.
func unclock(s string) time.Time {
	t, _ := time.Parse(time.RFC3339, s)
	return t
}

// Held is Quarantine for the page, with records by the names that people know.
func (p *papers) Held(ctx context.Context) ([]front.Held, error) { return p.held(ctx, true) }

// held is Held with records named by people's names as they are, or masked.
func (p *papers) held(ctx context.Context, open bool) ([]front.Held, error) {
	all, err := p.Quarantine(ctx, true)
	if err != nil {
		return nil, err
	}
	r, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	out := make([]front.Held, len(all))
	for i, q := range all {
		kind, _ := schema.ParseKind(q.Kind)
		doc, err := p.store.Doc("", kind, q.Doc)
		if err != nil {
			return nil, err
		}
		out[i] = front.Held{About: card.NewReader(r, open).About(kind, q.Doc, doc), By: q.Account, Why: text.Parse(q.Reason), State: q.State, Settler: q.By, Note: q.Note}
		for _, f := range q.Fields {
			out[i].Fields = append(out[i].Fields, text.Parse(f))
		}
	}
	return out, nil
}
