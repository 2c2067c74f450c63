// Package vault keeps the data key of a data directory where the operating
// system guards it, and finds it again:
//
//	Windows         vault.dpapi: by DPAPI for this machine, readable under the directory's ACL
//	Linux, service  the credential shangu.key, which systemd makes for the service alone of a file
//	                in /etc/shangu/keys; root's commands have systemd-creds open the same file.
//	                With a systemd before 250: a file there that service and root alone may read
//	else            vault.key: readable by the owner alone
//
// So a copy of an installed service's data directory does not open, nor does one
// of another Windows.
//
// vault.json beside it says which key the directory's data is sealed under, so
// that a wrong or missing key is found out before anything is opened: what
// heals damage must never run on data that is only locked. sync/seal/DESIGN.md says what
// this protects from, what it does not, and how a lost key comes back.
package vault

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"shangu/schema/text"
	"shangu/sync/disk"
	"shangu/sync/seal"
)

// Names in a data directory, and of the credential.
const (
	stateFile  = "vault.json"
	plainFile  = "vault.key"
	dpapiFile  = "vault.dpapi"
	Credential = "shangu.key"
)

// Errors of this package. With either nothing was changed.
var (
	// ErrMissing: the directory's data is sealed, and its key is not here.
	ErrMissing = errors.New("vault: the key is not on this machine")
	// ErrWrong: a key is here, and it is not the one.
	ErrWrong = errors.New("vault: the key is another one")
	// ErrNote: the note of which key it is cannot be read.
	ErrNote = errors.New("vault: the note of the key is damaged")
	// ErrText: that is no key's text.
	ErrText = errors.New("vault: not the text of a key")
)

// version of vault.json.
const version = 1

// state is vault.json.
type state struct {
	Version int    `json:"version"`
	Key     string `json:"key"` // id, hex
}

// Owns reports whether a file of a data directory is the vault's.
func Owns(name string) bool {
	return name == stateFile || name == plainFile || name == dpapiFile
}

// holder is one way in which a key may be kept.
type holder interface {
	// get fails with fs.ErrNotExist where the key is not kept so.
	get(dir string) (seal.Key, error)
	// put keeps a key.
	put(dir string, k seal.Key) error
}

// keeper is how a system keeps keys.
type keeper struct {
	primary holder   // of a directory that no service was installed for
	holders []holder // where to look in a directory itself
	keys    string   // directory of installed services' keys; "" where there is none
}

// Open returns the key of a data directory. The first time it makes one. probe
// is a file below dir that programs write first and read first: while it is
// there and sealed, no new key is made. The caller holds the directory's lock.
func Open(dir, probe string, random io.Reader) (seal.Key, error) {
	return system.open(dir, probe, random)
}

// Set keeps a key that a person gives: after the operating system has lost it,
// or for a directory that comes out of a backup. A key that does not open the
// data there is refused.
func Set(dir, probe string, k seal.Key) error { return system.set(dir, probe, k) }

func (s keeper) open(dir, probe string, random io.Reader) (seal.Key, error) {
	st, err := read(dir)
	if err != nil && st.Version > version {
		return seal.Key{}, err
	}
	var k seal.Key
	if err == nil {
		k, err = s.find(dir, st)
	}
	if damaged := err; errors.Is(damaged, ErrNote) || errors.Is(damaged, ErrWrong) {
		// What opens the data is its key, and the note has to say so.
		if k, err = s.find(dir, state{}); err != nil || !opens(k, probes(dir, probe)) {
			return seal.Key{}, damaged
		}
		st = state{}
	}
	switch {
	case err == nil:
		return k, finish(dir, st, k)
	case !errors.Is(err, ErrMissing):
		return seal.Key{}, err
	case st.Key != "" || sealed(probes(dir, probe)):
		return seal.Key{}, text.Wrap(err, "vault.missing", "dir", dir)
	}
	if k, err = seal.NewKey(random); err != nil {
		return seal.Key{}, err
	}
	if err := errors.Join(os.MkdirAll(dir, 0o700), s.primary.put(dir, k)); err != nil {
		return seal.Key{}, text.Wrap(err, "vault.not_kept", "dir", dir)
	}
	return k, finish(dir, st, k)
}

