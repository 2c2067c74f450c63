package disk

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// smallDisk mounts a file system of its own of size bytes. Without root the
// test is skipped, but for CI.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("needs root to mount a small disk, and CI runs as root")
		}
		t.Skip("needs root to mount a small disk")
	}
	dir := t.TempDir()
	if err := unix.Mount("small", dir, "tmpfs", 0, "size="+size); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("mount: ", err)
		}
		t.Skip("cannot mount: ", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error("unmount: ", err)
		}
	})
	return dir
}

func TestMappedFilesHaveTheirRoom(t *testing.T) {
	dir := smallDisk(t, "8m")
	sparse := func(name string) *os.File {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		if err := f.Truncate(6 << 20); err != nil {
			t.Fatal(err)
		}
		return f
	}
	first, second := sparse("first"), sparse("second")
	b, err := unix.Mmap(int(first.Fd()), 0, 6<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(b)
	// Were it mapped, the second's pages would kill this process.
	if _, err := unix.Mmap(int(second.Fd()), 0, 6<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); !IsFull(err) {
		t.Fatalf("a file without room is mapped: %v", err)
	}
	if free, err := Free(dir); err != nil || free < 1<<20 {
		t.Errorf("a mapping that failed keeps its room: %d free, %v", free, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "rest"), make([]byte, 4<<20), 0o600); !IsFull(err) {
		t.Fatalf("the disk is not full: %v", err)
	}
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
}

// Badger's compaction deletes what went into a table that found no room: so one
// that is made on a full disk waits until there is some, and is made then.
func TestTablesWaitForRoom(t *testing.T) {
	dir := smallDisk(t, "8m")
	film := filepath.Join(dir, "film.mp4")
	if err := os.WriteFile(film, make([]byte, 6<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "000001.sst"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(4 << 20); err != nil {
		t.Fatal(err)
	}
	type mapped struct {
		b   []byte
		err error
	}
	done := make(chan mapped, 1)
	go func() {
		b, err := unix.Mmap(int(f.Fd()), 0, 4<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		done <- mapped{b, err}
	}()
	select {
	case m := <-done:
		t.Fatalf("a table without room was made, or given up: %v", m.err)
	case <-time.After(2 * forRoom):
	}
	if err := os.Remove(film); err != nil {
		t.Fatal(err)
	}
	m := <-done
	if m.err != nil {
		t.Fatal(m.err)
	}
	defer unix.Munmap(m.b)
	for i := 0; i < len(m.b); i += 4096 {
		m.b[i] = 1
	}
}
