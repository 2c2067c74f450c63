//go:build !linux && !windows

package link

import (
	"context"
	"net"
	"syscall"
)

// errUnheard is what the system says when it has given up on what was sent.
const errUnheard = syscall.ETIMEDOUT

func dialNarrow(ctx context.Context, network, addr string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, network, addr)
}
