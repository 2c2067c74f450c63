package vault

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

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

// MaxRecovery is how much of a file OpenRecovery needs, in bytes.
const MaxRecovery = 256 << 10

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

// OpenRecovery reads a recovery copy, or the beginning of an agent's sealed
// backup, with the district's identity.
func OpenRecovery(r io.Reader, with age.Identity) (rec Recovery, err error) {
	br := bufio.NewReader(io.LimitReader(r, MaxRecovery))
	if b, _ := br.Peek(seal.StreamMagic); seal.IsStream(b) {
		err = backupKey(br, with, &rec)
	} else {
		var plain io.Reader
		if plain, err = age.Decrypt(armor.NewReader(br), with); err == nil {
			err = json.NewDecoder(plain).Decode(&rec)
		}
	}
	if err == nil {
		_, err = Parse(rec.Key)
	}
	if err != nil {
		return rec, text.Wrap(err, "vault.bad_recovery")
	}
	return rec, nil
}

// BackupKeyFile is the file of a backup, after the one that says whose it is,
// that holds the data key.
const BackupKeyFile = "data.key"

// backupKey reads no more of a backup than its first files.
func backupKey(r io.Reader, with age.Identity, rec *Recovery) error {
	plain, err := age.Decrypt(r, with)
	if err != nil {
		return err
	}
	z, err := gzip.NewReader(plain)
	if err != nil {
		return err
	}
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if err != nil {
			return err
		}
		b, err := io.ReadAll(io.LimitReader(t, 64<<10))
		switch {
		case err != nil:
			return err
		case h.Name == BackupKeyFile:
			rec.Key = string(b)
			return nil
		case strings.HasSuffix(h.Name, ".json"):
			if err := json.Unmarshal(b, rec); err != nil {
				return err
			}
		}
	}
}
