package peer

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Files of the system; see proc_net_tcp(5), passwd(5), sd-login(3).
const (
	tcp4     = "/proc/net/tcp"
	tcp6     = "/proc/net/tcp6"
	passwd   = "/etc/passwd"
	sessions = "/run/systemd/sessions"
)

// Human accounts have ids in this range on Linux distributions.
const firstHuman, lastHuman = 1000, 60000

func (p Policy) allow(remote, local netip.AddrPort) (bool, string, error) {
	uid, err := ownerOf(remote, local)
	if err != nil {
		return false, "", err
	}
	who := strconv.Itoa(uid)
	if uid == 0 || uid == os.Geteuid() || slices.Contains(seated(sessions), uid) {
		return true, who, nil
	}
	if u, err := user.LookupId(who); err == nil {
		who = u.Username
	}
	if slices.Contains(p.Users, who) || slices.Contains(p.Users, strconv.Itoa(uid)) {
		return true, who, nil
	}
	humans, err := humansIn(passwd)
	return err == nil && len(humans) == 1 && humans[0] == uid, who, err
}

// ownerOf is the user whose socket is bound to remote and connected to local.
func ownerOf(remote, local netip.AddrPort) (int, error) {
	for _, path := range []string{tcp4, tcp6} {
		uid, err := ownerIn(path, remote, local)
		if err == nil || !os.IsNotExist(err) && err != ErrUnknown {
			return uid, err
		}
	}
	return 0, ErrUnknown
}

func ownerIn(path string, remote, local netip.AddrPort) (int, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		w := strings.Fields(lines.Text())
		if len(w) < 8 || w[0] == "sl" {
			continue
		}
		// The client's row: its own address is our remote.
		a, err1 := parseProc(w[1])
		b, err2 := parseProc(w[2])
		if err1 == nil && err2 == nil && a == remote && b == local {
			return strconv.Atoi(w[7])
		}
	}
	if err := lines.Err(); err != nil {
		return 0, err
	}
	return 0, ErrUnknown
}

// parseProc reads 0100007F:1F90: words of the machine's byte order in hex.
func parseProc(s string) (netip.AddrPort, error) {
	host, port, _ := strings.Cut(s, ":")
	b, err := hex.DecodeString(host)
	if err != nil || len(b) != 4 && len(b) != 16 {
		return netip.AddrPort{}, fmt.Errorf("read address %q", s)
	}
	for i := 0; i < len(b); i += 4 {
		binary.NativeEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
	}
	a, _ := netip.AddrFromSlice(b)
	n, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("read address %q: %w", s, err)
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), nil
}

// seated lists the users whose session on a seat is the active one.
func seated(dir string) (uids []int) {
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return nil
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		v := map[string]string{}
		for line := range strings.Lines(string(b)) {
			if k, x, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
				v[k] = x
			}
		}
		if uid, err := strconv.Atoi(v["UID"]); err == nil && v["ACTIVE"] == "1" && v["SEAT"] != "" {
			uids = append(uids, uid)
		}
	}
	return uids
}

// humansIn lists the accounts of people that may log in.
func humansIn(path string) (uids []int, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(b)) {
		w := strings.Split(strings.TrimSpace(line), ":")
		if len(w) < 7 || strings.HasSuffix(w[6], "/nologin") || strings.HasSuffix(w[6], "/false") {
			continue
		}
		if uid, err := strconv.Atoi(w[2]); err == nil && uid >= firstHuman && uid < lastHuman {
			uids = append(uids, uid)
		}
	}
	return uids, nil
}
