//go:build unix

package local

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"
)

func TestTheSocketIsForItsOwnerAlone(t *testing.T) {
	dir := t.TempDir()
	l, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	info, err := os.Stat(filepath.Join(dir, socketName))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Type() != fs.ModeSocket || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, want a socket with 0600", info.Mode())
	}
	if names, _ := os.ReadDir(dir); len(names) != 1 {
		t.Errorf("the directory holds %v", names)
	}
}

func TestAStaleSocketIsReplaced(t *testing.T) {
	dir := t.TempDir()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, socketName), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if _, ok := Client(dir); ok {
		t.Fatal("a stale socket answers")
	}
	fresh, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	c, err := dial(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}
