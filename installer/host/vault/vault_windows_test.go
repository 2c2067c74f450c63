package vault

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"shangu/sync/disk"
)

// Windows gives the key back, keeps it in a form that does not show it, and
// opens no blob that is not exactly the one it made, for this purpose.
func TestWindowsKeepsTheKey(t *testing.T) {
	// t.TempDir ends by a call that Wine lacks, and would fail the test.
	dir, err := os.MkdirTemp("", "vault-")
	if err != nil {
		t.Fatal(err)
	}
	defer disk.OS.Remove(dir)
	k := open(t, system, dir)
	data(t, dir, k)
	if open(t, system, dir) != k {
		t.Fatal("another key")
	}
	path := filepath.Join(dir, dpapiFile)
	blob, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, plain := range [][]byte{k[:], []byte(Format(k))} {
		if bytes.Contains(blob, plain) {
			t.Error("the blob shows the key")
		}
	}
	if _, err := os.Stat(filepath.Join(dir, plainFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the key lies beside it in the plain: %v", err)
	}
	bad := bytes.Clone(blob)
	bad[len(bad)-1] ^= 1
	for what, b := range map[string][]byte{"a changed blob": bad, "a part of it": blob[:len(blob)/2], "nothing": nil} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := (dpapi{}).get(dir); err == nil {
			t.Errorf("%s was opened; the same key: %v", what, got == k)
		}
		if _, err := system.open(dir, probe, nil); err == nil {
			t.Errorf("the directory opens by %s", what)
		}
	}
	if err := os.WriteFile(path, blob, 0o600); err != nil {
		t.Fatal(err)
	}
	if open(t, system, dir) != k {
		t.Fatal("the blob that was refused changed something")
	}
}
