package disk

import (
	"os"
	"path/filepath"
	"testing"

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
