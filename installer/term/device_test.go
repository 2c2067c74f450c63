package term

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// deviceSchool is a school of the sample with visits and training.
const deviceSchool = "2199109015"

// enroll gives an agent a fresh token.
func (h *hub) enroll(dir string) (token string) {
	h.b.t.Helper()
	token, err := h.Token(h.b.t.Context(), 0, deviceSchool)
	if err != nil {
		h.b.t.Fatal(err)
	}
	h.b.must("agent", "enroll", "--dir", dir, "--hub", "https://"+h.Listen[0], "--token", token)
	return token
}

func (b *bench) take(dir, kind, file string) {
	b.t.Helper()
	b.must("agent", "import", kind, filepath.Join("..", "demo", "yunling", "schools", deviceSchool, file), "--dir", dir)
}

type deviceStatus struct {
	Device, Epoch string
	Pending, Safe int
	Conflicts     int
	Quarantined   int
	Docs          int
	LastError     string `json:"last_error"`
}

func (b *bench) agentStatus(dir string) (s deviceStatus) {
	b.t.Helper()
	if err := b.ask(&s, "agent", "status", "--lang", "zh", "--dir", dir); err != nil {
		b.t.Fatal(err)
	}
	return s
}

// drained holds an agent's documents against the hub's.
func (h *hub) drained(dir string) deviceStatus {
	h.b.t.Helper()
	s := h.b.agentStatus(dir)
	if s.Pending != 0 || s.Conflicts != 0 || s.Quarantined != 0 || s.LastError != "" {
		h.b.t.Fatalf("%+v", s)
	}
	here := h.b.must("agent", "digest", "--json", "--dir", dir)
	there := h.b.must("hub", "digest", "--json", "--school", deviceSchool, "--dir", h.Dirs[0])
	if !bytes.Equal(here, there) || len(here) < 100 {
		h.b.t.Fatalf("agent and hub differ:\n%s\n%s", here, there)
	}
	return s
}

// fails runs a command that must fail with one line that says something.
func (b *bench) fails(says string, args ...string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	if _, err := b.Run(ctx, args...); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") {
		b.t.Fatalf("%v: %v; want a line with %q", args, err, says)
	}
}

