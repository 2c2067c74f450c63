package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/windows/svc"
)

// How often a service that takes long to start or stop tells that it is still
// at it, and how long the service manager should wait for the next word.
const (
	stillAtIt = 2 * time.Second
	waitHint  = 10 * time.Second
)

// Run does the work of a service until ctx is done or, started by the Windows
// service manager, until that says stop.
func Run(ctx context.Context, name string, args []string, work Work) error {
	if !slices.Contains(args, Arg) {
		return work(ctx, func() {})
	}
	h := &handler{ctx: ctx, work: work}
	if err := svc.Run(name, h); err != nil {
		return fmt.Errorf("run as Windows service: %w", err)
	}
	return h.err
}

type handler struct {
	ctx  context.Context
	work Work
	err  error
}

// Execute speaks with the service manager while the work runs. A failure is
// reported as exit code 1, which the recovery settings count as a failure.
func (h *handler) Execute(_ []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (bool, uint32) {
	const accepts = svc.AcceptStop | svc.AcceptShutdown
	ctx, cancel := context.WithCancel(h.ctx)
	defer cancel()
	now := svc.Status{State: svc.StartPending, WaitHint: uint32(waitHint.Milliseconds())}
	status <- now
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- h.work(ctx, sync.OnceFunc(func() { close(ready) })) }()
	tick := time.NewTicker(stillAtIt)
	defer tick.Stop()
	for {
		select {
		case h.err = <-done:
			// The recovery settings start a service again that reports a failure.
			if _, ends := errors.AsType[final](h.err); h.err != nil && !ends {
				return true, 1
			}
			return false, 0
		case <-ready:
			ready = nil
			if now.State == svc.StartPending {
				now = svc.Status{State: svc.Running, Accepts: accepts}
				status <- now
			}
		case <-tick.C:
			if now.State != svc.Running {
				now.CheckPoint++
				status <- now
			}
		case r := <-requests:
			switch r.Cmd {
			case svc.Interrogate:
				status <- now
			case svc.Stop, svc.Shutdown:
				now = svc.Status{State: svc.StopPending, WaitHint: uint32(waitHint.Milliseconds())}
				status <- now
				cancel()
			}
		}
	}
}
