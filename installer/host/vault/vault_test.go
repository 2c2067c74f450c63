package vault

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"shangu/schema/text"
	"shangu/sync/seal"
)

const probe = "device.key"

// files is a system that keeps keys in directories themselves.
var files = keeper{primary: ownerFile{}, holders: []holder{credential{}, ownerFile{}}}

func open(t *testing.T, s keeper, dir string) seal.Key {
	t.Helper()
	k, err := s.open(dir, probe, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if k.IsZero() {
		t.Fatal("no key")
	}
	return k
}

// data puts sealed data into a directory.
func data(t *testing.T, dir string, k seal.Key) {
	t.Helper()
	if err := (seal.Files{Key: k}).Write(filepath.Join(dir, probe), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func newKey(t *testing.T) seal.Key {
	t.Helper()
	k, err := seal.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// tree is all of a directory.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.Walk(dir, func(path string, i os.FileInfo, err error) error {
		if err != nil || i.IsDir() {
			return err
		}
		c, err := os.ReadFile(path)
		b.WriteString(path + "\n" + string(c) + "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// refuses checks that a directory does not open, for the reason given, in a
// sentence, and that nothing in it changes.
func refuses(t *testing.T, s keeper, dir string, why error, sentence string) {
	t.Helper()
	before := tree(t, dir)
	_, err := s.open(dir, probe, rand.Reader)
	if err == nil || why != nil && !errors.Is(err, why) {
		t.Errorf("%v, not %v", err, why)
	}
	if m := text.Of(err); m == nil || m.ID() != sentence {
		t.Errorf("says %v, not %s", err, sentence)
	}
	if tree(t, dir) != before {
		t.Error("something was changed")
	}
}

func TestAKeyIsMadeOnceAndKeptPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "agent")
	k := open(t, files, dir)
	if again := open(t, files, dir); again != k {
		t.Error("another key the second time")
	}
	if other := open(t, files, filepath.Join(t.TempDir(), "other")); other == k {
		t.Error("two directories have one key")
	}
	for _, name := range []string{plainFile, stateFile} {
		st, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if !Owns(name) {
			t.Errorf("%s is not taken for the vault's", name)
		}
		if st.Mode().Perm() != 0o600 && os.PathSeparator == '/' {
			t.Errorf("%s is %v", name, st.Mode())
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil || bytes.Contains(b, k[:]) || bytes.Contains(b, []byte(Format(k))) {
		t.Errorf("the note gives the key away: %s %v", b, err)
	}
}

// The power goes at every step of making a key: either there was none, or it
// is the one that goes on.
func TestPowerCutWhileAKeyIsMade(t *testing.T) {
	whole := t.TempDir()
	k := open(t, files, whole)
	key, err := os.ReadFile(filepath.Join(whole, plainFile))
	if err != nil {
		t.Fatal(err)
	}
	// Nothing but a temporary file: the key was never used.
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "."+plainFile+".tmp1"), key[:10], 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, files, dir)
	// The key without the note.
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, plainFile), key, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := open(t, files, dir); got != k {
			t.Error("the key that was kept is not the one that goes on")
		}
	}
	// The same with data: the note is all that is missing.
	data(t, dir, k)
	if err := os.Remove(filepath.Join(dir, stateFile)); err != nil {
		t.Fatal(err)
	}
	if got := open(t, files, dir); got != k {
		t.Error("a new key for sealed data")
	}
}

func TestALockedDirectoryIsLeftAlone(t *testing.T) {
	for _, c := range []struct {
		name     string
		spoil    func(t *testing.T, dir string) error
		why      error
		sentence string
	}{
		{"missing", func(t *testing.T, dir string) error { return os.Remove(filepath.Join(dir, plainFile)) }, ErrMissing, "vault.missing"},
		{"missing, and no note of it", func(t *testing.T, dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, plainFile)), os.Remove(filepath.Join(dir, stateFile)))
		}, ErrMissing, "vault.missing"},
		{"another", func(t *testing.T, dir string) error { return ownerFile{}.put(dir, newKey(t)) }, ErrWrong, "vault.wrong"},
		{"altered", func(t *testing.T, dir string) error { return flip(filepath.Join(dir, plainFile), 3) }, ErrText, "vault.refused"},
		{"cut", func(t *testing.T, dir string) error { return os.Truncate(filepath.Join(dir, plainFile), 20) }, ErrText, "vault.refused"},
		{"altered, and the note too", func(t *testing.T, dir string) error {
			return errors.Join(flip(filepath.Join(dir, plainFile), 3), flip(filepath.Join(dir, stateFile), 0))
		}, ErrNote, "vault.bad_state"},
		{"note of a later version", func(t *testing.T, dir string) error {
			return os.WriteFile(filepath.Join(dir, stateFile), []byte(`{"version":2,"key":"0011223344556677"}`), 0o600)
		}, nil, "vault.bad_state"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			k := open(t, files, dir)
			data(t, dir, k)
			if err := c.spoil(t, dir); err != nil {
				t.Fatal(err)
			}
			refuses(t, files, dir, c.why, c.sentence)
			// The right key brings it back, another one does not.
			before := tree(t, dir)
			if err := files.set(dir, probe, newKey(t)); !errors.Is(err, ErrWrong) {
				t.Errorf("another key is taken: %v", err)
			}
			if tree(t, dir) != before {
				t.Error("a key that was refused changed something")
			}
			if err := files.set(dir, probe, k); err != nil {
				t.Fatal(err)
			}
			if got := open(t, files, dir); got != k {
				t.Error("the key that was set does not come back")
			}
		})
	}
}

