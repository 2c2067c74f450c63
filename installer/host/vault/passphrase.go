package vault

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"filippo.io/age"

	"shangu/schema/text"
)

// Passphrases of backups.
const (
	minPassphrase = 12      // characters
	maxPassphrase = 1 << 10 // bytes of the file
	// scrypt's N is 2 to this: 128 MiB for a moment, which a school's old computer
	// has. More is not read either, whatever a file asks for.
	workFactor    = 17
	maxWorkFactor = 18
)

// Passphrase is what a person keeps of a backup. nil stands for none.
type Passphrase struct {
	to   *age.ScryptRecipient
	from *age.ScryptIdentity
}

// Wrap implements age.Recipient.
func (p *Passphrase) Wrap(fileKey []byte) ([]*age.Stanza, error) { return p.to.Wrap(fileKey) }

// WrapWithLabels implements age.RecipientWithLabels: age seals nothing to a
// passphrase and to somebody else.
func (p *Passphrase) WrapWithLabels(fileKey []byte) ([]*age.Stanza, []string, error) {
	return p.to.WrapWithLabels(fileKey)
}

// Identities opens what was sealed to the passphrase.
func (p *Passphrase) Identities() []age.Identity {
	if p == nil {
		return nil
	}
	return []age.Identity{p.from}
}

// PassphraseFile reads the first line of a file; "" is no file, and nil.
func PassphraseFile(path string) (*Passphrase, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, text.Wrap(err, "vault.passphrase_file", "file", path)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxPassphrase))
	if err != nil {
		return nil, text.Wrap(err, "vault.passphrase_file", "file", path)
	}
	line, _, _ := strings.Cut(strings.TrimPrefix(string(b), "\ufeff"), "\n")
	return newPassphrase(strings.TrimSpace(line), workFactor)
}

func newPassphrase(s string, work int) (*Passphrase, error) {
	if utf8.RuneCountInString(s) < minPassphrase {
		return nil, text.New("vault.passphrase_short", "n", minPassphrase)
	}
	to, err := age.NewScryptRecipient(s)
	if err != nil {
		return nil, fmt.Errorf("take passphrase: %w", err)
	}
	from, err := age.NewScryptIdentity(s)
	if err != nil {
		return nil, fmt.Errorf("take passphrase: %w", err)
	}
	to.SetWorkFactor(work)
	from.SetMaxWorkFactor(maxWorkFactor)
	return &Passphrase{to, from}, nil
}

// ByPassphrase reports whether opening a file failed because it wants a
// passphrase: none was given, or another one.
func ByPassphrase(err error) bool {
	no, ok := errors.AsType[*age.NoIdentityMatchError](err)
	return ok && slices.Contains(no.StanzaTypes, "scrypt")
}
