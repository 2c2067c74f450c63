package vault

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"filippo.io/age"

	"shangu/schema/text"
	"shangu/sync/seal"
)

// stanzaHere marks, in a backup, a file key that is wrapped under the key of a
// data directory of the machine that it was made on:
//
//	-> shangu-here HEX-OF-DIRECTORY
//	what seal.Recipient makes
const stanzaHere = "shangu-here"

// Here is a recipient and an identity: what is sealed to a directory's key
// opens again, with nothing said, on the machine that keeps that key.
type Here struct {
	Dir string
	Key seal.Key // to seal; opening asks the operating system for it
}

// Wrap implements age.Recipient.
func (h Here) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	s, err := seal.Recipient{Key: h.Key}.Wrap(fileKey)
	if err != nil {
		return nil, err
	}
	return append(s, &age.Stanza{Type: stanzaHere, Args: []string{hex.EncodeToString([]byte(h.Dir))}}), nil
}

// Unwrap implements age.Identity.
func (Here) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	for _, s := range stanzas {
		if s.Type != stanzaHere || len(s.Args) != 1 {
			continue
		}
		dir, err := hex.DecodeString(s.Args[0])
		if err != nil {
			continue
		}
		k, err := Find(string(dir))
		if err != nil {
			continue
		}
		return seal.Identity{Key: k}.Unwrap(stanzas)
	}
	return nil, age.ErrIncorrectIdentity
}

// Find returns the key of a directory that has one.
func Find(dir string) (seal.Key, error) { return system.lookup(dir) }

func (s keeper) lookup(dir string) (seal.Key, error) {
	st, err := read(dir)
	if err != nil {
		return seal.Key{}, err
	}
	k, err := s.find(dir, st)
	if errors.Is(err, ErrMissing) {
		err = text.Wrap(err, "vault.missing", "dir", dir)
	}
	return k, err
}

// Adopt keeps a key for a directory that holds no data yet: one that is about
// to be filled from a backup.
func Adopt(dir, probe string, k seal.Key) error { return system.adopt(dir, probe, k) }

func (s keeper) adopt(dir, probe string, k seal.Key) error {
	if _, err := os.Stat(filepath.Join(dir, probe)); err == nil {
		return fmt.Errorf("adopt key: %s holds data", dir)
	}
	if err := os.Remove(filepath.Join(dir, stateFile)); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("adopt key: %w", err)
	}
	return s.set(dir, probe, k)
}
