//go:build unix

package service

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"testing"
	"time"
)

func TestRunTellsSystemd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	heard := func() string {
		t.Helper()
		b := make([]byte, 100)
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, err := c.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	t.Setenv("NOTIFY_SOCKET", path)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	stopping := make(chan struct{})
	go func() {
		done <- Run(ctx, AgentName, nil, func(ctx context.Context, ready func()) error {
			ready()
			ready()
			<-ctx.Done()
			<-stopping
			return errWork
		})
	}()
	if got := heard(); got != "READY=1" {
		t.Fatalf("heard %q", got)
	}
	cancel()
	if got := heard(); got != "STOPPING=1" {
		t.Fatalf("heard %q", got)
	}
	close(stopping)
	if err := <-done; !errors.Is(err, errWork) {
		t.Fatalf("Run returned %v", err)
	}
}

func TestRunWithoutAServiceManager(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	err := Run(context.Background(), AgentName, nil, func(_ context.Context, ready func()) error {
		ready()
		return errWork
	})
	if !errors.Is(err, errWork) {
		t.Fatalf("Run returned %v", err)
	}
}
