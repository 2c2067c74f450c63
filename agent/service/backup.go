package service

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"filippo.io/age"

	"shangu/agent/store"
	"shangu/installer/host/vault"
	"shangu/schema/text"
	"shangu/sync/disk"
	"shangu/sync/identity"
	"shangu/sync/seal"
)

// A backup is a gzipped tar: backup.json, a Manifest, first; the small files of
// the data directory; data/, the store's files. The link's TLS session is not in
// it. gzip's checksum covers all of it, so that what is cut or damaged does not
// pass. It holds the device's key: its mode is 0600.
const (
	manifestFile = "backup.json"
	backupFormat = 1
	// dataKeyFile is the key that the store's files are sealed under.
	dataKeyFile = vault.BackupKeyFile
)

// smallFiles of the data directory are in a backup, those that there are. A
// directory with the key is an agent's: it comes last when one is restored.
var smallFiles = []string{enrolmentFile, packFile, stickFile, credentialsFile, lastFile, keyFile}

// Manifest says what a backup is of.
type Manifest struct {
	Format  int    `json:"format"`
	At      string `json:"at"` // RFC 3339
	Version string `json:"version"`
	School  string `json:"school"`
	Device  string `json:"device"`
	Epoch   string `json:"epoch"`
	Pending uint64 `json:"pending"`
	Safe    uint64 `json:"safe"`
}

// Backup writes a backup. Reading it back with CheckBackup tells whether it is
// whole. With open it is not sealed: whoever asks seals it.
func (a *Agent) Backup(ctx context.Context, w io.Writer, open bool) error {
	st := a.store.Status()
	m, err := json.Marshal(Manifest{
		Format: backupFormat, At: a.now().UTC().Format(time.RFC3339), Version: a.o.Version, School: st.School,
		Device: hex.EncodeToString(st.Device[:]), Epoch: hex.EncodeToString(st.Epoch[:]), Pending: st.Pending, Safe: st.Safe,
	})
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	// A renewal of the device would come between key and journal.
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	var sealed io.WriteCloser = unsealed{w}
	if !open {
		if sealed, err = a.sealTo(w); err != nil {
			return fmt.Errorf("back up: %w", err)
		}
	}
	z, err := gzip.NewWriterLevel(sealed, gzip.BestSpeed)
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	t := tar.NewWriter(z)
	put := func(name string, size int64, r io.Reader) error {
		err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600, Size: size, Format: tar.FormatPAX})
		if err == nil {
			_, err = io.Copy(t, r)
		}
		return errors.Join(err, ctx.Err())
	}
	if err := put(manifestFile, int64(len(m)), strings.NewReader(string(m))); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	if !a.o.Key.IsZero() {
		k := vault.Format(a.o.Key)
		if err := put(dataKeyFile, int64(len(k)), strings.NewReader(k)); err != nil {
			return fmt.Errorf("back up: %w", err)
		}
	}
	for _, name := range smallFiles {
		b, err := a.files.Read(a.path(name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = put(name, int64(len(b)), strings.NewReader(string(b)))
		}
		if err != nil {
			return fmt.Errorf("back up %s: %w", name, err)
		}
	}
	err = a.store.Backup(func(name string, size int64, r io.Reader) error { return put(storeDir+"/"+name, size, r) })
	if err != nil {
		return err
	}
	if err := errors.Join(t.Close(), z.Close(), sealed.Close()); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	a.o.Log.Info("backup written", "pending", st.Pending, "safe", st.Safe)
	return nil
}

// sealTo seals a backup to the district, which can open it for a school whose
// computer is gone, and to this machine, which needs nothing for it. A machine
// that knows no district yet would seal it to itself alone, and lose it with
// itself: its backups are not sealed, and whoever made one is told.
func (a *Agent) sealTo(w io.Writer) (io.WriteCloser, error) {
	cr := a.loadCredentials()
	if a.o.Key.IsZero() || cr == nil || cr.Recipient == "" {
		return unsealed{w}, nil
	}
	district, err := age.ParseX25519Recipient(cr.Recipient)
	if err != nil {
		return nil, err
	}
	return age.Encrypt(w, district, seal.Recipient{Key: a.o.Key}, vault.Here{Dir: a.o.Dir, Key: a.o.Key})
}

// unsealed is a backup that is not sealed.
type unsealed struct{ io.Writer }

// Close implements io.Closer.
func (unsealed) Close() error { return nil }

// Unseal opens a backup, sealed or not, with the keys that a person gives and
// those of this machine, and says whether it was sealed.
func Unseal(r io.Reader, given ...age.Identity) (plain io.Reader, sealed bool, err error) {
	br := bufio.NewReaderSize(r, 64<<10)
	if b, err := br.Peek(seal.StreamMagic); err != nil || !seal.IsStream(b) {
		return br, false, nil
	}
	plain, err = age.Decrypt(br, append(given, vault.Here{})...)
	if vault.ByPassphrase(err) {
		return nil, true, text.Wrap(err, "vault.passphrase_wanted")
	}
	if _, other := errors.AsType[*age.NoIdentityMatchError](err); other {
		return nil, true, text.Wrap(err, "agent.backup_sealed")
	}
	if err != nil {
		return nil, true, text.Wrap(err, "agent.backup_damaged")
	}
	return plain, true, nil
}

