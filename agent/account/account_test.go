package account

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"shangu/schema/text"
	"shangu/sync/seal"
)

// cheap is for tests alone.
var cheap = Cost{Time: 1, Memory: 8}

func book(t *testing.T, path string, now func() time.Time) *Book {
	t.Helper()
	b, err := Open(Options{Path: path, Files: seal.Files{Key: seal.Key{1}}, Now: now, Rand: rand.Reader, Cost: cheap})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func id(t *testing.T, err error, want string) {
	t.Helper()
	if m := text.Of(err); m == nil || m.ID() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestAccounts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "accounts")
	b := book(t, path, time.Now)
	wang, err := b.Make("  王  老师 ", Clerk, "2580")
	if err != nil || wang.Name != "王 老师" {
		t.Fatalf("%+v, %v", wang, err)
	}
	for _, c := range []struct {
		name string
		role Role
		pin  string
		want string
	}{
		{"", Clerk, "2580", "account.bad_name"}, {"a\x00b", Clerk, "2580", "account.bad_name"}, {"王 老师", Head, "2580", "account.taken"},
		{"李", "king", "2580", "account.bad_role"}, {"李", Clerk, "258", "account.bad_pin"}, {"李", Clerk, "7777", "account.easy_pin"},
		{"李", Clerk, "12345", "account.easy_pin"}, {"李", Clerk, "8765", "account.easy_pin"},
	} {
		_, err := b.Make(c.name, c.role, c.pin)
		id(t, err, c.want)
	}
	admin, err := b.Make("李", Admin, "lushan-7")
	if err != nil {
		t.Fatal(err)
	}
	id(t, b.Close(admin.ID), "account.last_admin")
	id(t, b.Change(admin.ID, "李", Clerk), "account.last_admin")
	if err := b.Change(wang.ID, "王老师", Admin); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(admin.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Check(admin.ID, "lushan-7"); !errors.Is(err, ErrNone) {
		t.Errorf("a closed account came in: %v", err)
	}
	if _, err := b.Make("李", Clerk, "2580"); err != nil {
		t.Errorf("the name of a closed account: %v", err)
	}
	if err := b.SetPIN(wang.ID, "1470"); err != nil {
		t.Fatal(err)
	}

	b = book(t, path, time.Now)
	if list := b.List(); len(list) != 2 || list[0].Name != "王老师" || list[0].Role != Admin {
		t.Errorf("%+v", list)
	}
	if _, err := b.Check(wang.ID, "2580"); !errors.Is(err, ErrWrong) {
		t.Errorf("the old PIN: %v", err)
	}
	if a, err := b.Check(wang.ID, "1470"); err != nil || a.ID != wang.ID {
		t.Errorf("%+v, %v", a, err)
	}
	raw, err := os.ReadFile(path)
	if err != nil || bytes.Contains(raw, []byte("王老师")) {
		t.Errorf("the file is not sealed: %v", err)
	}
}

// Whoever guesses is slowed down, through restarts too; a clock set back locks
// nobody out.
func TestGuessing(t *testing.T) {
	now := time.Date(2026, 10, 12, 8, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	path := filepath.Join(t.TempDir(), "accounts")
	b := book(t, path, clock)
	a, err := b.Make("王", Clerk, "2580")
	if err != nil {
		t.Fatal(err)
	}
	guesses := 0
	for end := now.Add(24 * time.Hour); now.Before(end); now = now.Add(time.Second) {
		_, err := b.Check(a.ID, "0000")
		if errors.Is(err, ErrWrong) {
			guesses++
			b = book(t, path, clock)
		} else {
			waits(t, err)
		}
	}
	if guesses < free || guesses > 40 {
		t.Errorf("%d guesses in a day", guesses)
	}
	_, err = b.Check(a.ID, "2580")
	waits(t, err)
	now = now.AddDate(-56, 0, 0)
	if _, err := b.Check(a.ID, "2580"); err != nil {
		t.Errorf("at a clock set back: %v", err)
	}
	if list := b.List(); list[0].Wrong != 0 {
		t.Error("wrong PINs are counted on after a right one")
	}
}

// waits holds that an error says how long to wait.
func waits(t *testing.T, err error) {
	t.Helper()
	if m := text.Of(err); m == nil || m.ID() != "account.wait" && m.ID() != "account.wait_minutes" {
		t.Errorf("%v", err)
	}
}

func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "accounts")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(Options{Path: path, Now: time.Now, Rand: rand.Reader})
	id(t, err, "account.unreadable")
}

func BenchmarkCheck(b *testing.B) {
	h, err := DefaultCost.hash(rand.Reader, "2580")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		h.is("2580")
	}
}
