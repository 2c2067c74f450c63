package vault

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"

	"shangu/schema/text"
)

func sealTo(t *testing.T, to age.Recipient) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := age.Encrypt(&b, to)
	if err == nil {
		_, err = w.Write([]byte("backup"))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPassphrase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "phrase")
	for content, ok := range map[string]bool{
		"correct horse battery\n": true, "\ufeffcorrect horse battery\r\nanother line": true, "云岭区教育局的十二个字口令": true,
		"": false, "\n": false, "too short": false, "           \n": false, "\ncorrect horse battery": false,
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := PassphraseFile(path)
		if (err == nil) != ok || ok != (p != nil) {
			t.Errorf("%q: %v", content, err)
		}
		if !ok && (text.Of(err) == nil || text.Of(err).ID() != "vault.passphrase_short") {
			t.Errorf("%q: says %v", content, err)
		}
	}
	if p, err := PassphraseFile(""); p != nil || err != nil || p.Identities() != nil {
		t.Errorf("no file: %v, %v", p, err)
	}
	if _, err := PassphraseFile(path + "x"); text.Of(err) == nil {
		t.Errorf("a file that is not there: %v", err)
	}

	p, err := newPassphrase("correct horse battery", 10)
	if err != nil {
		t.Fatal(err)
	}
	other, err := newPassphrase("correct horse batterx", 10)
	if err != nil {
		t.Fatal(err)
	}
	b := sealTo(t, p)
	r, err := age.Decrypt(bytes.NewReader(b), p.Identities()...)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != "backup" {
		t.Errorf("%q, %v", got, err)
	}
	for name, with := range map[string][]age.Identity{"another": other.Identities(), "none": {Here{}}} {
		if _, err := age.Decrypt(bytes.NewReader(b), with...); !ByPassphrase(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A file may not ask for any amount of memory.
	greedy, err := newPassphrase("correct horse battery", maxWorkFactor+1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := age.Decrypt(bytes.NewReader(sealTo(t, greedy)), p.Identities()...); err == nil || ByPassphrase(err) {
		t.Errorf("a work factor of %d: %v", maxWorkFactor+1, err)
	}
	if _, err := age.Encrypt(io.Discard, p, Here{Dir: "x", Key: newKey(t)}); err == nil {
		t.Error("sealed to a passphrase and somebody else")
	}
}
