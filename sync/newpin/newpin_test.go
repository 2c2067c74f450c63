package newpin

import (
	"crypto/rand"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"shangu/sync/identity"
)

func TestAChallengeAndItsAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		device := identity.DeviceID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "device"))
		s, err := SecretOf([]byte(rapid.String().Draw(t, "agreed")), device)
		if err != nil {
			t.Fatal(err)
		}
		c, err := New(rand.Reader, device, uint8(rapid.IntRange(0, 31).Draw(t, "role")))
		if err != nil {
			t.Fatal(err)
		}
		read, err := Parse(strings.ToLower(strings.ReplaceAll(c.String(), "-", " ")))
		if err != nil || read != c {
			t.Fatalf("%+v, %v, want %+v", read, err, c)
		}
		answer := s.Answer(device, c)
		if ok, err := s.Fits(device, c, " "+strings.ToLower(answer)); !ok || err != nil {
			t.Fatalf("%s: %v", answer, err)
		}
		// Another account, try, device or district has another answer.
		role, nonce, other := c, c, device
		role.Role ^= 1
		nonce.Nonce ^= 1
		other[15] ^= 1
		stranger, _ := SecretOf([]byte("another"), other)
		for _, wrong := range []string{s.Answer(device, role), s.Answer(device, nonce), s.Answer(other, c), stranger.Answer(device, c)} {
			if ok, _ := s.Fits(device, c, wrong); ok {
				t.Fatalf("%s passes for %s", wrong, answer)
			}
		}
		if _, err := s.Fits(device, c, answer[:18]+"2"); err == nil && answer[18] != '2' {
			t.Fatal("a slip was not found")
		}
	})
}

const golden = "PH54-AU7E-Y6UR-MHHL J5WU-NPVT-6AX3-EEZN"

// The codes are spoken between versions: they never change.
func TestGolden(t *testing.T) {
	device := identity.DeviceID{0xab, 0xcd, 15: 1}
	s, err := SecretOf([]byte("agreed"), device)
	if err != nil {
		t.Fatal(err)
	}
	c := Challenge{HintOf(device), 3, 0x123456789abcdef}
	if got, want := c.String()+" "+s.Answer(device, c), golden; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