// A key that an installed service does not get is told apart: gone, sealed for
// another machine, or somewhere else on this one.
func TestCheckOfAServicesKey(t *testing.T) {
	s := files
	s.keys = t.TempDir()
	t.Setenv("PATH", t.TempDir()) // no systemd-creds
	dir := filepath.Join(t.TempDir(), "agent")
	says := func(when string, why error, id string) {
		t.Helper()
		before := tree(t, dir)
		err := s.check(dir, probe)
		if !errors.Is(err, why) || id == "" && err != nil || id != "" && (text.Of(err) == nil || text.Of(err).ID() != id) {
			t.Errorf("%s: %v", when, err)
		}
		if tree(t, dir) != before {
			t.Errorf("%s: looking changed something", when)
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	says("without data", nil, "")
	k := open(t, s, dir)
	data(t, dir, k)
	says("before the service is installed", ErrAway, "vault.away")
	kept, err := s.provision(dir, probe, rand.Reader)
	if err == nil {
		err = s.forget(dir, kept)
	}
	if err != nil {
		t.Fatal(err)
	}
	says("as installed", nil, "")
	if err := os.Remove(kept.File); err != nil {
		t.Fatal(err)
	}
	says("with the key gone", ErrMissing, "vault.lost")
	if err := s.set(dir, probe, k); err != nil {
		t.Fatal(err)
	}
	says("with the key given by a person", ErrAway, "vault.away")
	if kept, err = s.provision(dir, probe, rand.Reader); err == nil {
		err = s.forget(dir, kept)
	}
	if err != nil {
		t.Fatal(err)
	}
	says("installed again", nil, "")
	if err := (keyFile{kept.File}).put("", newKey(t)); err != nil {
		t.Fatal(err)
	}
	says("with another key", ErrWrong, "vault.wrong")
	if os.Geteuid() != 0 {
		return // what systemd sealed is looked at by root alone
	}
	if err := os.Remove(kept.File); err != nil {
		t.Fatal(err)
	}
	refuse := filepath.Join(os.Getenv("PATH"), "systemd-creds")
	if err := errors.Join(os.WriteFile(s.path(dir, ".cred"), []byte("sealed"), 0o600), os.WriteFile(refuse, []byte("#!/bin/sh\nexit 1\n"), 0o700)); err != nil {
		t.Fatal(err)
	}
	says("sealed for another machine", ErrMissing, "vault.lost")
}

// The note of which key it is can be made anew, by what opens the data.
func TestADamagedNoteIsMadeAnew(t *testing.T) {
	dir := t.TempDir()
	k := open(t, files, dir)
	data(t, dir, k)
	note := filepath.Join(dir, stateFile)
	want, err := os.ReadFile(note)
	if err != nil {
		t.Fatal(err)
	}
	for at := range want {
		if err := flip(note, at); err != nil {
			t.Fatal(err)
		}
		if damaged, err := read(dir); err == nil && damaged.Key == id(k) || damaged.Version > version {
			if err := os.WriteFile(note, want, 0o600); err != nil { // it says the same, or is a later version's
				t.Fatal(err)
			}
			continue
		}
		if got := open(t, files, dir); got != k {
			t.Fatalf("byte %d: another key", at)
		}
		if got, err := os.ReadFile(note); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("byte %d: the note is %q, %v", at, got, err)
		}
	}
	for _, damage := range []string{"", "{", `{"version":1}`} {
		if err := os.WriteFile(note, []byte(damage), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := open(t, files, dir); got != k {
			t.Fatalf("%q: another key", damage)
		}
	}
}

// flip changes one byte of a file.
func flip(path string, at int) error {
	b, err := os.ReadFile(path)
	if err == nil {
		b[at] ^= 1
		err = os.WriteFile(path, b, 0o600)
	}
	return err
}

func TestCredentialOfAService(t *testing.T) {
	dir, run := t.TempDir(), t.TempDir()
	k := newKey(t)
	if err := (keyFile{filepath.Join(run, Credential)}).put("", k); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", run)
	if got := open(t, files, dir); got != k {
		t.Error("the credential is not used")
	}
	if _, err := os.Stat(filepath.Join(dir, plainFile)); err == nil {
		t.Error("the credential was copied into the directory")
	}
	data(t, dir, k)
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	refuses(t, files, dir, ErrMissing, "vault.missing")
	t.Setenv("CREDENTIALS_DIRECTORY", t.TempDir())
	refuses(t, files, dir, ErrMissing, "vault.missing")
}

// TestProvision takes a key out of its directory, with and without systemd.
func TestProvision(t *testing.T) {
	for _, ext := range []string{".cred", ".key"} {
		t.Run(ext, func(t *testing.T) {
			if ext == ".key" {
				t.Setenv("PATH", t.TempDir()) // no systemd-creds
			} else if err := keep(systemd{filepath.Join(t.TempDir(), "try.cred")}, "", newKey(t)); err != nil {
				if os.Getenv("CI") != "" {
					t.Fatalf("systemd-creds does not seal, and CI installs it and runs as root: %v", err)
				}
				t.Skipf("no systemd-creds that seals here: %v", err)
			}
			s := files
			s.keys = filepath.Join(t.TempDir(), "keys")
			dir := filepath.Join(t.TempDir(), "agent")
			k := open(t, s, dir)
			data(t, dir, k)
			kept, err := s.provision(dir, probe, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			path := kept.Credential + kept.File
			if (kept.Credential != "") != (ext == ".cred") || filepath.Ext(path) != ext {
				t.Errorf("it is kept in %+v", kept)
			}
			if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", st, err)
			}
			// Whoever is broken off here has a service that looks in the old place.
			if got, err := readKey(filepath.Join(dir, plainFile)); err != nil || got != k {
				t.Errorf("the key is not where it was: %v", err)
			}
			if err := s.forget(dir, kept); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Join(dir, plainFile)); err == nil {
				t.Error("the key is still in the directory")
			}
			if ext == ".cred" {
				if b, err := os.ReadFile(path); err != nil || bytes.Contains(b, []byte(Format(k))) {
					t.Errorf("the credential is not sealed: %v", err)
				}
			}
			// Again, as when it is installed again.
			if again, err := s.provision(dir, probe, rand.Reader); err != nil || again != kept {
				t.Errorf("the second time %+v, %v", again, err)
			}
			if err := s.forget(dir, kept); err != nil {
				t.Fatal(err)
			}
			if got := open(t, s, dir); got != k {
				t.Error("another key")
			}
			// On this machine it may move; without the machine's keys it is shut.
			moved := filepath.Join(t.TempDir(), "moved")
			if err := os.Rename(dir, moved); err != nil {
				t.Fatal(err)
			}
			if got := open(t, s, moved); got != k {
				t.Error("another key after a move")
			}
			elsewhere := s
			elsewhere.keys = t.TempDir()
			refuses(t, elsewhere, moved, ErrMissing, "vault.missing")
			if err := os.Rename(moved, dir); err != nil {
				t.Fatal(err)
			}
			// A key that a person gives goes where the service looks for it.
			if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil {
				t.Fatal(err)
			}
			refuses(t, s, dir, nil, "vault.refused")
			if err := s.set(dir, probe, k); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Join(dir, plainFile)); err == nil {
				t.Error("the key went into the directory")
			}
			if got := open(t, s, dir); got != k {
				t.Error("another key after it was set")
			}
			// Another directory's key is of no use.
			stranger := t.TempDir()
			data(t, stranger, newKey(t))
			refuses(t, s, stranger, ErrMissing, "vault.missing")
		})
	}
}

