package identity

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"shangu/schema/text"
	"shangu/sync/frame"
	"shangu/sync/seal"
)

func TestKeyIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "device.key")
	a, err := OpenKey(path, rand.Reader, seal.Files{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	b, err := OpenKey(path, rand.Reader, seal.Files{})
	if err != nil {
		t.Fatal(err)
	}
	if a.Device() != b.Device() || a.Device() == [16]byte{} {
		t.Errorf("device %x, then %x", a.Device(), b.Device())
	}
	if st, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	// A damaged key is not replaced: the machine would be a stranger.
	if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKey(path, rand.Reader, seal.Files{}); !errors.Is(err, ErrKeyFile) {
		t.Errorf("damaged key: %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "damaged" {
		t.Error("the damaged file was touched")
	}
}

func TestDeviceIDIsThatOfTheCertificateRequest(t *testing.T) {
	k, err := NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := k.CSR(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r, err := x509.ParseCertificateRequest(der)
	if err != nil {
		t.Fatal(err)
	}
	if got := deviceOfSPKI(r.RawSubjectPublicKeyInfo); got != k.Device() {
		t.Errorf("%x, want %x", got, k.Device())
	}
	if back, err := ParseDevice(FormatDevice(k.Device())); err != nil || back != k.Device() {
		t.Errorf("%x, %v", back, err)
	}
}

// The text of tokens is printed on paper: it never changes.
func TestTokenText(t *testing.T) {
	school := Token{Role: RoleSchool, School: "3199000001"}
	node := Token{Role: RoleNode}
	for i := range school.Secret {
		school.Secret[i], node.Secret[i] = byte(i), byte(255-i)
	}
	for i := range school.Pin {
		school.Pin[i], node.Pin[i] = byte(7*i), byte(9*i)
	}
	for _, c := range []struct {
		token Token
		text  string
	}{
		{school, goldenSchool},
		{node, goldenNode},
	} {
		if got := c.token.String(); got != c.text {
			t.Errorf("got  %s\nwant %s", got, c.text)
		}
		if back, err := ParseToken(c.text); err != nil || back != c.token {
			t.Errorf("%+v, %v", back, err)
		}
	}
}

func TestTokenRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Token{Role: RoleSchool, School: rapid.StringMatching(`[0-9]{10}|[A-Z][0-9A-Z]{0,20}|`).Draw(t, "school")}
		copy(want.Secret[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "secret"))
		copy(want.Pin[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "pin"))
		s := want.String()
		typed := strings.ToLower(s[:10]) + "-" + s[10:30] + " \n" + strings.NewReplacer("O", "0", "I", "1", "B", "8").Replace(s[30:])
		for _, v := range []string{s, typed} {
			if got, err := ParseToken(v); err != nil || got != want {
				t.Fatalf("%q: %+v, %v", v, got, err)
			}
		}
		// One wrong letter is always noticed, and so is a missing one.
		i := rapid.IntRange(0, len(s)-1).Draw(t, "at")
		letter := rapid.SampledFrom([]byte("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")).Draw(t, "letter")
		if s[i] != letter {
			b := []byte(s)
			b[i] = letter
			if _, err := ParseToken(string(b)); !errors.Is(err, ErrTokenText) && !errors.Is(err, ErrTokenRole) {
				t.Fatalf("letter %d changed: %v", i, err)
			}
		}
		if _, err := ParseToken(s[:i] + s[i+1:]); !errors.Is(err, ErrTokenText) {
			t.Fatalf("letter %d missing: %v", i, err)
		}
	})
}

func TestTokenMistakesHaveWords(t *testing.T) {
	node := Token{Role: RoleNode}.String()
	school := Token{Role: RoleSchool, School: "3199000001"}.String()
	newer := []byte{2<<4 | 1}
	newer = append(newer, make([]byte, 48)...)
	for name, c := range map[string]struct {
		s    string
		role Role
		want error
		id   string
	}{
		"nothing":              {"", RoleSchool, ErrTokenText, "identity.token_text"},
		"words":                {"请向区里索取", RoleSchool, ErrTokenText, "identity.token_text"},
		"a node's, at school":  {node, RoleSchool, ErrTokenRole, "identity.token_is_node"},
		"a school's, for node": {school, RoleNode, ErrTokenRole, "identity.token_is_school"},
		"a newer program's":    {tokenEncoding.EncodeToString(append(newer, check(newer)...)), RoleSchool, ErrTokenRole, "identity.token_newer"},
	} {
		_, err := ParseTokenFor(c.role, c.s)
		if !errors.Is(err, c.want) || text.Of(err).ID() != c.id {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEnrolmentMessages(t *testing.T) {
	r := &Request{Secret: [16]byte{1, 2}, CSR: []byte("csr")}
	b, err := frame.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := DecodeRequest(b); err != nil || got.Secret != r.Secret || !bytes.Equal(got.CSR, r.CSR) {
		t.Errorf("%+v, %v", got, err)
	}
	b[0]++ // an array longer by one, as a newer agent sends
	if got, err := DecodeRequest(append(b, 5)); err != nil || got.Secret != r.Secret {
		t.Errorf("from a newer agent: %+v, %v", got, err)
	}
	g := &Grant{School: "3199000001", Certificate: []byte("c"), CA: []byte("a"), Receipt: make([]byte, 32), Cluster: [16]byte{9}, Time: 1, Recipient: "age1x"}
	if b, err = frame.Marshal(g); err != nil {
		t.Fatal(err)
	}
	got, err := DecodeGrant(b)
	if err != nil || got.School != g.School || got.Cluster != g.Cluster || got.Time != 1 || len(got.Receipt) != 32 || got.Recipient != g.Recipient {
		t.Errorf("%+v, %v", got, err)
	}
	for i := range b {
		if _, err := DecodeGrant(b[:i]); err == nil {
			t.Errorf("cut at %d was accepted", i)
		}
	}
	old := bytes.Clone(b[:len(b)-1-len(g.Recipient)]) // from a hub that has no recipient to tell
	old[0]--
	if got, err := DecodeGrant(old); err != nil || got.Cluster != g.Cluster || got.Recipient != "" {
		t.Errorf("from an older hub: %+v, %v", got, err)
	}
	if _, err := DecodeRequest(make([]byte, MaxRequest+1)); !errors.Is(err, frame.ErrLimit) {
		t.Errorf("oversize: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	r, err := frame.Marshal(&Request{CSR: []byte("csr")})
	if err != nil {
		f.Fatal(err)
	}
	g, err := frame.Marshal(&Grant{School: "3199000001", Receipt: make([]byte, 32)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(r)
	f.Add(g)
	f.Add([]byte{0xdd, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := DecodeRequest(b); err == nil && len(r.CSR) > maxCSR {
			t.Errorf("CSR of %d bytes", len(r.CSR))
		}
		if g, err := DecodeGrant(b); err == nil && len(g.Receipt) != 32 {
			t.Errorf("receipt key of %d bytes", len(g.Receipt))
		}
		if tok, err := ParseToken(string(b)); err == nil && Fold(tok.String()) != Fold(string(b)) {
			t.Errorf("%q reads as %q", b, tok)
		}
	})
}
