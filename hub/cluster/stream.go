package cluster

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/hashicorp/raft"
)

// TLS is how a node proves itself to the others. Both sides must demand TLS
// 1.3 and check that the peer's certificate is a node's of the same cluster.
type TLS struct {
	Server *tls.Config
	Client *tls.Config
}

// rpcTimeout bounds one exchange between nodes; installing a snapshot gets more
// by its size.
const rpcTimeout = 10 * time.Second

// NewTransport is raft's transport over mutual TLS on l, which it takes over.
// advertise is how other nodes reach l.
func NewTransport(l net.Listener, advertise string, t TLS, log *slog.Logger) *raft.NetworkTransport {
	return raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream:  &stream{Listener: tls.NewListener(l, t.Server), client: t.Client, addr: address(advertise)},
		MaxPool: 3,
		Timeout: rpcTimeout,
		Logger:  bridge(log),
	})
}

// stream implements raft.StreamLayer.
type stream struct {
	net.Listener
	client *tls.Config
	addr   address
}

// Addr is what other nodes are told, not what the listener is bound to.
func (s *stream) Addr() net.Addr { return s.addr }

// Dial implements raft.StreamLayer.
func (s *stream) Dial(to raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	d := tls.Dialer{NetDialer: &net.Dialer{}, Config: s.client}
	c, err := d.DialContext(ctx, "tcp", string(to))
	if err != nil {
		return nil, fmt.Errorf("dial node %s: %w", to, err)
	}
	return c, nil
}

type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }
