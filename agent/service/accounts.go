package service

import (
	"context"

	"shangu/agent/account"
	"shangu/schema/text"
	"shangu/sync/newpin"
)

// accountsFile holds the accounts of this computer.
const accountsFile = "accounts.json"

// accounts opens the accounts, once: pages and commands share one book.
func (a *Agent) accounts() (*account.Book, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.people != nil {
		return a.people, nil
	}
	b, err := account.Open(account.Options{Path: a.path(accountsFile), Files: a.files, Now: a.now, Rand: a.o.Rand})
	if err == nil {
		a.people = b
	}
	return b, err
}

// Account is one of this computer's accounts, without what lets it in.
type Account struct {
	ID      string       `json:"id"`
	Name    string       `json:"name"`
	Role    account.Role `json:"role"`
	Made    string       `json:"made"`        // RFC 3339
	Changed string       `json:"pin_changed"` // RFC 3339
}

func accountFacts(x account.Account) Account {
	return Account{x.ID, x.Name, x.Role, clockTime(x.Made), clockTime(x.Changed)}
}

// Accounts lists the accounts that are not closed.
func (a *Agent) Accounts(context.Context) ([]Account, error) {
	b, err := a.accounts()
	if err != nil {
		return nil, err
	}
	out := []Account{}
	for _, x := range b.List() {
		out = append(out, accountFacts(x))
	}
	return out, nil
}

// AddAccount makes an account.
func (a *Agent) AddAccount(_ context.Context, name string, role account.Role, pin string) (Account, error) {
	b, err := a.accounts()
	if err != nil {
		return Account{}, err
	}
	x, err := b.Make(name, role, pin)
	if err != nil {
		return Account{}, err
	}
	a.o.Log.Info("an account was made by a command", "account", x.Name, "role", string(role))
	return accountFacts(x), nil
}

// SetPIN gives the account of a name another PIN: whoever may open the data of this
// computer may do so.
func (a *Agent) SetPIN(_ context.Context, name, pin string) error {
	b, err := a.accounts()
	if err != nil {
		return err
	}
	for _, x := range b.List() {
		if x.Name == name {
			a.o.Log.Info("a PIN was set by a command", "account", x.Name)
			return b.SetPIN(x.ID, pin)
		}
	}
	return text.New("account.no_name", "name", name)
}

// ResetAccounts forgets all accounts, also those that cannot be read. What they saved
// stays.
func (a *Agent) ResetAccounts(context.Context) error {
	a.mu.Lock()
	b := a.people
	if b == nil {
		b = account.Empty(account.Options{Path: a.path(accountsFile), Files: a.files, Now: a.now, Rand: a.o.Rand})
	}
	a.mu.Unlock()
	a.o.Log.Warn("all accounts were reset by a command")
	return b.Reset()
}

// Device is who this computer is to the district when somebody has forgotten a PIN.
// It fails with a sentence where the district does not know this computer yet.
func (a *Agent) Device() (account.Device, error) {
	cr := a.loadCredentials()
	if cr == nil {
		return account.Device{}, text.New("account.no_district")
	}
	to, _, ok := a.district(cr.School)
	if !ok {
		return account.Device{}, text.New("account.no_district")
	}
	a.mu.Lock()
	key := a.key
	a.mu.Unlock()
	agreed, err := key.Agree(to.recipient)
	if err != nil {
		return account.Device{}, err
	}
	secret, err := newpin.SecretOf(agreed, key.Device())
	return account.Device{ID: key.Device(), Secret: secret}, err
}
