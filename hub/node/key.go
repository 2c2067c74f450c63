package node

import (
	"crypto/rand"
	"path/filepath"

	"shangu/installer/host/vault"
	"shangu/sync/seal"
)

// KeyOf finds, or makes, the key that a node's directory is sealed under. nil
// stands for none: all is plain.
type KeyOf func(dir string) (seal.Key, error)

// keyProbe is what a node's directory has first.
var keyProbe = filepath.Join("secrets", "cluster.json")

// Vault is the KeyOf of programs: the operating system keeps the key.
func Vault(dir string) (seal.Key, error) { return vault.Open(dir, keyProbe, rand.Reader) }

// SetKey gives the operating system a directory's key to keep that a person has
// kept meanwhile.
func SetKey(dir string, k seal.Key) error { return vault.Set(dir, keyProbe, k) }

// files opens a directory's small files.
func (f KeyOf) files(dir string) (seal.Files, error) {
	if f == nil {
		return seal.Files{}, nil
	}
	k, err := f(dir)
	return seal.Files{Key: k}, err
}
