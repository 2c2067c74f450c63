package service

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"shangu/agent/store"
	"shangu/agent/web"
	"shangu/installer/host/local"
	"shangu/installer/host/peer"
	"shangu/sync/link"
)

// Work is what Run needs beside the agent.
type Work struct {
	Page   net.Listener // of the page on this machine
	Recent func(n int) []string
	Users  []string // of this machine, who may open the page besides those of installer/host/peer
	Ready  func()   // called once page and door are open
}

// Run serves the page and the local door and holds sessions with the hub until
// ctx is done. It fails when one of them cannot go on.
func (a *Agent) Run(ctx context.Context, w Work) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var tasks sync.WaitGroup
	network := a.openLAN()
	pages, err := a.pages(&source{Agent: a, ctx: ctx, tasks: &tasks, recent: w.Recent}, network)
	if err != nil {
		return err
	}
	page := web.Handler(pages)
	guarded := peer.Policy{Users: w.Users}.Guard(page, func(who string, err error) {
		a.o.Log.Warn("the page was not shown to another user of this machine", "user", who, "err", err)
	})
	front := http.NewServeMux()
	front.Handle("GET /healthz", page) // tells nothing, and monitoring runs as whom it likes
	front.Handle("/", guarded)
	door, err := local.Listen(a.o.Dir)
	if err != nil {
		return err
	}
	loop := link.NewLoop(a.attempt(cancel), rand.Float64)
	a.saved = loop.Kick
	for name, serve := range map[string]func() error{
		"page": func() error { return web.Serve(ctx, w.Page, front) },
		"door": func() error { return local.ServeOn(ctx, door, a.Door(ctx)) },
		"sync": func() error { loop.Run(ctx); return nil },
		"disk": func() error { return a.tend(ctx) },
		"lan":  func() error { return a.keepLAN(ctx, network, pages) },
		"look": func() error { return a.recheck(ctx) },
	} {
		tasks.Go(func() {
			if err := serve(); err != nil {
				cancel(fmt.Errorf("%s: %w", name, err))
			}
		})
	}
	a.o.Log.Info("agent runs", "page", w.Page.Addr().String(), "version", a.o.Version)
	w.Ready()
	debug.FreeOSMemory()
	tasks.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		a.o.Log.Error("agent stops", "err", err.Error())
		return err
	}
	a.o.Log.Info("agent stops")
	return nil
}

// recheckAfter is how long whoever waits for the page goes first.
const recheckAfter = 20 * time.Second

// recheck reads all documents of a store that was closed well, and so was opened
// without that.
func (a *Agent) recheck(ctx context.Context) error {
	timer := time.NewTimer(recheckAfter)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return nil
	case <-timer.C:
	}
	if err := a.store.Recheck(); err != nil {
		a.o.Log.Error("documents do not hold together", "err", err.Error())
	}
	debug.FreeOSMemory()
	return nil
}

// sessionPatience ends a session that is still moving after this long, so that
// the loop's own pace decides what comes next.
const sessionPatience = 30 * time.Minute

// attempt is one session of the loop. Before enrolment there is nothing to do,
// and no failure. A store that takes no more ends the service: the service
// manager starts it again, and the store mends itself as it opens. One that has
// no room goes on by itself when there is some.
func (a *Agent) attempt(stop context.CancelCauseFunc) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, sessionPatience)
		defer cancel()
		err := a.Session(ctx)
		// The next one is minutes away: on a computer with little memory others
		// have better use for what this one took.
		debug.FreeOSMemory()
		if errors.Is(err, errNotEnrolled) {
			return nil
		}
		if broken := a.store.Status().Broken; broken != nil && !errors.Is(broken, store.ErrDiskFull) {
			stop(broken)
		}
		return err
	}
}
