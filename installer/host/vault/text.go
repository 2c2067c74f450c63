package vault

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"strings"

	"shangu/schema/text"
	"shangu/sync/identity"
	"shangu/sync/seal"
)

// A key's text is what an operator writes down or reads out over a telephone:
// base32 of the key and the first 3 bytes of its SHA-256, in groups of four
// letters.
const checkSize = 3

var letters = base32.StdEncoding.WithPadding(base32.NoPadding)

// Format is a key's text.
func Format(k seal.Key) string {
	sum := sha256.Sum256(k[:])
	s := letters.EncodeToString(append(k[:], sum[:checkSize]...))
	var groups []string
	for ; len(s) > 4; s = s[4:] {
		groups = append(groups, s[:4])
	}
	return strings.Join(append(groups, s), "-")
}

// FromArgs reads a key that was typed, in one argument or in several.
func FromArgs(args []string) (seal.Key, error) {
	k, err := Parse(strings.Join(args, ""))
	if err != nil {
		return k, text.Wrap(err, "vault.bad_text")
	}
	return k, nil
}

// Parse reads a key's text, whatever became of its case, blanks and hyphens. It
// fails with ErrText when a letter is wrong.
func Parse(s string) (k seal.Key, err error) {
	b, err := letters.DecodeString(identity.Fold(s))
	if err != nil || len(b) != seal.KeySize+checkSize {
		return k, ErrText
	}
	sum := sha256.Sum256(b[:seal.KeySize])
	if !bytes.Equal(sum[:checkSize], b[seal.KeySize:]) {
		return k, ErrText
	}
	return seal.Key(b[:seal.KeySize]), nil
}
