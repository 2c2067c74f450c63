package node

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"

	"shangu/hub/authority"
	"shangu/hub/state"
	"shangu/installer/host/local"
	"shangu/installer/host/vault"
	"shangu/schema/text"
	"shangu/sync/disk"
	"shangu/sync/seal"
)

// A backup is everything that a district is: its secrets, its operators and its
// state at one log entry. It is as secret as the secrets: it may lie in an age
// file to a passphrase.
//
//	bytes  meaning
//	16     "shangu backup 1\n"
//	4      length of the head, big-endian
//	n      head, JSON
//	...    the state's snapshot
//	32     SHA-256 of all before
const backupMagic = "shangu backup 1\n"

// maxHead bounds a backup's head in bytes.
const maxHead = 1 << 20

// BackupHead says what a backup holds.
type BackupHead struct {
	Cluster   string          `json:"cluster"`
	Name      string          `json:"name"`
	Node      string          `json:"node"`
	Index     uint64          `json:"index"` // log entry
	Term      uint64          `json:"term"`
	Time      time.Time       `json:"time"`
	Version   string          `json:"version"`
	Audit     AuditHead       `json:"audit"` // how far the audit trail goes
	Secrets   json.RawMessage `json:"secrets,omitempty"`
	Operators []Operator      `json:"operators,omitempty"`
}

// AuditHead is how far the audit trail goes: records, and the hash over them.
type AuditHead struct {
	Count uint64 `json:"count"`
	Head  string `json:"head"` // hex
}

func auditHead(h state.Head) AuditHead {
	return AuditHead{h.Count, fmt.Sprintf("%x", h.Hash)}
}

// errBackup says that a file is no whole backup.
var errBackup = errors.New("node: not a whole backup")

// backup streams a backup, of what the cluster has if it can be reached, else
// of what this node has, and says so.
func (n *Node) backup(w http.ResponseWriter, r *http.Request) {
	n.freshen(w, r)
	view, err := n.State.Snapshot()
	if err != nil {
		refuse(w, err)
		return
	}
	defer view.Close()
	h := BackupHead{Cluster: fmt.Sprintf("%x", n.Secrets.Cluster), Name: n.Secrets.Name, Node: n.Settings.ID,
		Index: view.Index, Term: view.Term, Time: n.opts.Now().UTC().Truncate(time.Second), Version: n.opts.Version, Audit: auditHead(view.Trail)}
	if h.Secrets, err = n.Secrets.Marshal(); err == nil {
		h.Operators, err = Operators(n.opts.Dir, n.files)
	}
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if err := writeBackup(w, h, view); err != nil {
		// The checksum is missing: whoever reads it will know.
		n.opts.Log.Error("backup was cut short", "err", err)
	}
}

func writeBackup(w io.Writer, h BackupHead, view io.WriterTo) error {
	head, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	bw := bufio.NewWriterSize(w, 64<<10)
	sum := sha256.New()
	out := io.MultiWriter(bw, sum)
	io.WriteString(out, backupMagic)
	out.Write(binary.BigEndian.AppendUint32(nil, uint32(len(head))))
	out.Write(head)
	if _, err := view.WriteTo(out); err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	bw.Write(sum.Sum(nil))
	if err := bw.Flush(); err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	return nil
}

// readHead reads the beginning of a backup.
func readHead(r io.Reader) (h BackupHead, err error) {
	b := make([]byte, len(backupMagic)+4)
	if _, err := io.ReadFull(r, b); err != nil || !bytes.HasPrefix(b, []byte(backupMagic)) {
		return h, errBackup
	}
	n := binary.BigEndian.Uint32(b[len(backupMagic):])
	if n > maxHead {
		return h, errBackup
	}
	head := make([]byte, n)
	if _, err := io.ReadFull(r, head); err != nil {
		return h, errBackup
	}
	if err := json.Unmarshal(head, &h); err != nil {
		return h, fmt.Errorf("%w: %w", errBackup, err)
	}
	return h, nil
}

// openBackup opens a backup whose checksum is right, with the identities that a
// person gives if it is sealed; body is its snapshot.
func openBackup(path string, given []age.Identity) (f *os.File, h BackupHead, body io.Reader, err error) {
	defer func() {
		if err != nil {
			if f != nil {
				f.Close()
			}
			if vault.ByPassphrase(err) {
				err = text.Wrap(err, "vault.passphrase_wanted")
			} else {
				err = text.Wrap(err, "hub.bad_backup", "file", path)
			}
		}
	}()
	if f, err = os.Open(path); err != nil {
		return nil, h, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return f, h, nil, err
	}
	var plain io.ReaderAt = f
	size := info.Size()
	begin := make([]byte, seal.StreamMagic)
	if _, err := f.ReadAt(begin, 0); err == nil && seal.IsStream(begin) {
		if plain, size, err = age.DecryptReaderAt(f, size, given...); err != nil {
			return f, h, nil, err
		}
	}
	if err := checkSum(io.NewSectionReader(plain, 0, size), size, sha256.New()); err != nil {
		return f, h, nil, err
	}
	all := bufio.NewReaderSize(io.NewSectionReader(plain, 0, size-sha256.Size), 64<<10)
	h, err = readHead(all)
	return f, h, all, err
}

