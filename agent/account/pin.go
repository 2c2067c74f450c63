package account

import (
	"crypto/subtle"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/crypto/argon2"

	"shangu/schema/text"
)

// Cost is what a guess costs: argon2id, RFC 9106.
type Cost struct {
	Time   uint32 // passes
	Memory uint32 // KiB
}

// DefaultCost is the second of OWASP's equal choices: 19 MiB, two passes, one
// lane. An old PC takes a tenth of a second, and has the memory.
var DefaultCost = Cost{Time: 2, Memory: 19 << 10}

// hash is a PIN that was hashed, and with what.
type hash struct {
	Salt []byte `json:"salt"`
	Sum  []byte `json:"sum"`
	Cost Cost   `json:"cost"`
}

// one lets a single hash be made at a time: the memory is bounded, and so is how
// fast anybody can guess.
var one sync.Mutex

func (c Cost) hash(random io.Reader, pin string) (hash, error) {
	h := hash{Salt: make([]byte, 16), Cost: c}
	if _, err := io.ReadFull(random, h.Salt); err != nil {
		return hash{}, fmt.Errorf("hash PIN: %w", err)
	}
	h.Sum = h.sum(pin)
	return h, nil
}

func (h hash) sum(pin string) []byte {
	one.Lock()
	defer one.Unlock()
	return argon2.IDKey([]byte(pin), h.Salt, h.Cost.Time, h.Cost.Memory, 1, 32)
}

func (h hash) is(pin string) bool { return subtle.ConstantTimeCompare(h.Sum, h.sum(pin)) == 1 }

// free is how many wrong PINs in a row cost nothing but themselves; each more
// costs twice the wait of the one before.
const (
	free      = 4
	firstWait = 15 * time.Second
	longest   = time.Hour
)

// wait is how long after the last wrong PIN the next may be tried.
func (a *Account) wait() time.Duration {
	if a.Wrong < free {
		return 0
	}
	return min(firstWait<<min(a.Wrong-free, 16), longest)
}

// Check lets an account in by its PIN. It fails with ErrNone, with ErrWrong, or
// with a sentence on how long to wait after too many wrong ones; wrong ones are
// counted through restarts.
func (b *Book) Check(id, pin string) (Account, error) {
	a, err := b.Get(id)
	if err != nil {
		return Account{}, err
	}
	now := b.o.Now().Unix()
	// A clock that was set back must not lock anybody out for years.
	if left := a.Last + int64(a.wait()/time.Second) - now; left > 0 && now >= a.Last {
		if left > 120 {
			return Account{}, text.New("account.wait_minutes", "minutes", (left+59)/60)
		}
		return Account{}, text.New("account.wait", "seconds", left)
	}
	if len(pin) <= 4*maxPIN && a.Hash.is(pin) {
		if a.Wrong != 0 {
			err = b.edit(id, func(a *Account) error { a.Wrong, a.Last = 0, 0; return nil })
		}
		return a, err
	}
	if err := b.edit(id, func(a *Account) error { a.Wrong++; a.Last = now; return nil }); err != nil {
		return Account{}, err
	}
	return Account{}, ErrWrong
}
