package front

import (
	"context"

	"shangu/agent/card"
	"shangu/agent/web/ui"
	"shangu/schema/text"
)

// Cards are the conflicts that wait for somebody; agent/card's Desk.
type Cards interface {
	List(guarded bool) (groups []card.Group, hidden int, err error)
	Settle(ctx context.Context, account, id string, take bool) error
}

// conflicts is what the page of conflict cards shows.
type conflicts struct {
	Groups []card.Group
	Hidden int
	Wrong  *text.Message // why the last decision was not kept
}

// shownSide is one of the two values with its name and colour.
type shownSide struct {
	Name, Mood string
	Side       card.Side
}

func newSide(name, mood string, s card.Side) shownSide { return shownSide{name, mood, s} }

func (p *pages) cards(r *ui.Request) (ui.Answer, error) { return p.showCards(r, nil) }

func (p *pages) showCards(r *ui.Request, wrong *text.Message) (ui.Answer, error) {
	groups, hidden, err := p.d.Cards.List(r.May(ui.Leader))
	if err != nil {
		return nil, err
	}
	code := 0
	if wrong != nil {
		code = 422
	}
	return ui.Show{Template: "front/cards", Title: r.Say("front.cards_title"), Active: "front", Data: conflicts{groups, hidden, wrong}, Code: code}, nil
}

// settle keeps what somebody decided: about one card, or to keep all of a record.
func (p *pages) settle(r *ui.Request) (ui.Answer, error) {
	f := r.Typed()
	for _, id := range f.Values("card") {
		err := p.d.Cards.Settle(r.Context(), r.Name(), id, f.Value("do") == "take")
		if m := text.Of(err); m != nil {
			return p.showCards(r, m)
		}
		if err != nil {
			return nil, err
		}
	}
	return ui.See("/sync/cards"), nil
}
