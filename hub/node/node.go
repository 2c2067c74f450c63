package node

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"shangu/hub/authority"
	"shangu/hub/cluster"
	"shangu/hub/gate"
	"shangu/hub/state"
	"shangu/hub/web"
	"shangu/installer/host/local"
	"shangu/schema/text"
	"shangu/sync/disk"
	"shangu/sync/seal"
	"shangu/sync/session"
)

// Options say how a node is to run. Settings that are left empty are those of
// the node's last start.
type Options struct {
	Settings
	Dir       string
	Keys      KeyOf       // gives the key that Dir is sealed under; nil: Dir is plain
	Join      string      // URL of a member, for a node that is none yet
	JoinToken string      // what `hub node invite` gave
	Held      *local.Held // the lock on Dir, if the caller has it; Close lets it go
	Quiet     bool        // for a command that needs the cluster for a moment: no gate
	Version   string
	Log       *slog.Logger     // nil: silent
	Now       func() time.Time // nil: time.Now
	Random    io.Reader        // nil: crypto/rand
	Cluster   cluster.Config   // timeouts and bounds; zero values take the defaults
}

func (s *Settings) hosts() []string { return []string{s.Advertise, s.Listen} }

// Node is a running hub node.
type Node struct {
	Settings  Settings
	State     *state.State
	Cluster   *cluster.Node
	Secrets   *authority.Secrets
	Authority *authority.Authority

	opts     Options
	files    seal.Files
	identity *authority.Node
	ledger   *authority.StateLog
	listener net.Listener // of the gate; nil when quiet
	gate     *gate.Gate   // nil when quiet
	peers    *gate.Peers
	held     *local.Held
	ballast  *disk.Ballast
	ctx      context.Context
	stop     context.CancelFunc
	work     sync.WaitGroup
	failed   chan error
}

// Start runs a node. ctx bounds the start alone, which for a joining node may
// wait for the cluster; Close ends the node.
func Start(ctx context.Context, o Options) (n *Node, err error) {
	o.defaults()
	s, err := LoadSettings(o.Dir)
	if err != nil {
		return nil, err
	}
	founder := s.Founder
	if err := s.merge(o.Settings); err != nil {
		return nil, err
	}
	n = &Node{Settings: s, opts: o, held: o.Held, failed: make(chan error, 4)}
	n.ctx, n.stop = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
			n = nil
		}
	}()
	if n.held == nil {
		if err := os.MkdirAll(o.Dir, 0o700); err != nil {
			return n, fmt.Errorf("start node: %w", err)
		}
		if n.held, err = lockPatiently(ctx, o.Dir); err != nil {
			return n, err
		}
	}
	// Before anything is written.
	n.ballast = disk.NewBallast(filepath.Join(o.Dir, "ballast"))
	if err := makeRoom(o.Dir, n.ballast); err != nil {
		return n, err
	}
	// Before anything is opened: nothing may take locked data for damaged.
	if n.files, err = o.Keys.files(o.Dir); err != nil {
		return n, err
	}
	if n.Secrets, err = n.secrets(ctx); err != nil {
		return n, err
	}
	if err := n.Settings.save(o.Dir); err != nil {
		return n, err
	}
	// The other nodes ask this one before it is let in, and it them.
	if !o.Quiet {
		if n.listener, err = listen(n.Settings.Listen); err != nil {
			return n, err
		}
	}
	if err := n.open(); err != nil {
		return n, err
	}
	if founder {
		if err := n.Cluster.Bootstrap(); err != nil {
			return n, err
		}
		if err := n.found(ctx); err != nil {
			return n, err
		}
		// A founder that loses its log is another day's joiner: it must not found
		// the district a second time.
		n.Settings.Founder = false
		if err := n.Settings.save(o.Dir); err != nil {
			return n, err
		}
	}
	n.spawn(n.join)
	if !o.Quiet {
		if err := n.serveGate(); err != nil {
			return n, err
		}
	}
	return n, n.serveLocal()
}

func (o *Options) defaults() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
}

// closeWithin is how long requests under way may take to end.
const closeWithin = 5 * time.Second

// localAccount is who commands on the hub's own machine are written down as.
const localAccount = "hub"

