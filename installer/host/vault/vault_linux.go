package vault

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"shangu/schema/text"
	"shangu/sync/disk"
	"shangu/sync/seal"
)

var (
	primary holder = ownerFile{}
	holders        = []holder{credential{}, systemd{}, ownerFile{}}
)

// systemd keeps the key in a file that systemd seals under the machine's own
// key, /var/lib/systemd/credential.secret, which root alone may read. It is never
// bound to a TPM: a disk that is put into another computer must still open.
type systemd struct{}

// credsWithin bounds one call of systemd-creds.
const credsWithin = 30 * time.Second

func (systemd) get(dir string) (k seal.Key, err error) {
	path := filepath.Join(dir, credFile)
	if _, err := os.Stat(path); err != nil {
		return k, err
	}
	if os.Geteuid() != 0 {
		return k, text.New("vault.need_root", "dir", dir)
	}
	out, err := creds(nil, "decrypt", "--name="+Credential, path, "-")
	if err != nil {
		return k, err
	}
	return Parse(string(out))
}

func (systemd) put(dir string, k seal.Key) error {
	blob, err := creds([]byte(Format(k)+"\n"), "encrypt", "--with-key=host", "--name="+Credential, "-", "-")
	if err != nil {
		return err
	}
	return disk.WriteFile(filepath.Join(dir, credFile), blob, 0o600)
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

// Provision gives the key of a service's data directory into systemd's care,
// where it has systemd-creds (since 250), and returns the file that the unit
// names in LoadCredentialEncrypted; "" where the key stays in a file that its
// owner alone may read. A key that was there before is the one that goes on.
func Provision(dir string, k seal.Key) (cred string, err error) {
	if _, err := exec.LookPath("systemd-creds"); err != nil || os.Geteuid() != 0 {
		return "", nil
	}
	path := filepath.Join(dir, credFile)
	if err := (systemd{}).put(dir, k); err != nil {
		// Too old, or its key cannot be had: the file does.
		return "", os.RemoveAll(path)
	}
	if back, err := (systemd{}).get(dir); err != nil || back != k {
		return "", os.RemoveAll(path)
	}
	if err := os.Remove(filepath.Join(dir, plainFile)); err != nil && !os.IsNotExist(err) {
		return "", fmt.Errorf("keep key: %w", err)
	}
	return path, nil
}
