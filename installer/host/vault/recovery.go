package vault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"filippo.io/age"
	"filippo.io/age/armor"

	"shangu/schema/text"
	"shangu/sync/disk"
	"shangu/sync/seal"
)

// RecoveryFile is a data directory's copy of its key for the day when the
// operating system has lost it: sealed, by age and in letters, to the district,
// whose `hub key open` reads it. It is of no use to anybody else.
const RecoveryFile = "key.recovery"

// maxRecovery bounds the file in bytes.
const maxRecovery = 16 << 10

// Recovery is what the file holds.
type Recovery struct {
	Key    string `json:"key"` // as Format writes it
	School string `json:"school"`
	Device string `json:"device"`
}

// SaveRecovery writes the recovery copy, sealed to the recipient.
func SaveRecovery(dir, recipient string, r Recovery) error {
	to, err := age.ParseX25519Recipient(recipient)
	if err != nil {
		return fmt.Errorf("save recovery copy: %w", err)
	}
	var b bytes.Buffer
	a := armor.NewWriter(&b)
	w, err := age.Encrypt(a, to)
	if err == nil {
		err = json.NewEncoder(w).Encode(r)
	}
	if err == nil {
		err = errors.Join(w.Close(), a.Close())
	}
	if err == nil {
		err = disk.WriteFile(filepath.Join(dir, RecoveryFile), b.Bytes(), 0o600)
	}
	if err != nil {
		return fmt.Errorf("save recovery copy: %w", err)
	}
	return nil
}

// HasRecovery reports whether there is a recovery copy.
func HasRecovery(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, RecoveryFile))
	return err == nil
}

// OpenRecovery reads a recovery copy with the district's identity.
func OpenRecovery(r io.Reader, with age.Identity) (rec Recovery, k seal.Key, err error) {
	plain, err := age.Decrypt(armor.NewReader(io.LimitReader(r, maxRecovery)), with)
	if err == nil {
		err = json.NewDecoder(io.LimitReader(plain, maxRecovery)).Decode(&rec)
	}
	if err == nil {
		k, err = Parse(rec.Key)
	}
	if err != nil {
		return rec, k, text.Wrap(err, "vault.bad_recovery")
	}
	return rec, k, nil
}
