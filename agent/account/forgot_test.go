package account

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"shangu/sync/newpin"
)

func device(t *testing.T, agreed string) Device {
	t.Helper()
	d := Device{ID: [16]byte{1, 2, 3}}
	var err error
	if d.Secret, err = newpin.SecretOf([]byte(agreed), d.ID); err != nil {
		t.Fatal(err)
	}
	return d
}

// answer is what the district's operator reads back.
func answer(t *testing.T, d Device, challenge string) string {
	t.Helper()
	c, err := newpin.Parse(challenge)
	if err != nil {
		t.Fatal(err)
	}
	return d.Secret.Answer(d.ID, c)
}

func TestAForgottenPIN(t *testing.T) {
	now := time.Date(2026, 10, 12, 8, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	path := filepath.Join(t.TempDir(), "accounts")
	b := book(t, path, clock)
	d := device(t, "agreed")
	wang, _ := b.Make("王", Admin, "2580")
	li, _ := b.Make("李", Clerk, "2580")
	id(t, b.Answer(wang.ID, d, "x", "1470"), "account.no_ask")
	if b.Asked(wang.ID, d) != "" {
		t.Error("a challenge that nobody asked for")
	}
	for range 2 {
		if err := b.Ask(wang.ID, d); err != nil {
			t.Fatal(err)
		}
	}
	challenge := b.Asked(wang.ID, d)
	if c, err := newpin.Parse(challenge); err != nil || RoleOf(c.Role) != Admin || c.Hint != newpin.HintOf(d.ID) {
		t.Fatalf("%s: %+v, %v", challenge, c, err)
	}
	// Through a restart, it is the same.
	b = book(t, path, clock)
	if got := b.Asked(wang.ID, d); got != challenge {
		t.Fatalf("%s, was %s", got, challenge)
	}
	right := answer(t, d, challenge)
	// What can be told to be a slip, and a PIN that will not do, cost no try.
	for range 2 * askTries {
		id(t, b.Answer(wang.ID, d, right, "1234"), "account.easy_pin")
		id(t, b.Answer(wang.ID, d, right[:17], "1470"), "receipt.short_group")
	}
	// Another account's, and another district's.
	if err := b.Ask(li.ID, d); err != nil {
		t.Fatal(err)
	}
	id(t, b.Answer(wang.ID, d, answer(t, d, b.Asked(li.ID, d)), "1470"), "account.wrong_answer")
	id(t, b.Answer(wang.ID, d, answer(t, device(t, "another"), challenge), "1470"), "account.wrong_answer")
	if err := b.Answer(wang.ID, d, strings.ToLower(right), "1470"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Check(wang.ID, "1470"); err != nil {
		t.Errorf("the new PIN: %v", err)
	}
	id(t, b.Answer(wang.ID, d, right, "3690"), "account.no_ask")
}

func TestAChallengeDoesNotWaitForEver(t *testing.T) {
	now := time.Date(2026, 10, 12, 8, 0, 0, 0, time.UTC)
	b := book(t, filepath.Join(t.TempDir(), "accounts"), func() time.Time { return now })
	d, wrong := device(t, "agreed"), device(t, "another")
	a, _ := b.Make("王", Admin, "2580")
	for _, pass := range []time.Duration{askFor, -time.Minute} {
		if err := b.Ask(a.ID, d); err != nil {
			t.Fatal(err)
		}
		right := answer(t, d, b.Asked(a.ID, d))
		now = now.Add(pass)
		id(t, b.Answer(a.ID, d, right, "1470"), "account.no_ask")
	}
	if err := b.Ask(a.ID, d); err != nil {
		t.Fatal(err)
	}
	challenge := b.Asked(a.ID, d)
	for i := range askTries {
		want := "account.wrong_answer"
		if i == askTries-1 {
			want = "account.answers_used"
		}
		id(t, b.Answer(a.ID, d, answer(t, wrong, challenge), "1470"), want)
	}
	id(t, b.Answer(a.ID, d, answer(t, d, challenge), "1470"), "account.no_ask")
	if err := b.Ask(a.ID, d); err != nil || b.Asked(a.ID, d) == challenge || b.Asked(a.ID, d) == "" {
		t.Errorf("no other challenge: %v", err)
	}
}
