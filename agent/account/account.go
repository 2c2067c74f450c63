// Package account keeps who may use the pages of this computer: name, role and
// the argon2id hash of a PIN or password, in one sealed file of the data directory.
//
// An account says whose hand made a save; it holds no data. Making, changing or
// closing one never touches what is recorded or what waits to be sent. Accounts stay
// on their computer. The package imports schema with its texts and tables, sync/identity,
// sync/newpin and sync/seal alone. DESIGN.md says why a forgotten PIN is replaced as it is.
package account

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"shangu/schema/text"
	"shangu/sync/seal"
)

// Role says what an account may do.
type Role string

// The roles of DOMAIN's people who sit at a school's computer.
const (
	Clerk    Role = "clerk"    // 校务员、班主任: records
	Head     Role = "head"     // 校长: records, and signs the month's report
	Visiting Role = "visiting" // 教研员、督学: records visits
	Admin    Role = "admin"    // manages accounts, enrolment, other computers
)

// Roles lists the roles, the most frequent first.
func Roles() []Role { return []Role{Clerk, Head, Visiting, Admin} }

// Label names a role for people.
func (r Role) Label() *text.Message {
	switch r {
	case Clerk:
		return text.New("account.role_clerk")
	case Head:
		return text.New("account.role_head")
	case Visiting:
		return text.New("account.role_visiting")
	}
	return text.New("account.role_admin")
}

// Account is one person at this computer.
type Account struct {
	ID      string `json:"id"`   // never used again
	Name    string `json:"name"` // travels with each save
	Role    Role   `json:"role"`
	Closed  bool   `json:"closed,omitempty"`
	Made    int64  `json:"made"`              // unix seconds
	Changed int64  `json:"changed,omitempty"` // of the PIN, unix seconds

	Hash  hash  `json:"hash"`
	Wrong int   `json:"wrong,omitempty"` // wrong PINs in a row
	Last  int64 `json:"last,omitempty"`  // of them, unix seconds
	Ask   *ask  `json:"ask,omitempty"`   // for a new PIN, of the district
}

// Limits of what people type.
const (
	maxName = 30 // runes; at most 120 bytes, of the 256 that an entry has room for
	minPIN  = 4
	maxPIN  = 64
)

var (
	// ErrNone: there is no such account, or it is closed.
	ErrNone = text.New("account.none")
	// ErrWrong: the PIN is another one.
	ErrWrong = text.New("account.wrong")
)

// Options are what a Book needs from outside.
type Options struct {
	Path  string // of its file
	Files seal.Files
	Now   func() time.Time
	Rand  io.Reader
	Cost  Cost // DefaultCost if zero
}

// Book holds the accounts. It may be used by many at once.
type Book struct {
	o  Options
	mu sync.Mutex
	v  file
}

type file struct {
	Accounts []Account `json:"accounts"`
}

// Open reads the accounts. A file that cannot be read is an error: without it
// nobody could tell who may come in.
func Open(o Options) (*Book, error) {
	b := Empty(o)
	raw, err := o.Files.Read(o.Path)
	if errors.Is(err, os.ErrNotExist) {
		return b, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &b.v)
	}
	if err != nil {
		return nil, text.Wrap(err, "account.unreadable", "path", o.Path)
	}
	return b, nil
}

// Empty is a Book without accounts, whatever its file holds: the first write replaces
// it.
func Empty(o Options) *Book {
	if o.Cost == (Cost{}) {
		o.Cost = DefaultCost
	}
	return &Book{o: o}
}

// write keeps v; the caller holds mu, and what is in memory changes only then.
func (b *Book) write(v file) error {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err == nil {
		err = b.o.Files.Write(b.o.Path, raw, 0o600)
	}
	if err != nil {
		return fmt.Errorf("write accounts: %w", err)
	}
	b.v = v
	return nil
}

// List returns the accounts that are not closed, as they were made.
func (b *Book) List() []Account {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(b.v.Accounts), func(a Account) bool { return a.Closed })
}

// Get returns an account that is not closed, or ErrNone.
func (b *Book) Get(id string) (Account, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := b.find(id); i >= 0 {
		return b.v.Accounts[i], nil
	}
	return Account{}, ErrNone
}

