package link

import (
	"context"
	"net"
	"syscall"
)

// From ws2ipdef.h: the socket's own bound on packets, which the segment size
// that is announced follows; and no "do not fragment", so that routers may cut
// what they cannot pass.
const (
	ipUserMTU      = 76
	ipMTUDiscover  = 71
	discoverNever  = 2
	narrowPacket   = 576
	ipv6UserMTU    = 76
	narrowPacketV6 = 1280
)

// errUnheard is what the system says when it has given up on what was sent.
const errUnheard = syscall.Errno(10060) // WSAETIMEDOUT

// dialNarrow keeps packets small. A Windows that does not know the options
// (before version 1703) connects without.
func dialNarrow(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Control: func(network, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			if network == "tcp6" {
				_ = syscall.SetsockoptInt(syscall.Handle(fd), syscall.IPPROTO_IPV6, ipv6UserMTU, narrowPacketV6)
				return
			}
			_ = syscall.SetsockoptInt(syscall.Handle(fd), syscall.IPPROTO_IP, ipMTUDiscover, discoverNever)
			_ = syscall.SetsockoptInt(syscall.Handle(fd), syscall.IPPROTO_IP, ipUserMTU, narrowPacket)
		})
	}}
	return d.DialContext(ctx, network, addr)
}