// CheckBackup reads a backup to its end.
func CheckBackup(r io.Reader) (Manifest, error) {
	return readBackup(r, func(_ string, r io.Reader) error {
		_, err := io.Copy(io.Discard, r)
		return err
	})
}

// readBackup hands over a backup's files. Only when it returns no error was it
// whole.
func readBackup(r io.Reader, take func(name string, r io.Reader) error) (m Manifest, err error) {
	damaged := func(err error) error { return text.Wrap(err, "agent.backup_damaged") }
	z, err := gzip.NewReader(r)
	if err != nil {
		return m, text.Wrap(err, "agent.backup_none")
	}
	t := tar.NewReader(z)
	key := false
	for {
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return m, damaged(err)
		}
		if m.Format == 0 {
			if h.Name != manifestFile || json.NewDecoder(io.LimitReader(t, 64<<10)).Decode(&m) != nil || m.Format < 1 {
				return m, text.New("agent.backup_none")
			}
			if m.Format > backupFormat {
				return m, text.New("agent.backup_newer", "version", m.Version)
			}
			continue
		}
		inStore := strings.HasPrefix(h.Name, storeDir+"/") && filepath.IsLocal(filepath.FromSlash(h.Name))
		if h.Typeflag != tar.TypeReg || !inStore && h.Name != dataKeyFile && !slices.Contains(smallFiles, h.Name) {
			return m, damaged(fmt.Errorf("%q does not belong there", h.Name))
		}
		key = key || h.Name == keyFile
		if err := take(h.Name, t); err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) {
				err = damaged(err)
			}
			return m, err
		}
	}
	// What follows the tar is gzip's checksum.
	if n, err := io.Copy(io.Discard, z); err != nil {
		return m, damaged(err)
	} else if n > 1<<20 || !key {
		return m, damaged(errors.New("it is not whole"))
	}
	return m, nil
}

// restoring is where a restore works. It is in place once the key is.
const restoring = "restoring"

// Restore makes a data directory from a backup, in an epoch of its own: what the
// hub had not confirmed when the backup was made is pending. What the hub alone
// has comes with the next session. Options' directory must hold no store; the
// caller holds its lock.
func Restore(o Options, r io.Reader) (m Manifest, err error) {
	o = o.withDefaults()
	part := filepath.Join(o.Dir, restoring)
	_, unfinished := os.Stat(part)
	_, old := os.Stat(filepath.Join(o.Dir, storeDir))
	if Exists(o.Dir) || old == nil && unfinished != nil {
		return m, text.New("agent.restore_over", "dir", o.Dir)
	}
	if err := errors.Join(disk.OS.Remove(part), disk.OS.Remove(filepath.Join(o.Dir, storeDir))); err != nil {
		return m, fmt.Errorf("restore: %w", err)
	}
	if err := os.MkdirAll(part, 0o700); err != nil {
		return m, fmt.Errorf("restore: %w", err)
	}
	defer func() {
		if err != nil {
			disk.OS.Remove(part)
		}
	}()
	m, err = readBackup(r, func(name string, r io.Reader) (err error) {
		if name == dataKeyFile { // goes to nobody but the operating system
			b, err := io.ReadAll(io.LimitReader(r, 1<<10))
			if err == nil {
				o.Key, err = vault.Parse(string(b))
			}
			return err
		}
		return unpack(filepath.Join(part, filepath.FromSlash(name)), r)
	})
	if err != nil {
		return m, err
	}
	if o.Keep != nil {
		if o.Key, err = o.Keep(o.Key); err != nil {
			return m, err
		}
	}
	files := seal.Files{Key: o.Key}
	for _, name := range smallFiles { // they are plain in a backup
		if _, err := files.Read(filepath.Join(part, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return m, fmt.Errorf("restore %s: %w", name, err)
		}
	}
	if err := renewStore(part, o); err != nil {
		return m, err
	}
	for _, name := range append([]string{storeDir}, smallFiles...) {
		err := disk.OS.Rename(filepath.Join(part, name), filepath.Join(o.Dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return m, fmt.Errorf("restore %s: %w", name, err)
		}
	}
	return m, errors.Join(disk.OS.SyncDir(o.Dir), disk.OS.Remove(part))
}

// renewStore opens an unpacked store, which rebuilds its documents, reads all of
// it once and gives it a new epoch.
func renewStore(dir string, o Options) error {
	key, err := seal.Files{Key: o.Key}.Read(filepath.Join(dir, keyFile))
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	k, err := identity.ParseKey(key)
	if err != nil {
		return text.Wrap(err, "agent.backup_damaged")
	}
	s, err := store.Open(filepath.Join(dir, storeDir), store.Options{
		Device: k.Device(), Version: o.Version, Now: o.Now, Rand: o.Rand, Log: o.Log, Key: o.Key,
	})
	if err != nil {
		return err
	}
	err = s.NewEpoch()
	if err == nil {
		var v store.Verification
		if v, err = s.Verify(false); err == nil && len(v.Problems) > 0 {
			err = text.New("agent.verify_bad", "n", len(v.Problems))
		}
	}
	return errors.Join(err, s.Close())
}

// unpack writes one file of a backup for good.
func unpack(path string, r io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