// A device that the district has shut out says so, keeps what is recorded, and
// comes back with a fresh token as another device: what was pending arrives.
func TestRevokedDeviceComesBack(t *testing.T) {
	b := newBench(t)
	h := startHub(b, 1)
	dir := filepath.Join(b.work, "agent")
	b.take(dir, "roster", "roster.xlsx")
	b.take(dir, "teachers", "teachers.xlsx")
	old := h.enroll(dir)
	b.must("agent", "sync", "--dir", dir)
	b.take(dir, "attendance", "attendance.csv")
	first := h.drainedBut(dir)

	b.must("hub", "device", "revoke", first.Device, "--dir", h.Dirs[0])
	b.fails("district has revoked", "agent", "sync", "--dir", dir, "--lang", "en")
	if s := b.agentStatus(dir); !strings.Contains(s.LastError, "停用") || s.Pending != first.Pending {
		t.Fatalf("%+v", s)
	}
	b.fails("新的入网码", "agent", "enroll", "--dir", dir, "--hub", "https://"+h.Listen[0], "--token", old, "--lang", "zh")

	h.enroll(dir)
	b.must("agent", "sync", "--dir", dir)
	back := h.drained(dir)
	if back.Device == first.Device || back.Epoch == first.Epoch || back.Safe != first.Safe+first.Pending || back.Docs < first.Docs {
		t.Fatalf("was %+v, is %+v", first, back)
	}

	// The same with the service running, which has the link open.
	if err := b.Start("agent", "agent", "run", "--dir", dir, "--listen", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	b.until("the service", 30*time.Second, func() error {
		return b.ask(&deviceStatus{}, "agent", "sync", "--dir", dir)
	})
	b.must("hub", "device", "revoke", back.Device, "--dir", h.Dirs[0])
	b.take(dir, "visits", "visits.csv")
	b.fails("停用", "agent", "sync", "--dir", dir, "--lang", "zh")
	h.enroll(dir)
	b.must("agent", "sync", "--dir", dir)
	if s := h.drained(dir); s.Device == back.Device {
		t.Fatalf("%+v", s)
	}
	b.stop("agent")
	b.must("agent", "verify", "--dir", dir)
	h.holds()
}

// drainedBut is the status of an agent that has something pending.
func (h *hub) drainedBut(dir string) deviceStatus {
	h.b.t.Helper()
	s := h.b.agentStatus(dir)
	if s.Pending == 0 || s.LastError != "" {
		h.b.t.Fatalf("%+v", s)
	}
	return s
}

// holds compares the hub's counts with what the school has written down.
func (h *hub) holds() {
	h.b.t.Helper()
	var rows []struct {
		School                             string
		Pupils, Sheets, Conflicts, Visits  int
		Quarantined, Pending, Marks, Train int
	}
	if err := h.b.ask(&rows, "hub", "report", "summary", "--dir", h.Dirs[0]); err != nil {
		h.b.t.Fatal(err)
	}
	for _, r := range rows {
		if r.School != deviceSchool {
			continue
		}
		if r.Pupils != 11 || r.Sheets != 324 || r.Visits == 0 || r.Conflicts != 0 || r.Quarantined != 0 || r.Pending != 0 {
			h.b.t.Fatalf("%+v", r)
		}
		return
	}
	h.b.t.Fatal("the school is not in the summary")
}

// What was pending when a backup was made arrives once, though the store that it
// was made of goes on and sends it too.
func TestBackupArrivesOnce(t *testing.T) {
	b := newBench(t)
	h := startHub(b, 1)
	dir, again := filepath.Join(b.work, "agent"), filepath.Join(b.work, "restored")
	file, running := filepath.Join(b.work, "b.tgz"), filepath.Join(b.work, "running.tgz")
	b.take(dir, "roster", "roster.xlsx")
	h.enroll(dir)
	b.must("agent", "sync", "--dir", dir)
	b.take(dir, "attendance", "attendance.csv")
	var made struct {
		Pending, Safe int
		Bytes         int64
	}
	if err := b.ask(&made, "agent", "backup", file, "--dir", dir); err != nil {
		t.Fatal(err)
	}
	before := b.agentStatus(dir)
	if made.Pending != before.Pending || made.Safe != before.Safe || before.Pending == 0 || before.Safe == 0 {
		t.Fatalf("backup %+v of %+v", made, before)
	}
	if st, err := os.Stat(file); err != nil || st.Mode().Perm() != 0o600 || st.Size() != made.Bytes {
		t.Fatal(st, err)
	}

	// With the service running it is the same backup.
	if err := b.Start("agent", "agent", "run", "--dir", dir, "--listen", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	b.until("the service", 30*time.Second, func() error {
		return b.ask(&deviceStatus{}, "agent", "sync", "--dir", dir)
	})
	h.drained(dir)
	b.take(dir, "visits", "visits.csv")
	if err := b.ask(&made, "agent", "backup", running, "--dir", dir); err != nil {
		t.Fatal(err)
	}
	b.must("agent", "sync", "--dir", dir)
	b.stop("agent")

	for _, f := range []string{file, running} {
		os.RemoveAll(again)
		b.must("agent", "restore", f, "--dir", again)
		b.fails("不能覆盖", "agent", "restore", f, "--dir", again, "--lang", "zh")
		s := b.agentStatus(again)
		if s.Device != before.Device || s.Epoch == before.Epoch || s.Docs < before.Docs-before.Pending {
			t.Fatalf("was %+v, is %+v", before, s)
		}
		if f == file && (s.Pending != before.Pending || s.Safe != before.Safe) {
			t.Fatalf("was %+v, is %+v", before, s)
		}
		b.must("agent", "verify", "--dir", again)
		b.must("agent", "sync", "--dir", again)
		h.drained(again)
		h.holds()
	}

	h.newerStands(dir, again)
	h.otherMachine(dir, file)

	// Nothing is made of what is not whole.
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 1
	for name, data := range map[string][]byte{"cut": whole[:len(whole)-5], "half": whole[:len(whole)/2], "flipped": flipped, "other": []byte("not one")} {
		bad, into := filepath.Join(b.work, name), filepath.Join(b.work, "into-"+name)
		if err := os.WriteFile(bad, data, 0o600); err != nil {
			t.Fatal(err)
		}
		b.fails("备份", "agent", "restore", bad, "--dir", into, "--lang", "zh")
		if entries, err := os.ReadDir(into); err == nil && len(entries) > 1 { // its lock
			t.Fatalf("%s: %v", name, entries)
		}
	}
}

// otherMachine restores a sealed backup where its data directory never was: with
// the key that the district takes out of it, or with a passphrase alone.
func (h *hub) otherMachine(dir, file string) {
	b := h.b
	b.t.Helper()
	there, phrase, sealed := filepath.Join(b.work, "there"), filepath.Join(b.work, "phrase"), filepath.Join(b.work, "phrase.tgz")
	keyFile, wrong := filepath.Join(b.work, "key"), filepath.Join(b.work, "wrong")
	for name, line := range map[string]string{phrase: "一句不短的、抄在本子上的口令", wrong: "correct horse battery"} {
		if err := os.WriteFile(name, []byte(line+"\n"), 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
	b.must("agent", "backup", sealed, "--passphrase-file", phrase, "--dir", dir)
	var key struct{ Key, School string }
	if err := b.ask(&key, "hub", "key", "open", file, "--dir", h.Dirs[0]); err != nil {
		b.t.Fatal(err)
	}
	if key.School != deviceSchool {
		b.t.Errorf("the key is %s's, not %s's", key.School, deviceSchool)
	}
	if err := os.WriteFile(keyFile, []byte(key.Key), 0o600); err != nil {
		b.t.Fatal(err)
	}
	// What this machine keeps for the directory is gone with it.
	burnt := dir + "-burnt"
	if err := os.Rename(dir, burnt); err != nil {
		b.t.Fatal(err)
	}
	b.fails("hub key open", "agent", "restore", file, "--dir", there, "--lang", "zh")
	b.fails("--passphrase-file", "agent", "restore", sealed, "--dir", there, "--lang", "zh")
	b.fails("--passphrase-file", "agent", "restore", sealed, "--passphrase-file", wrong, "--dir", there, "--lang", "zh")
	for f, how := range map[string][]string{file: {"--key-file", keyFile}, sealed: {"--passphrase-file", phrase}} {
		if err := os.RemoveAll(there); err != nil {
			b.t.Fatal(err)
		}
		b.must(append([]string{"agent", "restore", f, "--dir", there}, how...)...)
		if was, is := b.agentStatus(burnt), b.agentStatus(there); is.Device != was.Device || is.Docs == 0 {
			b.t.Errorf("with %s: was %+v, is %+v", how[0], was, is)
		}
		b.must("agent", "verify", "--dir", there)
	}
	if err := os.Rename(burnt, dir); err != nil {
		b.t.Fatal(err)
	}
}

// newerStands: a mark that is pending in a backup and was changed afterwards
// comes back with the restored store as the loser of a conflict.
func (h *hub) newerStands(dir, again string) {
	b := h.b
	b.t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "demo", "yunling", "schools", deviceSchool, "attendance.csv"))
	if err != nil {
		b.t.Fatal(err)
	}
	file := filepath.Join(b.work, "attendance.csv")
	record := func(status string) {
		b.t.Helper()
		out := strings.Replace(string(data), ",absent,", ","+status+",", 1)
		if err := os.WriteFile(file, []byte(out), 0o600); err != nil || out == string(data) {
			b.t.Fatal("the sample has no such mark", err)
		}
		b.must("agent", "import", "attendance", file, "--dir", dir)
	}
	record("leave")
	late := filepath.Join(b.work, "late.tgz")
	b.must("agent", "backup", late, "--dir", dir)
	// Times are whole seconds: in the same one, neither is newer.
	second := time.Now().Unix()
	b.until("the next second", 3*time.Second, func() error {
		if now := time.Now().Unix(); now <= second {
			return fmt.Errorf("it is %d", now)
		}
		return nil
	})
	record("early")
	b.must("agent", "sync", "--dir", dir)
	os.RemoveAll(again)
	b.must("agent", "restore", late, "--dir", again)
	b.must("agent", "sync", "--dir", again)
	if s := b.agentStatus(again); s.Pending != 0 || s.Conflicts != 1 || s.Quarantined != 0 {
		b.t.Fatalf("%+v", s)
	}
	// Importing what the newer one says changes nothing: it stands.
	var got struct{ Entries, Changed int }
	if err := b.ask(&got, "agent", "import", "attendance", file, "--dry-run", "--dir", again); err != nil || got.Changed != 0 {
		b.t.Fatalf("%+v, %v", got, err)
	}
}
