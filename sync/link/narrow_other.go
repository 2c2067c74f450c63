//go:build !linux && !windows

package link

import (
	"context"
	"net"
)

func dialNarrow(ctx context.Context, network, addr string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, network, addr)
}