func (b *Book) find(id string) int {
	return slices.IndexFunc(b.v.Accounts, func(a Account) bool { return a.ID == id && !a.Closed })
}

// Make adds an account.
func (b *Book) Make(name string, role Role, pin string) (Account, error) {
	name, err := cleanName(name)
	if err != nil {
		return Account{}, err
	}
	if !slices.Contains(Roles(), role) {
		return Account{}, text.New("account.bad_role", "role", string(role))
	}
	if err := CheckPIN(pin); err != nil {
		return Account{}, err
	}
	h, err := b.o.Cost.hash(b.o.Rand, pin)
	if err != nil {
		return Account{}, err
	}
	var id [6]byte
	if _, err := io.ReadFull(b.o.Rand, id[:]); err != nil {
		return Account{}, fmt.Errorf("make account: %w", err)
	}
	now := b.o.Now().Unix()
	a := Account{ID: fmt.Sprintf("%x", id), Name: name, Role: role, Made: now, Changed: now, Hash: h}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.named(name, "") {
		return Account{}, text.New("account.taken", "name", name)
	}
	return a, b.write(file{append(slices.Clone(b.v.Accounts), a)})
}

// named reports whether another account that is not closed has the name.
func (b *Book) named(name, but string) bool {
	return slices.ContainsFunc(b.v.Accounts, func(a Account) bool { return !a.Closed && a.ID != but && a.Name == name })
}

// Change gives an account another name and role. The last administrator stays one.
func (b *Book) Change(id, name string, role Role) error {
	name, err := cleanName(name)
	if err != nil {
		return err
	}
	if !slices.Contains(Roles(), role) {
		return text.New("account.bad_role", "role", string(role))
	}
	return b.edit(id, func(a *Account) error {
		if b.named(name, id) {
			return text.New("account.taken", "name", name)
		}
		if role != Admin && b.lastAdmin(id) {
			return text.New("account.last_admin")
		}
		a.Name, a.Role = name, role
		return nil
	})
}

// Close ends an account; its name stays on what it saved.
func (b *Book) Close(id string) error {
	return b.edit(id, func(a *Account) error {
		if b.lastAdmin(id) {
			return text.New("account.last_admin")
		}
		a.Closed = true
		return nil
	})
}

// SetPIN gives an account another PIN and forgets wrong ones.
func (b *Book) SetPIN(id, pin string) error {
	if err := CheckPIN(pin); err != nil {
		return err
	}
	h, err := b.o.Cost.hash(b.o.Rand, pin)
	if err != nil {
		return err
	}
	return b.edit(id, func(a *Account) error {
		a.pin(h, b.o.Now())
		return nil
	})
}

// pin gives an account a PIN; what was tried or asked for with the one before is over.
func (a *Account) pin(h hash, now time.Time) {
	a.Hash, a.Changed, a.Wrong, a.Last, a.Ask = h, now.Unix(), 0, 0, nil
}

func (b *Book) lastAdmin(id string) bool {
	admin := func(a Account) bool { return !a.Closed && a.Role == Admin }
	return slices.ContainsFunc(b.v.Accounts, func(a Account) bool { return admin(a) && a.ID == id }) &&
		!slices.ContainsFunc(b.v.Accounts, func(a Account) bool { return admin(a) && a.ID != id })
}

func (b *Book) edit(id string, f func(*Account) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := b.find(id)
	if i < 0 {
		return ErrNone
	}
	next := file{slices.Clone(b.v.Accounts)}
	if err := f(&next.Accounts[i]); err != nil {
		return err
	}
	return b.write(next)
}

func cleanName(name string) (string, error) {
	name = strings.Join(strings.Fields(name), " ")
	if n := utf8.RuneCountInString(name); n == 0 || n > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", text.New("account.bad_name", "max", maxName)
	}
	return name, nil
}

// CheckPIN says what is wrong with a new PIN or password.
func CheckPIN(pin string) error {
	n := utf8.RuneCountInString(pin)
	if n < minPIN || n > maxPIN {
		return text.New("account.bad_pin", "min", minPIN, "max", maxPIN)
	}
	if strings.Count(pin, pin[:1]) == len(pin) || strings.Contains("0123456789", pin) || strings.Contains("9876543210", pin) {
		return text.New("account.easy_pin")
	}
	return nil
}
