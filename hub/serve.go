package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"shangu/hub/cluster"
	"shangu/hub/node"
	"shangu/installer/host/cli"
	"shangu/installer/host/logs"
	"shangu/installer/host/service"
	"shangu/sync/disk"
)

func serveCommand() *cobra.Command {
	var o node.Options
	c := &cobra.Command{Use: "serve", Short: "hub.cmd_serve", Args: service.Args}
	f := c.Flags()
	f.StringVar(&o.ID, "id", "", "hub.flag_id")
	f.StringVar(&o.Listen, "listen", "", "hub.flag_listen")
	f.StringVar(&o.Raft, "raft", "", "hub.flag_raft")
	f.StringVar(&o.Advertise, "advertise", "", "hub.flag_advertise")
	f.StringVar(&o.Join, "join", "", "hub.flag_join")
	f.StringVar(&o.JoinToken, "join-token", "", "hub.flag_join_token")
	level := logs.AddFlag(f)
	c.MarkFlagsRequiredTogether("join", "join-token")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		dir, err := cli.Dir(cmd)
		if err != nil {
			return err
		}
		log, err := logs.Open(logs.Options{Path: filepath.Join(dir, "hub.log"), Level: level, Also: os.Stderr})
		if err != nil {
			return err
		}
		defer log.Close()
		o.Keys = node.Vault
		o.Dir, o.Log, o.Version = dir, log.Logger, cli.Version()
		return service.Run(cmd.Context(), service.HubName, args, func(ctx context.Context, ready func()) error {
			return serve(ctx, o, ready)
		})
	}
	return c
}

// garbage is by how many percent of what lives the heap may grow before Go
// collects, and memoryLimit where it collects more often, so that a node beside
// others on one machine stays small. A pack's way through a node is nearly all
// short-lived memory beside a small heap that lives, so that with Go's own 100
// a busy node collects several times a second: three nodes that took in 64
// schools at once used 96 us of processor time for a document, 77 us with 400
// (medians of four runs in turns). The limit lies well above what a node lives
// on and below what a storm may make it take: at 120 MiB the same nodes used 108
// us, at 300 MiB 75. GOGC and GOMEMLIMIT go before.
const (
	garbage     = 400
	memoryLimit = 320 << 20
)

// roomEvery is how often a node whose disk is too full to open looks for room.
const roomEvery = 5 * time.Second

// serve runs a node until ctx ends or the node cannot go on. A node whose disk
// turns out to be old, or whose log is damaged, begins anew as an empty member;
// one whose disk is full waits for room; one that is not let in any more ends
// for good.
func serve(ctx context.Context, o node.Options, ready func()) error {
	once := sync.OnceFunc(ready)
	for {
		err := serveOnce(ctx, o, once)
		switch {
		case errors.Is(err, cluster.ErrOld):
			o.Log.Warn("this node's disk is old: its data is set aside, and it joins anew", "dir", o.Dir)
			if err := node.SetAside(o.Dir); err != nil {
				return err
			}
			continue
		case errors.Is(err, cluster.ErrLog):
			o.Log.Error("this node's log is damaged: once another node leads, its data is set aside, and it joins anew", "dir", o.Dir)
			others, aside := node.SetDamagedAside(ctx, o.Dir, o.Keys, time.Now)
			if !others || aside != nil {
				return errors.Join(node.Say(err), aside)
			}
			continue
		case errors.Is(err, node.ErrNoRoom), disk.IsFull(err):
			select {
			case <-ctx.Done():
				return err
			case <-time.After(roomEvery):
				continue
			}
		case errors.Is(err, cluster.ErrRotten), errors.Is(err, cluster.ErrStuck):
			continue // a new start mends it
		case cluster.Final(err):
			return service.Final(err)
		}
		return err
	}
}

func serveOnce(ctx context.Context, o node.Options, ready func()) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	n, err := node.Start(ctx, o)
	if err != nil {
		o.Log.Error("node did not start", "err", err)
		return err
	}
	o.Log.Info("node runs", "id", n.Settings.ID, "listen", n.Settings.Listen, "raft", n.Settings.Raft, "version", o.Version)
	ready()
	select {
	case <-ctx.Done():
	case err = <-n.Failed():
		o.Log.Error("node cannot go on", "err", err)
	}
	if cerr := n.Close(); cerr != nil {
		o.Log.Error("node did not stop cleanly", "err", cerr)
		if err == nil {
			err = cerr
		}
	}
	o.Log.Info("node stopped", "id", n.Settings.ID)
	return err
}
