package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"shangu/schema/text"
	"shangu/sync/disk"
	"shangu/sync/seal"
)

// Kept says where an installed service's key lies. Both are empty where the
// service needs to be told nothing.
type Kept struct {
	// Credential is the file that the service's unit names in
	// LoadCredentialEncrypted.
	Credential string
	// File is one that the service's account and root alone may read. The unit
	// hands it to that account.
	File string
}

// Provision gives the key of a service's data directory, which is made if there
// is none, into the system's care. A key that was there before is the one that
// goes on, and it stays where it was too: until Forget, which is for when the
// service looks in the new place. The caller holds the directory's lock.
func Provision(dir, probe string, random io.Reader) (Kept, error) {
	return system.provision(dir, probe, random)
}

func (s keeper) provision(dir, probe string, random io.Reader) (Kept, error) {
	k, err := s.open(dir, probe, random)
	if err != nil || s.keys == "" {
		return Kept{}, err
	}
	// Others may list it: what each file in it is for is no secret.
	if err := os.MkdirAll(s.keys, 0o755); err != nil {
		return Kept{}, text.Wrap(err, "vault.not_kept", "dir", dir)
	}
	cred, file := systemd{s.path(dir, ".cred")}, keyFile{s.path(dir, ".key")}
	// A systemd that is too old, or has no key of its own, leaves the file.
	if keep(cred, dir, k) == nil {
		return Kept{Credential: cred.path}, nil
	}
	if err := keep(file, dir, k); err != nil {
		return Kept{}, text.Wrap(err, "vault.not_kept", "dir", dir)
	}
	return Kept{File: file.path}, nil
}

// Forget takes the key away from where it was before Provision.
func Forget(dir string, kept Kept) error { return system.forget(dir, kept) }

func (s keeper) forget(dir string, kept Kept) error {
	if kept == (Kept{}) {
		return nil
	}
	old := []string{filepath.Join(dir, plainFile)}
	for _, ext := range []string{".cred", ".key"} {
		if path := s.path(dir, ext); path != kept.Credential+kept.File {
			old = append(old, path)
		}
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("forget where the key was: %w", err)
		}
	}
	return nil
}

// keep puts a key and looks whether it comes back.
func keep(h holder, dir string, k seal.Key) error {
	if err := h.put(dir, k); err != nil {
		return err
	}
	back, err := h.get(dir)
	if err == nil && back != k {
		err = ErrWrong
	}
	return err
}

// path is where the key of a directory's service lies.
func (s keeper) path(dir, ext string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	sum := sha256.Sum256([]byte(dir))
	return filepath.Join(s.keys, filepath.Base(dir)+"-"+hex.EncodeToString(sum[:4])+ext)
}

// outside is where the key of a directory's service may lie.
func (s keeper) outside(dir string) []holder {
	if s.keys == "" {
		return nil
	}
	return []holder{systemd{s.path(dir, ".cred")}, keyFile{s.path(dir, ".key")}}
}

// where is where a directory's key is to be put: for an installed service,
// where the service looks.
func (s keeper) where(dir string) holder {
	if s.keys != "" {
		for _, ext := range []string{".cred", ".key"} {
			path := s.path(dir, ext)
			if _, err := os.Stat(path); err != nil {
				continue
			}
			if ext == ".cred" {
				return systemd{path}
			}
			return keyFile{path}
		}
	}
	return s.primary
}

// elsewhere looks for the key among those of other directories: this one may
// have been moved.
func (s keeper) elsewhere(st state) (seal.Key, bool) {
	if s.keys == "" || st.Key == "" {
		return seal.Key{}, false
	}
	entries, err := os.ReadDir(s.keys)
	if err != nil {
		return seal.Key{}, false
	}
	for _, e := range entries {
		path := filepath.Join(s.keys, e.Name())
		var h holder = keyFile{path}
		if filepath.Ext(path) == ".cred" {
			h = systemd{path}
		}
		if k, err := h.get(""); err == nil && id(k) == st.Key {
			return k, true
		}
	}
	return seal.Key{}, false
}

// keyFile keeps the key as text in a file that its owner alone may read.
type keyFile struct{ path string }

func (f keyFile) get(string) (seal.Key, error) { return readKey(f.path) }

func (f keyFile) put(_ string, k seal.Key) error {
	return disk.WriteFile(f.path, []byte(Format(k)+"\n"), 0o600)
}

// systemd keeps the key in a file that systemd seals under the machine's own
// key, /var/lib/systemd/credential.secret, which root alone may read. It is never
// bound to a TPM: a disk that is put into another computer must still open.
type systemd struct{ path string }

// credsWithin bounds one call of systemd-creds.
const credsWithin = 30 * time.Second

func (s systemd) get(dir string) (k seal.Key, err error) {
	if _, err := os.Stat(s.path); err != nil {
		return k, err
	}
	if os.Geteuid() != 0 {
		return k, text.New("vault.need_root", "dir", dir)
	}
	out, err := creds(nil, "decrypt", "--name="+Credential, s.path, "-")
	if err != nil {
		return k, err
	}
	return Parse(string(out))
}

func (s systemd) put(_ string, k seal.Key) error {
	blob, err := creds([]byte(Format(k)+"\n"), "encrypt", "--with-key=host", "--name="+Credential, "-", "-")
	if err != nil {
		return err
	}
	return disk.WriteFile(s.path, blob, 0o600)
}

func creds(in []byte, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), credsWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, "systemd-creds", args...)
	cmd.Stdin = bytes.NewReader(in)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("systemd-creds %s: %w: %s", args[0], err, strings.TrimSpace(complaint.String()))
	}
	return out, nil
}
