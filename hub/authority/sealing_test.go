package authority

import (
	"bytes"
	"crypto/rand"
	"io"
	"testing"
	"time"

	"filippo.io/age"

	"shangu/sync/identity"
)

// What is sealed to the recipient that devices are told opens on every node,
// and in no other district.
func TestSealingIdentity(t *testing.T) {
	a, _ := open(t)
	token, _, err := a.Issue(t.Context(), identity.RoleSchool, school, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	g, err := a.Enrol(t.Context(), "10.0.0.1:1", request(t, token))
	if err != nil {
		t.Fatal(err)
	}
	to, err := age.ParseX25519Recipient(g.Recipient)
	if err != nil {
		t.Fatalf("the grant's recipient %q: %v", g.Recipient, err)
	}
	var file bytes.Buffer
	w, err := age.Encrypt(&file, to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "七个孩子"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	// Another node has the secrets from a join bundle.
	b, err := a.Secrets().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	node, err := ParseSecrets(b)
	if err != nil {
		t.Fatal(err)
	}
	r, err := age.Decrypt(bytes.NewReader(file.Bytes()), node.Sealing)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != "七个孩子" {
		t.Errorf("%q, %v", got, err)
	}
	other, err := New("x", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := age.Decrypt(bytes.NewReader(file.Bytes()), other.Sealing); err == nil {
		t.Error("another district opens it")
	}
}
