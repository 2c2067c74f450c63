package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// How long a stopping service waits for requests that it is answering.
const drain = 5 * time.Second

// How long to wait for a local service to take a connection: it is on this
// machine, so either it answers at once or it is not there.
const dialTimeout = 3 * time.Second

// Listen opens the local door of a data directory. The caller holds the
// directory's lock, so a socket that lies there and that nobody answers was
// left by a process that was killed, and is replaced. It fails with ErrServing
// if somebody answers.
func Listen(dir string) (net.Listener, error) {
	if c, err := dial(context.Background(), dir); err == nil {
		c.Close()
		return nil, fmt.Errorf("listen in %s: %w", dir, ErrServing)
	}
	return listen(dir)
}

// ErrServing means that another process serves the directory already.
var ErrServing = errors.New("another process serves this directory")

// Serve answers local requests of the data directory until ctx is done, lets
// those under way finish for a few seconds, and returns nil.
func Serve(ctx context.Context, dir string, h http.Handler) error {
	l, err := Listen(dir)
	if err != nil {
		return err
	}
	return ServeOn(ctx, l, h)
}

// ServeOn is Serve on a listener from Listen, for a service that wants to know
// that the door is open before it says that it is ready.
func ServeOn(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.Background(), drain)
		defer cancel()
		err := srv.Shutdown(grace)
		if err != nil {
			err = srv.Close()
		}
		stopped <- err
	})
	err := srv.Serve(l)
	if stop() {
		return fmt.Errorf("serve local requests: %w", err)
	}
	return <-stopped
}

// Client returns a client of the service that runs on the data directory. ok
// is false if none does. Requests go to Origin.
func Client(dir string) (client *http.Client, ok bool) {
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	c, err := dial(ctx, dir)
	if err != nil {
		return nil, false
	}
	c.Close()
	return &http.Client{Transport: &http.Transport{
		DisableCompression: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dial(ctx, dir)
		},
	}}, true
}
