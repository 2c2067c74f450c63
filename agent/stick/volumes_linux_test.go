package stick

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"golang.org/x/sys/unix"
)

// What this program cannot write is told apart.
func TestSticksThatAreShut(t *testing.T) {
	if shut(t.TempDir()) {
		t.Error("a folder of our own is shut")
	}
	if !shut(filepath.Join(t.TempDir(), "none")) {
		t.Error("one that was pulled out is open")
	}
	dir := t.TempDir()
	if os.Geteuid() != 0 {
		if err := os.Chmod(dir, 0); err != nil || !shut(dir) {
			t.Errorf("somebody else's is open: %v", err)
		}
		return
	}
	// Root is let in everywhere but where nothing can be written.
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_RDONLY, ""); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("nothing can be mounted here: %v", err)
	}
	defer unix.Unmount(dir, 0)
	if !shut(dir) {
		t.Error("one that is read-only is open")
	}
}

func TestSticksAmongMounts(t *testing.T) {
	const info = `22 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw
30 22 0:26 / /proc rw - proc proc rw
36 22 8:17 / /media/wang/KINGSTON\040USB rw,nosuid master:1 - vfat /dev/sdb1 rw,uid=1000
37 22 8:33 / /mnt/stick rw - exfat /dev/sdc1 rw
38 22 8:49 / /srv/backup rw - ext4 /dev/sdd1 rw
39 22 0:40 / /media/share rw - cifs //server/share rw
40 22 7:0 / /snap/core ro - squashfs /dev/loop0 ro
short
`
	got := mounted(info, func(device string) bool { return device == "8:33" })
	want := []Volume{{Path: "/media/wang/KINGSTON USB", Name: "KINGSTON USB"}, {Path: "/mnt/stick", Name: "stick"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}
