package stick

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

func volumes() []Volume {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	out := mounted(string(b), removable)
	for i := range out {
		out[i].Shut = shut(out[i].Path)
	}
	return out
}

// shut reports whether this program may not use a folder: what a desktop mounts for a
// person is shut to a service with an account of its own, and what was there before
// the service is read-only to it (systemd's ProtectSystem).
func shut(path string) bool { return unix.Access(path, unix.R_OK|unix.W_OK|unix.X_OK) != nil }

// mounted picks sticks out of mountinfo (proc(5)): what desktops mount for people,
// and what lies on a device that can be pulled out.
func mounted(info string, removable func(device string) bool) (out []Volume) {
	for line := range strings.Lines(info) {
		// 36 35 8:17 / /media/usb rw,noatime master:1 - vfat /dev/sdb1 rw
		f := strings.Fields(line)
		if len(f) < 10 {
			continue
		}
		at, source := unescape(f[4]), f[len(f)-2]
		if !strings.HasPrefix(source, "/dev/") || strings.HasPrefix(source, "/dev/loop") && !desktops(at) {
			continue
		}
		if desktops(at) || removable(f[2]) {
			out = append(out, Volume{Path: at, Name: filepath.Base(at)})
		}
	}
	return out
}

func desktops(at string) bool {
	return strings.HasPrefix(at, "/media/") || strings.HasPrefix(at, "/run/media/")
}

// removable reports whether a device, as 8:17, is one that can be pulled out; of a
// partition its disk says so.
func removable(device string) bool {
	dir, err := filepath.EvalSymlinks("/sys/dev/block/" + device)
	if err != nil {
		return false
	}
	for range 2 {
		if b, err := os.ReadFile(filepath.Join(dir, "removable")); err == nil {
			return strings.TrimSpace(string(b)) == "1"
		}
		dir = filepath.Dir(dir)
	}
	return false
}

// unescape reads the octal escapes by which mountinfo writes blanks.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
