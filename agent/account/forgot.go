package account

import (
	"slices"
	"time"

	"shangu/schema/text"
	"shangu/sync/identity"
	"shangu/sync/newpin"
)

// ask is a challenge that waits for the district's answer.
type ask struct {
	Nonce uint64 `json:"nonce"`
	Made  int64  `json:"made"`            // unix seconds
	Wrong int    `json:"wrong,omitempty"` // answers that did not fit
}

// Bounds of a challenge: it holds for a day, for the district's telephone may not be
// answered at once, and takes a few answers, for people mishear.
const (
	askFor   = 24 * time.Hour
	askTries = 5
)

// alive reports whether a challenge may still be answered. One from days to come was
// made before the clock was set back.
func (a *ask) alive(now time.Time) bool {
	age := now.Unix() - a.Made
	return a.Wrong < askTries && age >= 0 && age < int64(askFor/time.Second)
}

// Device is who a computer is to the district, and what they answer with.
type Device struct {
	ID     identity.DeviceID
	Secret newpin.Secret
}

// roleNumber numbers roles in challenges: never changed, only added to.
func (r Role) number() uint8 { return uint8(slices.Index([]Role{Clerk, Head, Visiting, Admin}, r)) }

// RoleOf is the role that a challenge names, "" if this build does not know it.
func RoleOf(number uint8) Role {
	for _, r := range Roles() {
		if r.number() == number {
			return r
		}
	}
	return ""
}

// Asked is the challenge of an account that waits for its answer, "" if none does.
func (b *Book) Asked(id string, d Device) string {
	a, err := b.Get(id)
	if err != nil || a.Ask == nil || !a.Ask.alive(b.o.Now()) {
		return ""
	}
	return a.challenge(d).String()
}

func (a *Account) challenge(d Device) newpin.Challenge {
	return newpin.Challenge{Hint: newpin.HintOf(d.ID), Role: a.Role.number(), Nonce: a.Ask.Nonce}
}

// Ask makes the challenge by which the district lets an account have a new PIN. One
// that waits already stays: somebody may be on the telephone with it.
func (b *Book) Ask(id string, d Device) error {
	c, err := newpin.New(b.o.Rand, d.ID, 0)
	if err != nil {
		return err
	}
	return b.edit(id, func(a *Account) error {
		if a.Ask == nil || !a.Ask.alive(b.o.Now()) {
			a.Ask = &ask{Nonce: c.Nonce, Made: b.o.Now().Unix()}
		}
		return nil
	})
}

// Answer gives an account a new PIN by the district's answer to its challenge, which
// is then used up. A PIN that will not do, and an answer that was misread and can be
// told to be, cost nothing; one that does not fit is counted.
func (b *Book) Answer(id string, d Device, answer, pin string) error {
	if err := CheckPIN(pin); err != nil {
		return err
	}
	a, err := b.Get(id)
	if err != nil {
		return err
	}
	if a.Ask == nil || !a.Ask.alive(b.o.Now()) {
		return text.New("account.no_ask")
	}
	seen := a.Ask.Nonce
	ok, err := d.Secret.Fits(d.ID, a.challenge(d), answer)
	if err != nil {
		return err
	}
	if !ok {
		left := 0
		err := b.edit(id, func(a *Account) error {
			if a.Ask != nil && a.Ask.Nonce == seen {
				next := *a.Ask
				next.Wrong++
				a.Ask, left = &next, askTries-next.Wrong
			}
			return nil
		})
		switch {
		case err != nil:
			return err
		case left <= 0:
			return text.New("account.answers_used")
		}
		return text.New("account.wrong_answer", "left", left)
	}
	h, err := b.o.Cost.hash(b.o.Rand, pin)
	if err != nil {
		return err
	}
	return b.edit(id, func(a *Account) error {
		if a.Ask == nil || a.Ask.Nonce != seen {
			return text.New("account.no_ask")
		}
		a.pin(h, b.o.Now())
		return nil
	})
}

// Reset forgets all accounts: the next page is the first run's. What they saved stays,
// with their names.
func (b *Book) Reset() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.write(file{})
}
