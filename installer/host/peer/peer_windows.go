package peer

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

var getExtendedTCPTable = windows.NewLazySystemDLL("iphlpapi.dll").NewProc("GetExtendedTcpTable")

// From iprtrmib.h: TCP_TABLE_OWNER_PID_CONNECTIONS, and the rows of
// MIB_TCPTABLE_OWNER_PID and MIB_TCP6TABLE_OWNER_PID in bytes.
const (
	ownerPIDConnections = 4
	row4, row6          = 24, 56
)

func (p Policy) allow(remote, local netip.AddrPort) (bool, string, error) {
	pid, err := processOf(remote, local)
	if err != nil {
		return false, "", err
	}
	who := fmt.Sprintf("process %d", pid)
	if pid == uint32(os.Getpid()) {
		return true, who, nil
	}
	var session, own uint32
	if err := windows.ProcessIdToSessionId(pid, &session); err != nil {
		return false, who, fmt.Errorf("session of process %d: %w", pid, err)
	}
	if err := windows.ProcessIdToSessionId(uint32(os.Getpid()), &own); err != nil {
		return false, who, fmt.Errorf("own session: %w", err)
	}
	// Session 0 is that of services, which administrators alone start.
	if session == 0 || session == own || session == windows.WTSGetActiveConsoleSessionId() || inUse(session) {
		return true, who, nil
	}
	name, err := userOf(pid)
	if err != nil {
		return false, who, err
	}
	for _, u := range p.Users {
		if strings.EqualFold(u, name) {
			return true, name, nil
		}
	}
	return false, name, nil
}

// inUse reports whether somebody works in a session, at the machine or from afar.
func inUse(session uint32) bool {
	var list *windows.WTS_SESSION_INFO
	var n uint32
	if windows.WTSEnumerateSessions(0, 0, 1, &list, &n) != nil {
		return false
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(list)))
	for _, s := range unsafe.Slice(list, n) {
		if s.SessionID == session {
			return s.State == windows.WTSActive
		}
	}
	return false
}

// userOf is the account name of a process's user.
func userOf(pid uint32) (string, error) {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, pid)
	if err != nil {
		return "", fmt.Errorf("open process %d: %w", pid, err)
	}
	defer windows.CloseHandle(h)
	var token windows.Token
	if err := windows.OpenProcessToken(h, windows.TOKEN_QUERY, &token); err != nil {
		return "", fmt.Errorf("token of process %d: %w", pid, err)
	}
	defer token.Close()
	u, err := token.GetTokenUser()
	if err != nil {
		return "", fmt.Errorf("user of process %d: %w", pid, err)
	}
	name, _, _, err := u.User.Sid.LookupAccount("")
	return name, err
}

// processOf is the process that holds the client's end of a connection.
func processOf(remote, local netip.AddrPort) (uint32, error) {
	family, size := uint32(windows.AF_INET), row4
	if remote.Addr().Is6() {
		family, size = windows.AF_INET6, row6
	}
	table, err := tcpTable(family)
	if err != nil {
		return 0, err
	}
	if len(table) < 4 {
		return 0, ErrUnknown
	}
	n := int(binary.LittleEndian.Uint32(table))
	port := func(b []byte) uint16 { return binary.BigEndian.Uint16(b) }
	for i, rows := 0, table[4:]; i < n && len(rows) >= size; i, rows = i+1, rows[size:] {
		var a, b netip.AddrPort
		var pid uint32
		if size == row4 { // state, local, port, remote, port, pid
			a = netip.AddrPortFrom(netip.AddrFrom4([4]byte(rows[4:])), port(rows[8:]))
			b = netip.AddrPortFrom(netip.AddrFrom4([4]byte(rows[12:])), port(rows[16:]))
			pid = binary.LittleEndian.Uint32(rows[20:])
		} else { // local 16, scope, port, remote 16, scope, port, state, pid
			a = netip.AddrPortFrom(netip.AddrFrom16([16]byte(rows)), port(rows[20:]))
			b = netip.AddrPortFrom(netip.AddrFrom16([16]byte(rows[24:])), port(rows[44:]))
			pid = binary.LittleEndian.Uint32(rows[52:])
		}
		if a == remote && b == local {
			return pid, nil
		}
	}
	return 0, ErrUnknown
}

func tcpTable(family uint32) ([]byte, error) {
	size := uint32(16 << 10)
	for range 8 {
		b := make([]byte, size)
		r, _, _ := getExtendedTCPTable.Call(uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&size)), 0, uintptr(family), ownerPIDConnections, 0)
		switch syscall.Errno(r) {
		case 0:
			return b, nil
		case windows.ERROR_INSUFFICIENT_BUFFER:
			size += 4 << 10
			continue
		}
		return nil, fmt.Errorf("list connections: %w", syscall.Errno(r))
	}
	return nil, fmt.Errorf("list connections: %w", windows.ERROR_INSUFFICIENT_BUFFER)
}
