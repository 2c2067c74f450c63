package cluster

import (
	"context"
	"fmt"
	"io"
	stdnet "net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"shangu/hub/state"
	"shangu/sync/session"
)

// plain is raft's transport without TLS, for figures of the rest.
type plain struct{ stdnet.Listener }

func (p plain) Dial(to raft.ServerAddress, d time.Duration) (stdnet.Conn, error) {
	return stdnet.DialTimeout("tcp", string(to), d)
}

// BenchmarkIngest pushes one sheet at a time into three nodes of one process,
// with raft-wal, Badger and loopback TCP, from so many schools at once.
func BenchmarkIngest(b *testing.B) {
	for _, schools := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("schools=%d", schools), func(b *testing.B) { benchIngest(b, schools) })
	}
}

func benchIngest(b *testing.B, schools int) {
	dir, net := b.TempDir(), newNet()
	ctx := context.Background()
	var nodes []*Node
	for i := range 3 {
		l, err := stdnet.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		id := fmt.Sprint(i + 1)
		st, err := state.Open(filepath.Join(dir, id, "state"), state.Options{})
		if err != nil {
			b.Fatal(err)
		}
		cfg := Config{ID: id, Dir: filepath.Join(dir, id, "raft"), Addr: l.Addr().String(), API: "node" + id + ":2"}
		t := raft.NewNetworkTransport(plain{l}, 3, 10*time.Second, io.Discard)
		n, err := Open(cfg, Deps{State: st, Transport: t, Forward: port{net, cfg.API}})
		if err != nil {
			b.Fatal(err)
		}
		defer n.Close()
		net.nodes[cfg.API] = n
		nodes = append(nodes, n)
	}
	l := nodes[0]
	if err := l.Bootstrap(); err != nil {
		b.Fatal(err)
	}
	for _, n := range nodes {
		if err := n.Join(ctx, []string{l.cfg.API}); err != nil {
			b.Fatal(err)
		}
	}
	w := &world{ctx: ctx, net: net}
	if err := w.foundDistrict(l); err != nil {
		b.Fatal(err)
	}
	pens := make([]*pen, schools)
	for i := range pens {
		var err error
		if pens[i], err = w.enrolDevice(l, i); err != nil {
			b.Fatal(err)
		}
	}
	pushes := make([][]session.Push, schools)
	each := b.N/schools + 1
	for i, p := range pens {
		for range each {
			push, err := p.pack()
			if err != nil {
				b.Fatal(err)
			}
			pushes[i] = append(pushes[i], push)
		}
	}
	before := l.raft.LastIndex()
	b.ResetTimer()
	var done sync.WaitGroup
	var failed atomic.Pointer[error]
	for _, mine := range pushes {
		done.Go(func() {
			for _, p := range mine {
				if _, err := l.Ingest(ctx, p); err != nil {
					failed.Store(&err)
					return
				}
			}
		})
	}
	done.Wait()
	b.StopTimer()
	if err := failed.Load(); err != nil {
		b.Fatal(*err)
	}
	total := float64(schools * each)
	b.ReportMetric(total/b.Elapsed().Seconds(), "pushes/s")
	b.ReportMetric(total/float64(l.raft.LastIndex()-before), "pushes/entry")
}
