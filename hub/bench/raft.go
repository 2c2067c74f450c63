//go:build linux

package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"os"
)

// commandSize is the size of one command of the bare run in bytes.
const commandSize = 64 << 10

// idle is an FSM that does nothing.
type idle struct{}

func (idle) Apply(*raft.Log) any                 { return nil }
func (idle) ApplyBatch(logs []*raft.Log) []any   { return make([]any, len(logs)) }
func (idle) Snapshot() (raft.FSMSnapshot, error) { return nil, fmt.Errorf("no snapshot") }
func (idle) Restore(r io.ReadCloser) error       { return r.Close() }

// bareRaft proposes commands of 64 KiB to three nodes for a while and returns
// commands per second.
func bareRaft(ctx context.Context, dir string, proposers int, length time.Duration) (rate float64, err error) {
	var nodes []*raft.Raft
	var closers []io.Closer
	defer func() {
		for _, n := range nodes {
			n.Shutdown().Error() // an error here changes no figure
		}
		for _, c := range closers {
			c.Close()
		}
	}()
	var servers []raft.Server
	for i := range 3 {
		d := filepath.Join(dir, fmt.Sprintf("raft%d", i))
		if err := os.MkdirAll(d, 0o700); err != nil {
			return 0, fmt.Errorf("bare raft: %w", err)
		}
		log, err := wal.Open(d)
		if err != nil {
			return 0, fmt.Errorf("bare raft: %w", err)
		}
		closers = append(closers, log)
		transport, err := raft.NewTCPTransport("127.0.0.1:0", nil, 4, 10*time.Second, io.Discard)
		if err != nil {
			return 0, fmt.Errorf("bare raft: %w", err)
		}
		closers = append(closers, transport)
		c := raft.DefaultConfig()
		c.LocalID = raft.ServerID(fmt.Sprint(i))
		c.Logger = hclog.NewNullLogger()
		c.BatchApplyCh = true
		n, err := raft.NewRaft(c, idle{}, log, log, raft.NewDiscardSnapshotStore(), transport)
		if err != nil {
			return 0, fmt.Errorf("bare raft: %w", err)
		}
		nodes = append(nodes, n)
		servers = append(servers, raft.Server{ID: c.LocalID, Address: transport.LocalAddr()})
	}
	if err := nodes[0].BootstrapCluster(raft.Configuration{Servers: servers}).Error(); err != nil {
		return 0, fmt.Errorf("bare raft: %w", err)
	}
	leader, err := waitLeader(ctx, nodes)
	if err != nil {
		return 0, err
	}
	command := bytes.Repeat([]byte{0xa5}, commandSize)
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	var done atomic.Int64
	var wg sync.WaitGroup
	var once sync.Once
	var failed error
	began := time.Now()
	for range proposers {
		wg.Go(func() {
			for ctx.Err() == nil {
				if e := leader.Apply(command, 10*time.Second).Error(); e != nil {
					once.Do(func() { failed = e })
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	if failed != nil {
		return 0, fmt.Errorf("bare raft: %w", failed)
	}
	return float64(done.Load()) / time.Since(began).Seconds(), nil
}

func waitLeader(ctx context.Context, nodes []*raft.Raft) (*raft.Raft, error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, n := range nodes {
			if n.State() == raft.Leader {
				return n, nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("bare raft: no leader: %w", ctx.Err())
		case <-tick.C:
		}
	}
}