func (s keeper) set(dir, probe string, k seal.Key) error {
	if b, err := os.ReadFile(filepath.Join(dir, probe)); err == nil && seal.Sealed(b) {
		// What opens the data is its key, whatever the note says.
		if _, err := k.OpenFile(filepath.Base(probe), b); err != nil {
			return text.Wrap(errors.Join(ErrWrong, err), "vault.wrong", "dir", dir)
		}
	} else if st, err := read(dir); err != nil {
		return err
	} else if st.Key != "" && st.Key != id(k) {
		return text.Wrap(ErrWrong, "vault.wrong", "dir", dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return text.Wrap(err, "vault.not_kept", "dir", dir)
	}
	if err := s.where(dir).put(dir, k); err != nil {
		return text.Wrap(err, "vault.not_kept", "dir", dir)
	}
	return finish(dir, state{}, k)
}

// finish notes which key it is.
func finish(dir string, st state, k seal.Key) error {
	if st.Key != "" {
		return nil
	}
	b, err := json.Marshal(state{version, id(k)})
	if err != nil {
		return fmt.Errorf("note key: %w", err)
	}
	if err := disk.WriteFile(filepath.Join(dir, stateFile), append(b, '\n'), 0o600); err != nil {
		return text.Wrap(err, "vault.not_kept", "dir", dir)
	}
	return nil
}

func id(k seal.Key) string {
	i := k.ID()
	return hex.EncodeToString(i[:])
}

func read(dir string) (st state, err error) {
	b, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return st, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &st)
	}
	if err == nil && (st.Version != version || len(st.Key) != 2*seal.IDSize) {
		err = fmt.Errorf("version %d, key %q", st.Version, st.Key)
	}
	if err != nil {
		return st, text.Wrap(errors.Join(ErrNote, err), "vault.bad_state", "file", filepath.Join(dir, stateFile))
	}
	return st, nil
}

// find asks every holder for the key.
func (s keeper) find(dir string, st state) (seal.Key, error) {
	var refused error
	wrong := false
	for _, h := range append(slices.Clone(s.holders), s.outside(dir)...) {
		k, err := h.get(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			refused = err
		case st.Key == "" || id(k) == st.Key:
			return k, nil
		default:
			wrong = true
		}
	}
	if k, ok := s.elsewhere(st); ok {
		return k, nil
	}
	switch {
	case refused != nil && text.Of(refused) != nil:
		return seal.Key{}, refused
	case refused != nil:
		return seal.Key{}, text.Wrap(refused, "vault.refused", "dir", dir, "cause", refused)
	case wrong:
		return seal.Key{}, text.Wrap(ErrWrong, "vault.wrong", "dir", dir)
	}
	return seal.Key{}, ErrMissing
}

// probes are the probe and its second copy.
func probes(dir, probe string) []string {
	path := filepath.Join(dir, probe)
	return []string{path, path + seal.CopyEnding}
}

// opens reports whether one of some files is sealed under a key.
func opens(k seal.Key, paths []string) bool {
	return slices.ContainsFunc(paths, func(path string) bool {
		b, err := os.ReadFile(path)
		if err != nil || !seal.Sealed(b) {
			return false
		}
		_, err = k.OpenFile(filepath.Base(path), b)
		return err == nil
	})
}

// sealed reports whether one of some files is sealed.
func sealed(paths []string) bool {
	return slices.ContainsFunc(paths, func(path string) bool {
		b, err := os.ReadFile(path)
		return err == nil && seal.Sealed(b)
	})
}

// ownerFile is a keyFile in the directory itself.
type ownerFile struct{}

func (ownerFile) get(dir string) (seal.Key, error) {
	return keyFile{filepath.Join(dir, plainFile)}.get(dir)
}

func (ownerFile) put(dir string, k seal.Key) error {
	return keyFile{filepath.Join(dir, plainFile)}.put(dir, k)
}

// credential is what systemd hands to a service.
type credential struct{}

func (credential) get(string) (seal.Key, error) {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if dir == "" {
		return seal.Key{}, fs.ErrNotExist
	}
	return readKey(filepath.Join(dir, Credential))
}

func (credential) put(string, seal.Key) error {
	return errors.New("a service cannot change its credential")
}

// ReadKey reads the text of a key from a file.
func ReadKey(path string) (seal.Key, error) {
	k, err := readKey(path)
	if errors.Is(err, ErrText) {
		return k, text.Wrap(err, "vault.bad_text")
	}
	return k, err
}

func readKey(path string) (seal.Key, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return seal.Key{}, err
	}
	return Parse(string(b))
}