func (n *Node) spawn(f func()) { n.work.Go(f) }

// secrets reads the district's secrets or, on a node that is to join, asks for
// them.
func (n *Node) secrets(ctx context.Context) (*authority.Secrets, error) {
	s, err := authority.Load(secretsDir(n.opts.Dir), n.files)
	if !errors.Is(err, os.ErrNotExist) {
		return s, err
	}
	if n.opts.Join == "" {
		return nil, text.New("hub.no_district", "dir", n.opts.Dir)
	}
	return obtain(ctx, n.opts.Dir, n.files, n.Settings, n.opts)
}

// open opens state, transport and cluster.
func (n *Node) open() error {
	o := n.opts
	identity, err := n.Secrets.OpenNode(secretsDir(o.Dir), n.Settings.ID, n.Settings.hosts(), o.Now(), o.Random, n.files)
	if err != nil {
		return err
	}
	// Where raft has kept anything, it can rebuild a damaged state.
	kept, err := os.ReadDir(filepath.Join(o.Dir, "raft"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	st, err := state.Open(filepath.Join(o.Dir, "state"), state.Options{Rebuild: len(kept) > 0, Log: o.Log, Key: n.files.Key})
	if err != nil {
		return err
	}
	transport, err := n.transport(identity)
	if err != nil {
		return errors.Join(err, st.Close())
	}
	n.peers = gate.NewPeers(n.Secrets, identity, o.Now)
	cfg := o.Cluster
	cfg.ID, cfg.Dir = n.Settings.ID, filepath.Join(o.Dir, "raft")
	cfg.Addr, cfg.API = n.Settings.Raft, n.Settings.Advertise
	cfg.Revive = n.Settings.Founder
	n.State = st
	n.Cluster, err = cluster.Open(cfg, cluster.Deps{
		State: st, Transport: transport, Forward: n.peers, Log: o.Log, Now: o.Now, Free: disk.Free, Ballast: n.ballast, Key: n.files.Key})
	if err != nil {
		n.State = nil // closed by cluster.Open
		return err
	}
	n.identity = identity
	n.ledger = authority.OverState(st, n.Cluster, o.Now, localAccount)
	n.Authority = authority.NewAuthority(n.Secrets, n.ledger, n.ledger, o.Now, o.Random)
	n.Authority.Share(func() (json.RawMessage, error) {
		operators, err := Operators(o.Dir, n.files)
		if err != nil || len(operators) == 0 {
			return nil, err
		}
		return json.Marshal(operators)
	})
	n.spawn(func() {
		select {
		case <-n.Cluster.Failed():
			n.failed <- Say(n.Cluster.Err())
		case <-n.ctx.Done():
		}
	})
	return nil
}

// transport listens for other nodes, on the port of the raft address.
func (n *Node) transport(id *authority.Node) (*raft.NetworkTransport, error) {
	l, err := net.Listen("tcp", n.Settings.Raft)
	if err != nil {
		// The address that others use may be a router's: listen on its port.
		_, port, _ := net.SplitHostPort(n.Settings.Raft)
		var other error
		if l, other = net.Listen("tcp", net.JoinHostPort("", port)); other != nil {
			return nil, text.Wrap(err, "hub.cannot_listen", "addr", n.Settings.Raft, "cause", err.Error())
		}
	}
	server, client := n.Secrets.NodeTLS(id, n.opts.Now)
	return cluster.NewTransport(l, n.Settings.Raft, cluster.TLS{Server: server, Client: client}, n.opts.Log), nil
}

func listen(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, text.Wrap(err, "hub.cannot_listen", "addr", addr, "cause", err.Error())
	}
	return l, nil
}

// found writes the district's name as the log's first command, before anybody
// is let in: commands of a district that has none are refused.
func (n *Node) found(ctx context.Context) error {
	t := time.NewTicker(200 * time.Millisecond)
	defer t.Stop()
	for {
		id, _, err := n.State.Cluster()
		if err != nil || id == n.Secrets.Cluster {
			return err
		}
		b, err := n.Cluster.Propose(ctx, state.EncodeInit(state.Init{Cluster: n.Secrets.Cluster, Name: n.Secrets.Name, Now: n.opts.Now().Unix(), Account: localAccount}))
		if err == nil {
			return state.DecodeDone(b)
		}
		if !errors.Is(err, session.ErrNoLeader) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-n.failed:
			return err
		case <-t.C:
		}
	}
}

