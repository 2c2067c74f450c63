package node

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"

	"shangu/installer/host/vault"
	"shangu/sync/seal"
)

// KeyOf finds, or makes, the key that a node's directory is sealed under. nil
// stands for none: all is plain.
type KeyOf func(dir string) (seal.Key, error)

// KeyProbe is what a node's directory has first.
var KeyProbe = filepath.Join("secrets", "cluster.json")

// Vault is the KeyOf of programs: the operating system keeps the key.
func Vault(dir string) (seal.Key, error) { return vault.Open(dir, KeyProbe, rand.Reader) }

// SetKey gives the operating system a directory's key to keep that a person has
// kept meanwhile.
func SetKey(dir string, k seal.Key) error { return vault.Set(dir, KeyProbe, k) }

// files opens a directory's small files.
func (f KeyOf) files(dir string) (seal.Files, error) {
	if f == nil {
		return seal.Files{}, nil
	}
	k, err := f(dir)
	return seal.Files{Key: k}, err
}

// openKey reads the data key of a school's computer out of its recovery copy, or
// of the beginning of a backup, which the request's body is in JSON.
func (n *Node) openKey(r *http.Request) (any, error) {
	var b []byte
	if err := json.NewDecoder(io.LimitReader(r.Body, 2*vault.MaxRecovery)).Decode(&b); err != nil {
		return nil, err
	}
	rec, err := vault.OpenRecovery(bytes.NewReader(b), n.Secrets.Sealing)
	if err != nil {
		return nil, err
	}
	n.opts.Log.Warn("the data key of a school's computer was read", "school", rec.School, "device", rec.Device)
	return rec, nil
}