func checkSum(r io.Reader, size int64, sum hash.Hash) error {
	if size < int64(len(backupMagic)+4+sha256.Size) {
		return errBackup
	}
	if _, err := io.CopyN(sum, r, size-sha256.Size); err != nil {
		return err
	}
	want := make([]byte, sha256.Size)
	if _, err := io.ReadFull(r, want); err != nil {
		return err
	}
	if !bytes.Equal(want, sum.Sum(nil)) {
		return fmt.Errorf("%w: its checksum is wrong", errBackup)
	}
	return nil
}

// VerifyBackup reads a backup as a restore would, into a scratch directory that
// it removes again, and returns what it holds, without the secrets.
func VerifyBackup(path, scratch string, given ...age.Identity) (h BackupHead, err error) {
	f, h, body, err := openBackup(path, given)
	if err != nil {
		return h, err
	}
	defer f.Close()
	defer func() { err = errors.Join(err, disk.OS.Remove(scratch)) }()
	if _, err := authority.ParseSecrets(h.Secrets); err != nil {
		return h, text.Wrap(err, "hub.bad_backup", "file", path)
	}
	h.Secrets, h.Operators = nil, nil
	key, err := seal.NewKey(rand.Reader) // nobody needs to open it again
	if err != nil {
		return h, err
	}
	return h, fillState(scratch, key, h, body, func(*state.State) error { return nil })
}

// fillState makes a state of a snapshot, and lets then have it before it is
// closed.
func fillState(dir string, key seal.Key, h BackupHead, body io.Reader, then func(*state.State) error) (err error) {
	st, err := state.Open(dir, state.Options{Key: key})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	if err := st.Restore(body); err != nil {
		return err
	}
	if index, _ := st.Applied(); index != h.Index {
		return fmt.Errorf("%w: it holds log entry %d, not %d", errBackup, index, h.Index)
	}
	if err := checkTrail(st, h.Audit); err != nil {
		return err
	}
	if err := then(st); err != nil {
		return err
	}
	return st.Sync()
}

// checkTrail reads a restored audit trail whole: it must end where the backup
// says, and hold together up to there.
func checkTrail(st *state.State, want AuditHead) error {
	if have := auditHead(st.TrailHead()); have != want {
		return fmt.Errorf("%w: its audit trail ends at record %d with %s, not at %d with %s", errBackup, have.Count, have.Head, want.Count, want.Head)
	}
	v, err := st.VerifyTrail()
	if err == nil && len(v.Problems) > 0 {
		err = fmt.Errorf("%w: audit record %d: %s", errBackup, v.Problems[0].N, v.Problems[0].Why)
	}
	return err
}

// alone forgets the nodes of the cluster that the backup is of: a node that
// went on after it must not take the restored cluster for its own. The audit
// trail says that the district was restored, and from what.
func alone(st *state.State, h BackupHead, now int64) error {
	nodes, err := st.Nodes()
	if err != nil {
		return err
	}
	commands := [][]byte{state.EncodeEvent(state.Event{What: state.EventRestored, Now: now, Account: localAccount,
		Note: fmt.Sprintf("backup of %s, log entry %d, audit record %d", h.Time.Format(time.RFC3339), h.Index, h.Audit.Count)})}
	for _, old := range nodes {
		commands = append(commands, state.EncodeDropNode(old.ID, now, localAccount))
	}
	index, term := st.Applied()
	for i, c := range commands {
		e := state.LogEntry{Index: index + uint64(i) + 1, Term: term, Data: c}
		if _, err := st.ApplyBatch([]state.LogEntry{e}); err != nil {
			return err
		}
	}
	return nil
}

// vacant refuses a directory that holds anything but what installing the
// service leaves there.
func vacant(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("restore: %w", err)
	}
	for _, e := range entries {
		if e.Name() != local.LockFile && !vault.Owns(e.Name()) {
			return text.New("hub.dir_not_empty", "dir", dir)
		}
	}
	return nil
}

// Restore makes a node in dir, which must not hold data, out of a
// backup. It begins a cluster of one that goes on where the backup ended; agents
// send again what it lacks. The secrets are written last: a directory that has
// them is whole.
func Restore(path, dir string, keys KeyOf, now time.Time, given ...age.Identity) (h BackupHead, err error) {
	f, h, body, err := openBackup(path, given)
	if err != nil {
		return h, err
	}
	defer f.Close()
	if err := vacant(dir); err != nil {
		return h, err
	}
	secrets, err := authority.ParseSecrets(h.Secrets)
	if err != nil {
		return h, text.Wrap(err, "hub.bad_backup", "file", path)
	}
	if err := os.MkdirAll(secretsDir(dir), 0o700); err != nil {
		return h, fmt.Errorf("restore: %w", err)
	}
	files, err := keys.files(dir)
	if err != nil {
		return h, err
	}
	if err := fillState(filepath.Join(dir, "state"), files.Key, h, body, func(st *state.State) error { return alone(st, h, now.Unix()) }); err != nil {
		return h, err
	}
	operators, err := json.MarshalIndent(h.Operators, "", "  ")
	if err == nil {
		err = files.Write(operatorsPath(dir), operators, 0o600)
	}
	if err != nil {
		return h, fmt.Errorf("restore: %w", err)
	}
	s := Settings{Founder: true}
	if err := s.save(dir); err != nil {
		return h, err
	}
	h.Secrets, h.Operators = nil, nil
	return h, secrets.Save(secretsDir(dir), files)
}