func TestAdopt(t *testing.T) {
	dir := t.TempDir()
	old, k := open(t, files, dir), newKey(t)
	if err := files.adopt(dir, probe, k); err != nil {
		t.Fatal(err)
	}
	if got := open(t, files, dir); got != k || got == old {
		t.Error("the key that was adopted is not used")
	}
	data(t, dir, k)
	before := tree(t, dir)
	if err := files.adopt(dir, probe, old); err == nil {
		t.Error("adopted over data")
	}
	if tree(t, dir) != before {
		t.Error("a refusal changed something")
	}
	if got, err := files.lookup(dir); err != nil || got != k {
		t.Errorf("found %v, %v", got, err)
	}
	if _, err := files.lookup(t.TempDir()); !errors.Is(err, ErrMissing) {
		t.Errorf("found a key in an empty directory: %v", err)
	}
}

func TestRecoveryCopy(t *testing.T) {
	district, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	k := newKey(t)
	want := Recovery{Key: Format(k), School: "2133000001", Device: "ABCD"}
	if HasRecovery(dir) {
		t.Error("a copy before there is one")
	}
	if err := SaveRecovery(dir, district.Recipient().String(), want); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, RecoveryFile))
	if err != nil || !HasRecovery(dir) {
		t.Fatal(err)
	}
	if bytes.Contains(b, []byte(want.Key)) || bytes.Contains(b, []byte(want.School)) {
		t.Error("the copy is not sealed")
	}
	if got, err := OpenRecovery(bytes.NewReader(b), district); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	bad := map[string][]byte{"empty": nil, "cut": b[:len(b)/2], "other": []byte("hello")}
	for name, b := range bad {
		if _, err := OpenRecovery(bytes.NewReader(b), district); text.Of(err) == nil || text.Of(err).ID() != "vault.bad_recovery" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := OpenRecovery(bytes.NewReader(b), other); text.Of(err) == nil {
		t.Errorf("another district opens it: %v", err)
	}
	for name, r := range map[string]Recovery{"no key": {School: "x"}, "letters changed": {Key: "AAAA" + want.Key[4:]}} {
		if err := SaveRecovery(dir, district.Recipient().String(), r); err != nil {
			t.Fatal(err)
		}
		b, _ := os.ReadFile(filepath.Join(dir, RecoveryFile))
		if got, err := OpenRecovery(bytes.NewReader(b), district); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestTextOfAKey(t *testing.T) {
	k := newKey(t)
	s := Format(k)
	if n := strings.Count(s, "-"); n != 13 || len(s) != 14*4+13 {
		t.Errorf("%d groups", n+1)
	}
	for _, as := range []string{s, strings.ToLower(s), strings.ReplaceAll(s, "-", " "), " " + strings.ReplaceAll(s, "-", "") + "\r\n"} {
		if got, err := Parse(as); err != nil || got != k {
			t.Errorf("%q is not taken: %v", as, err)
		}
	}
	if got, err := FromArgs(strings.Split(s, "-")); err != nil || got != k {
		t.Errorf("in several arguments: %v", err)
	}
	for i := range s {
		if s[i] == '-' {
			continue
		}
		b := []byte(s)
		b[i] = 'A' + (b[i]-'A'+1)%26
		if got, err := Parse(string(b)); err == nil && got == k {
			t.Errorf("letter %d does not matter", i)
		} else if err == nil {
			t.Errorf("a wrong letter %d passes", i)
		}
	}
	if out, err := json.Marshal(k.String()); err != nil || bytes.Contains(out, []byte(s)) {
		t.Errorf("a key prints itself: %s %v", out, err)
	}
}