// join has the cluster know this node, and where it is reached.
func (n *Node) join() {
	seeds := n.Settings.Peers
	if n.opts.Join != "" {
		seeds = append(seeds, n.opts.Join)
	}
	err := n.Cluster.Join(n.ctx, seeds)
	if err == nil {
		err = n.keepPeers()
	}
	if err != nil && n.ctx.Err() == nil {
		n.failed <- Say(err)
	}
}

// keepPeers notes where the other nodes are, for the day on which this one has
// lost its state.
func (n *Node) keepPeers() error {
	nodes, err := n.State.Nodes()
	if err != nil {
		return err
	}
	s := n.Settings
	s.Peers = nil
	for _, p := range nodes {
		if p.ID != s.ID {
			s.Peers = append(s.Peers, p.API)
		}
	}
	return s.save(n.opts.Dir)
}

// serveGate opens the door for agents, nodes and browsers.
func (n *Node) serveGate() error {
	g, err := gate.New(gate.Config{
		Secrets: n.Secrets, Node: n.identity, Authority: n.Authority, Registry: n.ledger, Cluster: n.Cluster,
		LeaderAPI: func() string { p, _ := n.Cluster.Leader(); return p.API },
		Heard:     n.heard,
		Pages:     n.pages(),
		Now:       n.opts.Now, Random: n.opts.Random, Log: n.opts.Log,
	})
	if err != nil {
		return err
	}
	l := n.listener
	n.gate = g
	n.spawn(func() {
		if err := g.Serve(l); err != nil {
			n.failed <- err
		}
	})
	return nil
}

// pages is what the operator's browser sees.
func (n *Node) pages() http.Handler {
	return web.New(web.Options{Name: n.Secrets.Name, Version: n.opts.Version, Status: n.Cluster.Status,
		Schools: n.State.Summary, Check: n.check, Now: n.opts.Now, Log: n.opts.Log})
}

// check reports whether an operator's name and password are right.
func (n *Node) check(name, password string) bool {
	operators, err := Operators(n.opts.Dir, n.files)
	if err != nil {
		n.opts.Log.Error("read operators", "err", err)
	}
	for _, o := range operators {
		if o.Name == name {
			return o.Check(password)
		}
	}
	return false
}

// heard notes what an agent said of itself.
func (n *Node) heard(c session.Caller, now int64, b session.Heartbeat) {
	n.Cluster.Beat(state.Beat{Device: c.Device, School: c.School, At: now, Pending: b.Pending, Offset: b.At - now,
		Failure: b.Failure, DiskFree: b.DiskFree, Version: b.Version})
}

// WaitReady waits until the node can commit, or reaches a leader that can.
func (n *Node) WaitReady(ctx context.Context) error {
	t := time.NewTicker(100 * time.Millisecond)
	defer t.Stop()
	for {
		err := n.Cluster.Ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-t.C:
		}
	}
}

// serveLocal opens the door for commands on this machine.
func (n *Node) serveLocal() error {
	l, err := local.Listen(n.opts.Dir)
	if err != nil {
		return err
	}
	n.spawn(func() {
		if err := local.ServeOn(n.ctx, l, n.door()); err != nil {
			n.failed <- err
		}
	})
	return nil
}

// Failed gives the error with which the node cannot go on. Whoever runs it
// closes it then, and has it started anew.
func (n *Node) Failed() <-chan error {
	return n.failed
}

// Close ends the node: it takes no more requests, hands leadership over, stops
// raft, closes the state.
func (n *Node) Close() error {
	var errs []error
	if n.gate != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
		errs = append(errs, n.gate.Close(ctx))
		cancel()
	} else if n.listener != nil {
		errs = append(errs, n.listener.Close())
	}
	n.stop()
	if n.Cluster != nil {
		errs = append(errs, n.Cluster.Close())
	}
	n.work.Wait()
	if n.peers != nil {
		n.peers.Close()
	}
	if n.held != nil {
		n.held.Release()
	}
	return errors.Join(errs...)
}
