// Package gate is the hub's door: HTTPS for agents, nodes, browsers and
// monitoring on one port.
//
// It authenticates and admits; the conversation itself is sync/session's, the
// cluster's work hub/cluster's, and who may come in hub/authority's. It may
// import those, sync/link and installer/host/crowd; it never touches the store. DESIGN.md says where
// the bytes on the wire go.
package gate

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"shangu/hub/authority"
	"shangu/installer/host/crowd"
	"shangu/sync/session"
)

// Cluster is what the gate needs of hub/cluster's Node.
type Cluster interface {
	session.Hub
	// Leads reports whether this node leads, as far as it knows.
	Leads() bool
	// Ready returns nil where this node can commit, or reaches a leader that can.
	Ready(ctx context.Context) error
	// Barrier returns when local reads show all that was acknowledged anywhere.
	Barrier(ctx context.Context) error
	// Serve answers a call of another node.
	Serve(ctx context.Context, request []byte) []byte
}

// Config is what a Gate needs. Fields that are not set take the default named
// beside them.
type Config struct {
	Secrets   *authority.Secrets
	Node      *authority.Node
	Authority *authority.Authority
	Registry  authority.Registry
	Cluster   Cluster
	LeaderAPI func() string // host:port of the leader's gate, "" while there is none
	Peers     *Peers        // to other nodes' gates; nil: its own
	// Heard takes what a device said of itself; nil drops it.
	Heard   func(c session.Caller, now int64, b session.Heartbeat)
	Pages   http.Handler         // what browsers see under /; nil: nothing
	Metrics *prometheus.Registry // a new one
	Hybrid  bool                 // take the post-quantum hybrid where an agent offers it
	Now     func() time.Time     // time.Now
	Random  io.Reader            // crypto/rand.Reader
	Log     *slog.Logger         // discards

	// Working is how many pushes are under way at once (256), and Passing how
	// many of them on the way to the leader (96), so that each follower can
	// fill a part of the leader's. Beyond it a push is told when to come again.
	Working, Passing int
	// Beating is how many other requests, heartbeats above all, are under way at
	// once (128): each may hold an answer of 4 MiB.
	Beating int
	// Reading is how many request bodies may be on their way in (2048): each
	// holds up to 260 KiB, for as long as a slow line takes.
	Reading int
	// Connections bounds open connections (8192).
	Connections int
	// HeaderTimeout is how long a connection may take for handshake and header
	// (30 s), IdleTimeout how long it is kept between requests (75 s).
	HeaderTimeout, IdleTimeout time.Duration
}

func (c Config) withDefaults() (Config, error) {
	if c.Secrets == nil || c.Node == nil || c.Authority == nil || c.Registry == nil || c.Cluster == nil {
		return c, errors.New("open gate: secrets, node, authority, registry and cluster are needed")
	}
	if c.LeaderAPI == nil {
		c.LeaderAPI = func() string { return "" }
	}
	if c.Heard == nil {
		c.Heard = func(session.Caller, int64, session.Heartbeat) {}
	}
	if c.Pages == nil {
		c.Pages = http.NotFoundHandler()
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Peers == nil {
		c.Peers = NewPeers(c.Secrets, c.Node, c.Now)
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	number := func(v *int, to int) {
		if *v == 0 {
			*v = to
		}
	}
	number(&c.Working, 256)
	number(&c.Passing, 96)
	number(&c.Beating, 128)
	number(&c.Reading, 2048)
	number(&c.Connections, 8192)
	if c.HeaderTimeout == 0 {
		c.HeaderTimeout = 30 * time.Second
	}
	if c.IdleTimeout == 0 {
		c.IdleTimeout = 75 * time.Second
	}
	return c, nil
}

// Gate is the server of one node.
type Gate struct {
	c        Config
	tls      *tls.Config
	server   *http.Server
	peers    *Peers
	metrics  *metrics
	district session.District
	lanes    lanes // of requests that this node answers as the leader
	passing  lanes // of those that it passes on
	pressure *pressure
	reading  chan struct{}
	stranger chan struct{} // of those without a certificate
	converse func(context.Context, session.Hub, session.District, session.Caller, int64, []byte) session.Answer
}

// maxHeader bounds a request's header in bytes; net/http adds 4 KiB of slack.
const maxHeader = 8 << 10

// New makes a gate. It opens nothing.
func New(c Config) (*Gate, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	g := &Gate{
		c: c, peers: c.Peers, metrics: newMetrics(c.Metrics),
		district: session.District{Cluster: c.Secrets.Cluster, Key: c.Secrets.Receipt},
		lanes:    newLanes(c.Working, c.Beating, c.Now), passing: newLanes(c.Passing, c.Beating, c.Now),
		pressure: newPressure(), reading: make(chan struct{}, c.Reading),
		stranger: make(chan struct{}, max(1, c.Reading/16)),
		converse: session.Serve,
	}
	for name, l := range map[string]*lane{
		"pushes": g.lanes.pushes, "heartbeats": g.lanes.beats, "passed_pushes": g.passing.pushes, "passed_heartbeats": g.passing.beats,
	} {
		c.Metrics.MustRegister(&laneMetrics{name, l})
	}
	g.metrics.watchPressure(g.pressure)
	g.tls = g.tlsConfig()
	g.server = &http.Server{
		Handler:                      g.routes(),
		ReadHeaderTimeout:            c.HeaderTimeout,
		ReadTimeout:                  2 * c.HeaderTimeout, // handlers that take bodies set their own
		WriteTimeout:                 2 * c.HeaderTimeout,
		IdleTimeout:                  c.IdleTimeout,
		ConnState:                    crowd.Watch,
		MaxHeaderBytes:               maxHeader,
		ErrorLog:                     slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
		DisableGeneralOptionsHandler: true,
	}
	return g, nil
}

// Serve answers on l until Close. It takes l over.
func (g *Gate) Serve(l net.Listener) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go g.pressure.run(ctx)
	l = tls.NewListener(crowd.Listen(hush{l}, g.c.Connections, max(1, g.c.Connections/2)), g.tls)
	if err := g.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// Close takes no more requests and waits for those under way until ctx ends.
func (g *Gate) Close(ctx context.Context) error {
	err := g.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("close gate: %w", err), g.server.Close())
	}
	g.peers.Close()
	return err
}

func (g *Gate) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /v1/sync", g.watch("sync", g.sync))
	mux.Handle("POST /v1/enroll", g.watch("enroll", g.enroll))
	mux.Handle("GET /v1/time", g.watch("time", g.time))
	mux.Handle("POST /v1/node/join", g.watch("join", g.join))
	mux.Handle("POST "+pathCall, g.watch("call", g.call))
	mux.Handle("POST "+pathSync, g.watch("forwarded", g.forwarded))
	mux.Handle("GET /healthz", g.watch("healthz", g.healthz))
	mux.Handle("GET /readyz", g.watch("readyz", g.readyz))
	mux.Handle("GET /metrics", g.metrics.handler())
	mux.Handle("/v1/", g.watch("unknown", g.unknown))
	mux.Handle("/", g.c.Pages)
	return mux
}
