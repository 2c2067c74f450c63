package link

import (
	"context"
	"net"
	"syscall"
)

// narrowSegment is the largest TCP payload on a line that loses large packets:
// what any path carries (RFC 1122). Announced before the connection is made, it
// binds both directions.
const narrowSegment = 536

// errUnheard is what the system says when it has given up on what was sent.
const errUnheard = syscall.ETIMEDOUT

func dialNarrow(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) {
			failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, narrowSegment)
		})
		if err == nil {
			err = failed
		}
		return err
	}}
	return d.DialContext(ctx, network, addr)
}
